/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deletion of a volume. Its blocks are discarded first, which returns them to the storage below the pool; deletion
 * alone does not. A discard takes seconds for each 10 GiB, so a large volume first loses its name, and is discarded
 * while others change the pool.
 */
#include "base/deadlines.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "kern/holder.h"
#include "storage/driver.h"
#include "storage/partial.h"
#include "storage/thin/thin.h"
#include "storage/thin/thin_device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * Sizes in sectors: the mapped size from which a volume is discarded without the pool's lock, and the sizes of one
 * discard call, during which the kernel delays writes of others. The pieces of a large volume are small, because more
 * of it is mapped.
 */
enum { LARGE = 128 << 11, PIECE = 256 << 11, LARGE_PIECE = 16 << 11 };

/* Releases the volume's device. The error names the process that uses it, if it can be found. */
static int let_go(struct pool *pool, uint64_t id, struct err *err)
{
	struct thin_device device;
	struct dm_info info;
	char holder[512];
	int r = thin_deactivate(pool, id, DEADLINE_VOLUME_IN_USE_MS);

	if (r == 0)
		return 0;
	thin_device_volume(pool, id, &device);
	if (r != -EBUSY || dm_info(&thin_of(pool)->dm, device.name, &info) < 0 ||
	    !holder_find(info.dev, holder, sizeof holder))
		return storage_fail(err, r, "remove it");
	return err_set(err, EBUSY, "it is in use: %s; end that first", holder);
}

struct release {
	struct pool *pool;
	struct err *err;
};

static int release_one(void *context, const struct catalog_volume *volume)
{
	const struct release *release = context;
	struct err why = { 0 };

	if (let_go(release->pool, volume->id, &why) != -EBUSY)
		return 0;
	return err_set(release->err, EBUSY, "volume '%s' in pool '%s': %s", volume->name,
		       release->pool->name, why.text);
}

int thin_unused(struct pool *pool, const char *const *volumes, struct err *err)
{
	struct release release = { pool, err };
	struct catalog_volume volume;
	struct catalog *catalog;
	int r = thin_catalog(pool, &catalog, err);

	for (; r == 0 && *volumes; volumes++) {
		size_t n = strlen(*volumes);
		if (n == 0 || (*volumes)[n - 1] == '.') {
			r = catalog_list(catalog, *volumes, release_one, &release, err);
			continue;
		}
		struct err none = { 0 };
		r = catalog_find(catalog, *volumes, &volume, &none);
		if (r == 0)
			r = release_one(&release, &volume);
		else
			r = none.code ? err_set(err, none.code, "%s", none.text) : 0;
	}
	return r;
}

/* A volume's device, opened for the deletion. */
struct going {
	int fd;          /* owned; -1: nothing to discard */
	uint64_t end;    /* end of the mapped part, sectors */
	uint64_t mapped; /* sectors */
};

/* Called under the lock. Quiet: without a discard the storage below the pool just has less free space. */
static void look(struct pool *pool, const struct catalog_volume *volume, struct going *going)
{
	struct dm_thin_status status;
	struct dm_info info;
	struct err ignored = { 0 };
	dev_t dev;

	*going = (struct going){ .fd = -1 };
	if (volume->state == CATALOG_LOST || thin_activate(pool, volume, &dev, &ignored) < 0 ||
	    !thin_active(pool, volume->id, &info) ||
	    dm_thin_status(&thin_of(pool)->dm, info.name, 0, &status) < 0 || status.fail ||
	    status.mapped == 0)
		return;
	going->fd = dm_open_device(dev, O_RDWR);
	going->end = status.highest + 1 < volume->size / DM_SECTOR ? status.highest + 1
								   : volume->size / DM_SECTOR;
	going->mapped = status.mapped;
}

static void discard(struct going *going, uint64_t piece)
{
	for (uint64_t at = 0; going->fd >= 0 && at < going->end; at += piece) {
		uint64_t count = going->end - at < piece ? going->end - at : piece;
		uint64_t range[2] = { at * DM_SECTOR, count * DM_SECTOR };
		if (ioctl(going->fd, BLKDISCARD, range) < 0)
			break;
	}
	scoped_close_fd(&going->fd);
}

/* 1: the session has begun, and the volume exists and is not in use; 0: there is no such volume. */
static int enter(struct pool *pool, const char *name, struct thin_session *session,
		 struct catalog_volume *volume, struct err *err)
{
	struct err none = { 0 };

	if (thin_enter(pool, session, err) < 0)
		return -err->code;
	int r = catalog_find(session->catalog, name, volume, &none);
	if (r < 0)
		return none.code ? err_set(err, none.code, "%s", none.text) : 0;
	return let_go(pool, volume->id, err) < 0 ? -err->code : 1;
}

/* Called under the lock. The discard follows the intent, because after a discard there is no way back. */
static int remove_now(struct pool *pool, struct thin_session *session,
		      const struct catalog_volume *volume, struct going *going, struct err *err)
{
	if (fault_control("discard-first"))
		discard(going, PIECE);
	if (catalog_intend_delete(session->catalog, volume->id, err) < 0 ||
	    catalog_read_head(session->catalog, &session->head, err) < 0)
		return -err->code;
	fault_point("thin-destroy-intended");
	discard(going, PIECE);
	fault_point("thin-discarded");
	return thin_recover(pool, session, err);
}

/* No other command uses or removes a volume of this name. The session has ended when this returns. */
static int remove_unlocked(struct pool *pool, const char *name, struct thin_session *session,
			   struct catalog_volume *volume, struct going *going, struct err *err)
{
	struct going nothing = { .fd = -1 };

	thin_leave(session);
	discard(going, LARGE_PIECE);
	fault_point("thin-discarded-aside");
	int r = enter(pool, name, session, volume, err);
	if (r > 0)
		r = remove_now(pool, session, volume, &nothing, err);
	thin_leave(session);
	return r;
}

/* Deletes the volume by a name that no verb knows; the next command completes it after a failure. */
static int remove_aside(struct pool *pool, struct thin_session *session,
			struct catalog_volume *volume, struct going *going, struct err *err)
{
	struct partial partial;
	struct err later = { 0 };

	if (partial_begin_removal(pool, volume->name, &partial, err) < 0)
		return -err->code;
	if (catalog_rename(session->catalog, volume->name, partial.name, err) < 0) {
		partial_end(&partial);
		return -err->code;
	}
	fault_point("thin-destroy-aside");
	if (remove_unlocked(pool, partial.name, session, volume, going, &later) < 0)
		partial_abandon(pool, &partial);
	else
		partial_end(&partial);
	return 0;
}

int thin_destroy(struct pool *pool, const char *name, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct going going = { .fd = -1 };
	struct catalog_volume volume;

	int r = enter(pool, name, &session, &volume, err);
	if (r <= 0)
		return r;
	fault_point("thin-destroy");
	/* A killed command had begun to discard this one: the command that finds it does not wait for the rest. */
	if (!partial_is_removed(name))
		look(pool, &volume, &going);
	if (going.mapped < LARGE || volume.state != CATALOG_READY)
		r = remove_now(pool, &session, &volume, &going, err);
	else if (partial_is(name))
		r = remove_unlocked(pool, name, &session, &volume, &going, err);
	else
		r = remove_aside(pool, &session, &volume, &going, err);
	scoped_close_fd(&going.fd);
	return r;
}
