/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The causes that keep a machine from moving to another pool, found before anything is copied. */
#include "machine/manage/pool_move.h"

#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/half.h"
#include "machine/state/owner.h"
#include "machine/state/private.h"
#include "storage/partial.h"

#include "base/causes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/statfs.h>

enum { PROBE_MILLISECONDS = 2000, PROBE_PIECE = 1 << 20, PROBE_PIECES = 256 };

static int found_one(void *context, const struct volume_info *info)
{
	text_print(context, VOLUME_NAME_MAX + 1, "%s", info->name);
	return 1;
}

int pool_move_check_free(const struct machine *machine, struct pool *target, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1], found[VOLUME_NAME_MAX + 1] = "";
	struct volume_info info;
	struct err why = { 0 };

	machine_volume(machine->name, volume);
	int r = volume_info(target, volume, &info, &why);
	if (r == 0)
		text_print(found, sizeof found, "%s", volume);
	else if (r != -ENOENT)
		return err_set(err, why.code, "%s", why.text);
	snapshot_volume(machine->name, "", volume);
	r = *found ? 0 : volume_list(target, volume, found_one, found, err);
	if (r < 0 || !*found)
		return r;
	return err_set(
		err, EEXIST,
		"pool '%s' holds volume '%s' already, of another machine that has lost its "
		"folder; give machine '%s' another name, then make that one a machine again: "
		"berth adopt %s; or delete it: berth delete --force %s",
		target->name, found, machine->name, machine->name, machine->name);
}

/* ---- Room */

struct sum {
	struct pool *pool;
	uint64_t bytes;
};

static int add_volume(void *context, const struct volume_info *info)
{
	struct sum *sum = context;
	uint64_t used = 0;

	if (volume_measure(sum->pool, info->name, &used, &(struct err){ 0 }) == 0)
		sum->bytes += used;
	return 0;
}

/* Snapshots of a pool that shares data take only what has changed, which nobody knows before. */
static uint64_t size_in(const struct machine *machine, struct pool *pool, bool shares)
{
	struct sum sum = { .pool = pool };
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info root = { 0 };

	machine_volume(machine->name, root.name);
	add_volume(&sum, &root);
	snapshot_volume(machine->name, "", volume);
	if (!shares)
		volume_list(pool, volume, add_volume, &sum, &(struct err){ 0 });
	return sum.bytes;
}

/* Copies in a folder share data as well, if its file system can. */
static bool shares_data(const struct pool *pool)
{
	const char *source = pool->config.source;
	struct statfs fs;

	return pool->ops->can & STORAGE_FAST_CLONE ||
	       (statfs(source && *source ? source : pool->folder, &fs) == 0 &&
		(fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC));
}

static void check_room(const struct machine *machine, struct pool *from, struct pool *target,
		       struct causes *causes)
{
	struct pool_usage usage = { 0 };
	struct err one = { 0 };
	uint64_t size = size_in(machine, from, shares_data(target));

	if (target->ops->pool_usage(target, &usage, &one) < 0)
		one = (struct err){ 0 };
	else if (usage.total && usage.total - usage.used < size)
		err_set(&one, ENOSPC,
			"pool '%s' has %llu MiB left, and machine '%s' takes %llu MiB%s",
			target->name, (unsigned long long)((usage.total - usage.used) >> 20),
			machine->name, (unsigned long long)(size >> 20),
			shares_data(target) ? "" : " with its snapshots");
	causes_add(causes, &one);
}

/* ---- All causes */

static void check_state(const struct machine *machine, struct causes *causes)
{
	struct err one = { 0 };
	struct move_mark mark = { 0 };

	if (move_check(machine, &one) == 0 && move_read(machine, &mark, &one) == 0 &&
	    mark.phase != MOVE_NONE)
		err_set(&one, EBUSY, "machine '%s' is on its way to %s '%s', which must end first",
			machine->name, move_is_of_pool(&mark) ? "pool" : "host",
			move_is_of_pool(&mark) ? mark.pool : mark.host);
	causes_add(causes, &one);
	half_check(machine, &one);
	causes_add(causes, &one);
	if (machine_paused(machine))
		err_set(&one, EBUSY,
			"machine '%s' is paused, and would run after the move; resume or stop it "
			"first: berth resume %s",
			machine->name, machine->name);
	causes_add(causes, &one);
	if (machine->config.ephemeral)
		err_set(&one, EINVAL,
			"machine '%s' is ephemeral, and its stop would delete it; clone it into "
			"the "
			"pool: berth clone --pool POOL %s NAME",
			machine->name, machine->name);
	else if (owner_is_claimed(machine))
		err_set(&one, EBUSY, "machine '%s' belongs to a berth command that runs",
			machine->name);
	causes_add(causes, &one);
}

static void check_losses(const struct machine *machine, const struct pool_move_spec *spec,
			 struct causes *causes)
{
	struct err one = { 0 };

	if (machine->config.privileged && !spec->drop_attributes)
		err_set(&one, EOPNOTSUPP,
			"machine '%s' is privileged, so that its files may have attributes of "
			"'trusted.' and 'security.', which stay behind; --drop-attributes moves it "
			"without them",
			machine->name);
	causes_add(causes, &one);
}

int pool_move_check(struct machine *machine, const struct pool_move_spec *spec, struct err *err)
{
	scoped_pool struct pool from = { .use_fd = -1 };
	scoped_pool struct pool target = { .use_fd = -1 };
	struct causes causes = { 0 };
	struct err one = { 0 };

	if (machine_check(machine, err) < 0)
		return -err->code;
	if (strcmp(machine->config.pool, spec->pool) == 0)
		return err_set(err, EEXIST, "machine '%s' is in pool '%s' already", machine->name,
			       spec->pool);
	if (pool_open(&target, machine->dirs, spec->pool, err) < 0 ||
	    pool_open(&from, machine->dirs, machine->config.pool, err) < 0 ||
	    restoring_clear(machine, &from, err) < 0)
		return -err->code;
	check_state(machine, &causes);
	check_losses(machine, spec, &causes);
	pool_move_check_free(machine, &target, &one);
	causes_add(&causes, &one);
	if (machine->config.disk_size)
		volumes_limited(&target, &one);
	causes_add(&causes, &one);
	check_room(machine, &from, &target, &causes);
	return causes_tell(&causes, err);
}

/* ---- A dry run */

/* Bytes that no file system compresses. */
static int write_pieces(int fd, uint64_t *rate, struct err *err)
{
	scoped_free char *piece = malloc(PROBE_PIECE);
	int64_t began = clock_ms();
	uint64_t written = 0;

	if (!piece)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < PROBE_PIECE; i += 256) {
		if (getrandom(piece + i, 256, 0) != 256)
			return err_set(err, errno, "get random bytes: %s", strerror(errno));
	}
	for (int i = 0; i < PROBE_PIECES && clock_ms() - began < PROBE_MILLISECONDS; i++) {
		int r = file_write_all(fd, piece, PROBE_PIECE, (off_t)written);
		if (r < 0)
			return err_set(err, -r, "write to it: %s", strerror(-r));
		written += PROBE_PIECE;
	}
	if (fsync(fd) < 0)
		return err_set(err, errno, "write to it: %s", strerror(errno));
	int64_t took = clock_ms() - began;
	*rate = written * 1000 / (uint64_t)(took > 0 ? took : 1);
	return 0;
}

static int write_into(struct pool *pool, const char *volume, uint64_t *rate, struct err *err)
{
	scoped_fd int mount_fd = -1;

	if (pool->ops->mount(pool, volume, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			     &mount_fd, err) < 0)
		return -err->code;
	scoped_fd int fd = openat(mount_fd, "probe",
				  O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600);
	return fd < 0 ? err_set(err, errno, "write to it: %s", strerror(errno))
		      : write_pieces(fd, rate, err);
}

static int measure_rate(struct pool *target, const struct machine *machine, uint64_t *rate,
			struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct partial partial;

	machine_volume(machine->name, volume);
	if (partial_begin(target, volume, &partial, err) < 0)
		return -err->code;
	int r = target->ops->create(target, partial.name, 0, err);
	if (r == 0)
		r = write_into(target, partial.name, rate, err);
	target->ops->deactivate(target, partial.name, &(struct err){ 0 });
	partial_abandon(target, &partial);
	return r < 0 ? err_wrap(err, "measure pool '%s'", target->name) : 0;
}

int pool_move_measure(struct machine *machine, const struct pool_move_spec *spec, uint64_t *size,
		      uint64_t *rate, struct err *err)
{
	scoped_pool struct pool from = { .use_fd = -1 };
	scoped_pool struct pool target = { .use_fd = -1 };

	*rate = 0;
	if (pool_open(&from, machine->dirs, machine->config.pool, err) < 0 ||
	    pool_open(&target, machine->dirs, spec->pool, err) < 0)
		return -err->code;
	*size = size_in(machine, &from, shares_data(&from));
	return measure_rate(&target, machine, rate, err);
}
