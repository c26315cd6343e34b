noinst_LIBRARIES += libnetwork.a
libnetwork_a_SOURCES = \
	src/network/advice.c \
	src/network/aliases.c src/network/aliases.h \
	src/network/announce.c \
	src/network/bridge.c src/network/bridge.h \
	src/network/capture.c src/network/capture.h src/network/capture_report.h \
	src/network/create.c \
	src/network/dns.c src/network/dns.h \
	src/network/dns_arguments.c src/network/dns_arguments.h \
	src/network/filter.c src/network/filter.h \
	src/network/filter_pass.c src/network/filter_pass.h \
	src/network/firewall.c src/network/firewall.h \
	src/network/foreign.c \
	src/network/forward.c src/network/forward.h \
	src/network/forwarder.c src/network/forwarder.h \
	src/network/forwarder_note.c \
	src/network/guard.c src/network/guard.h \
	src/network/guest.c src/network/guest.h \
	src/network/host6.c src/network/host6.h \
	src/network/host_names.c src/network/host_names.h \
	src/network/inside.c src/network/inside.h \
	src/network/inside_note.c src/network/inside_note.h \
	src/network/kind.c src/network/kind.h \
	src/network/routes.c src/network/renumber.c src/network/renumber.h \
	src/network/lease.c \
	src/network/lease_file.c src/network/lease_file.h \
	src/network/lease_want.c src/network/lease_want.h \
	src/network/link_names.c src/network/link_names.h \
	src/network/network.c src/network/network.h \
	src/network/parent.c \
	src/network/physical.c src/network/physical.h \
	src/network/port.c \
	src/network/rule_settings.c \
	src/network/rules.c src/network/rules.h \
	src/network/see.c \
	src/network/servers.c \
	src/network/settings.c \
	src/network/subnet.c src/network/subnet.h \
	src/network/subnet6.c src/network/subnet6.h \
	src/network/traffic.c \
	src/network/warn.c

# The only program that links libpcap.
if HAVE_PCAP
pkglibexec_PROGRAMS += libexec/berth-capture
endif
libexec_berth_capture_SOURCES = src/network/capture_main.c src/network/capture.h src/network/capture_report.h
libexec_berth_capture_CFLAGS = $(AM_CFLAGS) $(PCAP_CFLAGS)
libexec_berth_capture_LDADD = $(PCAP_LIBS) $(CAP_LIBS)

# The other one that links libsystemd is berth-scope.
if HAVE_SYSTEMD
pkglibexec_PROGRAMS += libexec/berth-names
libexec_berth_names_SOURCES = src/network/host_names_main.c
libexec_berth_names_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
libexec_berth_names_LDADD = $(SYSTEMD_LIBS)
endif

if HAVE_CUNIT
check_PROGRAMS += test_network
TESTS += test_network
test_network_SOURCES = tests/unit/test_network.c tests/unit/test_network6.c tests/unit/test_network.h \
	tests/unit/test_network_lease.c tests/unit/test_network_live.c tests/unit/test_network_dns.c \
	tests/unit/own_net.h tests/unit/suite.c tests/unit/suite.h
test_network_LDADD = libnetwork.a libconfig.a libkern.a libbase.a $(DL_LIBS) $(CAP_LIBS) \
	$(CUNIT_LIBS)
endif
