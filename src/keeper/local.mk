noinst_LIBRARIES += libkeeper.a
libkeeper_a_SOURCES = \
	src/keeper/event.c src/keeper/event.h \
	src/keeper/event_count.c src/keeper/event_count.h \
	src/keeper/notify.c src/keeper/notify.h \
	src/keeper/keeper_plan.h \
	src/keeper/protocol.c src/keeper/protocol.h \
	src/keeper/ring.c src/keeper/ring.h \
	src/keeper/volume_note.c src/keeper/volume_note.h

pkglibexec_PROGRAMS += libexec/berth-keeper
libexec_berth_keeper_SOURCES = \
	src/keeper/clients.c \
	src/keeper/dnsmasq.c \
	src/keeper/finish.c \
	src/keeper/halt.c \
	src/keeper/hits.c \
	src/keeper/idle.c \
	src/keeper/input.c \
	src/keeper/keeper.h \
	src/keeper/life.c \
	src/keeper/loop.c \
	src/keeper/main.c \
	src/keeper/output.c \
	src/keeper/peer.c \
	src/keeper/pool_space.c \
	src/keeper/pools.c \
	src/keeper/record.c \
	src/keeper/requests.c \
	src/keeper/respawn.c \
	src/keeper/restart.c \
	src/keeper/supervise.c \
	src/keeper/verb.c
libexec_berth_keeper_LDADD = libkeeper.a libkern.a libbase.a

if HAVE_CUNIT
check_PROGRAMS += test_clients test_keeper
TESTS += test_clients test_keeper
test_clients_SOURCES = tests/unit/test_clients.c src/keeper/clients.c src/keeper/input.c src/keeper/loop.c \
	src/keeper/output.c src/keeper/peer.c src/keeper/requests.c \
	tests/unit/suite.c tests/unit/suite.h
test_clients_LDADD = libkeeper.a libkern.a libbase.a $(CUNIT_LIBS)
test_keeper_SOURCES = tests/unit/test_keeper.c tests/unit/suite.c tests/unit/suite.h
test_keeper_LDADD = libkeeper.a libkern.a libbase.a $(CUNIT_LIBS)
endif
