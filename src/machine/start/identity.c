/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a copy of a root this machine and no other, done at the start, when the root is at hand,
 * so that a clone costs no more than its snapshot.
 */
#include "machine/start/identity.h"

#include "machine/start/resolver.h"
#include "machine/start/rootfile.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

static void remove_file(int root_fd, const char *folder, const char *name)
{
	scoped_fd int fd = file_open_in_root(root_fd, folder, O_PATH | O_DIRECTORY, 0);

	if (fd >= 0)
		unlinkat(fd, name, 0);
}

/*
 * The machine-id is emptied, not written: systemd fills it in from container_uuid, and an empty one
 * does not count as a first boot.
 */
static int make_fresh(struct machine *machine, int root_fd, struct err *err)
{
	char hostname[80];

	snprintf(hostname, sizeof hostname, "%s\n", machine->name);
	if (rootfile_replace(root_fd, "etc/hostname", hostname, err) < 0)
		return -err->code;
	scoped_fd int id = file_open_in_root(root_fd, "etc/machine-id", O_RDONLY | O_NONBLOCK, 0);
	if (id >= 0 && rootfile_replace(root_fd, "etc/machine-id", "", err) < 0)
		return -err->code;
	remove_file(root_fd, "var/lib/dbus", "machine-id");
	remove_file(root_fd, "var/lib/systemd", "random-seed");
	return 0;
}

int identity_apply(struct machine *machine, int root_fd, const struct lease *lease, struct err *err)
{
	scoped_free char *mark = machine_path(machine, "fresh");
	bool fresh = mark && access(mark, F_OK) == 0;

	int r = fresh ? make_fresh(machine, root_fd, err) : 0;

	if (r == 0)
		r = resolver_write(machine->name, root_fd, lease, fresh, err);
	if (r == -ENOSPC || r == -EDQUOT) {
		/* A full root still starts, so that its user can make room; the mark stays for the next start. */
		*err = (struct err){ 0 };
		return 0;
	}
	if (r == 0 && fresh && unlink(mark) < 0)
		return err_set(err, errno, "remove '%s': %s", mark, strerror(errno));
	return r;
}
