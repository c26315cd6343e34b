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
	src/gateway/account.c src/gateway/account.h \
	src/gateway/answer.c src/gateway/answer.h \
	src/gateway/attach_start.c src/gateway/attach_start.h \
	src/gateway/browser.c src/gateway/browser.h \
	src/gateway/call.c src/gateway/call.h \
	src/gateway/cgi.c src/gateway/cgi.h \
	src/gateway/connection.c src/gateway/connection.h \
	src/gateway/gateway.h \
	src/gateway/listen.c src/gateway/listen.h \
	src/gateway/login.c src/gateway/login.h \
	src/gateway/login_program.c src/gateway/login_program.h \
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

# The only program that links PAM, whose modules are foreign code.
if HAVE_PAM
pkglibexec_PROGRAMS += libexec/berth-login
libexec_berth_login_SOURCES = src/gateway/pam_main.c
libexec_berth_login_LDADD = $(PAM_LIBS)
pamdir = $(with_pamdir)
pam_DATA = host/pam/berth
EXTRA_DIST += host/pam/debian host/pam/redhat host/pam/plain
CLEANFILES += host/pam/berth
# The stack that the distribution gives its programs.
host/pam/berth: $(srcdir)/host/pam/debian $(srcdir)/host/pam/redhat $(srcdir)/host/pam/plain
	$(AM_V_GEN)$(MKDIR_P) host/pam && kind=plain; \
	! test -e /etc/pam.d/system-auth || kind=redhat; \
	! test -e /etc/pam.d/common-auth || kind=debian; \
	cp $(srcdir)/host/pam/$$kind $@.new && mv $@.new $@
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
