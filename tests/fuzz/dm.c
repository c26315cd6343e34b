/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's status lines of a thin pool and its volumes. */
#include "fuzz.h"

#include "kern/dm_thin.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dm_pool_status pool;
	struct dm_thin_status thin;
	char *line = fuzz_word(&data, &size);

	if (dm_pool_parse(line, &pool) == 0)
		fuzz_check(dm_pool_mode_name(pool.mode));
	dm_thin_parse(line, &thin);
	free(line);
	return 0;
}
