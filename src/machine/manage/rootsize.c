/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/rootsize.h"

#include <errno.h>

int rootsize_fit(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	struct volume_info info;

	if (size == 0)
		return 0;
	if (volume_info(pool, volume, &info, err) < 0)
		return -err->code;
	/* The pool rounds up to its blocks. */
	return info.size == size ? 0 : volume_resize(pool, volume, size, err);
}

int rootsize_lift(struct pool *pool, const char *volume, struct err *err)
{
	return pool->ops->can & STORAGE_BLOCK ? 0 : volume_resize(pool, volume, 0, err);
}
