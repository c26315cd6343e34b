/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/dns.h"
#include "network/dns_arguments.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/cgroup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

enum { DNS_PORT = 53, DHCP_PORT = 67, STOP_MS = 3000, GROUP_ROOM = 128, GROUP_TRIES = 500 };

const char *dns_fault(void)
{
	return dns_program()
		       ? ""
		       : "dnsmasq is not installed: machines have their addresses, but no DHCP "
			 "and no names; install dnsmasq-base (Debian) or dnsmasq";
}

static char *pid_path(const struct network *network)
{
	return dirs_run_path(network->dirs, "networks/%s/dnsmasq.pid", network->name);
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
	struct dns_arguments wanted = { 0 };
	size_t length = 0;
	enum dns_state state = DNS_STALE;

	pid_t pid = pid_file ? find_process(pid_file, &words, &length) : -ENOMEM;
	if (pid < 0)
		return DNS_ABSENT;
	if (dns_arguments_make(network, pid_file, &wanted) == 0 && wanted.text.length == length &&
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
	struct dns_arguments arguments = { 0 };
	struct text said = { 0 };
	struct err why = { 0 };
	char group[GROUP_ROOM];

	group_of(network, group);
	scoped_fd int cgroup = cgroup_make(group);
	struct child_io io = { .out = &said, .errors = &said, .cgroup_fd = cgroup };
	int r = dns_arguments_make(network, pid_file, &arguments);
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

int dns_make_aliases(const struct network *network, struct err *err)
{
	scoped_free char *path = text_format("%s/aliases", network->folder);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(path, 0755, err) < 0)
		return -err->code;
	return chmod(path, 0755) < 0
		       ? err_set(err, errno, "open '%s' to dnsmasq: %s", path, strerror(errno))
		       : 0;
}

int dns_start(const struct network *network, struct err *err)
{
	scoped_free char *pid_file = pid_path(network);
	scoped_free char *folder = dirs_run_path(network->dirs, "networks/%s", network->name);

	if (!pid_file || !folder)
		return err_set(err, ENOMEM, "out of memory");
	if (dns_stop(network, err) < 0 || file_make_dirs(folder, 0711, err) < 0 ||
	    dns_make_aliases(network, err) < 0)
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

void dns_reload(const struct network *network)
{
	scoped_free char *pid_file = pid_path(network);
	scoped_free char *words = NULL;
	scoped_free char *again = NULL;
	size_t length;

	pid_t pid = pid_file ? find_process(pid_file, &words, &length) : -ENOMEM;
	scoped_fd int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (pidfd >= 0 && read_arguments(pid, pid_file, &again) > 0)
		pidfd_send_signal(pidfd, SIGHUP, NULL, 0);
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
	dns_reload(network);
}
