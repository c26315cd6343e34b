/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSH host keys. Not every distribution makes missing keys when its server starts: Debian makes them when the package
 * is installed. This code runs before any init does. The programs are the guest's and may do anything, so they run
 * where the guest runs, with a deadline.
 */
#include "machine/start/hostkeys.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/scoped.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { KEYS_MILLISECONDS = 30000 };

/*
 * Keys of the two kinds that each client of the last ten years knows, and that take no time. A key of RSA takes seconds
 * of a processor, so it is made only where the server's configuration names the keys that it wants.
 */
static const char openssh[] =
	"if grep -qis '^[[:space:]]*HostKey[[:space:]]' /etc/ssh/sshd_config "
	"/etc/ssh/sshd_config.d/*; then\n"
	"	exec /usr/bin/ssh-keygen -A\n"
	"fi\n"
	"for type in ed25519 ecdsa; do\n"
	"	file=/etc/ssh/ssh_host_${type}_key\n"
	"	[ -e \"$file\" ] || /usr/bin/ssh-keygen -q -t \"$type\" -N '' -f \"$file\"\n"
	"done\n";

static const char dropbear[] =
	"for type in ed25519 ecdsa; do\n"
	"	file=/etc/dropbear/dropbear_${type}_host_key\n"
	"	[ -e \"$file\" ] || /usr/bin/dropbearkey -t \"$type\" -f \"$file\"\n"
	"done\n";

static const struct {
	const char *server;  /* file that only the server has */
	const char *program; /* of the root, which makes keys */
	const char *script;  /* for the root's shell */
} servers[] = {
	{ "/etc/ssh/sshd_config", "/usr/bin/ssh-keygen", openssh },
	{ "/etc/dropbear", "/usr/bin/dropbearkey", dropbear },
};

static __attribute__((noreturn)) void execute(const char *script, int console_fd)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
					   "LC_ALL=C", NULL };
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	sigset_t none;

	if (dup2(null < 0 ? console_fd : null, 0) < 0 || dup2(console_fd, 1) < 0 ||
	    dup2(console_fd, 2) < 0)
		_exit(126);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(3, ~0U, 0);
	umask(022);
	execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(127);
}

/* Waits for a child until `end`; no process that it started is left. Returns its wait status, or -errno. */
static int wait_for(int pidfd, int64_t end)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int64_t left = end - clock_ms();
	int status = -ETIMEDOUT, r;

	do
		r = poll(&ended, 1, left > 0 ? (int)left : 0);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		status = spawn_wait(pidfd);
	/* Signal -1 reaches all processes but this one, which is process 1. */
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	return status;
}

static void run(const char *program, const char *script, int console_fd, int64_t end)
{
	struct spawn spawn = { .cgroup_fd = -1 };
	char how[64];
	pid_t pid = spawn_process(&spawn);

	if (pid == 0)
		execute(script, console_fd);
	int status = pid < 0 ? pid : wait_for(spawn.pidfd, end);
	if (pid > 0)
		close(spawn.pidfd);
	if (status == 0)
		return;
	if (status < 0)
		snprintf(how, sizeof how, "%s", strerror(-status));
	else
		child_status_text(status, how, sizeof how);
	dprintf(console_fd, "berth: host keys of SSH: '%s' %s\r\n", program, how);
}

void hostkeys_make(int console_fd)
{
	int64_t end = clock_ms() + KEYS_MILLISECONDS;
	bool sealed = false;

	if (getpid() != 1)
		return;
	for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
		if (access(servers[i].server, F_OK) < 0 || access(servers[i].program, X_OK) < 0)
			continue;
		/*
		 * Programs of the guest have the rights of its root, and could trace this process, which is still
		 * berth.
		 */
		if (!sealed && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
			return;
		sealed = true;
		run(servers[i].program, servers[i].script, console_fd, end);
	}
}
