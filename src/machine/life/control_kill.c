/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Killing the process that runs a machine, without a request: for a process that hangs, is stopped, or does not listen
 * yet.
 */
#include "machine/life/control.h"
#include "machine/state/machine.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { DEATH_MILLISECONDS = 2000 };

/*
 * A record lock, fcntl(2), beside the flock(2): the kernel tells which process holds it. No child inherits it, and it
 * is released when the starter becomes the keeper, because that closes a descriptor of the file.
 */
void control_mark_starter(int lock_fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	fcntl(lock_fd, F_SETLK, &lock);
}

static pid_t starter_of(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	/* Pid 0: the process is in another pid namespace. */
	return lock.l_type == F_UNLCK || lock.l_pid <= 0 ? -ESRCH : lock.l_pid;
}

static int kill_it(int pidfd)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0)
		return -errno;
	return poll(&gone, 1, DEATH_MILLISECONDS) > 0 ? 0 : -ETIMEDOUT;
}

int control_kill_starter(const struct machine *machine)
{
	scoped_free char *path = text_format("%s/keeper.lock", machine->run);
	scoped_fd int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd < 0)
		return -ESRCH;
	pid_t pid = starter_of(fd);
	if (pid < 0)
		return pid;
	scoped_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	/* The lock still has the same holder, so the pidfd is that of the starter. */
	return starter_of(fd) == pid ? kill_it(pidfd) : -ESRCH;
}

int control_kill_keeper(int socket)
{
	struct pollfd end = { .fd = socket };
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	scoped_fd int pidfd = peer.pid > 0 ? (int)syscall(SYS_pidfd_open, peer.pid, 0) : -1;
	if (pidfd < 0)
		return -ESRCH;
	/* The keeper's end of the connection is open, so the keeper lived when the pidfd was opened. */
	return poll(&end, 1, 0) == 0 ? kill_it(pidfd) : -ESRCH;
}
