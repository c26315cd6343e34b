noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = \
	src/machine/attach.c \
	src/machine/console.c \
	src/machine/control.c src/machine/control.h \
	src/machine/create.c \
	src/machine/freeze.c \
	src/machine/guest.c src/machine/guest.h \
	src/machine/identity.c \
	src/machine/ids.c src/machine/ids.h \
	src/machine/machine.c src/machine/machine.h \
	src/machine/plan.c src/machine/plan.h \
	src/machine/private.h \
	src/machine/relay.c src/machine/relay.h \
	src/machine/rootfs.c src/machine/rootfs.h \
	src/machine/run.c src/machine/run.h \
	src/machine/snapshot.c \
	src/machine/start.c \
	src/machine/stop.c \
	src/machine/user.c src/machine/user.h \
	src/machine/walls.c src/machine/walls.h
