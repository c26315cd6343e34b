/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that info knows of a machine, and its two forms: text and JSON. */
#ifndef BERTH_CMD_MACHINE_INFO_H
#define BERTH_CMD_MACHINE_INFO_H

#include "base/text.h"
#include "cmd/backup/backup_info.h"
#include "machine/confine/lsm.h"
#include "machine/life/life.h"
#include "storage/storage.h"

#include <jansson.h>

/* The facts to show, gathered before anything is printed. */
struct facts {
	struct machine_status status;
	char ended[1024];       /* the last end; "": never */
	char held[512];         /* the reason of a pause; "": not paused */
	struct lsm_label label; /* of its security module; without one no text */
	char *log;              /* owned */
	char volume_name[VOLUME_NAME_MAX + 1];
	struct volume_info volume;
	struct err volume_fault;         /* the reason if volume is not known */
	const char *missing;             /* in that case: "pool" or "volume" */
	struct machine_config temporary; /* owned: mounts and devices of this run only */
	struct text
		unmounted; /* owned: volumes that it has, and that are not mounted; each with its NUL */
	size_t snapshots;
	struct err snapshots_fault;
	struct backup_view backup;
};

/* Prints a line "label: value", or none if the value is empty. */
void info_field(const char *label, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void info_show(const struct machine *machine, const struct facts *facts);

/* The caller owns the objects. */
json_t *info_object(const struct machine *machine, const struct facts *facts);
/* The limits that the machine has, by their keys without "limits.". */
json_t *info_limits(const struct machine *machine);

/* Whether a volume for data that the machine has is not mounted in it. */
bool info_unmounted(const struct facts *facts, const char *volume);

#endif
