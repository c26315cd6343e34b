/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Repair of a thin pool after an error: labels and metadata are restored, see thin_relabel.c and thin_metadata.c; a
 * lost catalogue is made again from the pool; file systems that may be damaged are checked.
 */
#include "base/fault.h"
#include "base/scoped.h"
#include "storage/driver.h"
#include "storage/thin/thin_backup.h"
#include "storage/thin/thin_disks.h"
#include "storage/thin/thin_metadata.h"

#include <fcntl.h>
#include <string.h>

enum { WAIT_SECONDS = 120 };

struct repair {
	struct pool *pool;
	struct text *report;
	const struct pool_mending *mending; /* may be NULL */
	struct err *err;
	enum thin_doubt doubt;
};

static int raise_doubt(struct repair *repair, enum thin_doubt doubt)
{
	if (repair->doubt > doubt)
		doubt = repair->doubt;
	return thin_raise_doubt(repair->pool, doubt, &repair->doubt, repair->err);
}

/* ---- The catalogue */

static int note_id(void *context, uint64_t id)
{
	struct text *ids = context;

	return text_add_bytes(ids, &id, sizeof id);
}

static int set_aside(struct repair *repair, const char *path)
{
	static const char *const ends[] = { "", "-wal" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		scoped_free char *from = text_format("%s%s", path, ends[i]);
		scoped_free char *to = text_format("%s.damaged%s", path, ends[i]);
		if (!from || !to)
			return err_set(repair->err, ENOMEM, "out of memory");
		if (rename(from, to) < 0 && errno != ENOENT)
			return err_set(repair->err, errno, "rename '%s': %s", from,
				       strerror(errno));
	}
	int r = catalog_remove(path);
	return r < 0 ? err_set(repair->err, -r, "remove '%s': %s", path, strerror(-r)) : 0;
}

/* Adds ids without a name. */
static int add_nameless(struct repair *repair, struct catalog *catalog, const struct text *ids)
{
	struct catalog_volume volume;
	uint64_t id;

	for (size_t at = 0; at < ids->length; at += sizeof id) {
		memcpy(&id, ids->data + at, sizeof id);
		int r = catalog_find_id(catalog, id, &volume, repair->err);
		if (r < 0 && !repair->err->code)
			r = catalog_quarantine(catalog, id, repair->err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Fills a catalogue from the copy on the pool's disk, and with all other ids of the pool, without names. */
static int fill_catalog(struct repair *repair, const struct text *backup, const char *path)
{
	scoped_catalog struct catalog catalog = { 0 };
	scoped_text struct text ids = { 0 };
	struct pool *pool = repair->pool;
	struct dm_pool_status status;

	int r = thin_ids(pool, note_id, &ids, repair->err);
	if (r < 0 && !repair->err->code && !backup->length)
		return err_set(repair->err, ENOENT,
			       "thin_ls is not installed; install thin-provisioning-tools");
	if (repair->err->code || thin_status(pool, 0, &status, repair->err) < 0 ||
	    thin_catalog_restore(backup, path, pool->config.uuid, repair->err) < 0 ||
	    catalog_open(&catalog, path, pool->config.uuid, repair->err) < 0 ||
	    add_nameless(repair, &catalog, &ids) < 0)
		return -repair->err->code;
	fault_point("thin-catalog-filled");
	/* Last: while the number is 0, all of this is done again. */
	return catalog_set_transaction(&catalog, status.transaction, repair->err);
}

/* A catalogue that a killed command was filling, of a pool with changes. */
static bool is_half_filled(struct repair *repair, struct catalog *catalog)
{
	struct dm_pool_status status;
	struct err ignored = { 0 };
	struct catalog_head head;

	return catalog_read_head(catalog, &head, &ignored) == 0 && head.transaction == 0 &&
	       head.intent.op == CATALOG_NOTHING &&
	       thin_status(repair->pool, 0, &status, &ignored) == 0 && status.transaction > 0;
}

static int mend_catalog(struct repair *repair)
{
	scoped_free char *path = thin_catalog_path(repair->pool);
	scoped_catalog struct catalog catalog = { 0 };
	scoped_text struct text backup = { 0 };
	struct err why = { 0 }, none = { 0 };

	if (!path)
		return err_set(repair->err, ENOMEM, "out of memory");
	bool opened = catalog_open(&catalog, path, repair->pool->config.uuid, &why) == 0;
	bool half = opened && is_half_filled(repair, &catalog);
	if (opened && !half)
		return 0;
	if (!half && why.code != ENOENT && why.code != EUCLEAN)
		return err_set(repair->err, why.code, "%s", why.text);
	catalog_close(&catalog);
	if (half && catalog_remove(path) < 0)
		return err_set(repair->err, EIO, "remove '%s'", path);
	thin_backup_read(repair->pool->config.source, &backup, &none);
	if ((!half && set_aside(repair, path) < 0) || fill_catalog(repair, &backup, path) < 0)
		return -repair->err->code;
	text_add(repair->report, "its catalogue was %s: a new one has what the pool has, %s\n",
		 half                 ? "half made"
		 : why.code == ENOENT ? "missing"
				      : "damaged",
		 backup.length ? "with the names that a copy on its disk had" : "without names");
	return 0;
}

/*
 * A pool and a catalogue of different times, as a disk leaves them that has lost acknowledged writes: blocks that the
 * old metadata maps may have been written for another volume since.
 */
static int doubt_time(struct repair *repair)
{
	scoped_free char *path = thin_catalog_path(repair->pool);
	scoped_catalog struct catalog catalog = { 0 };
	struct dm_pool_status status;
	struct catalog_head head;

	if (!path)
		return err_set(repair->err, ENOMEM, "out of memory");
	if (catalog_open(&catalog, path, repair->pool->config.uuid, repair->err) < 0 ||
	    catalog_read_head(&catalog, &head, repair->err) < 0 ||
	    thin_status(repair->pool, 0, &status, repair->err) < 0)
		return -repair->err->code;
	bool under_way =
		head.intent.op != CATALOG_NOTHING && head.intent.transaction == status.transaction;
	bool other_time = status.transaction != head.transaction && !under_way;
	return raise_doubt(repair, other_time ? THIN_DOUBT_ALL : repair->doubt);
}

/* ---- The volumes */

struct checked {
	struct repair *repair;
	struct text names;    /* of all volumes, each with its NUL */
	unsigned count, open; /* volumes with remaining doubt, and those that are in use */
};

/* Reports the state of a volume after its check. */
static void tell_state(struct checked *checked, const char *volume, enum thin_fs_state state)
{
	struct repair *repair = checked->repair;

	if (state == THIN_FS_MENDED)
		text_add(repair->report, "volume '%s': its file system had errors, and is mended\n",
			 volume);
	if (state == THIN_FS_BROKEN) {
		text_add(repair->report,
			 "volume '%s': its file system has errors that need a decision; restore a "
			 "snapshot or a backup, or see %s(8)\n",
			 volume,
			 strcmp(repair->pool->config.filesystem, "xfs") == 0 ? "xfs_repair"
									     : "e2fsck");
		checked->open++;
	}
}

static void tell_unchecked(struct checked *checked, const char *volume, const struct err *err)
{
	text_add(checked->repair->report, "volume '%s' could not be checked: %s\n", volume,
		 err->text);
	checked->open++;
}

static bool is_whole(const struct repair *repair)
{
	return repair->doubt == THIN_DOUBT_ALL;
}

static void check_idle(struct checked *checked, const struct catalog_volume *volume)
{
	enum thin_fs_state state = THIN_FS_CLEAN;
	struct pool *pool = checked->repair->pool;
	struct err err = { 0 };
	dev_t dev;

	if (thin_activate(pool, volume, &dev, &err) < 0 ||
	    thin_check_filesystem(pool, dev, is_whole(checked->repair), &state, &err) < 0)
		tell_unchecked(checked, volume->name, &err);
	else
		tell_state(checked, volume->name, state);
	thin_deactivate(pool, volume->id, THIN_WAIT_MS);
}

/* A mounted file system cannot be judged: a finding may be a write that is under way. */
static void check_held(struct checked *checked, const struct catalog_volume *volume)
{
	struct dm_info info;

	if (thin_active(checked->repair->pool, volume->id, &info) && info.open_count > 0) {
		text_add(checked->repair->report,
			 "volume '%s' is in use, and was not checked; stop what runs on it, and "
			 "call "
			 "this again\n",
			 volume->name);
		checked->open++;
		return;
	}
	check_idle(checked, volume);
}

/* A snapshot that is going to change. */
static int tell_owner(const struct checked *checked, const struct catalog_volume *volume,
		      struct err *err)
{
	const struct pool_mending *mending = checked->repair->mending;

	return mending && thin_keeps_bytes(volume->name)
		       ? mending->tell(mending->context, volume->name, volume->created, err)
		       : 0;
}

static void check_itself(struct checked *checked, const char *name)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct catalog_volume volume;
	struct err err = { 0 };

	if (thin_enter(checked->repair->pool, &session, &err) < 0 ||
	    thin_find_volume(session.catalog, name, &volume, "check it", &err) < 0)
		tell_unchecked(checked, name, &err);
	else if (tell_owner(checked, &volume, &err) < 0)
		tell_unchecked(checked, name, &err);
	else
		check_held(checked, &volume);
}

/* The check replays the journal, and an increment in blocks belongs onto a snapshot as it is: so a copy is checked. */
static void check_one(struct checked *checked, const char *name)
{
	enum thin_fs_state state = THIN_FS_BROKEN;
	struct repair *repair = checked->repair;
	struct err err = { 0 };

	checked->count++;
	if (!thin_keeps_bytes(name)) {
		check_itself(checked, name);
		return;
	}
	if (thin_check_copy(repair->pool, name, is_whole(repair), &state, &err) < 0)
		tell_unchecked(checked, name, &err);
	else if (state != THIN_FS_CLEAN)
		check_itself(checked, name);
}

static int note_ready(void *context, const struct catalog_volume *volume)
{
	struct text *names = context;

	return volume->state == CATALOG_READY
		       ? text_add_bytes(names, volume->name, strlen(volume->name) + 1)
		       : 0;
}

static int list_volumes(struct checked *checked)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct repair *repair = checked->repair;

	if (thin_enter(repair->pool, &session, repair->err) < 0 ||
	    catalog_list_all(session.catalog, note_ready, &checked->names, repair->err) < 0)
		return -repair->err->code;
	return checked->names.failed ? err_set(repair->err, ENOMEM, "out of memory") : 0;
}

static int settle_doubt(struct repair *repair)
{
	scoped_session struct thin_session session = { .lock = -1 };

	return thin_enter(repair->pool, &session, repair->err) < 0
		       ? -repair->err->code
		       : catalog_set_note(session.catalog, CATALOG_DOUBT, THIN_DOUBT_NONE,
					  repair->err);
}

/* Nobody else has the pool open, so that no volume comes or goes between the steps. */
static int check_volumes(struct repair *repair)
{
	struct checked checked = { .repair = repair };

	if (repair->doubt == THIN_DOUBT_NONE)
		return 0;
	int r = list_volumes(&checked);
	for (size_t at = 0; r == 0 && at < checked.names.length;) {
		const char *name = checked.names.data + at;
		check_one(&checked, name);
		at += strlen(name) + 1;
	}
	text_free(&checked.names);
	if (r < 0)
		return r;
	text_add(repair->report, "%u file system%s checked\n", checked.count,
		 checked.count == 1 ? "" : "s");
	fault_point("thin-volumes-checked");
	return checked.open > 0 ? 0 : settle_doubt(repair);
}

/* ---- All of it */

static int take_apart(struct repair *repair)
{
	struct pool *pool = repair->pool;
	struct err ignored = { 0 };

	if (thin_detach(pool, repair->err) < 0 || raise_doubt(repair, THIN_DOUBT_SOME) < 0 ||
	    thin_expose(pool, repair->err) < 0)
		return -repair->err->code;
	thin_mend_metadata(pool, repair->report, repair->err);
	fault_point("thin-mended");
	thin_conceal(pool, repair->err->code ? &ignored : repair->err);
	if (repair->err->code)
		return -repair->err->code;
	return thin_attach(pool, repair->err);
}

/* Reports the finding without its remedy, which is this repair. */
static int tell_found(struct repair *repair, const char *why)
{
	return text_add(repair->report, "found: %.*s\n", (int)strcspn(why, ";("), why);
}

/*
 * 1: the pool is attached, takes changes, and its metadata is sound. 0: it is not, which is reported. A failure: the
 * fault is one that detaching the pool would not correct.
 */
static int works(struct repair *repair)
{
	struct pool *pool = repair->pool;
	struct dm_pool_status status;
	struct err why = { 0 };
	bool sound = true;

	if (!thin_attached(pool) && thin_attach(pool, &why) < 0) {
		if (why.code != EUCLEAN)
			return err_set(repair->err, why.code, "%s", why.text);
		tell_found(repair, why.text);
		return 0;
	}
	if (thin_status(pool, 0, &status, &why) < 0 ||
	    thin_check_status(pool, &status, status.transaction, &why) < 0) {
		tell_found(repair, why.text);
		return 0;
	}
	text_add(repair->report, "the kernel takes it as it is\n");
	int r = thin_check_metadata(pool, &sound, &why, repair->err);
	if (r == -ENOENT)
		text_add(repair->report, "its metadata was not checked, since thin_check is not "
					 "installed; install thin-provisioning-tools\n");
	else if (r < 0)
		return r;
	else if (!sound)
		text_add(repair->report, "found: its metadata is damaged: %s\n", why.text);
	return r == -ENOENT || sound;
}

static int mend(struct repair *repair)
{
	scoped_fd int lock = thin_lock(repair->pool, WAIT_SECONDS, repair->err);

	if (lock < 0)
		return lock;
	if (thin_relabel(repair->pool, repair->report, repair->err) < 0)
		return -repair->err->code;
	int r = works(repair);
	if (r == 0)
		r = take_apart(repair);
	if (r < 0 || mend_catalog(repair) < 0)
		return -repair->err->code;
	return doubt_time(repair);
}

int thin_repair(struct pool *pool, const struct pool_mending *mending, struct text *report,
		struct err *err)
{
	struct repair repair = { .pool = pool, .report = report, .mending = mending, .err = err };

	if (thin_begin(pool, err) < 0 || mend(&repair) < 0 || thin_check(pool, 0, report, err) < 0)
		return -err->code;
	return check_volumes(&repair);
}
