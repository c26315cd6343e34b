/* Ranges of 65536 ids, one for each running machine. */
#ifndef BERTH_MACHINE_IDS_H
#define BERTH_MACHINE_IDS_H

#include "base/err.h"
#include "base/site.h"
#include "config/config.h"
#include "kern/idmap.h"

/*
 * Takes a range for a machine whose run folder is there. Roots are stored unshifted, so a range binds
 * only while the machine runs; it is the same again next time unless another took it meanwhile.
 */
int ids_take(const struct site *site, const struct site_config *config, const char *machine,
	     struct idmap *map, struct err *err);
/* Idempotent; never releases another machine's. */
void ids_release(const struct site *site, const struct site_config *config, const char *machine,
		 const struct idmap *map);

#endif
