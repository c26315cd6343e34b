/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranges of 65536 ids, one for each running machine, more for one with machines of its own inside. */
#ifndef BERTH_MACHINE_CONFINE_IDS_H
#define BERTH_MACHINE_CONFINE_IDS_H

#include "base/err.h"
#include "base/site.h"
#include "config/config.h"
#include "kern/idmap.h"

enum { IDS_NESTING = 16 }; /* ranges of such a machine: its own, and 15 for those inside */

/* Who has which range: of the whole host, as the ids are, whatever --root says; gone after a reboot. */
#define IDS_FOLDER "/run/berth/ids"

/*
 * Takes so many ranges in a row for a machine, whose run folder names it and is there. Roots are stored
 * unshifted, so a range binds only while the machine runs; it is the same again next time unless another took
 * it meanwhile. map is undefined on failure.
 */
int ids_take(const char *folder, const struct site_config *config, const char *run, unsigned ranges,
	     struct idmap *map, struct err *err);
/*
 * Where there are no ids like those of berth.conf, which is so in a machine, takes its from what there
 * is; without any to spare, says what the machine lacks.
 */
int ids_fit(struct site_config *config, struct err *err);
/* Idempotent; never releases another machine's. */
void ids_release(const char *folder, const char *run, const struct idmap *map);
/* The same by a look at all ranges, for who was killed before it could write down which it had taken. */
void ids_release_all(const char *folder, const char *run);

#endif
