/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Driver `thin`: a volume is a device-mapper thin device with a file system of its own. A clone is a snapshot of it in
 * the pool, which costs two blocks of metadata whatever its size.
 */
#include "storage/thin/thin.h"
#include "base/deadlines.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin_trace.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

enum { SETTLE_SECONDS = 1 }; /* longer than a change that is under way takes */

/* ---- The pool */

/*
 * Finishes or undoes the change of a killed command at once, if no other command is at work: otherwise a volume could
 * appear or vanish later, at the next change.
 */
static int settle(struct pool *pool, struct err *err)
{
	struct catalog_head head;
	struct catalog *catalog;
	struct err busy = { 0 };

	if (thin_catalog(pool, &catalog, err) < 0 || catalog_read_head(catalog, &head, err) < 0)
		return -err->code;
	if (head.intent.op == CATALOG_NOTHING)
		return 0;
	scoped_fd int lock = thin_lock(pool, SETTLE_SECONDS, &busy);
	if (lock < 0)
		return 0;
	struct thin_session session = { .lock = lock, .catalog = catalog };
	/* The next change reports what cannot be recovered; reading goes on. */
	thin_recover(pool, &session, &busy);
	return 0;
}

static int open_pool(struct pool *pool, struct err *err)
{
	int r = thin_begin(pool, err);

	if (r < 0)
		return r;
	if (!thin_attached(pool)) {
		scoped_fd int lock = thin_lock(pool, 120, err);
		if (lock < 0)
			return lock;
		if (!thin_attached(pool) && thin_attach(pool, err) < 0)
			return -err->code;
		/* Settings may have been changed while the pool, with its copy of them, was detached. */
		pool_backup_mark_stale();
	}
	return settle(pool, err);
}

/* If there is no device-mapper, nothing is attached. */
static int detach_pool(struct pool *pool, struct err *err)
{
	struct err none = { 0 };

	if (thin_begin(pool, &none) < 0)
		return none.code == ENODEV ? 0 : err_set(err, none.code, "%s", none.text);
	scoped_fd int lock = thin_lock(pool, 120, err);
	return lock < 0 ? lock : thin_detach(pool, err);
}

static int use_of_pool(struct pool *pool, struct pool_usage *usage, struct err *err)
{
	struct dm_pool_status status;

	if (thin_look(pool, err) < 0 || thin_status(pool, 0, &status, err) < 0)
		return -err->code;
	/* The kernel gives no figures in these states. */
	if (status.mode == DM_POOL_FAIL || status.mode == DM_POOL_ERROR)
		return thin_check_status(pool, &status, 0, err);
	uint64_t block = thin_of(pool)->layout.block * DM_SECTOR;
	*usage = (struct pool_usage){
		.total = status.data_total * block,
		.used = status.data_used * block,
		.metadata_total = status.metadata_total * DM_POOL_METADATA_UNIT * DM_SECTOR,
		.metadata_used = status.metadata_used * DM_POOL_METADATA_UNIT * DM_SECTOR,
	};
	disk_limit_usage(pool, usage);
	return 0;
}

/* ---- Looking: the catalogue only */

static void to_info(const struct catalog_volume *volume, struct volume_info *info)
{
	*info = (struct volume_info){ .created = volume->created, .size = volume->size };
	snprintf(info->name, sizeof info->name, "%s", volume->name);
}

/* The figure is read from an active device only: to create one for it would take time. */
static uint64_t mapped_of(struct pool *pool, uint64_t id)
{
	struct dm_thin_status status;
	struct dm_info info;

	if (!thin_active(pool, id, &info) ||
	    dm_thin_status(&thin_of(pool)->dm, info.name, 0, &status) < 0 || status.fail)
		return 0;
	return status.mapped * DM_SECTOR;
}

static int look_at_volume(struct pool *pool, const char *name, struct volume_info *info,
			  struct err *err)
{
	struct catalog_volume volume;
	struct catalog *catalog;

	if (thin_catalog(pool, &catalog, err) < 0 ||
	    thin_find_volume(catalog, name, &volume, "look at it", err) < 0)
		return -err->code;
	to_info(&volume, info);
	info->used = mapped_of(pool, volume.id);
	return 0;
}

struct visitor {
	int (*visit)(void *, const struct volume_info *);
	void *context;
};

static int visit_volume(void *context, const struct catalog_volume *volume)
{
	const struct visitor *visitor = context;
	struct volume_info info;

	/* The reserve belongs to the pool alone. */
	if (pool_is_reserve(volume->name))
		return 0;
	to_info(volume, &info);
	return visitor->visit(visitor->context, &info);
}

/* By a handle of its own, because a visitor may use that of the pool. */
static int read_catalog(struct pool *pool, const char *prefix,
			int (*visit)(void *, const struct catalog_volume *), void *context,
			struct err *err)
{
	scoped_free char *path = thin_catalog_path(pool);
	scoped_catalog struct catalog catalog = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return catalog_open(&catalog, path, pool->config.uuid, err) < 0
		       ? -err->code
		       : catalog_list(&catalog, prefix, visit, context, err);
}

static int list_volumes(struct pool *pool, const char *prefix,
			int (*visit)(void *, const struct volume_info *), void *context,
			struct err *err)
{
	struct visitor visitor = { .visit = visit, .context = context };

	return read_catalog(pool, prefix, visit_volume, &visitor, err);
}

struct namer {
	int (*visit)(void *, const char *volume);
	void *context;
};

static int visit_name(void *context, const struct catalog_volume *volume)
{
	const struct namer *namer = context;

	return pool_is_reserve(volume->name) ? 0 : namer->visit(namer->context, volume->name);
}

/* A catalogue that cannot be read tells nothing here; the first command that needs it says why. */
static int scan_pool(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		     struct err *err)
{
	struct namer namer = { .visit = visit, .context = context };

	(void)err;
	return read_catalog(pool, "", visit_name, &namer, &(struct err){ 0 }) < 0 ? 0 : 1;
}

static int deactivate_volume(struct pool *pool, const char *name, struct err *err)
{
	struct catalog_volume volume;
	struct catalog *catalog;
	struct err none = { 0 };

	if (thin_catalog(pool, &catalog, err) < 0)
		return -err->code;
	int r = catalog_find(catalog, name, &volume, &none);
	if (r < 0)
		return none.code ? err_set(err, none.code, "%s", none.text) : 0;
	fault_point("thin-deactivate");
	r = thin_deactivate(pool, volume.id, DEADLINE_VOLUME_IN_USE_MS);
	fault_point("thin-deactivated");
	return r < 0 ? storage_fail(err, r, "release its device") : 0;
}

/* The pool's lock keeps commands away that have made a device and not yet opened it. */
static void clear_trace(struct pool *pool, const char *file)
{
	struct dm_info info;
	uint64_t id;
	scoped_fd int trace = thin_trace_claim(pool, file, &id);
	scoped_fd int lock = trace < 0 ? -1 : thin_lock(pool, 0, &(struct err){ 0 });

	if (lock < 0)
		return;
	if (thin_active(pool, id, &info) && info.open_count == 0)
		thin_deactivate(pool, id, 0);
	thin_trace_remove(pool, file);
}

/* ---- Names */

/*
 * Puts everything written to a volume on the disk: first from its file system, if that is in use, then from the pool,
 * whose commit writes the data before the metadata that refers to it.
 */
static int flush(struct pool *pool, struct thin_session *session, uint64_t id, struct err *err)
{
	struct dm_info info;

	if (thin_active(pool, id, &info) && info.open_count > 0) {
		scoped_fd int mount = -1;
		if (thin_mount(pool, info.dev, 0, &mount, err) < 0)
			return -err->code;
		scoped_fd int fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || syncfs(fd) < 0)
			return err_set(err, errno, "write it to the disk: %s", strerror(errno));
	}
	if (thin_status(pool, DM_WITH_FLUSH, &session->status, err) < 0 ||
	    thin_status(pool, 0, &session->status, err) < 0)
		return -err->code;
	return thin_check_status(pool, &session->status, session->head.transaction, err);
}

static int rename_volume(struct pool *pool, const char *name, const char *to, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume volume;

	if (thin_enter(pool, &session, err) < 0 ||
	    thin_find_volume(session.catalog, name, &volume, "rename it", err) < 0 ||
	    flush(pool, &session, volume.id, err) < 0)
		return -err->code;
	fault_point("thin-rename");
	return catalog_rename(session.catalog, name, to, err);
}

static int exchange_volumes(struct pool *pool, const char *one, const char *other, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume first, second;

	if (thin_enter(pool, &session, err) < 0 ||
	    thin_find_volume(session.catalog, one, &first, "exchange it", err) < 0 ||
	    thin_find_volume(session.catalog, other, &second, "exchange it with the other", err) <
		    0 ||
	    flush(pool, &session, first.id, err) < 0 || flush(pool, &session, second.id, err) < 0)
		return -err->code;
	fault_point("thin-exchange");
	return catalog_exchange(session.catalog, one, other, err);
}

/* ---- Use */

/* The lock is held until the device is open, so that no command removes the device meanwhile. */
static int open_volume(struct pool *pool, const char *name, dev_t *dev, struct err *err)
{
	for (int i = 0;; i++) {
		scoped_session struct thin_session session = { .lock = -1 };
		struct catalog_volume volume;
		if (thin_enter(pool, &session, err) < 0 ||
		    thin_find_volume(session.catalog, name, &volume, "mount it", err) < 0 ||
		    thin_refuse_lost(pool, &volume, err) < 0 ||
		    thin_activate(pool, &volume, dev, err) < 0)
			return -err->code;
		fault_point("thin-activated");
		int fd = dm_open_device(*dev, O_RDONLY);
		/* A release needs no lock. */
		if (fd >= 0 || i == 5 || (fd != -ENXIO && fd != -ENOENT))
			return fd >= 0 ? fd : storage_fail(err, fd, "open its device");
	}
}

static int mount_volume(struct pool *pool, const char *name, uint64_t attributes, int *mount_fd,
			struct err *err)
{
	dev_t dev;
	scoped_fd int fd = open_volume(pool, name, &dev, err);

	if (fd < 0)
		return fd;
	int r = thin_mount(pool, dev, attributes, mount_fd, err);
	fault_point("thin-mounted");
	return r;
}

const struct storage_ops storage_thin = {
	.name = "thin",
	.can = STORAGE_FAST_CLONE | STORAGE_QUOTA | STORAGE_BLOCK | STORAGE_CATALOG,
	.format = thin_format,
	.open = open_pool,
	.close = thin_end,
	.detach = detach_pool,
	.erase = thin_erase,
	.pool_usage = use_of_pool,
	.create = thin_create,
	.snapshot = thin_snapshot,
	.rename = rename_volume,
	.exchange = exchange_volumes,
	.destroy = thin_destroy,
	.unused = thin_unused,
	.mount = mount_volume,
	.blocks = thin_blocks,
	.fillable = thin_fillable,
	.filled = thin_filled,
	.deactivate = deactivate_volume,
	.clear_trace = clear_trace,
	.unblock = thin_unblock,
	.info = look_at_volume,
	.list = list_volumes,
	.scan = scan_pool,
	.resize = thin_resize,
	.maintenance = &thin_maintenance,
};
