/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/half.h"

#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

static char *mark_of(const struct machine *machine)
{
	return machine_path(machine, "half-restored");
}

int half_begin(const struct machine *machine, const char *snapshot, struct err *err)
{
	scoped_free char *path = mark_of(machine);

	return path ? file_replace(path, snapshot, strlen(snapshot), 0600, err)
		    : err_set(err, ENOMEM, "out of memory");
}

void half_end(const struct machine *machine)
{
	scoped_free char *path = mark_of(machine);

	if (path && unlink(path) == 0)
		file_sync_dir(machine->folder);
}

int half_check(const struct machine *machine, struct err *err)
{
	scoped_free char *path = mark_of(machine);
	scoped_free char *snapshot = NULL;

	if (!path || access(path, F_OK) < 0)
		return 0;
	bool known = file_read(AT_FDCWD, path, 64, &snapshot) > 0 && !text_label_fault(snapshot);
	return err_set(err, EBUSY,
		       "machine '%s' was being restored with its volumes when the command was "
		       "killed, so that they are of different moments; finish it: berth restore "
		       "--volumes %s %s",
		       machine->name, machine->name, known ? snapshot : "SNAP");
}
