/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/dns.h"

#include "base/child.h"
#include "base/file.h"
#include "base/resolv_conf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/cgroup.h"
#include "network/subnet6.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

enum {
	ARGS = 64,
	DNS_PORT = 53,
	DHCP_PORT = 67,
	LEASE6 = 300, /* seconds, and so are the next two */
	RA_INTERVAL = 60,
	RA_LIFETIME = 1800,
	STOP_MS = 3000,
	GROUP_ROOM = 128,
	GROUP_TRIES = 500
};

/* An argument vector, kept as /proc/PID/cmdline shows it: one text, each word ended by a NUL. */
struct arguments {
	struct text text;
	const char *words[ARGS + 1]; /* NULL-terminated, pointing into text */
};

static const char *dnsmasq_path(void)
{
	static const char *const paths[] = { "/usr/sbin/dnsmasq", "/usr/bin/dnsmasq",
					     "/usr/local/sbin/dnsmasq", "/sbin/dnsmasq" };

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	}
	return NULL;
}

const char *dns_fault(void)
{
	return dnsmasq_path()
		       ? ""
		       : "dnsmasq is not installed: machines have their addresses, but no DHCP "
			 "and no names; install dnsmasq-base (Debian) or dnsmasq";
}

static char *pid_path(const struct network *network)
{
	return dirs_run_path(network->dirs, "networks/%s/dnsmasq.pid", network->name);
}

/* Whether any user may enter a folder: dnsmasq gives up root, but reads the leases again later. */
static bool reachable(const char *folder)
{
	scoped_free char *path = strdup(folder);
	struct stat st;

	if (!path)
		return false;
	for (char *end = path + strlen(path); end > path; end = strrchr(path, '/')) {
		*end = '\0';
		if (*path && (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH)))
			return false;
	}
	return true;
}

static void add_word(struct arguments *arguments, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void add_word(struct arguments *arguments, const char *fmt, ...)
{
	char word[4352];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(word, sizeof word, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof word)
		arguments->text.failed = true;
	else
		text_add_bytes(&arguments->text, word, (size_t)n + 1);
}

/*
 * Router advertisements that lead clients to DHCPv6: no address is made of the prefix, since the guards of the ports
 * (guard.c) let no other one pass. dnsmasq finds a client's hardware address in the host's neighbour table. It binds
 * an address to the identifier of the client (DUID) besides, which a new installation changes: the lease is short, so
 * that the new client gets the address soon.
 */
static void add_dhcp6(struct arguments *arguments, const struct network *network)
{
	char gateway[INET6_ADDRSTRLEN], address[INET6_ADDRSTRLEN];
	struct subnet6 subnet = { 0 };

	if (subnet6_parse(network->config.subnet6, &subnet) < 0)
		return;
	inet_ntop(AF_INET6, &network->gateway6, gateway, sizeof gateway);
	inet_ntop(AF_INET6, &subnet.network, address, sizeof address);
	add_word(arguments, "--dhcp-range=%s,static,%u,%u", address, subnet.prefix, LEASE6);
	add_word(arguments, "--enable-ra");
	/*
	 * A client that replaces the address takes the kernel's route to the prefix away, until the next advertisement.
	 * A router lifetime of 0: clients learn no default route.
	 */
	add_word(arguments, "--ra-param=%s,%u,%u", network->config.bridge, RA_INTERVAL,
		 config_is_private(&network->config) ? 0 : RA_LIFETIME);
	/* The bridge's link-local address, which is the default, is not ready when dnsmasq binds its sockets. */
	add_word(arguments, "--dhcp-option=option6:dns-server,[%s]", gateway);
}

static void add_dhcp(struct arguments *arguments, const struct network *network)
{
	struct in_addr mask = { htonl(UINT32_MAX << (32 - network->prefix)) };
	struct in_addr subnet = { network->gateway.s_addr & mask.s_addr };
	char subnet_words[INET_ADDRSTRLEN], mask_words[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &subnet, subnet_words, sizeof subnet_words);
	inet_ntop(AF_INET, &mask, mask_words, sizeof mask_words);
	/* static: a client without a lease file gets no address. */
	add_word(arguments, "--dhcp-range=%s,static,%s,%" PRIu64, subnet_words, mask_words,
		 network->config.dhcp_lease);
	/* Without an address: the option is not sent, and clients learn no default route. */
	if (config_is_private(&network->config))
		add_word(arguments, "--dhcp-option=option:router");
	if (network->config.mtu)
		add_word(arguments, "--dhcp-option=option:mtu,%" PRIu64, network->config.mtu);
	add_word(arguments, "--dhcp-hostsdir=%s/hosts", network->folder);
	/* A machine has one lease of each protocol. */
	add_word(arguments, "--dhcp-lease-max=%u",
		 (UINT32_MAX >> network->prefix) * (network->prefix6 ? 2 : 1));
	if (network->prefix6)
		add_dhcp6(arguments, network);
	add_word(arguments, "--dhcp-authoritative");
	/* The MAC is the identity: clones may share the identifiers of their DHCP clients. */
	add_word(arguments, "--dhcp-ignore-clid");
	/* The lease files are the only record; a second one of dnsmasq's could contradict them. */
	add_word(arguments, "--leasefile-ro");
	add_word(arguments, "--no-ping");
	add_word(arguments, "--quiet-dhcp");
}

/*
 * The file of name servers. dnsmasq follows a file in an existing folder. It does not follow a link to another target,
 * and does not start if the folder is missing. So it gets the file's name, and is out of date when the host's link
 * changes; the watching keeper (keeper/dnsmasq.c) or the next network_up restarts it. Without the folder, and on a
 * private network without servers of its own, it only serves the names of machines.
 */
static void add_servers(struct arguments *arguments, const struct network *network)
{
	scoped_free char *servers = strdup(network->config.dns_servers);
	scoped_free char *file = resolv_conf_file();
	char *rest = NULL;

	if (!servers || !file)
		arguments->text.failed = true;
	else if (!*servers && !config_is_private(&network->config) && *file)
		add_word(arguments, "--resolv-file=%s", file);
	else
		add_word(arguments, "--no-resolv");
	if (!servers || strcmp(servers, "none") == 0)
		return;
	for (char *word = strtok_r(servers, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		add_word(arguments, "--server=%s", word);
}

static int make_arguments(const struct network *network, const char *pid_file,
			  struct arguments *arguments)
{
	const char *program = dnsmasq_path();
	const char *domain = network->config.domain;
	size_t n = 0;

	if (!program)
		return -ENOENT;
	add_word(arguments, "%s", program);
	add_word(arguments, "--conf-file=/dev/null");
	add_word(arguments, "--pid-file=%s", pid_file);
	if (!reachable(network->folder))
		add_word(arguments, "--user=root");
	add_word(arguments, "--interface=%s", network->config.bridge);
	add_word(arguments, "--except-interface=lo");
	add_word(arguments, "--bind-interfaces");
	add_servers(arguments, network);
	/*
	 * The host's /etc/hosts is left out, because it is only valid on the host. Answers of the host's servers are
	 * valid everywhere.
	 */
	add_word(arguments, "--no-hosts");
	add_word(arguments, "--hostsdir=%s/names", network->folder);
	add_word(arguments, "--domain-needed");
	add_word(arguments, "--bogus-priv");
	if (domain && *domain) {
		add_word(arguments, "--domain=%s", domain);
		add_word(arguments, "--local=/%s/", domain);
		add_word(arguments, "--expand-hosts");
	}
	add_dhcp(arguments, network);
	if (arguments->text.failed)
		return -ENOMEM;
	char *end = arguments->text.data + arguments->text.length;
	for (char *word = arguments->text.data; word < end && n < ARGS; word += strlen(word) + 1)
		arguments->words[n++] = word;
	return 0;
}

static bool has_word(const char *words, size_t length, const char *wanted)
{
	for (size_t at = 0; at < length; at += strlen(words + at) + 1) {
		if (strcmp(words + at, wanted) == 0)
			return true;
	}
	return false;
}

static bool same_namespace(pid_t pid)
{
	char path[64];
	struct stat theirs, ours;

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
	       file_is_same(&theirs, &ours);
}

/* The arguments of a process, if it is a dnsmasq with this pid file. Length, or -errno. */
static ssize_t read_arguments(pid_t pid, const char *pid_file, char **words)
{
	scoped_free char *wanted = text_format("--pid-file=%s", pid_file);
	scoped_free char *data = NULL;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	ssize_t n = file_read(AT_FDCWD, path, 65536, &data);
	if (n < 0)
		return n;
	if (!wanted || !has_word(data, (size_t)n, wanted))
		return -ESRCH;
	*words = take_ptr(&data);
	return n;
}

/* The pid of this network's dnsmasq, or -ESRCH. words: its arguments, which the caller frees. */
static pid_t find_process(const char *pid_file, char **words, size_t *length)
{
	scoped_free char *text = NULL;
	uint64_t pid;

	if (file_read(AT_FDCWD, pid_file, 32, &text) < 0 ||
	    text_to_u64(text_trim(text), 2, INT32_MAX, &pid) < 0)
		return -ESRCH;
	ssize_t n = read_arguments((pid_t)pid, pid_file, words);
	if (n < 0)
		return -ESRCH;
	*length = (size_t)n;
	return (pid_t)pid;
}

enum dns_state dns_look(const struct network *network)
{
	scoped_free char *pid_file = pid_path(network);
	scoped_free char *words = NULL;
	struct arguments wanted = { 0 };
	size_t length = 0;
	enum dns_state state = DNS_STALE;

	pid_t pid = pid_file ? find_process(pid_file, &words, &length) : -ENOMEM;
	if (pid < 0)
		return DNS_ABSENT;
	if (make_arguments(network, pid_file, &wanted) == 0 && wanted.text.length == length &&
	    memcmp(wanted.text.data, words, length) == 0 && same_namespace(pid))
		state = DNS_RUNNING;
	text_free(&wanted.text);
	return state;
}

static int stop_process(const struct network *network, pid_t pid, const char *pid_file,
			struct err *err)
{
	scoped_fd int pidfd = pidfd_open(pid, 0);
	scoped_free char *words = NULL;
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	/* The arguments are checked again after the pidfd was opened: no later process can take its place. */
	if (pidfd < 0 || read_arguments(pid, pid_file, &words) < 0)
		return 0;
	pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
	if (poll(&end, 1, STOP_MS) > 0)
		return 0;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	if (poll(&end, 1, STOP_MS) > 0)
		return 0;
	return err_set(err, EBUSY, "network '%s': its dnsmasq, process %d, does not end",
		       network->name, (int)pid);
}

/*
 * A cgroup for dnsmasq alone, "berth/_network.NAME". Its starter, a keeper in its machine's scope or a shell in a
 * session, ends some day together with all processes of its cgroup. A machine's name cannot begin with '_'.
 */
static void group_of(const struct network *network, char group[GROUP_ROOM])
{
	char parent[32];

	dirs_object_name(network->dirs, parent, sizeof parent);
	snprintf(group, GROUP_ROOM, "%s/_network.%s", parent, network->name);
}

/* The cgroup is busy for a moment after the end of its last process. */
static void remove_group(const struct network *network)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	char group[GROUP_ROOM];

	group_of(network, group);
	for (int i = 0; i < GROUP_TRIES && cgroup_remove(group) == -EBUSY; i++)
		nanosleep(&pause, NULL);
}

int dns_stop(const struct network *network, struct err *err)
{
	scoped_free char *pid_file = pid_path(network);
	scoped_free char *words = NULL;
	size_t length;

	if (!pid_file)
		return err_set(err, ENOMEM, "out of memory");
	pid_t pid = find_process(pid_file, &words, &length);
	if (pid > 0 && stop_process(network, pid, pid_file, err) < 0)
		return -err->code;
	unlink(pid_file);
	remove_group(network);
	return 0;
}

/* Finds and ends a dnsmasq without a pid file, as a cleared /run or a killed start leaves it. */
static bool stop_stray(const struct network *network, const char *pid_file)
{
	scoped_dir DIR *proc = opendir("/proc");
	bool found = false;

	if (!proc)
		return false;
	for (struct dirent *e; (e = readdir(proc));) {
		scoped_free char *words = NULL;
		struct err unsaid = { 0 };
		uint64_t pid;
		if (text_to_u64(e->d_name, 2, INT32_MAX, &pid) < 0 ||
		    read_arguments((pid_t)pid, pid_file, &words) < 0)
			continue;
		found |= stop_process(network, (pid_t)pid, pid_file, &unsaid) == 0;
	}
	return found;
}

/* Binds as dnsmasq does, to learn whether that failed: the texts of dnsmasq depend on the locale. */
static bool port_taken(const struct network *network, uint16_t port)
{
	scoped_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	const char *bridge = network->config.bridge;
	const int on = 1;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (port == DNS_PORT)
		address.sin_addr = network->gateway;
	else
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bridge, (socklen_t)strlen(bridge));
	return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == EADDRINUSE;
}

static int tell_failure(const struct network *network, const struct err *why, struct err *err)
{
	int port = port_taken(network, DNS_PORT)    ? DNS_PORT
		   : port_taken(network, DHCP_PORT) ? DHCP_PORT
						    : 0;

	if (port)
		return err_set(
			err, EADDRINUSE,
			"network '%s' has no %s: port %d is taken by another program; let that "
			"one bind to its own links only, or do without: berth network "
			"set %s dhcp=no",
			network->name, port == DNS_PORT ? "DNS" : "DHCP", port, network->name);
	return err_set(err, why->code, "network '%s' has no DHCP and DNS: %.400s", network->name,
		       why->text);
}

static int start(const struct network *network, const char *pid_file, struct err *err)
{
	struct arguments arguments = { 0 };
	struct text said = { 0 };
	struct err why = { 0 };
	char group[GROUP_ROOM];

	group_of(network, group);
	scoped_fd int cgroup = cgroup_make(group);
	struct child_io io = { .out = &said, .errors = &said, .cgroup_fd = cgroup };
	int r = make_arguments(network, pid_file, &arguments);
	if (r < 0)
		err_set(err, -r, "network '%s': %s", network->name,
			r == -ENOENT ? dns_fault() : strerror(-r));
	else
		r = child_run(arguments.words, &io, &why);
	/* The parent of the daemon only exits when the daemon serves, or with an error. */
	if (r < 0 && stop_stray(network, pid_file)) {
		why = (struct err){ 0 };
		r = child_run(arguments.words, &io, &why);
	}
	if (r < 0 && why.code)
		r = tell_failure(network, &why, err);
	text_free(&said);
	text_free(&arguments.text);
	return r;
}

int dns_start(const struct network *network, struct err *err)
{
	scoped_free char *pid_file = pid_path(network);
	scoped_free char *folder = dirs_run_path(network->dirs, "networks/%s", network->name);

	if (!pid_file || !folder)
		return err_set(err, ENOMEM, "out of memory");
	if (dns_stop(network, err) < 0 || file_make_dirs(folder, 0711, err) < 0)
		return -err->code;
	return start(network, pid_file, err);
}

/* DHCPRELEASE, RFC 2131, table 5: the message of a client that leaves. */
static size_t write_release(const struct lease *lease, unsigned char *packet)
{
	static const unsigned char magic[] = { 99, 130, 83, 99 };
	enum { CIADDR = 12, CHADDR = 28, OPTIONS = 236, LEAST = 300 };
	unsigned mac[6];

	if (sscanf(lease->mac, "%2x:%2x:%2x:%2x:%2x:%2x", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		return 0;
	packet[0] = 1; /* request */
	packet[1] = 1; /* ethernet */
	packet[2] = 6; /* bytes of a hardware address */
	memcpy(packet + CIADDR, &lease->address, 4);
	for (int i = 0; i < 6; i++)
		packet[CHADDR + i] = (unsigned char)mac[i];
	unsigned char *at = packet + OPTIONS;
	memcpy(at, magic, sizeof magic);
	memcpy(at + 4, (unsigned char[]){ 53, 1, 7 /* release */, 54, 4 /* server */ }, 5);
	memcpy(at + 9, &lease->gateway, 4);
	at[13] = 255;
	return LEAST;
}

static void send_release(const struct lease *lease)
{
	scoped_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_port = htons(DHCP_PORT),
				      .sin_addr = lease->gateway };
	unsigned char packet[300] = { 0 };
	size_t length = write_release(lease, packet);

	if (fd >= 0 && length > 0 &&
	    sendto(fd, packet, length, MSG_DONTWAIT, (struct sockaddr *)&server, sizeof server) < 0)
		return;
}

void dns_forget(const struct network *network, const struct lease *lease)
{
	scoped_free char *pid_file = pid_path(network);
	scoped_free char *words = NULL;
	struct err unsaid = { 0 };
	size_t length;

	pid_t pid = pid_file ? find_process(pid_file, &words, &length) : -ENOMEM;
	if (pid < 0)
		return;
	/* The identifier of the client, which could take a DHCPv6 lease back, is not known here. A new dnsmasq has none. */
	if (network->prefix6 && dns_look(network) == DNS_RUNNING) {
		dns_start(network, &unsaid);
		return;
	}
	/* dnsmasq has its DHCP leases in memory, so only the protocol can take one back. */
	send_release(lease);
	scoped_fd int pidfd = pidfd_open(pid, 0);
	scoped_free char *again = NULL;
	if (pidfd >= 0 && read_arguments(pid, pid_file, &again) > 0)
		pidfd_send_signal(pidfd, SIGHUP, NULL, 0);
}
