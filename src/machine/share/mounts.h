/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts, devices and volumes of a machine: kept in its settings, shown to it at once if it runs. */
#ifndef BERTH_MACHINE_SHARE_MOUNTS_H
#define BERTH_MACHINE_SHARE_MOUNTS_H

#include "base/text.h"
#include "machine/state/machine.h"

/*
 * Shows a folder or file, or a device, of the host's to a machine, at once if it runs. It is kept in
 * machine.conf, or, if temporary, lasts only as long as the guest, which must be running. A section
 * without a name gets one, made of the target or path. -EEXIST. warning: lines about what went well but needs a word are added.
 */
int machine_mount(struct machine *machine, struct mount_config *mount, bool temporary,
		  struct text *warning, struct err *err);
int machine_add_device(struct machine *machine, struct device_config *device, bool temporary,
		       struct text *warning, struct err *err);

/* Unmounts by name or by target. *was_there: whether the machine still had the mount. */
int machine_unmount(struct machine *machine, const char *which, bool *was_there, struct err *err);
int machine_remove_device(struct machine *machine, const char *which, bool *was_there,
			  struct err *err);

/*
 * Mounts a volume for data in a machine, at once if it runs, or takes it away, by name or by target. Two machines never
 * have one with the right to write to it: -EBUSY. A volume that is in use in the machine stays: -EBUSY.
 */
int machine_attach_volume(struct machine *machine, struct attached_config *attached,
			  struct text *warning, struct err *err);
int machine_detach_volume(struct machine *machine, const char *which, bool *was_there,
			  struct err *err);

/* The temporary ones of a running machine, as its config; freed with machine_schema. */
int machine_temporary(const struct machine *machine, struct machine_config *config,
		      struct err *err);

/* Forgets what was shown to an earlier guest for its life alone. */
int share_forget_temporary(const struct machine *machine, struct err *err);

#endif
