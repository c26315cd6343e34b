/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of volumes in pools: those of a machine, and those for data. */
#include "machine/state/private.h"

#include <errno.h>

void machine_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "machine.%s", name);
}

void restoring_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "restoring.%s", name);
}

void snapshot_volume(const char *name, const char *snapshot, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "snapshot.%s.%s", name, snapshot);
}

int snapshot_missing(const struct machine *machine, const char *snapshot, struct err *err)
{
	*err = (struct err){ 0 };
	return err_set(err, ENOENT,
		       "machine '%s' has no snapshot '%s'; see: berth snapshot list %s",
		       machine->name, snapshot, machine->name);
}

void data_volume(const char *name, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "data.%s", name);
}

void data_snapshot_volume(const char *name, const char *snapshot, char volume[VOLUME_NAME_MAX + 1])
{
	text_print(volume, VOLUME_NAME_MAX + 1, "datasnapshot.%s.%s", name, snapshot);
}
