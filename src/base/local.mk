noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/background.c src/base/background.h \
	src/base/backing_fs.c src/base/backing_fs.h \
	src/base/causes.c src/base/causes.h \
	src/base/child.c src/base/child.h \
	src/base/bytes.h \
	src/base/clock.h \
	src/base/deadlines.h \
	src/base/dirs.c src/base/dirs.h \
	src/base/err.c src/base/err.h \
	src/base/fault.c src/base/fault.h \
	src/base/file.c src/base/file.h \
	src/base/install.c src/base/install.h src/base/ip_route.h \
	src/base/lock.c src/base/lock.h \
	src/base/log.c src/base/log.h \
	src/base/outfile.c src/base/outfile.h \
	src/base/protection.c src/base/protection.h \
	src/base/remove.c src/base/remove.h \
	src/base/renaming.c src/base/renaming.h \
	src/base/room.h \
	src/base/stamp.c src/base/stamp.h \
	src/base/scoped.h \
	src/base/resolv_conf.c src/base/resolv_conf.h \
	src/base/text.c src/base/text.h \
	src/base/unfinished.c src/base/unfinished.h \
	src/base/uuid.c src/base/uuid.h

if HAVE_CUNIT
check_PROGRAMS += test_base test_lock test_text
TESTS += test_base test_lock test_text
test_base_SOURCES = tests/unit/test_base.c tests/unit/suite.c tests/unit/suite.h
test_base_LDADD = libbase.a $(CUNIT_LIBS)
test_text_SOURCES = tests/unit/test_text.c tests/unit/suite.c tests/unit/suite.h
test_text_LDADD = libbase.a $(CUNIT_LIBS)
test_lock_SOURCES = tests/unit/test_lock.c tests/unit/suite.c tests/unit/suite.h
test_lock_LDADD = libbase.a $(CUNIT_LIBS)
endif
