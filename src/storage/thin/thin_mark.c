/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Identity of a thin pool's disks. The labels count how often they were written, and the catalogue has the count too,
 * so that an earlier copy is told from the disk. The labels also name the host that has the pool, and the kind of
 * device.
 */
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/blockdev.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"
#include "storage/thin/thin_super.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* A hash, because applications must keep the id itself confidential: see machine-id(5). */
void thin_host(struct thin_mark *mark)
{
	scoped_free char *id = NULL;
	char salted[128];

	mark->host[0] = '-';
	mark->host[1] = '\0';
	if (file_read(AT_FDCWD, "/etc/machine-id", 64, &id) > 0) {
		text_print(salted, sizeof salted, "berth thin pool %s", text_trim(id));
		snprintf(mark->host, sizeof mark->host, "%016" PRIx64, text_hash(salted));
	}
	if (gethostname(mark->host_name, sizeof mark->host_name) < 0)
		*mark->host_name = '\0';
	mark->host_name[sizeof mark->host_name - 1] = '\0';
	for (char *c = mark->host_name; *c; c++) {
		if (!isgraph((unsigned char)*c))
			*c = '?';
	}
}

bool thin_is_elsewhere(const struct thin_layout *layout)
{
	struct thin_mark ours = { 0 };

	thin_host(&ours);
	return *layout->mark.host && strcmp(layout->mark.host, ours.host) != 0;
}

/* ---- Attached, and detached again */

static int refuse_old(const struct pool *pool, const char *path, uint64_t step, uint64_t known,
		      struct err *err)
{
	return err_set(err, ESTALE,
		       "'%s' is a copy of its disk, of an earlier time (its label was written %llu "
		       "times, the disk's %llu times); connect the disk in its place; if only the "
		       "copy is left, and what was written since may be lost: berth pool import "
		       "--force %s %s",
		       path, (unsigned long long)step, (unsigned long long)known, path, pool->name);
}

static int check_mark(const struct pool *pool, const struct thin_disks *disks, uint64_t known,
		      struct err *err)
{
	const struct thin_mark *mark = &thin_of(pool)->layout.mark;

	if (thin_is_elsewhere(&thin_of(pool)->layout))
		return err_set(err, EBUSY,
			       "host '%s' has it attached; detach it there (berth pool detach); if "
			       "that host is gone, or has no way to '%s' any more: berth pool "
			       "import --force %s %s",
			       mark->host_name, pool->config.source, pool->config.source,
			       pool->name);
	for (unsigned i = 0; i < disks->count; i++) {
		if (disks->list[i].step < known)
			return refuse_old(pool, disks->list[i].path, disks->list[i].step, known,
					  err);
	}
	return 0;
}

/* The known count of label writes; 0: it cannot be read. */
static uint64_t known_steps(struct pool *pool)
{
	struct err none = { 0 };
	struct catalog *catalog;
	uint64_t known = 0;

	if (thin_catalog(pool, &catalog, &none) == 0)
		catalog_note(catalog, CATALOG_STEP, &known, &none);
	return known;
}

/* Other code reports a missing or damaged catalogue. */
static int remember_steps(struct pool *pool, uint64_t steps, struct err *err)
{
	struct err none = { 0 };
	struct catalog *catalog;

	return thin_catalog(pool, &catalog, &none) < 0
		       ? 0
		       : catalog_set_note(catalog, CATALOG_STEP, steps, err);
}

static int write_further(struct pool *pool, const struct thin_disks *disks, unsigned index,
			 uint64_t step, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	const struct thin_disk *disk = &disks->list[index];
	struct thin_disk_label label = { .index = index, .step = step };

	text_print(label.pool, sizeof label.pool, "%s", pool->config.uuid);
	text_print(label.uuid, sizeof label.uuid, "%s", layout->uuids[index]);
	blockdev_kind(disk->dev, label.kind, sizeof label.kind);
	int r = thin_label_write_disk(disk->fd, &label, thin_layout_end(layout, index));
	return r < 0 ? err_set(err, -r, "write the label of '%s': %s", disk->path, strerror(-r))
		     : 0;
}

/* The catalogue never has a greater count than all labels: after a kill here the disks stay valid. */
static int step(struct pool *pool, const struct thin_disks *disks, struct err *err)
{
	struct thin_mark *mark = &thin_of(pool)->layout.mark;

	for (unsigned i = 1; i < disks->count; i++) {
		if (write_further(pool, disks, i, mark->step + 1, err) < 0)
			return -err->code;
		fault_point("thin-marked-further");
	}
	blockdev_kind(disks->list[0].dev, mark->kind, sizeof mark->kind);
	if (thin_disks_write(pool, disks, err) < 0)
		return -err->code;
	fault_point("thin-marked");
	return remember_steps(pool, mark->step, err);
}

int thin_claim(struct pool *pool, const struct thin_disks *disks, struct err *err)
{
	uint64_t known = known_steps(pool);
	struct thin *thin = thin_of(pool);
	struct thin_mark *mark = &thin->layout.mark;

	if (!thin->taken_over && check_mark(pool, disks, known, err) < 0)
		return -err->code;
	/* When a copy is taken over, its source becomes the outdated one. */
	if (mark->step < known)
		mark->step = known;
	thin_host(mark);
	return step(pool, disks, err);
}

int thin_check_claim(struct pool *pool, const struct thin_disks *disks, struct err *err)
{
	return thin_of(pool)->taken_over ? 0 : check_mark(pool, disks, known_steps(pool), err);
}

int thin_release(struct pool *pool, const struct thin_disks *disks, struct err *err)
{
	struct thin_mark *mark = &thin_of(pool)->layout.mark;

	if (!thin_super_keep(pool, disks->list[0].fd))
		return err_set(err, EIO, "keep a copy of its superblock on '%s'",
			       pool->config.source);
	memset(mark->host, 0, sizeof mark->host);
	memset(mark->host_name, 0, sizeof mark->host_name);
	return step(pool, disks, err);
}
