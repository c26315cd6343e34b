# Static, for it runs in roots that have no libraries; so sanitizers cannot go in.
pkglibexec_PROGRAMS += libexec/guest-init
libexec_guest_init_SOURCES = guest-init/init.c guest-init/user.c guest-init/user.h
libexec_guest_init_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
libexec_guest_init_LDFLAGS = -static

if HAVE_CUNIT
check_PROGRAMS += test_guest_init
TESTS += test_guest_init
test_guest_init_SOURCES = tests/unit/test_guest_init.c
test_guest_init_CPPFLAGS = $(AM_CPPFLAGS) -DGUEST_INIT='"$(abs_top_builddir)/libexec/guest-init"'
test_guest_init_LDADD = libkern.a libbase.a $(CUNIT_LIBS)
endif
