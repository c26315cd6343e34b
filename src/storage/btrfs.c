/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Driver `btrfs`: a volume is a subvolume, in a folder on the host's btrfs or at the top of the pool's own btrfs.
 * Creation, clone and removal are single atomic calls: commands need no lock, and a killed one leaves nothing. Only
 * nested subvolumes need a partial name.
 */
#include "base/protection.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/folder.h"
#include "storage/partial.h"
#include "storage/subvol.h"
#include "storage/subvol_search.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A loop file has a size in pool.conf; a folder and a device have none. */
static bool has_disk(const struct pool *pool)
{
	struct stat st;

	if (pool->config.size)
		return true;
	return stat(pool->config.source, &st) == 0 && !S_ISDIR(st.st_mode);
}

static int choose_source(struct pool *pool, struct err *err)
{
	bool folder = subvol_supported_at(pool->folder) && !pool->config.size;

	free(pool->config.source);
	pool->config.source = text_format("%s/%s", pool->folder, folder ? "volumes" : "pool.btrfs");
	return pool->config.source ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* A pool's own file system counts from the beginning. On the host's file system its administrator decides. */
static int begin_quota(struct pool *pool, bool folder, struct err *err)
{
	if (folder)
		return subvol_quota_is_simple(folder_fd(pool))
			       ? 0
			       : err_set(err, EOPNOTSUPP,
					 "quota=yes needs simple quotas, which the file system of "
					 "'%s' "
					 "does not have on; turn them on, which Linux before 6.7 "
					 "and "
					 "btrfs-progs before 6.7 do not know: btrfs quota enable "
					 "--simple %s",
					 pool->config.source, pool->config.source);
	int r = subvol_quota_enable(folder_fd(pool));
	if (r == -EOPNOTSUPP)
		return err_set(err, EOPNOTSUPP,
			       "quota=yes needs simple quotas of btrfs, which came with Linux 6.7; "
			       "make the pool without, or with driver thin");
	return r < 0 ? err_set(err, -r, "turn quotas on: %s", strerror(-r)) : 0;
}

static int format_pool(struct pool *pool, struct err *err)
{
	struct stat st;

	if (!*pool->config.source && choose_source(pool, err) < 0)
		return -err->code;
	const char *source = pool->config.source;
	bool there = stat(source, &st) == 0;
	if (there && S_ISDIR(st.st_mode) && !subvol_supported_at(source))
		return err_set(err, EINVAL,
			       "folder '%s' is not on btrfs; name a file in it, for a loop file, "
			       "or use driver dir",
			       source);
	bool folder =
		there ? S_ISDIR(st.st_mode) : subvol_supported_at(source) && !pool->config.size;
	if (folder && pool->config.size)
		return err_set(err, EINVAL, "a size is for a loop file; '%s' is a folder", source);
	int r = folder ? folder_format(pool, err) : disk_format(pool, err);
	return r == 0 && pool->config.quota ? begin_quota(pool, folder, err) : r;
}

static int open_pool(struct pool *pool, struct err *err)
{
	if (has_disk(pool))
		return disk_open(pool, err);
	int r = folder_open(pool, err);
	if (r == 0 && !subvol_supported(folder_fd(pool)))
		return err_set(err, EINVAL, "folder '%s' is no longer on btrfs",
			       pool->config.source);
	return r;
}

static int scan_pool(struct pool *pool, int (*visit)(void *, const char *volume), void *context,
		     struct err *err)
{
	return has_disk(pool) ? disk_scan(pool, visit, context, err)
			      : folder_scan(pool, visit, context, err);
}

static int detach_pool(struct pool *pool, struct err *err)
{
	if (has_disk(pool))
		return disk_detach(pool, err);
	folder_close(pool);
	return 0;
}

static int erase_pool(struct pool *pool, struct err *err)
{
	return has_disk(pool) ? disk_erase(pool, err) : folder_erase(pool, err);
}

static int use_of_pool(struct pool *pool, struct pool_usage *usage, struct err *err)
{
	return has_disk(pool) ? disk_usage(pool, usage, err) : folder_usage(pool, usage, err);
}

static int grow_pool(struct pool *pool, const struct pool_growth *growth, struct err *err)
{
	if (!has_disk(pool))
		return err_set(
			err, EOPNOTSUPP,
			"it takes the space of the file system that '%s' is on; enlarge that",
			pool->config.source);
	return disk_grow(pool, growth, err);
}

static int create_volume(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	(void)size;
	int r = subvol_create(folder_fd(pool), volume);
	return r < 0 ? storage_fail(err, r, "make it") : 0;
}

static int clear_protection(int folder, const char *name)
{
	scoped_fd int fd = protection_open(folder, name);

	return fd < 0 ? 0 : protection_clear(fd);
}

static void give_back_protection(int folder, const char *name, int flags)
{
	scoped_fd int fd = flags > 0 ? protection_open(folder, name) : -1;

	if (fd >= 0)
		protection_set(fd, flags);
}

/* renameat2(2) for a volume whose top may be immutable: the kernel does not rename an immutable folder. */
static int rename_protected(int folder, const char *from, const char *to, unsigned flags)
{
	bool exchanged = flags & RENAME_EXCHANGE;

	if (renameat2(folder, from, folder, to, flags) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	int first = clear_protection(folder, from);
	int other = exchanged ? clear_protection(folder, to) : 0;
	int r = renameat2(folder, from, folder, to, flags) < 0 ? -errno : 0;
	give_back_protection(folder, r < 0 ? from : to, first);
	give_back_protection(folder, r < 0 ? to : from, other);
	return r;
}

/* Under a partial name first, because it takes more than one call. */
static int snapshot_nesting(struct pool *pool, int origin, const char *volume, struct err *err)
{
	int folder = folder_fd(pool);
	struct partial partial;

	if (partial_begin(pool, volume, &partial, err) < 0)
		return -err->code;
	int r = subvol_snapshot_all(folder, origin, partial.name);
	if (r == 0)
		r = rename_protected(folder, partial.name, volume, RENAME_NOREPLACE);
	if (r == 0)
		r = subvol_commit(folder);
	if (r < 0)
		partial_abandon(pool, &partial);
	else
		partial_end(&partial);
	if (r == -ELOOP || r == -ENAMETOOLONG)
		return err_set(err, -r,
			       "clone it to '%s': subvolumes are nested too deep in it for a copy",
			       volume);
	return r;
}

static int snapshot_volume(struct pool *pool, const char *origin, const char *volume,
			   struct err *err)
{
	scoped_fd int fd = subvol_open(folder_fd(pool), origin);
	int r = fd;

	if (fd >= 0)
		r = subvol_nests(fd) ? snapshot_nesting(pool, fd, volume, err)
				     : subvol_snapshot(folder_fd(pool), fd, volume);
	return r < 0 && !err->code ? storage_fail(err, r, "clone it to '%s'", volume) : r;
}

/* Nested subvolumes get snapshots of their own, one after the other. */
static bool copies_at_once(struct pool *pool, const char *volume)
{
	scoped_fd int fd = subvol_open(folder_fd(pool), volume);

	return fd < 0 || !subvol_nests(fd);
}

/* The data first: the final name must not survive a power cut without it. */
static int rename_volume(struct pool *pool, const char *volume, const char *to, struct err *err)
{
	int folder = folder_fd(pool);
	scoped_fd int fd = subvol_open(folder, volume);

	int r = fd < 0 ? fd : 0;
	if (r == 0 && syncfs(folder) < 0)
		r = -errno;
	if (r == 0)
		r = rename_protected(folder, volume, to, RENAME_NOREPLACE);
	if (r == 0)
		r = subvol_commit(folder);
	return r < 0 ? storage_fail(err, r, "rename it to '%s'", to) : 0;
}

static int exchange_volumes(struct pool *pool, const char *one, const char *other, struct err *err)
{
	int folder = folder_fd(pool);

	int r = rename_protected(folder, one, other, RENAME_EXCHANGE);
	if (r == 0)
		r = subvol_commit(folder);
	return r < 0 ? storage_fail(err, r, "exchange it with '%s'", other) : 0;
}

/*
 * Guests nest subvolumes: systemd makes var/lib/machines one. These are removed first, under a partial name, because no
 * half-removed volume may be visible. A running guest may add more meanwhile.
 */
static int destroy_nesting(struct pool *pool, const char *name)
{
	int folder = folder_fd(pool);
	int r = -ENOTEMPTY;

	for (int i = 0; r == -ENOTEMPTY && i < 10; i++) {
		scoped_fd int fd = subvol_open(folder, name);
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		r = subvol_destroy_nested(fd);
		if (r == 0)
			r = subvol_destroy(folder, name);
	}
	return r == -ENOENT ? 0 : r;
}

static int destroy_at_once(struct pool *pool, const char *volume)
{
	int folder = folder_fd(pool);
	int r = subvol_destroy(folder, volume);

	if (r == -EPERM && clear_protection(folder, volume) > 0)
		r = subvol_destroy(folder, volume);
	if (r == -ENOTEMPTY)
		r = destroy_nesting(pool, volume);
	/* A nested subvolume is immutable, or its folder is. */
	return r == -EPERM ? remove_tree(folder, volume) : r;
}

/* A full pool needs the freed room at once. */
static int commit_removal(struct pool *pool)
{
	int folder = folder_fd(pool);

	return pool_is_full(pool) ? subvol_sync(folder) : subvol_commit(folder);
}

/* One call ends the volume. The long part follows, in pieces if it would take too long. */
static int destroy_aside(struct pool *pool, const char *volume, bool large, struct err *err)
{
	struct partial partial;
	int folder = folder_fd(pool);

	if (partial_begin_removal(pool, volume, &partial, err) < 0)
		return -err->code;
	int r = rename_protected(folder, volume, partial.name, RENAME_NOREPLACE);
	if (r == 0 && !large)
		r = destroy_at_once(pool, partial.name);
	if (r == 0)
		r = large ? subvol_commit(folder) : commit_removal(pool);
	if (r == 0 && large)
		partial_leave(&partial);
	else if (r < 0)
		partial_abandon(pool, &partial);
	else
		partial_end(&partial);
	return r < 0 && r != -ENOENT ? storage_fail(err, r, "remove it") : 0;
}

/*
 * A full pool needs the freed room at once. The subvolume is not kept open: the kernel frees a removed one at the next
 * commit only if no process has it open. 1, 0 or -errno.
 */
static int goes_in_pieces(struct pool *pool, const char *volume)
{
	scoped_fd int fd = subvol_open(folder_fd(pool), volume);

	if (fd < 0)
		return fd;
	return subvol_is_large(fd) && (partial_is(volume) || !pool_is_full(pool));
}

/* 0: it has no limit that would be left behind. */
static uint64_t limited_id(struct pool *pool, const char *volume)
{
	scoped_fd int fd = pool->config.quota ? subvol_open(folder_fd(pool), volume) : -1;
	uint64_t id = 0;

	return fd >= 0 && subvol_id(fd, &id) == 0 ? id : 0;
}

static int destroy_counted(struct pool *pool, const char *volume, struct err *err)
{
	int large = goes_in_pieces(pool, volume);

	if (large == -ENOENT)
		return 0;
	if (large > 0)
		return partial_is(volume) ? err_set(err, EINPROGRESS, "it is freed in pieces")
					  : destroy_aside(pool, volume, true, err);
	int r = subvol_destroy(folder_fd(pool), volume);
	if ((r == -ENOTEMPTY || r == -EPERM) && !partial_is(volume))
		return destroy_aside(pool, volume, false, err);
	if (r == -ENOTEMPTY || r == -EPERM)
		r = destroy_at_once(pool, volume);
	if (r == 0)
		r = commit_removal(pool);
	return r < 0 && r != -ENOENT ? storage_fail(err, r, "remove it") : 0;
}

/* A limit that cannot be removed does no harm: ids are never used again. */
static int destroy_volume(struct pool *pool, const char *volume, struct err *err)
{
	uint64_t id = limited_id(pool, volume);
	int r = destroy_counted(pool, volume, err);

	if (r == 0 && id)
		subvol_limit_forget(folder_fd(pool), id);
	return r;
}

enum { PIECE = 1000 };

/* The volume of which this process has freed a piece, and has more to free. */
static char in_pieces[VOLUME_NAME_MAX + 1];

/*
 * Files are removed first: each piece is a transaction of its own, and the rest that the kernel frees at the end is
 * small. Shared extents cost more to remove one by one than with the tree. Both are counted for the first piece only,
 * because counting takes some hundred calls.
 */
static bool starts_with_files(const char *partial, int fd)
{
	return strcmp(partial, in_pieces) == 0 || (subvol_is_large(fd) && !subvol_is_origin(fd));
}

static int free_volume(struct pool *pool, const char *partial, struct err *err)
{
	unsigned left = PIECE;
	int folder = folder_fd(pool);
	scoped_fd int fd = subvol_open(folder, partial);

	if (fd == -ENOENT)
		return 0;
	int r = fd >= 0 && starts_with_files(partial, fd) ? remove_some(folder, partial, &left) : 0;
	bool more = r == -EINPROGRESS;
	snprintf(in_pieces, sizeof in_pieces, "%s", more ? partial : "");
	scoped_close_fd(&fd);
	/* A file that cannot be removed alone, such as an immutable one, goes with the rest. */
	r = more ? 0 : destroy_at_once(pool, partial);
	/* The folder is as it was after all pieces but the last, and nobody waits for this process. */
	if (r == 0 || r == -ENOENT)
		r = subvol_sync(folder);
	return r < 0 ? storage_fail(err, r, "free it") : more;
}

static int mount_volume(struct pool *pool, const char *volume, uint64_t attributes, int *mount_fd,
			struct err *err)
{
	scoped_fd int fd = subvol_open(folder_fd(pool), volume);

	if (fd < 0)
		return storage_fail(err, fd, "mount it");
	return folder_mount(fd, attributes, mount_fd, err);
}

static int deactivate_volume(struct pool *pool, const char *volume, struct err *err)
{
	(void)pool;
	(void)volume;
	(void)err;
	return 0;
}

static int look_at_volume(struct pool *pool, const char *volume, struct volume_info *info,
			  struct err *err)
{
	scoped_fd int fd = subvol_open(folder_fd(pool), volume);
	uint64_t created = 0;

	int r = fd < 0 ? fd : subvol_created(fd, &created);
	if (r < 0)
		return storage_fail(err, r, "look at it");
	*info = (struct volume_info){ .created = created };
	snprintf(info->name, sizeof info->name, "%s", volume);
	uint64_t id = 0;
	if (!pool->config.quota)
		return 0;
	r = subvol_id(fd, &id);
	if (r == 0)
		r = subvol_limit_look(fd, id, &info->size, &info->used);
	return r < 0 ? storage_fail(err, r, "look at its limit") : 0;
}

static int check_limits(struct pool *pool, struct err *err)
{
	return pool->config.quota
		       ? 0
		       : err_set(err, EOPNOTSUPP,
				 "it was made without quotas, so that what is in it shares its "
				 "space; make another pool for what needs a size: berth pool "
				 "create --driver btrfs --set quota=yes NAME");
}

/* A limit below the present usage would fail every write at once. */
static int limit_volume(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	uint64_t id = 0, limit = 0, used = 0;
	char human[32];

	if (size == 0 && !pool->config.quota)
		return 0;
	if (check_limits(pool, err) < 0)
		return -err->code;
	scoped_fd int fd = subvol_open(folder_fd(pool), volume);
	int r = fd < 0 ? fd : subvol_id(fd, &id);
	if (r == 0)
		r = subvol_limit_look(fd, id, &limit, &used);
	if (r == 0 && size && used > size) {
		text_human_size(used, human, sizeof human);
		return err_set(err, EINVAL, "it has %s already; remove files first", human);
	}
	if (r == 0)
		r = subvol_limit(folder_fd(pool), id, size);
	if (r == -ENOTCONN)
		return err_set(err, EOPNOTSUPP,
			       "quotas were turned off on its file system; turn them on: btrfs "
			       "quota enable --simple %s",
			       pool->config.source);
	return r < 0 ? storage_fail(err, r, "limit it") : 0;
}

static int measure_volume(struct pool *pool, const char *volume, struct extents *extents)
{
	scoped_fd int fd = subvol_open(folder_fd(pool), volume);

	return fd < 0 ? fd : subvol_usage(fd, extents);
}

const struct storage_ops storage_btrfs = {
	.name = "btrfs",
	.can = STORAGE_FAST_CLONE,
	.format = format_pool,
	.open = open_pool,
	.close = folder_close,
	.detach = detach_pool,
	.erase = erase_pool,
	.pool_usage = use_of_pool,
	.create = create_volume,
	.snapshot = snapshot_volume,
	.rename = rename_volume,
	.exchange = exchange_volumes,
	.destroy = destroy_volume,
	.unused = folder_unused,
	.free = free_volume,
	.mount = mount_volume,
	.deactivate = deactivate_volume,
	.info = look_at_volume,
	.list = folder_list,
	.measure = measure_volume,
	.limits = check_limits,
	.resize = limit_volume,
	.grow = grow_pool,
	.at_once = copies_at_once,
	.scan = scan_pool,
};
