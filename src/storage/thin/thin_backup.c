/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue and the settings of a thin pool as text, for the pool's own disk; and the way back from such a text to
 * a catalogue.
 */
#include "storage/thin/thin_backup.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/backup.h"
#include "storage/driver.h"
#include "storage/thin/thin_backup_area.h"
#include "storage/thin/thin_disks.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

static int add_row(void *context, const struct catalog_volume *volume)
{
	struct text *rows = context;

	return text_add(rows, "%" PRIu64 " %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %s\n",
			volume->id, volume->uuid, volume->size, volume->origin, volume->created,
			(int)volume->state, *volume->name ? volume->name : "-");
}

static int compose(struct pool *pool, const struct text *files, struct text *out, struct err *err)
{
	scoped_free char *catalog_path = thin_catalog_path(pool);
	scoped_catalog struct catalog catalog = { 0 };
	scoped_text struct text rows = { 0 };
	struct catalog_head head;

	if (!catalog_path)
		return err_set(err, ENOMEM, "out of memory");
	if (catalog_open(&catalog, catalog_path, pool->config.uuid, err) < 0 ||
	    catalog_read_head(&catalog, &head, err) < 0)
		return -err->code;
	text_add(&rows, "%" PRIu64 " %" PRIu64 "\n", head.next_id, head.transaction);
	if (catalog_list_all(&catalog, add_row, &rows, err) < 0)
		return err->code ? -err->code : err_set(err, ENOMEM, "out of memory");
	if (backup_add_pool(out, pool, err) < 0)
		return -err->code;
	backup_add(out, "catalog", "volumes", text_str(&rows), rows.length);
	if (files->length)
		text_add_bytes(out, files->data, files->length);
	return rows.failed || out->failed || files->failed ? err_set(err, ENOMEM, "out of memory")
							   : 0;
}

int thin_backup_write(struct pool *pool, const struct text *files, struct err *err)
{
	scoped_text struct text text = { 0 };
	const char *path = pool->config.source;

	if (thin_begin(pool, err) < 0 || thin_look(pool, err) < 0 ||
	    compose(pool, files, &text, err) < 0)
		return -err->code;
	scoped_fd int fd = open(path, O_RDWR | O_CLOEXEC);
	int r = fd < 0 ? -errno : thin_backup_area_write(fd, &thin_of(pool)->layout, &text);
	if (r == -ENOSPC)
		return err_set(err, ENOSPC,
			       "the copy of its catalogue and settings has no room on '%s': they "
			       "have %zu KiB; keep a backup of them yourself",
			       path, text.length >> 10);
	return r < 0 ? err_set(err, -r, "copy its catalogue and settings to '%s': %s", path,
			       strerror(-r))
		     : 0;
}

int thin_backup_read(const char *path, struct text *out, struct err *err)
{
	scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct thin_layout layout;
	char uuid[37];

	if (fd < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	int r = thin_label_read(fd, uuid, &layout);
	if (r < 0)
		r = thin_label_read_copy(fd, uuid, &layout);
	if (r == 0)
		r = thin_backup_area_read(fd, &layout, out);
	return r == 0 || r == -ENOENT
		       ? r
		       : err_set(err, -r, "read what '%s' has of the pool's settings: %s", path,
				 strerror(-r));
}

/* ---- Read back */

struct filling {
	struct catalog *catalog;
	uint64_t transaction; /* transaction number of the pool when the copy was made */
	struct err *err;
};

/* A line of another form is ignored. */
static int take_row(struct filling *filling, const char *line)
{
	struct catalog_volume volume = { 0 };
	char name[VOLUME_NAME_MAX + 1];
	uint64_t next, transaction;
	int state = 0, end = 0;

	/*
	 * The first line. A row may have this form too, because uuids may begin with digits; ids are never used twice.
	 */
	if (sscanf(line, "%" SCNu64 " %" SCNu64 "%n", &next, &transaction, &end) == 2 &&
	    !line[end] && next <= DM_THIN_ID_MAX) {
		filling->transaction = transaction;
		return catalog_draw_from(filling->catalog, next, filling->err);
	}
	if (sscanf(line, "%" SCNu64 " %36s %" SCNu64 " %" SCNu64 " %" SCNu64 " %d %200s",
		   &volume.id, volume.uuid, &volume.size, &volume.origin, &volume.created, &state,
		   name) != 7 ||
	    volume.id > DM_THIN_ID_MAX)
		return 0;
	/*
	 * A volume in the making exists or not, as the pool will tell; a volume that was being removed belongs to
	 * nothing.
	 */
	bool named = strcmp(name, "-") != 0 && !volume_name_fault(name);
	volume.state = !named || state == CATALOG_DELETING || state == CATALOG_QUARANTINED
			       ? CATALOG_QUARANTINED
			       : CATALOG_READY;
	if (volume.state == CATALOG_READY)
		text_print(volume.name, sizeof volume.name, "%s", name);
	return catalog_put(filling->catalog, &volume, filling->err);
}

static int take_record(void *context, const char *kind, const char *name, const char *bytes,
		       size_t length)
{
	struct filling *filling = context;
	int r = 0;

	(void)name, (void)length;
	if (strcmp(kind, "catalog") != 0)
		return 0;
	scoped_free char *copy = strdup(bytes);
	char *rest = copy;
	if (!copy)
		return err_set(filling->err, ENOMEM, "out of memory");
	for (char *line; r == 0 && (line = strsep(&rest, "\n"));)
		r = take_row(filling, line);
	return r;
}

int thin_catalog_restore(const struct text *backup, const char *path, const char *uuid,
			 struct err *err)
{
	scoped_catalog struct catalog catalog = { 0 };
	struct filling filling = { .catalog = &catalog, .err = err };

	if (catalog_create(path, uuid, err) < 0 || catalog_open(&catalog, path, uuid, err) < 0)
		return -err->code;
	backup_each(backup, take_record, &filling);
	/* Last: a catalogue with number 0 may be incomplete. */
	if (!err->code && filling.transaction && filling.transaction <= INT64_MAX)
		catalog_set_transaction(&catalog, filling.transaction, err);
	return -err->code;
}
