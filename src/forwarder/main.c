/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-forward: passes connections to ports of the host on to a machine. Its sockets were bound by the berth that has
 * started it. It has no rights once it serves, because anybody may connect. On demand it is two processes: the parent
 * has the rights to start the machine, and no sockets but the one by which the other asks.
 */
#include "base/child.h"
#include "base/scoped.h"
#include "base/text.h"
#include "forwarder/demand.h"
#include "forwarder/proxy.h"
#include "kern/seccomp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Sanitizers make calls of their own. */
#ifndef FORWARD_UNFILTERED
#define FORWARD_UNFILTERED 0
#endif

enum {
	NOBODY = 65534,
	OTHERS = 64, /* descriptors beside those of connections and listening sockets */
	EACH = 6,    /* two sockets and two pipes */
	FIRST_PORT = 4,
	DEMAND_WORDS = 6, /* with the first, "demand" */
};

static void report(int code)
{
	ssize_t ignored = write(FORWARDER_REPORT, &code, sizeof code);

	(void)ignored;
}

static __attribute__((noreturn)) void give_up(int code)
{
	report(code);
	_exit(EXIT_FAILURE);
}

static int read_ports(struct proxy *proxy, int count, char *const *words)
{
	uint64_t port;

	if (count < 1 || count > FORWARDER_LISTENERS_MAX)
		return -EINVAL;
	for (int i = 0; i < count; i++) {
		if (text_to_u64(words[i], 1, UINT16_MAX, &port) < 0)
			return -EINVAL;
		proxy->listeners[i] = (struct listener){ FORWARDER_LISTENERS + i, (uint16_t)port };
	}
	proxy->listener_count = (size_t)count;
	return 0;
}

/* demand->berth stays NULL if the forward is not on demand. */
static int read_arguments(struct proxy *proxy, struct demand *demand, int argc, char **argv)
{
	int last = argc - DEMAND_WORDS;
	bool on_demand = last > FIRST_PORT && strcmp(argv[last], "demand") == 0;

	if (argc <= FIRST_PORT)
		return -EINVAL;
	if (on_demand)
		*demand = (struct demand){ argv[last + 1], argv[last + 2], argv[last + 3],
					   argv[last + 4], argv[last + 5] };
	proxy->header = strcmp(argv[1], "1") == 0;
	proxy->ipv6 = strcmp(argv[3], "-") != 0;
	if ((!on_demand && inet_pton(AF_INET, argv[2], &proxy->address) != 1) ||
	    (proxy->ipv6 && inet_pton(AF_INET6, argv[3], &proxy->address6) != 1))
		return -EINVAL;
	return read_ports(proxy, (on_demand ? last : argc) - FIRST_PORT, argv + FIRST_PORT);
}

/* The number of connections that there are descriptors for. */
static size_t make_room(const struct proxy *proxy)
{
	const rlim_t others = OTHERS + (rlim_t)proxy->listener_count;
	struct rlimit limit = { 0 }, wanted = { others + EACH * FORWARDER_CONNECTIONS_MAX,
						others + EACH * FORWARDER_CONNECTIONS_MAX };

	if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return FORWARDER_CONNECTIONS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > others ? (size_t)((limit.rlim_cur - others) / EACH) : 0;
}

/* The name of the file is known to the next commands, which end this process by the number in it. */
static int note_pid(void)
{
	char line[24];

	text_print(line, sizeof line, "%d\n", (int)getpid());
	size_t n = strlen(line);
	int r = write(FORWARDER_NOTE, line, n) == (ssize_t)n ? 0 : -EIO;
	close(FORWARDER_NOTE);
	return r;
}

/* parent: as of child_parent, or -1. */
static int give_up_rights(int parent)
{
	cap_t none = cap_init();

	if (!none || setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || cap_set_proc(none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	cap_free(none);
	int r = parent < 0 ? 0 : child_tie(parent, SIGKILL);
	if (r < 0 || FORWARD_UNFILTERED)
		return r;
	return seccomp_sockets_only();
}

/* The parent keeps the lock, and the end by which it is asked. */
static __attribute__((noreturn)) void be_parent(const struct proxy *proxy,
						const struct demand *demand, int fd)
{
	close(FORWARDER_REPORT);
	close_range(FORWARDER_USE, FORWARDER_LISTENERS + (unsigned)proxy->listener_count - 1, 0);
	demand_serve(demand, fd);
}

/* Goes on in a child, which asks this process. The result is as of child_parent, or -errno. */
static int divide(struct proxy *proxy, const struct demand *demand)
{
	int ends[2], parent = child_parent();

	if (parent < 0)
		return parent;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	close(ends[pid == 0 ? 0 : 1]);
	if (pid > 0)
		be_parent(proxy, demand, ends[0]);
	proxy->ask = ends[1];
	scoped_close_fd(&proxy->use);
	return parent;
}

int main(int argc, char **argv)
{
	static struct proxy proxy = { .ask = -1, .use = FORWARDER_USE };
	struct demand demand = { 0 };
	int parent = -1;

	signal(SIGPIPE, SIG_IGN);
	int r = read_arguments(&proxy, &demand, argc, argv);
	if (r == 0)
		r = note_pid();
	if (r == 0 && demand.berth)
		r = parent = divide(&proxy, &demand);
	size_t most = make_room(&proxy);
	if (r >= 0)
		r = most > 0 ? proxy_begin(&proxy, most) : -EMFILE;
	if (r == 0)
		r = give_up_rights(parent);
	if (r < 0)
		give_up(-r);
	scoped_close_fd(&parent);
	/* Whoever has started it may have been killed, and the next command finds it by its lock. */
	report(0);
	close(FORWARDER_REPORT);
	proxy_run(&proxy);
	return EXIT_FAILURE;
}
