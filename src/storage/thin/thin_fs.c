/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File systems on thin volumes: made, mounted, enlarged, examined and checked. */
#include "base/bytes.h"
#include "base/child.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/mount.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	XFS_MIN = 300 << 20,
	CHECK_SECONDS = 24 * 3600,
	LOOK_SIZE = 1 << 20, /* of a device that is made to examine its first bytes */
};

/* Properties of a file system type. */
struct type {
	const char *name, *mkfs, *check, *package;
	const char *options; /* of a mount */
	const char *still;   /* options of a mount that writes nothing at all: no log is replayed */
	/* Arguments of the programs. look: changes nothing, and exits with 0 if all is well. */
	const char *const *make, *const *replay, *const *look, *const *look_whole, *const *mend;
};

/*
 * Unwritten blocks of a thin device read as zeros, so tables and journal need not be zeroed, neither now nor
 * (noinit_itable) at the first mount. Blocks of 4096 bytes, so that the pool may move to a disk with such sectors.
 */
static const char *const ext4_make[] = { "-q", "-F",
					 "-m", "0",
					 "-b", "4096",
					 "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1",
					 NULL };
static const char *const ext4_replay[] = { "-p", "-E", "journal_only", NULL };
static const char *const ext4_look[] = { "-n", NULL };
static const char *const ext4_look_whole[] = { "-n", "-f", NULL };
static const char *const ext4_mend[] = { "-p", "-f", NULL };
static const char *const xfs_make[] = { "-q", "-f", "-K", "-s", "size=4096", NULL };
static const char *const xfs_look[] = { "-n", NULL };

static const struct type types[] = {
	/* A failed write must not be followed by writes that depend on it. */
	{ "ext4", "mkfs.ext4", "e2fsck", "e2fsprogs",
	  "data_err=abort,errors=remount-ro,noinit_itable", "ro,noload", ext4_make, ext4_replay,
	  ext4_look, ext4_look_whole, ext4_mend },
	/* A clone has its origin's UUID, and both may be in use. */
	{ "xfs", "mkfs.xfs", "xfs_repair", "xfsprogs", "nouuid", "ro,norecovery,nouuid", xfs_make,
	  NULL, xfs_look, xfs_look, NULL },
};

static const struct type *type_of(const struct pool *pool)
{
	return &types[pool->config.filesystem && strcmp(pool->config.filesystem, "xfs") == 0];
}

static char *find_program(const char *name, const struct type *type, struct err *err)
{
	char *program = disk_find_program(name);

	if (!program)
		err_set(err, ENOENT, "%s is not installed; install %s", name, type->package);
	return program;
}

int thin_fs_check_host(const struct pool *pool, struct err *err)
{
	const struct type *type = type_of(pool);
	scoped_free char *mkfs = find_program(type->mkfs, type, err);

	return mkfs ? 0 : -err->code;
}

/* Runs a program on a device; code as in child_io. It outlives us if we are killed: then it keeps the
 * pool from being deleted below it. */
static int run_on(const struct pool *pool, const char *program, const char *const *words,
		  const char *device, int *code, struct err *err)
{
	scoped_text struct text out = { 0 };
	const struct child_io io = {
		.out = &out, .errors = &out, .code = code, .seconds = CHECK_SECONDS
	};
	const char *argv[12] = { program };
	size_t n = 1;

	while (*words && n < 10)
		argv[n++] = *words++;
	argv[n] = device;
	fcntl(pool->use_fd, F_SETFD, 0);
	int r = child_run(argv, &io, err);
	fcntl(pool->use_fd, F_SETFD, FD_CLOEXEC);
	return r;
}

/* Bytes; 0: unknown. */
static unsigned sector_of(dev_t dev)
{
	scoped_fd int fd = dm_open_device(dev, O_RDONLY);
	int sector = 0;

	return fd >= 0 && ioctl(fd, BLKSSZGET, &sector) == 0 ? (unsigned)sector : 0;
}

/* The error for a pool that was copied to disks with larger sectors since it was created. */
static int refuse_sectors(const char *path, unsigned smallest, unsigned sector, struct err *err)
{
	return err_set(
		err, EINVAL,
		"mount '%s': its file system writes %u bytes at a time, and the pool's disks "
		"now have sectors of %u; move the pool back to disks with sectors of %u "
		"bytes, and copy what is in it from there",
		path, smallest, sector, smallest);
}

int thin_mount(const struct pool *pool, dev_t dev, uint64_t attributes, int *mount_fd,
	       struct err *err)
{
	const struct type *type = type_of(pool);
	char path[32];

	dm_path(dev, path, sizeof path);
	int fd = mount_make(type->name, path, type->options, attributes);
	if (fd == -EINVAL || fd == -ENOSYS) {
		struct thin_fs fs;
		thin_fs_look(dev, &fs);
		if (fs.smallest && fs.smallest < sector_of(dev))
			return refuse_sectors(path, fs.smallest, sector_of(dev), err);
	}
	if (fd == -EUCLEAN || fd == -EINVAL || fd == -EIO)
		return err_set(err, -fd,
			       "mount '%s': its file system is damaged, or none; the kernel's log "
			       "(dmesg) tells more; try: berth pool repair %s",
			       path, pool->name);
	if (fd == -ENODEV)
		return err_set(err, ENODEV, "mount '%s': the kernel has no %s", path, type->name);
	if (fd < 0)
		return err_set(err, -fd, "mount '%s': %s", path, mount_why(fd));
	*mount_fd = fd;
	return 0;
}

int thin_mount_look(const struct pool *pool, dev_t dev)
{
	const struct type *type = type_of(pool);
	char path[32];

	dm_path(dev, path, sizeof path);
	return mount_make(type->name, path, type->still,
			  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
				  MOUNT_ATTR_NOEXEC);
}

/* The content of a new volume is in every volume that is made from it. */
static int empty_top(const struct pool *pool, dev_t dev, struct err *err)
{
	scoped_fd int mount = -1;

	if (thin_mount(pool, dev, 0, &mount, err) < 0)
		return -err->code;
	if (unlinkat(mount, "lost+found", AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_set(err, errno, "empty a new file system: %s", strerror(errno));
	return 0;
}

static uint64_t size_of(dev_t dev)
{
	scoped_fd int fd = dm_open_device(dev, O_RDONLY);
	uint64_t bytes = 0;

	return fd >= 0 && ioctl(fd, BLKGETSIZE64, &bytes) == 0 ? bytes : 0;
}

int thin_make_filesystem(struct pool *pool, dev_t dev, struct err *err)
{
	const struct type *type = type_of(pool);
	scoped_free char *mkfs = find_program(type->mkfs, type, err);
	char path[32];

	if (!mkfs)
		return -err->code;
	dm_path(dev, path, sizeof path);
	if (strcmp(type->name, "xfs") == 0 && size_of(dev) < XFS_MIN)
		return err_set(err, EINVAL,
			       "xfs needs a volume of at least 300M; make the pool larger, set "
			       "volume.size in its pool.conf, or use ext4");
	if (run_on(pool, mkfs, type->make, path, NULL, err) < 0)
		return -err->code;
	return empty_top(pool, dev, err);
}

/* ---- Making larger, by the kernel, which does it while it is mounted */

/* Copies from the kernel's fs/ext4/ext4.h and <linux/xfs_fs.h>, which some systems lack for programs. */
#define EXT4_RESIZE _IOW('f', 16, uint64_t)
struct xfs_grow {
	uint64_t blocks;
	uint32_t percent; /* of inodes, at most */
};
#define XFS_GROW _IOW('X', 110, struct xfs_grow)

/*
 * With noinit_itable the kernel zeroes all new tables now, which would allocate their blocks. Without it the kernel
 * defers that work, and is then kept from doing it.
 */
static int grow_ext4(int mount, int top, uint64_t blocks)
{
	mount_options(mount, "init_itable");
	int r = ioctl(top, EXT4_RESIZE, &blocks);
	int code = errno;
	mount_options(mount, "noinit_itable");
	errno = code;
	return r;
}

int thin_grow_filesystem(const struct pool *pool, dev_t dev, struct err *err)
{
	bool xfs = strcmp(type_of(pool)->name, "xfs") == 0;
	uint64_t bytes = size_of(dev);
	scoped_fd int mount = -1;
	struct statvfs st;

	if (thin_mount(pool, dev, 0, &mount, err) < 0)
		return -err->code;
	scoped_fd int top = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || fstatvfs(top, &st) < 0)
		return err_set(err, errno, "look at its file system: %s", strerror(errno));
	uint64_t blocks = bytes / st.f_frsize;
	struct xfs_grow wanted = { .blocks = blocks, .percent = 25 };
	int r = xfs ? ioctl(top, XFS_GROW, &wanted) : grow_ext4(mount, top, blocks);
	if (r < 0)
		return err_set(err, errno, "make its file system larger: %s",
			       errno == EPERM ? "the kernel refuses, since it saw errors there"
					      : strerror(errno));
	return 0;
}

bool thin_keeps_bytes(const char *volume)
{
	return text_starts(volume, "snapshot.");
}

/* ---- Looking */

static uint64_t ext4_size(const unsigned char *super)
{
	uint64_t blocks = bytes_le32(super + 4);
	uint32_t order = bytes_le32(super + 24);

	if (bytes_le32(super + 0x60) & 0x80) /* 64 bits */
		blocks |= (uint64_t)bytes_le32(super + 0x150) << 32;
	return order > 6 ? 0 : blocks << (10 + order);
}

static uint64_t xfs_size(const unsigned char *super)
{
	return bytes_be64(super + 8) * bytes_be32(super + 4);
}

static unsigned ext4_smallest(const unsigned char *super)
{
	uint32_t order = bytes_le32(super + 24);

	return order > 6 ? 0 : 1024U << order;
}

/* sb_sectsize of xfs_format.h. */
static unsigned xfs_smallest(const unsigned char *super)
{
	return bytes_be16(super + 102);
}

void thin_fs_look(dev_t dev, struct thin_fs *fs)
{
	scoped_fd int fd = dm_open_device(dev, O_RDONLY);
	unsigned char head[4096];

	*fs = (struct thin_fs){ 0 };
	if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head)
		return;
	if (head[1024 + 56] == 0x53 && head[1024 + 57] == 0xef)
		*fs = (struct thin_fs){ "ext4", ext4_size(head + 1024),
					ext4_smallest(head + 1024) };
	else if (memcmp(head, "XFSB", 4) == 0)
		*fs = (struct thin_fs){ "xfs", xfs_size(head), xfs_smallest(head) };
}

/* A mount replays the log; xfs_repair would only discard it. */
static int replay(const struct pool *pool, dev_t dev)
{
	struct err ignored = { 0 };
	scoped_fd int mount = -1;

	return thin_mount(pool, dev, 0, &mount, &ignored);
}

int thin_check_filesystem(const struct pool *pool, dev_t dev, bool whole, enum thin_fs_state *state,
			  struct err *err)
{
	const struct type *type = type_of(pool);
	scoped_free char *program = find_program(type->check, type, err);
	bool xfs = strcmp(type->name, "xfs") == 0;
	char path[32];
	int code = 0;

	if (!program)
		return -err->code;
	*state = THIN_FS_BROKEN;
	if (xfs && replay(pool, dev) < 0)
		return 0;
	dm_path(dev, path, sizeof path);
	/* Replays the journal: its content is data that was written, not an error. */
	if (type->replay && run_on(pool, program, type->replay, path, &code, err) < 0)
		return -err->code;
	if (run_on(pool, program, whole ? type->look_whole : type->look, path, &code, err) < 0)
		return -err->code;
	if (code == 0)
		*state = THIN_FS_CLEAN;
	if (code == 0 || !type->mend)
		return 0;
	/* e2fsck makes a lost+found, which volumes lack, and counts that as an error of its own. */
	if (run_on(pool, program, type->mend, path, &code, err) < 0)
		return -err->code;
	if (code < 4)
		*state = THIN_FS_MENDED;
	return 0;
}

int thin_describe(struct pool *pool, uint64_t id, struct thin_fs *fs, struct err *err)
{
	const struct catalog_volume volume = { .id = id, .size = LOOK_SIZE };
	dev_t dev;

	if (thin_activate(pool, &volume, &dev, err) < 0)
		return -err->code;
	thin_fs_look(dev, fs);
	int r = thin_deactivate(pool, id, THIN_WAIT_MS);
	return r < 0 ? err_set(err, -r, "release id %llu: %s", (unsigned long long)id, dm_why(r))
		     : 0;
}

static char *read_host_name(struct pool *pool, dev_t dev)
{
	scoped_fd int mount = thin_mount_look(pool, dev);
	char name[65] = "";

	if (mount < 0)
		return NULL;
	scoped_fd int fd = file_open_in_root(mount, "etc/hostname", O_RDONLY | O_NONBLOCK, 0);
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
	char *word = n > 0 ? text_trim(name) : name;
	/* The superblock comes from a stranger. */
	for (const char *c = word; *c; c++) {
		if (!isgraph((unsigned char)*c))
			return NULL;
	}
	return *word ? strdup(word) : NULL;
}

char *thin_host_name(struct pool *pool, uint64_t id, const struct thin_fs *fs)
{
	const struct catalog_volume volume = { .id = id, .size = fs->size };
	dev_t dev;

	if (fs->size == 0 || thin_activate(pool, &volume, &dev, &(struct err){ 0 }) < 0)
		return NULL;
	char *name = read_host_name(pool, dev);
	thin_deactivate(pool, id, THIN_WAIT_MS);
	return name;
}
