/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of a machine's backups, for info. */
#ifndef BERTH_CMD_BACKUP_BACKUP_INFO_H
#define BERTH_CMD_BACKUP_BACKUP_INFO_H

#include "machine/backup/view.h"

#include <jansson.h>

/* A line of the schedule, the folder, the last one and the last failure; none if there is nothing of it. */
void backup_show(const struct machine *machine, const struct backup_view *view,
		 void (*show)(const char *label, const char *form, ...)
			 __attribute__((format(printf, 2, 3))));
/* An object; null if there is nothing of it. */
json_t *backup_object(const struct machine *machine, const struct backup_view *view);

#endif
