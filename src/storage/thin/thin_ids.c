/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ids of a thin pool, read from a snapshot of its metadata while the pool is in use. */
#include "base/child.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin.h"

#include <errno.h>
#include <string.h>

enum { OUT_MAX = 1 << 20 }; /* what child_run collects */

static int parse(char *list, int (*visit)(void *context, uint64_t id), void *context,
		 struct err *err)
{
	uint64_t id;

	for (char *rest = list, *line; (line = strsep(&rest, "\n"));) {
		char *word = text_trim(line);
		if (!*word)
			continue;
		if (text_to_u64(word, 0, CATALOG_ID_MAX, &id) < 0)
			return err_set(err, EPROTO, "thin_ls says '%.60s', which is not an id",
				       word);
		int r = visit(context, id);
		if (r != 0)
			return r;
	}
	return 0;
}

/* The pool has one metadata snapshot. One that a killed command has left is released first. */
int thin_run_on_snapshot(struct pool *pool, const char *program, const char *const *words,
			 const struct child_io *io, struct err *err)
{
	struct dm_pool_status status;
	const char *argv[8] = { program };
	char device[32];
	size_t n = 1;

	while (*words && n < 6)
		argv[n++] = *words++;
	argv[n] = device;
	if (thin_path(pool, "metadata", device, sizeof device, err) < 0 ||
	    thin_status(pool, 0, &status, err) < 0)
		return -err->code;
	if (status.held_root)
		thin_message(pool, "release_metadata_snap");
	int r = thin_message(pool, "reserve_metadata_snap");
	fault_point("thin-reserved");
	if (r < 0)
		return err_set(err, -r, "reserve a snapshot of its metadata: %s", dm_why(r));
	child_run(argv, io, err);
	thin_message(pool, "release_metadata_snap");
	return -err->code;
}

static int list(struct pool *pool, const char *program, struct text *out, struct err *err)
{
	static const char *const words[] = { "--metadata-snap", "--no-headers", "--format", "DEV",
					     NULL };
	const struct child_io io = { .out = out };

	return thin_run_on_snapshot(pool, program, words, &io, err);
}

int thin_ids(struct pool *pool, int (*visit)(void *context, uint64_t id), void *context,
	     struct err *err)
{
	scoped_free char *program = disk_find_program("thin_ls");
	scoped_text struct text out = { 0 };

	if (!program)
		return -ENOENT;
	if (list(pool, program, &out, err) < 0)
		return -err->code;
	if (out.failed || out.length >= OUT_MAX)
		return -ENOENT;
	return out.length > 0 ? parse(out.data, visit, context, err) : 0;
}
