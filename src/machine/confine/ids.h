/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges of 65536 ids, one for each running machine, more for one with machines of its own inside. */
#ifndef BERTH_MACHINE_CONFINE_IDS_H
#define BERTH_MACHINE_CONFINE_IDS_H

#include "base/dirs.h"
#include "base/err.h"
#include "config/config.h"
#include "kern/idmap.h"

enum {
	IDS_NESTING = 16
}; /* ranges of a machine with nesting: its own, and 15 for machines inside it */

/* The folder with the owner of each range: the host's, as the ids are, whatever --root says. Gone after a reboot. */
#define IDS_FOLDER "/run/berth/ids"

/*
 * Takes `ranges` ranges in a row for the machine whose run folder is `run`, which must exist. Roots are stored
 * unshifted, so a range is bound only while the machine runs. The machine gets the same range next time, unless
 * another machine took it meanwhile. map is undefined on failure.
 */
int ids_take(const char *folder, const struct berth_config *config, const char *run,
	     unsigned ranges, struct idmap *map, struct err *err);
/*
 * Fits the ids of berth.conf to those that exist here: inside a machine there are fewer. Fails, and says what the
 * machine lacks, if none can be spared.
 */
int ids_fit(struct berth_config *config, struct err *err);
/* Releases the machine's ranges. Idempotent; never releases those of another machine. */
void ids_release(const char *folder, const char *run, const struct idmap *map);
/* The same for a start that was killed before it wrote down its ranges: all ranges are looked at. */
void ids_release_all(const char *folder, const char *run);

#endif
