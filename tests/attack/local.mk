# Static, for it runs inside a machine; so sanitizers cannot go in.
check_PROGRAMS += attack berth-holes
attack_SOURCES = tests/attack/attack.c tests/attack/attack.h tests/attack/calls.c \
	tests/attack/files.c tests/attack/limits.c tests/attack/mounts.c tests/attack/sockets.c
attack_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
attack_LDFLAGS = -static

# berth with walls that BERTH_TEST_HOLES takes away. Never installed. Its own objects, those of the files that ask
# confine_left_out, go before the ones in libmachine.a; tests/integration/attack.sh fails where a wall stays.
berth_holes_SOURCES = src/cmd/main.c src/machine/attach/exec.c src/machine/confine/confine.c \
	src/machine/confine/limits.c src/machine/confine/rlimits.c src/machine/share/folder.c src/machine/share/staging.c \
	src/machine/share/target.c src/machine/start/start.c
berth_holes_CPPFLAGS = $(AM_CPPFLAGS) -DBERTH_TEST_HOLES=1
berth_holes_LDADD = $(cmd_libs)

EXTRA_DIST += tests/integration/attack.sh
EXTRA_DIST += tests/attack/spoof tests/attack/bypass tests/integration/neighbours.sh
