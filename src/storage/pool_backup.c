/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copies that pools have of the settings of their machines and templates: one way for all drivers. */
#include "base/scoped.h"
#include "base/text.h"
#include "storage/backup.h"
#include "storage/folder.h"
#include "storage/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

/* Beside its volumes. */
static int keep_beside(struct pool *pool, const struct text *files, struct err *err)
{
	scoped_text struct text text = { 0 };

	if (backup_add_pool(&text, pool, err) < 0)
		return -err->code;
	if (files->length)
		text_add_bytes(&text, files->data, files->length);
	return backup_write(folder_fd(pool), &text, err);
}

int pool_backup_write(const struct dirs *dirs, const char *name, const struct text *files,
		      struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	/* A pool that is not attached stays so: the command that attaches it brings the copy up to date. */
	int r = pool_open_attached(&pool, dirs, name, err);

	if (r != 0)
		return r;
	if (files->failed)
		return err_set(err, ENOMEM, "out of memory");
	r = pool.ops->maintenance ? pool.ops->maintenance->backup_write(&pool, files, err)
				  : keep_beside(&pool, files, err);
	return r < 0 ? err_wrap(err, "pool '%s'", name) : 0;
}

int pool_backup_read(const struct dirs *dirs, const char *name, struct text *kept)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err ignored = { 0 };
	int r = pool_open_attached(&pool, dirs, name, &ignored);

	if (r != 0)
		return r < 0 ? r : -ENOENT;
	return pool.ops->maintenance
		       ? pool.ops->maintenance->backup_read(pool.config.source, kept, &ignored)
		       : backup_read(folder_fd(&pool), kept);
}
