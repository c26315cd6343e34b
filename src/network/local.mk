noinst_LIBRARIES += libnetwork.a
libnetwork_a_SOURCES = \
	src/network/bridge.c src/network/bridge.h \
	src/network/dns.c src/network/dns.h \
	src/network/firewall.c src/network/firewall.h \
	src/network/lease.c \
	src/network/lease_file.c src/network/lease_file.h \
	src/network/network.c src/network/network.h \
	src/network/port.c \
	src/network/subnet.c src/network/subnet.h
