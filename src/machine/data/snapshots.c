/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes for data as what streams take, and their snapshots. */
#include "machine/data/data.h"

#include "base/scoped.h"

#include <errno.h>

int data_snapshots(struct pool *pool, const char *name, struct snapshot_entry **list, size_t *count,
		   struct err *err)
{
	scoped_free char *folder = data_folder(pool->dirs, name);
	const struct subject subject = { .dirs = pool->dirs, .name = name, .folder = folder };

	return folder ? subject_snapshots(&subject, pool, list, count, err)
		      : err_set(err, ENOMEM, "out of memory");
}
