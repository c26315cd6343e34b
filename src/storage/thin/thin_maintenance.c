/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Status of a thin pool apart from its volumes, and names for ids without an owner. */
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/thin/thin_backup.h"
#include "storage/thin/thin_taken.h"

#include <errno.h>
#include <string.h>

static const char *mode_of(const struct dm_pool_status *status, const struct err *refused)
{
	if (status->needs_check && status->mode != DM_POOL_FAIL)
		return "needs repair";
	/* One cause is that its metadata and the catalogue are of different times. */
	if (refused->code && status->mode == DM_POOL_WRITE)
		return "refuses changes";
	return dm_pool_mode_name(status->mode);
}

/* A change that is under way, or of a killed command, is no reason. */
static void judge(const struct pool *pool, const struct dm_pool_status *status,
		  const struct catalog_head *head, struct err *refused)
{
	uint64_t wanted = head->transaction;

	if (head->intent.op != CATALOG_NOTHING && status->transaction == head->intent.transaction)
		wanted = head->intent.transaction;
	thin_check_status(pool, status, wanted, refused);
}

static int look_at_pool(struct pool *pool, struct pool_state *state, struct err *err)
{
	scoped_free char *path = thin_catalog_path(pool);
	scoped_catalog struct catalog catalog = { 0 };
	struct catalog_census census;
	struct dm_pool_status status;
	struct err refused = { 0 };
	struct catalog_head head;
	uint64_t doubt = 0;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (thin_look(pool, err) < 0 || thin_status(pool, 0, &status, err) < 0 ||
	    catalog_open(&catalog, path, pool->config.uuid, err) < 0 ||
	    catalog_count(&catalog, &census, err) < 0 ||
	    catalog_read_head(&catalog, &head, err) < 0 ||
	    catalog_note(&catalog, CATALOG_DOUBT, &doubt, err) < 0)
		return -err->code;
	judge(pool, &status, &head, &refused);
	*state = (struct pool_state){
		.mode = mode_of(&status, &refused),
		.metadata_total = status.metadata_total * DM_POOL_METADATA_UNIT * DM_SECTOR,
		.metadata_used = status.metadata_used * DM_POOL_METADATA_UNIT * DM_SECTOR,
		.promised = census.bytes,
		.block = thin_of(pool)->layout.block * DM_SECTOR,
		.quarantined = census.quarantined,
		.lost = census.lost,
		.refused = refused,
		.doubted = doubt != 0,
	};
	return 0;
}

static int adopt(struct pool *pool, uint64_t id, const char *name, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume volume;
	struct thin_fs fs = { 0 };

	if (thin_look(pool, err) < 0 || thin_enter(pool, &session, err) < 0)
		return -err->code;
	int r = catalog_find_id(session.catalog, id, &volume, err);
	if (err->code)
		return -err->code;
	if (r < 0 || volume.state != CATALOG_QUARANTINED)
		return err_set(
			err, ENOENT,
			"no id %llu is in quarantine; see those that are: berth pool check %s",
			(unsigned long long)id, pool->name);
	if (thin_describe(pool, id, &fs, err) < 0)
		return -err->code;
	if (!fs.type || fs.size == 0)
		return err_set(err, EINVAL, "id %llu holds no file system", (unsigned long long)id);
	uint64_t block = thin_of(pool)->layout.block * DM_SECTOR;
	uint64_t size = (fs.size + block - 1) / block * block;
	return catalog_adopt(session.catalog, id, name, size, err);
}

static int refill(struct pool *pool, const struct text *backup, struct err *err)
{
	scoped_free char *path = thin_catalog_path(pool);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return thin_catalog_restore(backup, path, pool->config.uuid, err);
}

const struct storage_maintenance thin_maintenance = {
	.grow = thin_grow,
	.check = thin_check,
	.trim = thin_trim,
	.adopt = adopt,
	.state = look_at_pool,
	.each_disk = thin_each_disk,
	.glance = thin_glance,
	.each_use = thin_each_use,
	.taken = thin_taken,
	.device = thin_watch_device,
	.watch_again = thin_watch_again,
	.repair = thin_repair,
	.backup_write = thin_backup_write,
	.backup_read = thin_backup_read,
	.catalog_restore = refill,
	.identify = thin_identify,
	.move = thin_move,
};
