noinst_LIBRARIES += libkern.a
libkern_a_SOURCES = \
	src/kern/seccomp_deny.c src/kern/seccomp_deny.h \
	src/kern/blockdev.c src/kern/blockdev.h src/kern/caps.c src/kern/caps.h \
	src/kern/cgroup.c src/kern/cgroup.h \
	src/kern/devices.c src/kern/devices.h \
	src/kern/dm.c src/kern/dm.h src/kern/dm_look.c src/kern/dm_request.c src/kern/dm_request.h src/kern/dm_thin.c src/kern/dm_thin.h \
	src/kern/timed_child.c src/kern/timed_child.h \
	src/kern/holder.c src/kern/holder.h \
	src/kern/idmap.c src/kern/idmap.h \
	src/kern/lsm_label.c src/kern/lsm_label.h \
	src/kern/link.c src/kern/link.h src/kern/link_address.c src/kern/link_look.c src/kern/link_neighbour.c src/kern/link_calls.h src/kern/link_move.c src/kern/link_upper.c src/kern/link_vlan.c src/kern/link_request.c src/kern/link_route.c src/kern/link_request.h \
	src/kern/library.c src/kern/library.h \
	src/kern/loop.c src/kern/loop.h \
	src/kern/mount.c src/kern/mount.h \
	src/kern/mount_below.c \
	src/kern/nft.c src/kern/nft.h src/kern/nft_calls.h src/kern/nft_look.c src/kern/nft_request.c src/kern/nft_request.h \
	src/kern/nft_expr.c src/kern/nft_expr.h src/kern/nft_flow.c src/kern/nft_flow.h src/kern/nft_rule.c src/kern/nft_rule.h \
	src/kern/host_port.c src/kern/host_port.h \
	src/kern/process.c src/kern/process.h \
	src/kern/project.c src/kern/project.h \
	src/kern/pty.c src/kern/pty.h \
	src/kern/rights.c src/kern/rights.h \
	src/kern/seccomp.c src/kern/seccomp.h \
	src/kern/spawn.c src/kern/spawn.h \
	src/kern/sync.c src/kern/sync.h

# The filters of system calls are made here and now, by libseccomp: berth itself does not need it.
noinst_PROGRAMS += seccomp_gen
seccomp_gen_SOURCES = src/kern/seccomp_gen.c src/kern/seccomp_allow.c src/kern/seccomp_allow.h src/kern/seccomp_deny.c src/kern/seccomp_deny.h
seccomp_gen_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
# libseccomp's macros leave the second datum out, of which clang complains.
seccomp_gen_CFLAGS = $(AM_CFLAGS) -Wno-missing-field-initializers
seccomp_gen_LDADD = $(SECCOMP_LIBS) $(CAP_LIBS)
src/kern/seccomp_filters.h: seccomp_gen$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) src/kern && ./seccomp_gen$(EXEEXT) >$@.new && mv $@.new $@
BUILT_SOURCES += src/kern/seccomp_filters.h
CLEANFILES += src/kern/seccomp_filters.h

if HAVE_CUNIT
check_PROGRAMS += test_kern
TESTS += test_kern
test_kern_SOURCES = tests/unit/test_kern.c tests/unit/test_kern.h tests/unit/test_kern_confine.c \
	tests/unit/test_kern_process.c tests/unit/suite.c tests/unit/suite.h
test_kern_LDADD = libkern.a libbase.a $(CAP_LIBS) $(DL_LIBS) $(CUNIT_LIBS)
check_PROGRAMS += test_holder
TESTS += test_holder
test_holder_SOURCES = tests/unit/test_holder.c tests/unit/suite.c tests/unit/suite.h
test_holder_LDADD = libkern.a libbase.a $(CUNIT_LIBS)
check_PROGRAMS += test_link
TESTS += test_link
test_link_SOURCES = tests/unit/test_link.c tests/unit/own_net.h tests/unit/suite.c tests/unit/suite.h
test_link_LDADD = libkern.a libbase.a $(DL_LIBS) $(CUNIT_LIBS)
check_PROGRAMS += test_nft
TESTS += test_nft
test_nft_SOURCES = tests/unit/test_nft.c tests/unit/own_net.h tests/unit/suite.c tests/unit/suite.h
test_nft_LDADD = libkern.a libbase.a $(DL_LIBS) $(CUNIT_LIBS)
check_PROGRAMS += test_dm
TESTS += test_dm
test_dm_SOURCES = tests/unit/test_dm.c tests/unit/suite.c tests/unit/suite.h
test_dm_LDADD = libkern.a libbase.a $(CUNIT_LIBS)
# For tests/vm: it needs a kernel with device-mapper.
check_PROGRAMS += dm_live
dm_live_SOURCES = tests/vm/dm_live.c tests/unit/suite.c tests/unit/suite.h
dm_live_CPPFLAGS = $(AM_CPPFLAGS) -iquote $(top_srcdir)/tests/unit
dm_live_LDADD = libkern.a libbase.a $(CUNIT_LIBS)
endif
