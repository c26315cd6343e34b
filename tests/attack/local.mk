# Static, for it runs inside a machine; so sanitizers cannot go in.
check_PROGRAMS += attack berth-holes
attack_SOURCES = tests/attack/attack.c tests/attack/attack.h tests/attack/calls.c \
	tests/attack/files.c tests/attack/limits.c tests/attack/mounts.c tests/attack/sockets.c
attack_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
attack_LDFLAGS = -static

# berth with walls that BERTH_TEST_HOLES takes away. Never installed.
check_LIBRARIES = libmachine_holes.a
libmachine_holes_a_SOURCES = $(libmachine_a_SOURCES)
libmachine_holes_a_CPPFLAGS = $(AM_CPPFLAGS) -DBERTH_TEST_HOLES=1
berth_holes_SOURCES = src/cmd/main.c
berth_holes_LDADD = libcmd.a libmachine_holes.a $(cmd_libs)

EXTRA_DIST += tests/integration/attack.sh
EXTRA_DIST += tests/attack/spoof tests/integration/neighbours.sh
