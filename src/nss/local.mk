if HAVE_NSS
nss_PROGRAMS = libnss_berth.so.2
libnss_berth_so_2_SOURCES = \
	src/nss/find.c src/nss/find.h \
	src/nss/nss_berth.c src/nss/nss_berth.h
libnss_berth_so_2_CFLAGS = $(BERTH_CFLAGS) -fPIC -fvisibility=hidden
libnss_berth_so_2_LDFLAGS = -shared -Wl,-soname,libnss_berth.so.2

if HAVE_CUNIT
check_PROGRAMS += test_nss
TESTS += test_nss
test_nss_SOURCES = tests/unit/test_nss.c tests/unit/suite.c tests/unit/suite.h \
	src/nss/find.c src/nss/find.h src/nss/nss_berth.c src/nss/nss_berth.h
test_nss_LDADD = $(CUNIT_LIBS)
endif
endif
