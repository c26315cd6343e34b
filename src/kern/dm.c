/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation, change and removal of device-mapper devices; linux/dm-ioctl.h describes the calls. */
#include "kern/dm.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm_request.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define CONTROL "/dev/mapper/control"

enum {
	CONTROL_MAJOR = 10, /* misc; the number by which opening loads the module */
	CONTROL_MINOR = 236,
	VERSIONS_ROOM = 4096,
	REMOVE_PAUSE_MS = 10,
};

static int real_request(struct dm *dm, unsigned long number, struct dm_ioctl *io)
{
	return ioctl(dm->fd, number, io) < 0 ? -errno : 0;
}

/* A node of berth's own: if no node exists, opening one loads the module. */
static int open_own_node(void)
{
	bool made_dir = mkdir("/dev/mapper", 0755) == 0;
	bool made = mknod(CONTROL, S_IFCHR | 0600, makedev(CONTROL_MAJOR, CONTROL_MINOR)) == 0;
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	int r = fd < 0 ? -errno : fd;

	if (fd < 0 && made)
		(void)unlink(CONTROL);
	if (fd < 0 && made_dir)
		(void)rmdir("/dev/mapper");
	return r;
}

static int open_control(void)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		fd = open_own_node();
	else if (fd < 0)
		fd = -errno;
	return fd == -ENOENT || fd == -ENXIO ? -ENODEV : fd;
}

int dm_open(struct dm *dm)
{
	scoped_fd int fd = open_control();
	struct dm opened = { .fd = fd, .request = real_request };
	unsigned version[3];

	int r = fd < 0 ? fd : dm_version(&opened, version);
	if (r < 0)
		return r;
	*dm = opened;
	take_fd(&fd);
	return 0;
}

void dm_close(struct dm *dm)
{
	/* A zeroed handle is closed too; it must not close standard input. */
	if (dm->request)
		scoped_close_fd(&dm->fd);
	dm->fd = -1;
	dm->request = NULL;
}

int dm_version(struct dm *dm, unsigned version[3])
{
	scoped_free struct dm_ioctl *io = NULL;
	int r = dm_request_make(&io, 0, NULL, NULL);

	if (r == 0)
		r = dm->request(dm, DM_VERSION, io);
	if (r == 0)
		memcpy(version, io->version, sizeof io->version);
	return r;
}

int dm_target_version(struct dm *dm, const char *type, unsigned version[3])
{
	scoped_free struct dm_ioctl *io = NULL;
	int r = dm_request_make(&io, VERSIONS_ROOM, type, NULL);

	if (r == 0)
		r = dm->request(dm, DM_GET_TARGET_VERSION, io);
	if (r < 0)
		return r;
	const struct dm_target_versions *found = dm_request_data(io);
	memcpy(version, found->version, sizeof found->version);
	return 0;
}

static size_t spec_size(const struct dm_target *target)
{
	return (sizeof(struct dm_target_spec) + strlen(target->params) + 8) & ~(size_t)7;
}

int dm_load(struct dm *dm, const char *name, unsigned flags, const struct dm_target *targets,
	    size_t n)
{
	scoped_free struct dm_ioctl *io = NULL;
	size_t room = 0;

	for (size_t i = 0; i < n; i++)
		room += spec_size(&targets[i]);
	int r = dm_request_make(&io, room, name, NULL);
	if (r < 0)
		return r;
	io->target_count = (unsigned)n;
	if (flags & DM_WITH_READ_ONLY)
		io->flags |= DM_READONLY_FLAG;
	char *at = dm_request_data(io);
	for (size_t i = 0; i < n; i++) {
		struct dm_target_spec *spec = (void *)at;
		spec->sector_start = targets[i].start;
		spec->length = targets[i].length;
		spec->next = (unsigned)spec_size(&targets[i]);
		if (text_print(spec->target_type, sizeof spec->target_type, "%s", targets[i].type) <
		    0)
			return -ENAMETOOLONG;
		strcpy(at + sizeof *spec, targets[i].params);
		at += spec->next;
	}
	return dm->request(dm, DM_TABLE_LOAD, io);
}

int dm_clear(struct dm *dm, const char *name)
{
	return dm_request_plain(dm, DM_TABLE_CLEAR, name, 0);
}

int dm_suspend(struct dm *dm, const char *name, unsigned flags)
{
	unsigned how = DM_SUSPEND_FLAG;

	if (flags & DM_WITH_NO_LOCKFS)
		how |= DM_SKIP_LOCKFS_FLAG;
	if (flags & DM_WITH_NO_FLUSH)
		how |= DM_NOFLUSH_FLAG;
	return dm_request_plain(dm, DM_DEV_SUSPEND, name, how);
}

int dm_resume(struct dm *dm, const char *name)
{
	return dm_request_plain(dm, DM_DEV_SUSPEND, name, 0);
}

int dm_reload(struct dm *dm, const char *name, unsigned flags, const struct dm_target *targets,
	      size_t n)
{
	int r = dm_load(dm, name, flags, targets, n);

	if (r == 0)
		r = dm_resume(dm, name);
	if (r < 0)
		(void)dm_clear(dm, name);
	return r;
}

static int create_empty(struct dm *dm, const char *name, const char *uuid, dev_t *dev)
{
	scoped_free struct dm_ioctl *io = NULL;
	int r = dm_request_make(&io, 0, name, uuid);

	if (r == 0)
		r = dm->request(dm, DM_DEV_CREATE, io);
	if (r == 0)
		*dev = (dev_t)io->dev;
	return r;
}

/* Devtmpfs has the node at once; a static /dev never. */
static int make_node(dev_t dev)
{
	char path[32];

	dm_path(dev, path, sizeof path);
	return mknod(path, S_IFBLK | 0600, dev) < 0 && errno != EEXIST ? -errno : 0;
}

int dm_create(struct dm *dm, const char *name, const char *uuid, unsigned flags,
	      const struct dm_target *targets, size_t n, dev_t *dev)
{
	dev_t made = 0;
	int r = create_empty(dm, name, uuid, &made);

	if (r < 0)
		return r;
	r = dm_load(dm, name, flags, targets, n);
	if (r == 0)
		r = dm_resume(dm, name);
	if (r == 0)
		r = make_node(made);
	if (r < 0) {
		(void)dm_remove(dm, name, 1000);
		return r;
	}
	*dev = made;
	return 0;
}

int dm_remove(struct dm *dm, const char *name, unsigned wait_ms)
{
	const struct timespec pause = { .tv_nsec = REMOVE_PAUSE_MS * 1000000L };
	int64_t deadline = clock_ms() + wait_ms;
	int r;

	while ((r = dm_request_plain(dm, DM_DEV_REMOVE, name, 0)) == -EBUSY &&
	       clock_ms() < deadline)
		(void)nanosleep(&pause, NULL);
	return r;
}

int dm_remove_later(struct dm *dm, const char *name)
{
	return dm_request_plain(dm, DM_DEV_REMOVE, name, DM_DEFERRED_REMOVE);
}

int dm_message(struct dm *dm, const char *name, const char *fmt, ...)
{
	scoped_free struct dm_ioctl *io = NULL;
	char text[DM_PARAMS_MAX];
	va_list args;

	va_start(args, fmt);
	int length = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof text)
		return -ENAMETOOLONG;
	int r = dm_request_make(&io, sizeof(struct dm_target_msg) + sizeof text, name, NULL);
	if (r < 0)
		return r;
	struct dm_target_msg *message = dm_request_data(io);
	memcpy(message->message, text, (size_t)length + 1);
	return dm->request(dm, DM_TARGET_MSG, io);
}

int dm_arm(struct dm *dm)
{
	return dm_request_plain(dm, DM_DEV_ARM_POLL, NULL, 0);
}

void dm_path(dev_t dev, char *out, size_t room)
{
	snprintf(out, room, "/dev/dm-%u", minor(dev));
}

int dm_open_device(dev_t dev, int flags)
{
	char path[32];
	struct stat st;

	dm_path(dev, path, sizeof path);
	scoped_fd int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) || st.st_rdev != dev)
		return -ENXIO;
	return take_fd(&fd);
}

const char *dm_why(int code)
{
	switch (code < 0 ? -code : code) {
	case ENODEV:
		return "the kernel has no device-mapper (try: modprobe dm-mod)";
	case ENXIO:
		return "there is no such device";
	case ENODATA:
		return "it is not there: no such thin device, or no table";
	case EEXIST:
		return "there is one of that number already";
	case EBUSY:
		return "it is in use, or its name is taken";
	case EOPNOTSUPP:
		return "the pool takes no changes: it is read-only or has failed";
	case EINVAL:
		return "the kernel refused it (its log says why: dmesg)";
	default:
		return strerror(code < 0 ? -code : code);
	}
}
