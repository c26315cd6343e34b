#include "storage/subvol.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

bool subvol_supported(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

bool subvol_supported_at(const char *path)
{
	scoped_free char *at = strdup(path);

	while (at) {
		scoped_fd int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return subvol_supported(fd);
		char *slash = strrchr(at, '/');
		if (errno != ENOENT || !slash || slash == at)
			return false;
		*slash = '\0';
	}
	return false;
}

int subvol_open(int folder_fd, const char *name)
{
	scoped_fd int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != BTRFS_FIRST_FREE_OBJECTID || !subvol_supported(fd))
		return -ENOENT;
	return take_fd(&fd);
}

static int name_args(struct btrfs_ioctl_vol_args_v2 *args, const char *name)
{
	size_t length = strlen(name);

	if (length > BTRFS_SUBVOL_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(args->name, name, length + 1);
	return 0;
}

int subvol_create(int folder_fd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };

	int r = name_args(&args, name);
	if (r < 0)
		return r;
	/* The mode comes from the mask; to set it afterwards would be a second step. */
	mode_t mask = umask(022);
	r = ioctl(folder_fd, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? -errno : 0;
	umask(mask);
	return r;
}

int subvol_snapshot(int folder_fd, int origin_fd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = origin_fd };

	int r = name_args(&args, name);
	if (r < 0)
		return r;
	return ioctl(folder_fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}

int subvol_destroy(int folder_fd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };

	int r = name_args(&args, name);
	if (r < 0)
		return r;
	return ioctl(folder_fd, BTRFS_IOC_SNAP_DESTROY_V2, &args) < 0 ? -errno : 0;
}

struct ids {
	uint64_t *list; /* owned */
	size_t count;
};

static int add_id(struct ids *ids, uint64_t id)
{
	uint64_t *more = realloc(ids->list, (ids->count + 1) * sizeof *more);

	if (!more)
		return -ENOMEM;
	ids->list = more;
	ids->list[ids->count++] = id;
	return 0;
}

enum { FOUND_ROOM = 16384 };

union search {
	struct btrfs_ioctl_search_args_v2 args;
	char room[sizeof(struct btrfs_ioctl_search_args_v2) + FOUND_ROOM];
};

static int add_found(const union search *search, struct ids *ids, uint64_t *next)
{
	struct btrfs_ioctl_search_header header;
	const char *at = search->room + sizeof search->args;

	for (uint32_t i = 0; i < search->args.key.nr_items; i++) {
		memcpy(&header, at, sizeof header);
		at += sizeof header + header.len;
		int r = add_id(ids, header.offset);
		if (r < 0)
			return r;
		*next = header.offset + 1;
	}
	return 0;
}

/*
 * Appends the ids of those nested directly in subvolume id: the root tree holds a reference from
 * each to each. By id, since a path may be longer than any call takes.
 */
static int add_nested(int fd, uint64_t id, struct ids *ids)
{
	uint64_t next = 0;

	for (;;) {
		union search search = { .args = {
			.key = {
				.tree_id = BTRFS_ROOT_TREE_OBJECTID,
				.min_objectid = id,
				.max_objectid = id,
				.min_type = BTRFS_ROOT_REF_KEY,
				.max_type = BTRFS_ROOT_REF_KEY,
				.min_offset = next,
				.max_offset = UINT64_MAX,
				.max_transid = UINT64_MAX,
				.nr_items = UINT32_MAX,
			},
			.buf_size = FOUND_ROOM,
		} };

		if (ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, &search) < 0)
			return -errno;
		if (search.args.key.nr_items == 0)
			return 0;
		int r = add_found(&search, ids, &next);
		if (r < 0)
			return r;
	}
}

static int destroy_id(int fd, uint64_t id)
{
	struct btrfs_ioctl_vol_args_v2 args = { .flags = BTRFS_SUBVOL_SPEC_BY_ID, .subvolid = id };

	if (ioctl(fd, BTRFS_IOC_SNAP_DESTROY_V2, &args) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int destroy_all(int fd, struct ids *ids, uint64_t top)
{
	int r = add_nested(fd, top, ids);

	for (size_t i = 0; r == 0 && i < ids->count; i++)
		r = add_nested(fd, ids->list[i], ids);
	/* What is nested stands behind what it is nested in. */
	for (size_t i = ids->count; r == 0 && i-- > 0;)
		r = destroy_id(fd, ids->list[i]);
	return r;
}

int subvol_destroy_nested(int fd)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };
	struct ids ids = { 0 };

	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return -errno;
	int r = destroy_all(fd, &ids, info.treeid);
	free(ids.list);
	ids = (struct ids){ 0 };
	if (r == -EROFS && subvol_make_writable(fd, 0) == 0) {
		r = destroy_all(fd, &ids, info.treeid);
		free(ids.list);
	}
	return r;
}

int subvol_commit(int fd)
{
	uint64_t transaction = 0;

	if (ioctl(fd, BTRFS_IOC_START_SYNC, &transaction) < 0 ||
	    ioctl(fd, BTRFS_IOC_WAIT_SYNC, &transaction) < 0)
		return -errno;
	return 0;
}

int subvol_created(int fd, uint64_t *seconds)
{
	struct btrfs_ioctl_get_subvol_info_args info = { 0 };

	if (ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0)
		return -errno;
	*seconds = info.otime.sec;
	return 0;
}

int subvol_filesystem(int fd, char uuid[37])
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	char *at = uuid;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0)
		return -errno;
	for (int i = 0; i < BTRFS_UUID_SIZE; i++)
		at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      info.fsid[i]);
	return 0;
}
