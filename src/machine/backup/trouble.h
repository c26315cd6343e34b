/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last failure of a machine's backups, in a file of its folder, until one succeeds. It keeps a schedule that is
 * looked at every few minutes from telling the same failure each time.
 */
#ifndef BERTH_MACHINE_BACKUP_TROUBLE_H
#define BERTH_MACHINE_BACKUP_TROUBLE_H

#include "machine/state/machine.h"

#include <stdint.h>

struct trouble {
	int code;
	uint64_t since, told; /* seconds since the epoch */
	char text[1020];
};

/* Reads it. False: the last backup has succeeded, or there was none. */
bool trouble_read(const struct machine *machine, struct trouble *trouble);
/*
 * Keeps a failure. Whether it is to be told: it is the first of its kind of a schedule, or was told a day ago. One of a
 * command that was given by hand is told in any case, and keeps no schedule quiet.
 */
bool trouble_note(const struct machine *machine, const struct err *err, bool scheduled,
		  uint64_t now);
/* A backup has succeeded. */
void trouble_over(const struct machine *machine);

#endif
