/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/process.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

enum { STATUS_MAX = 8192, SYSCALL_MAX = 256, FIELDS = 5 };

int process_parse(char *text, struct process *process)
{
	uint64_t shared = 0, own = 0;
	char *rest = text;
	int found = 0;

	*process = (struct process){ 0 };
	for (char *line; (line = strsep(&rest, "\n"));) {
		found += sscanf(line, "Uid: %*u %u", &process->uid) == 1;
		found += sscanf(line, "SigPnd: %" SCNx64, &own) == 1;
		found += sscanf(line, "ShdPnd: %" SCNx64, &shared) == 1;
		found += sscanf(line, "SigBlk: %" SCNx64, &process->blocked) == 1;
		found += sscanf(line, "SigCgt: %" SCNx64, &process->caught) == 1;
	}
	process->pending = own | shared;
	return found == FIELDS ? 0 : -EPROTO;
}

/* The first n bytes, which the kernel generates completely at the first read. */
static int read_first(const char *path, char *text, size_t room)
{
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return 0;
}

int process_look(pid_t pid, struct process *process)
{
	char path[32], text[STATUS_MAX];

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	int r = read_first(path, text, sizeof text);
	return r < 0 ? r : process_parse(text, process);
}

bool process_waits_for_signal(pid_t pid)
{
	char path[32], text[SYSCALL_MAX];
	long number;

	snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
	return read_first(path, text, sizeof text) == 0 && sscanf(text, "%ld ", &number) == 1 &&
	       number == SYS_rt_sigtimedwait;
}

pid_t process_of_pidfd(int pidfd)
{
	char path[40], text[512];
	int pid = -1;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	int r = read_first(path, text, sizeof text);
	if (r < 0)
		return r;
	const char *line = strstr(text, "\nPid:");
	return line && sscanf(line, " Pid: %d", &pid) == 1 && pid > 0 ? pid : -ESRCH;
}
