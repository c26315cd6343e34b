/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/owner.h"
#include "machine/state/machine.h"

#include "base/file.h"
#include "base/scoped.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *owner_path(const struct machine *machine)
{
	return dirs_state_path(machine->dirs, "machines/.owned/%s", machine->name);
}

int owner_claim(const struct machine *machine, int *owner, struct err *err)
{
	scoped_free char *folder = dirs_state_path(machine->dirs, "machines/.owned");
	scoped_free char *path = owner_path(machine);

	if (!path || !folder)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	int fd = file_lock(path, FILE_LOCK_TRY);
	if (fd < 0)
		return err_set(err, -fd, "lock '%s': %s", path, strerror(-fd));
	/* An owner that was killed may have left its text. */
	if (ftruncate(fd, 0) < 0) {
		int code = errno;
		close(fd);
		return err_set(err, code, "write '%s': %s", path, strerror(code));
	}
	*owner = fd;
	return 0;
}

int owner_outlast(int owner)
{
	return file_write_all(owner, "outlasts\n", 9, 0);
}

bool owner_outlasts(const struct machine *machine)
{
	scoped_free char *path = owner_path(machine);
	struct stat st;

	if (!path || stat(path, &st) < 0 || st.st_size == 0)
		return false;
	scoped_fd int fd = file_lock(path, FILE_LOCK_LOOK);
	return fd == -EWOULDBLOCK;
}

void owner_forget(const struct machine *machine)
{
	scoped_free char *path = owner_path(machine);

	if (path)
		unlink(path);
}

void owner_release(const struct machine *machine, int *owner)
{
	/* The file is removed while it is locked, so that no command finds the machine without an owner. */
	if (*owner >= 0)
		owner_forget(machine);
	scoped_close_fd(owner);
}

bool owner_is_lost(const struct machine *machine)
{
	scoped_free char *path = owner_path(machine);

	if (!path || !machine->config.ephemeral)
		return false;
	scoped_fd int fd = file_lock(path, FILE_LOCK_LOOK);
	return fd >= 0;
}

bool owner_is_claimed(const struct machine *machine)
{
	scoped_free char *path = owner_path(machine);

	return path && access(path, F_OK) == 0;
}

void owner_forget_lost(const struct machine *machine)
{
	scoped_free char *path = owner_path(machine);
	scoped_fd int owner = path ? file_lock(path, FILE_LOCK_LOOK) : -1;

	if (owner >= 0)
		unlink(path);
}
