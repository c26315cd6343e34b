noinst_LIBRARIES += libgateway.a
libgateway_a_SOURCES = \
	src/gateway/attach.c src/gateway/attach.h \
	src/gateway/cgi_head.c src/gateway/cgi_head.h \
	src/gateway/environment.c src/gateway/environment.h \
	src/gateway/limits.c src/gateway/limits.h \
	src/gateway/saying.c src/gateway/saying.h \
	src/gateway/session.c src/gateway/session.h \
	src/gateway/slots.c src/gateway/slots.h \
	src/gateway/target.c src/gateway/target.h \
	src/gateway/ticket.c src/gateway/ticket.h \
	src/gateway/websocket.c src/gateway/websocket.h

# The only program that links libmicrohttpd.
if HAVE_MICROHTTPD
pkglibexec_PROGRAMS += libexec/berth-api
libexec_berth_api_SOURCES = \
	src/gateway/answer.c src/gateway/answer.h \
	src/gateway/browser.c src/gateway/browser.h \
	src/gateway/call.c src/gateway/call.h \
	src/gateway/cgi.c src/gateway/cgi.h \
	src/gateway/connection.c src/gateway/connection.h \
	src/gateway/gateway.h \
	src/gateway/listen.c src/gateway/listen.h \
	src/gateway/main.c \
	src/gateway/pages.c src/gateway/pages.h \
	src/gateway/peer.c src/gateway/peer.h \
	src/gateway/process.c src/gateway/process.h \
	src/gateway/request.c src/gateway/request.h \
	src/gateway/server.c src/gateway/server.h \
	src/gateway/socket.c src/gateway/socket.h \
	src/gateway/terminal.c src/gateway/terminal.h \
	src/gateway/tls.c src/gateway/tls.h \
	src/gateway/upgrade.c src/gateway/upgrade.h \
	src/gateway/watch.c src/gateway/watch.h \
	src/gateway/web.c src/gateway/web.h
libexec_berth_api_CPPFLAGS = $(AM_CPPFLAGS) -DBERTH_BINDIR='"$(bindir)"'
libexec_berth_api_CFLAGS = $(AM_CFLAGS) $(MICROHTTPD_CFLAGS) $(GNUTLS_CFLAGS)
libexec_berth_api_LDADD = libgateway.a libbase.a $(MICROHTTPD_LIBS) $(GNUTLS_LIBS) $(JSON_LIBS) $(NETTLE_LIBS)
endif

if HAVE_CUNIT
check_PROGRAMS += test_gateway
TESTS += test_gateway
test_gateway_SOURCES = tests/unit/test_gateway.c tests/unit/suite.c tests/unit/suite.h
test_gateway_LDADD = libgateway.a libbase.a $(JSON_LIBS) $(NETTLE_LIBS) $(CUNIT_LIBS)
check_PROGRAMS += test_websocket
TESTS += test_websocket
test_websocket_SOURCES = tests/unit/test_websocket.c tests/unit/suite.c tests/unit/suite.h
test_websocket_LDADD = libgateway.a libbase.a $(JSON_LIBS) $(NETTLE_LIBS) $(CUNIT_LIBS)
endif
