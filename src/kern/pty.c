/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/pty.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

int pty_open(int pts_fd, struct pty *pty)
{
	struct statfs fs;
	int unlock = 0;
	unsigned number;

	scoped_fd int master = openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
	if (master < 0 || fstatfs(master, &fs) < 0)
		return -errno;
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return -ENOTTY;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return -errno;
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	*pty = (struct pty){ .master = take_fd(&master), .slave = slave, .number = number };
	return 0;
}

const char *pty_why(int code)
{
	/* The tty layer of some kernels returns EIO. */
	return code == -ENOSPC || code == -EIO
		       ? "none is left, or the machine has its 1024; kernel.pty.max is how many "
			 "all machines have together, raise it with: sysctl -w kernel.pty.max=16384"
		       : strerror(-code);
}

int pty_become_terminal(int slave)
{
	setsid();
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(slave, fd) < 0)
			return -errno;
	}
	return 0;
}

void pty_read_size(int fd, struct winsize *size)
{
	if (ioctl(fd, TIOCGWINSZ, size) < 0)
		*size = (struct winsize){ 0 };
}

void pty_set_size(int fd, const struct winsize *size)
{
	if (size->ws_row && size->ws_col)
		ioctl(fd, TIOCSWINSZ, size);
}

void pty_copy_size(int from, int to)
{
	struct winsize size;

	pty_read_size(from, &size);
	pty_set_size(to, &size);
}

int pty_raw(int fd, struct termios *saved)
{
	struct termios raw;

	if (tcgetattr(fd, saved) < 0)
		return -errno;
	raw = *saved;
	cfmakeraw(&raw);
	/* The change is made at once: typed input is kept, and blocked output is not waited for. */
	return tcsetattr(fd, TCSANOW, &raw) < 0 ? -errno : 0;
}

void pty_restore(int fd, const struct termios *saved)
{
	tcsetattr(fd, TCSANOW, saved);
}
