noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = \
	src/machine/adopt.c \
	src/machine/attach.c \
	src/machine/boot.c src/machine/boot.h \
	src/machine/check.c src/machine/check.h \
	src/machine/console.c \
	src/machine/control.c src/machine/control.h src/machine/control_kill.c \
	src/machine/create.c \
	src/machine/delete.c \
	src/machine/device.c \
	src/machine/ended.c src/machine/ended.h \
	src/machine/events.c src/machine/events.h \
	src/machine/folder.c \
	src/machine/follow.c \
	src/machine/freeze.c src/machine/freeze.h \
	src/machine/fresh.c src/machine/fresh.h \
	src/machine/growth.c src/machine/growth.h \
	src/machine/guest.c src/machine/guest.h \
	src/machine/handover.c src/machine/handover.h \
	src/machine/headroom.c src/machine/headroom.h \
	src/machine/identity.c \
	src/machine/ids.c src/machine/ids.h \
	src/machine/leases.c \
	src/machine/kept.c src/machine/kept.h \
	src/machine/limits.c src/machine/limits.h \
	src/machine/rations.c src/machine/rations.h \
	src/machine/machine.c src/machine/machine.h \
	src/machine/parts.c src/machine/parts.h \
	src/machine/place.c src/machine/place.h \
	src/machine/outlet.c src/machine/outlet.h \
	src/machine/parent.c src/machine/parent.h \
	src/machine/plan.c src/machine/plan.h \
	src/machine/private.h \
	src/machine/profile.c src/machine/profile.h \
	src/machine/mounts.c \
	src/machine/neighbours.c \
	src/machine/relay.c src/machine/relay.h \
	src/machine/resolver.c src/machine/resolver.h \
	src/machine/rootfile.c src/machine/rootfile.h \
	src/machine/rootfs.c src/machine/rootfs.h \
	src/machine/rootsize.c src/machine/rootsize.h \
	src/machine/run.c src/machine/run.h \
	src/machine/scope.c src/machine/scope.h \
	src/machine/serve.c \
	src/machine/set.c \
	src/machine/settle.c \
	src/machine/share.c src/machine/share.h \
	src/machine/snapshot.c \
	src/machine/stage.c src/machine/stage.h \
	src/machine/start.c src/machine/starter.c \
	src/machine/status.c \
	src/machine/still.c src/machine/still.h \
	src/machine/stop.c \
	src/machine/tend.c \
	src/machine/usage.c \
	src/machine/user.c src/machine/user.h \
	src/machine/views.c src/machine/views.h \
	src/machine/walls.c src/machine/walls.h

# The only program that links libsystemd.
if HAVE_SYSTEMD
pkglibexec_PROGRAMS += libexec/berth-scope
libexec_berth_scope_SOURCES = src/machine/scope_main.c
libexec_berth_scope_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libexec_berth_scope_LDADD = $(SYSTEMD_LIBS)
endif

if HAVE_CUNIT
check_PROGRAMS += test_machine
TESTS += test_machine
test_machine_SOURCES = tests/unit/test_machine.c tests/unit/suite.c tests/unit/suite.h
test_machine_LDADD = libmachine.a libimage.a libstorage.a libnetwork.a libkeeper.a libconfig.a \
	libkern.a libbase.a $(CAP_LIBS) $(STORAGE_LIBS) $(CUNIT_LIBS)

check_PROGRAMS += test_boot test_events
TESTS += test_boot test_events
test_boot_SOURCES = tests/unit/test_boot.c tests/unit/suite.c tests/unit/suite.h
test_boot_LDADD = $(test_machine_LDADD)
test_events_SOURCES = tests/unit/test_events.c tests/unit/suite.c tests/unit/suite.h
test_events_LDADD = $(test_machine_LDADD)
endif
