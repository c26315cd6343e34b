/* SPDX-License-Identifier: GPL-2.0-or-later */
/* start --foreground: a machine as a process of a supervisor, such as systemd, runit or a terminal. */
#include "cmd/cli/common.h"

#include "base/scoped.h"
#include "machine/life/life.h"
#include "machine/state/machine.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

/* sd_notify(3): a datagram to NOTIFY_SOCKET; '@' stands for an abstract name's NUL. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof address.sun_path || !strchr("/@", *path))
		return;
	memcpy(address.sun_path, path, n);
	if (*path == '@')
		address.sun_path[0] = '\0';
	scoped_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* A failure cannot be reported to anybody. */
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return;
}

int follow_foreground(struct call *call, struct machine *machine, struct err *err)
{
	sigset_t set;

	(void)call;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/*
	 * The signals are blocked only now, because the keeper, which this process has started, must not inherit the
	 * mask.
	 */
	sigprocmask(SIG_BLOCK, &set, NULL);
	scoped_fd int signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return err_set(err, errno, "wait for signals: %s", strerror(errno));
	notify("READY=1\n");
	int r = machine_follow(machine, signals, err);
	notify("STOPPING=1\n");
	return r;
}
