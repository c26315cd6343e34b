/*
 * A thin pool after an error: its metadata checked and, if need be, repaired into the spare; a
 * catalogue that is lost made anew from what the pool has; file systems that may have been hit checked.
 */
#include "base/child.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 64 << 10, WAIT_SECONDS = 120 };

enum doubt { DOUBT_NONE, DOUBT_SOME, DOUBT_ALL }; /* about what the volumes hold */

struct repair {
	struct pool *pool;
	struct text *report;
	struct err *err;
	enum doubt doubt;
};

static unsigned long long ull(uint64_t n)
{
	return n;
}

/* ---- The metadata */

/* Runs one of thin-provisioning-tools; *code gets its exit code. */
static int run_tool(const char *name, const char *const *words, int *code, struct err *err)
{
	scoped_free char *program = disk_find_program(name);
	scoped_text struct text out = { 0 };
	const struct child_io io = { .out = &out, .errors = &out, .code = code };
	const char *argv[16] = { program };

	if (!program)
		return err_set(err, ENOENT,
			       "%s is not installed; install thin-provisioning-tools (elsewhere "
			       "device-mapper-persistent-data)",
			       name);
	for (size_t i = 0; i < 14 && words[i]; i++)
		argv[i + 1] = words[i];
	return child_run(argv, &io, err);
}

static bool all_zero(const char *chunk, size_t n)
{
	return chunk[0] == 0 && memcmp(chunk, chunk + 1, n - 1) == 0;
}

/* What is zero becomes a hole. */
static int copy_sparse(int from, int to, uint64_t size)
{
	scoped_free char *chunk = malloc(CHUNK);

	if (!chunk)
		return -ENOMEM;
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t wanted = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
		ssize_t n = pread(from, chunk, wanted, (off_t)at);
		if (n < 0)
			return -errno;
		if ((size_t)n == wanted && !all_zero(chunk, wanted) &&
		    pwrite(to, chunk, wanted, (off_t)at) != (ssize_t)wanted)
			return errno ? -errno : -EIO;
	}
	if (ftruncate(to, (off_t)size) < 0 || fsync(to) < 0)
		return -errno;
	return 0;
}

/* As it is now, before anything writes to it. */
static int back_up(struct repair *repair, const char *device)
{
	struct pool *pool = repair->pool;
	scoped_free char *path = text_format("%s/metadata.backup", pool->folder);
	scoped_free char *aside = text_format("%s/metadata.backup.new", pool->folder);

	if (!path || !aside)
		return err_set(repair->err, ENOMEM, "out of memory");
	scoped_fd int from = open(device, O_RDONLY | O_CLOEXEC);
	scoped_fd int to = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = from < 0 || to < 0 ? -errno : 0;
	if (r == 0)
		r = copy_sparse(from, to,
				thin_extents_size(&thin_of(pool)->layout.metadata) * DM_SECTOR);
	if (r == 0 && rename(aside, path) < 0)
		r = -errno;
	if (r == 0)
		r = file_sync_dir(pool->folder);
	if (r < 0) {
		unlink(aside);
		return err_set(repair->err, -r, "back its metadata up to '%s': %s", path,
			       strerror(-r));
	}
	text_add(repair->report, "metadata as it was: %s\n", path);
	return 0;
}

/* What the catalogue and the label know, for a superblock that nobody can read. */
static int guess_transaction(struct repair *repair)
{
	scoped_free char *path = thin_catalog_path(repair->pool);
	scoped_catalog struct catalog catalog = { 0 };
	struct catalog_head head = { 0 };
	struct err none = { 0 };

	if (!path || catalog_open(&catalog, path, repair->pool->config.uuid, &none) < 0 ||
	    catalog_read_head(&catalog, &head, &none) < 0)
		return 0;
	return (int)head.transaction;
}

static int repair_into(struct repair *repair, const char *from, const char *to, int *code)
{
	const struct thin_layout *layout = &thin_of(repair->pool)->layout;
	char transaction[24], block[24], blocks[24];
	struct err crashed = { 0 };
	const char *const plain[] = { "-i", from, "-o", to, NULL };
	const char *const told[] = { "-i",
				     from,
				     "-o",
				     to,
				     "--transaction-id",
				     transaction,
				     "--data-block-size",
				     block,
				     "--nr-data-blocks",
				     blocks,
				     NULL };

	snprintf(transaction, sizeof transaction, "%d", guess_transaction(repair));
	snprintf(block, sizeof block, "%llu", ull(layout->block));
	snprintf(blocks, sizeof blocks, "%llu",
		 ull(thin_extents_size(&layout->data) / layout->block));
	if (run_tool("thin_repair", plain, code, &crashed) == 0 && *code == 0)
		return 0;
	if (crashed.code == ENOENT)
		return err_set(repair->err, crashed.code, "%s", crashed.text);
	if (run_tool("thin_repair", told, code, &crashed) < 0)
		return err_set(
			repair->err, EUCLEAN,
			"%s; versions before 1.0 do so when the superblock is gone: install a "
			"newer thin-provisioning-tools, and call this again",
			crashed.text);
	return 0;
}

/* The old metadata stays where it was, as the next spare. */
static int use_spare(struct repair *repair, const char *metadata)
{
	struct pool *pool = repair->pool;
	char spare[32];
	const char *const check[] = { "-q", spare, NULL };
	int code = 0;

	if (thin_fill(pool, &thin_of(pool)->layout.spare, repair->err) < 0 ||
	    thin_path(pool, "spare", spare, sizeof spare, repair->err) < 0 ||
	    repair_into(repair, metadata, spare, &code) < 0)
		return -repair->err->code;
	fault_point("thin-repaired");
	if (code == 0 && run_tool("thin_check", check, &code, repair->err) < 0)
		return -repair->err->code;
	if (code != 0)
		return err_set(
			repair->err, EUCLEAN,
			"its metadata is damaged beyond repair by thin_repair(8); restore the "
			"pool's disk and its catalogue from a backup, or forget it: berth pool "
			"delete --force %s",
			pool->name);
	text_add(repair->report, "its metadata was damaged: a repaired copy of it is in use now\n");
	repair->doubt = DOUBT_ALL;
	return thin_swap(pool, repair->err);
}

static int mend_metadata(struct repair *repair)
{
	char metadata[32];
	const char *const check[] = { "-q", metadata, NULL };
	const char *const clear[] = { "-q", "--clear-needs-check-flag", metadata, NULL };
	int code = 0;

	if (thin_path(repair->pool, "metadata", metadata, sizeof metadata, repair->err) < 0 ||
	    run_tool("thin_check", check, &code, repair->err) < 0 || back_up(repair, metadata) < 0)
		return -repair->err->code;
	fault_point("thin-backed-up");
	if (code != 0)
		return use_spare(repair, metadata);
	text_add(repair->report, "its metadata is sound\n");
	if (run_tool("thin_check", clear, &code, repair->err) < 0)
		return -repair->err->code;
	if (code != 0)
		return err_set(repair->err, EIO,
			       "thin_check cannot write to its metadata; mend the "
			       "disk below it (dmesg tells more)");
	return 0;
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

/* A catalogue of what the pool has, in which nothing has a name. */
static int fill_catalog(struct repair *repair, const char *path)
{
	scoped_catalog struct catalog catalog = { 0 };
	scoped_text struct text ids = { 0 };
	struct pool *pool = repair->pool;
	struct dm_pool_status status;
	uint64_t id;

	int r = thin_ids(pool, note_id, &ids, repair->err);
	if (r < 0 && !repair->err->code)
		return err_set(repair->err, ENOENT,
			       "thin_ls is not installed; install thin-provisioning-tools");
	if (r < 0 || thin_status(pool, 0, &status, repair->err) < 0 ||
	    catalog_create(path, pool->config.uuid, repair->err) < 0 ||
	    catalog_open(&catalog, path, pool->config.uuid, repair->err) < 0)
		return -repair->err->code;
	for (size_t at = 0; at < ids.length; at += sizeof id) {
		memcpy(&id, ids.data + at, sizeof id);
		if (catalog_quarantine(&catalog, id, repair->err) < 0)
			return -repair->err->code;
	}
	fault_point("thin-catalog-filled");
	/* Last: before that, the number does not fit, and all this is done again. */
	return catalog_set_transaction(&catalog, status.transaction, repair->err);
}

static int mend_catalog(struct repair *repair)
{
	scoped_free char *path = thin_catalog_path(repair->pool);
	scoped_catalog struct catalog catalog = { 0 };
	struct err why = { 0 };

	if (!path)
		return err_set(repair->err, ENOMEM, "out of memory");
	if (catalog_open(&catalog, path, repair->pool->config.uuid, &why) == 0)
		return 0;
	if (why.code != ENOENT && why.code != EUCLEAN)
		return err_set(repair->err, why.code, "%s", why.text);
	if (set_aside(repair, path) < 0 || fill_catalog(repair, path) < 0)
		return -repair->err->code;
	text_add(repair->report,
		 "its catalogue was %s: a new one has what the pool has, without names\n",
		 why.code == ENOENT ? "missing" : "damaged");
	return 0;
}

/*
 * A pool of another time than its catalogue, as a disk leaves it that has lost what it said it had
 * written: blocks that its old metadata knows may have been written for somebody else since.
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
	if (status.transaction != head.transaction && !under_way)
		repair->doubt = DOUBT_ALL;
	return 0;
}

/* ---- The volumes */

static void check_volume(struct repair *repair, const struct catalog_volume *volume)
{
	enum thin_fs_state state = THIN_FS_CLEAN;
	struct pool *pool = repair->pool;
	struct err err = { 0 };
	dev_t dev;

	if (thin_activate(pool, volume, &dev, &err) < 0 ||
	    thin_check_filesystem(pool, dev, repair->doubt == DOUBT_ALL, &state, &err) < 0)
		text_add(repair->report, "volume '%s' could not be checked: %s\n", volume->name,
			 err.text);
	else if (state == THIN_FS_MENDED)
		text_add(repair->report, "volume '%s': its file system had errors, and is mended\n",
			 volume->name);
	else if (state == THIN_FS_BROKEN)
		text_add(repair->report,
			 "volume '%s': its file system has errors that need a decision; restore a "
			 "snapshot or a backup, or see %s(8)\n",
			 volume->name,
			 strcmp(pool->config.filesystem, "xfs") == 0 ? "xfs_repair" : "e2fsck");
	thin_deactivate(pool, volume->id, THIN_WAIT_MS);
}

struct checked {
	struct repair *repair;
	unsigned count;
};

static int check_one(void *context, const struct catalog_volume *volume)
{
	struct checked *checked = context;

	if (volume->state == CATALOG_READY) {
		check_volume(checked->repair, volume);
		checked->count++;
	}
	return 0;
}

static int check_volumes(struct repair *repair)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct checked checked = { .repair = repair };

	if (repair->doubt == DOUBT_NONE)
		return 0;
	if (thin_enter(repair->pool, &session, repair->err) < 0 ||
	    catalog_list_all(session.catalog, check_one, &checked, repair->err) < 0)
		return -repair->err->code;
	text_add(repair->report, "%u file system%s checked\n", checked.count,
		 checked.count == 1 ? "" : "s");
	return 0;
}

/* ---- All of it */

/* Attached, taking changes: only what it holds is to be compared then. */
static bool works(struct pool *pool, struct err *why)
{
	struct dm_pool_status status;

	if (!thin_attached(pool) && thin_attach(pool, why) < 0)
		return false;
	if (thin_status(pool, 0, &status, why) < 0)
		return false;
	return thin_check_status(pool, &status, status.transaction, why) == 0;
}

static int take_apart(struct repair *repair)
{
	struct pool *pool = repair->pool;

	repair->doubt = DOUBT_SOME;
	if (thin_detach(pool, repair->err) < 0 || thin_expose(pool, repair->err) < 0)
		return -repair->err->code;
	struct err ignored = { 0 };
	int r = mend_metadata(repair);
	fault_point("thin-mended");
	thin_conceal(pool, r < 0 ? &ignored : repair->err);
	if (repair->err->code)
		return -repair->err->code;
	return thin_attach(pool, repair->err);
}

/* Not the remedy, which is this. */
static int tell_found(struct repair *repair, const char *why)
{
	return text_add(repair->report, "found: %.*s\n", (int)strcspn(why, ";("), why);
}

static int mend(struct repair *repair)
{
	scoped_fd int lock = thin_lock(repair->pool, WAIT_SECONDS, repair->err);
	struct err why = { 0 };

	if (lock < 0)
		return lock;
	if (works(repair->pool, &why))
		text_add(repair->report, "the kernel takes it as it is\n");
	else if (tell_found(repair, why.text) < 0 || take_apart(repair) < 0)
		return -repair->err->code;
	if (mend_catalog(repair) < 0)
		return -repair->err->code;
	return doubt_time(repair);
}

int thin_repair(struct pool *pool, struct text *report, struct err *err)
{
	struct repair repair = { .pool = pool, .report = report, .err = err };

	if (thin_begin(pool, err) < 0 || mend(&repair) < 0 || thin_check(pool, 0, report, err) < 0)
		return -err->code;
	return check_volumes(&repair);
}
