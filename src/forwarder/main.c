/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-forward: passes connections to ports of the host on to a machine. Its sockets were bound by the berth that has
 * started it. It has no rights once it serves, because anybody may connect.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "forwarder/proxy.h"
#include "kern/seccomp.h"

#include <arpa/inet.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Sanitizers make calls of their own. */
#ifndef FORWARD_UNFILTERED
#define FORWARD_UNFILTERED 0
#endif

enum {
	NOBODY = 65534,
	OTHERS = 64, /* descriptors beside those of connections and listening sockets */
	EACH = 6,    /* two sockets and two pipes */
	FIRST_PORT = 4,
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

static int read_arguments(struct proxy *proxy, int argc, char **argv)
{
	uint64_t port;

	if (argc <= FIRST_PORT || argc - FIRST_PORT > FORWARDER_LISTENERS_MAX ||
	    inet_pton(AF_INET, argv[2], &proxy->address) != 1)
		return -EINVAL;
	proxy->header = strcmp(argv[1], "1") == 0;
	proxy->ipv6 = strcmp(argv[3], "-") != 0;
	if (proxy->ipv6 && inet_pton(AF_INET6, argv[3], &proxy->address6) != 1)
		return -EINVAL;
	for (int i = FIRST_PORT; i < argc; i++) {
		if (text_to_u64(argv[i], 1, UINT16_MAX, &port) < 0)
			return -EINVAL;
		proxy->listeners[proxy->listener_count] =
			(struct listener){ FORWARDER_LISTENERS + (int)proxy->listener_count,
					   (uint16_t)port };
		proxy->listener_count++;
	}
	return 0;
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

static int give_up_rights(void)
{
	cap_t none = cap_init();

	if (!none || setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || cap_set_proc(none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	cap_free(none);
	return FORWARD_UNFILTERED ? 0 : seccomp_sockets_only();
}

int main(int argc, char **argv)
{
	static struct proxy proxy;

	signal(SIGPIPE, SIG_IGN);
	int r = read_arguments(&proxy, argc, argv);
	if (r == 0)
		r = note_pid();
	size_t most = make_room(&proxy);
	if (r == 0)
		r = most > 0 ? proxy_begin(&proxy, most) : -EMFILE;
	if (r == 0)
		r = give_up_rights();
	if (r < 0)
		give_up(-r);
	/* Whoever has started it may have been killed, and the next command finds it by its lock. */
	report(0);
	close(FORWARDER_REPORT);
	proxy_run(&proxy);
	return EXIT_FAILURE;
}
