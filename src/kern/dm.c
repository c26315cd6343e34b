/* The ioctls of device-mapper; linux/dm-ioctl.h says what each takes. */
#include "kern/dm.h"

#include "base/scoped.h"
#include "base/text.h"

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
	FIRST_ROOM = 4096,
	LAST_ROOM = 1 << 24,
	REMOVE_PAUSE_MS = 10,
	HEAD = sizeof(struct dm_ioctl),
};

/*
 * Libdevmapper's flags for udev's rules, in the upper half of the cookie, of which the lower half,
 * the semaphore's number, stays zero: no rules of subsystems, disks or others, and this event comes
 * from the one who made the device.
 */
enum { UDEV_LEAVE_ALONE = (0x02 | 0x04 | 0x08 | 0x40) << 16 };

/* A request with its device; room for what is put in and what comes back. */
struct request {
	struct dm_ioctl *io; /* owned */
	size_t room;
};

static void request_free(struct request *request)
{
	free(request->io);
}
#define scoped_request __attribute__((cleanup(request_free)))

static int real_request(struct dm *dm, unsigned long number, struct dm_ioctl *io)
{
	return ioctl(dm->fd, number, io) < 0 ? -errno : 0;
}

/* A request by name or uuid, both of which may be absent, with room for data behind it. */
static int request_make(struct request *out, size_t room, const char *name, const char *uuid)
{
	struct dm_ioctl *io = calloc(1, HEAD + room);

	if (!io)
		return -ENOMEM;
	io->version[0] = DM_VERSION_MAJOR;
	io->data_start = HEAD;
	io->data_size = (unsigned)(HEAD + room);
	if ((name && text_print(io->name, sizeof io->name, "%s", name) < 0) ||
	    (uuid && text_print(io->uuid, sizeof io->uuid, "%s", uuid) < 0)) {
		free(io);
		return -ENAMETOOLONG;
	}
	*out = (struct request){ .io = io, .room = room };
	return 0;
}

static void *request_data(const struct request *request)
{
	return (char *)request->io + HEAD;
}

/* One call without data, which leaves the kernel's view of the device in the request. */
static int ask(struct dm *dm, unsigned long number, struct request *request)
{
	return dm->request(dm, number, request->io);
}

static int ask_simple(struct dm *dm, unsigned long number, const char *name, unsigned flags)
{
	scoped_request struct request request = { 0 };
	int r = request_make(&request, 0, name, NULL);

	if (r < 0)
		return r;
	request.io->flags = flags;
	request.io->event_nr = UDEV_LEAVE_ALONE;
	return ask(dm, number, &request);
}

/* A call that answers with data, again with more room until it fits. */
static int ask_for_data(struct dm *dm, unsigned long number, const char *name, unsigned flags,
			struct request *out)
{
	for (size_t room = FIRST_ROOM; room <= LAST_ROOM; room *= 4) {
		scoped_request struct request request = { 0 };
		int r = request_make(&request, room, name, NULL);
		if (r < 0)
			return r;
		request.io->flags = flags;
		r = ask(dm, number, &request);
		if (r < 0)
			return r;
		if (!(request.io->flags & DM_BUFFER_FULL_FLAG)) {
			*out = request;
			request.io = NULL;
			return 0;
		}
	}
	return -EFBIG;
}

/* Where no node is made beforehand, opening one of our own is what loads the module. */
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
	/* A zeroed one is closed too: nobody's standard input goes by this. */
	if (dm->request)
		scoped_close_fd(&dm->fd);
	dm->fd = -1;
	dm->request = NULL;
}

int dm_version(struct dm *dm, unsigned version[3])
{
	scoped_request struct request request = { 0 };
	int r = request_make(&request, 0, NULL, NULL);

	if (r == 0)
		r = ask(dm, DM_VERSION, &request);
	if (r == 0)
		memcpy(version, request.io->version, sizeof request.io->version);
	return r;
}

int dm_target_version(struct dm *dm, const char *type, unsigned version[3])
{
	scoped_request struct request request = { 0 };
	int r = request_make(&request, FIRST_ROOM, type, NULL);

	if (r == 0)
		r = ask(dm, DM_GET_TARGET_VERSION, &request);
	if (r < 0)
		return r;
	const struct dm_target_versions *found = request_data(&request);
	memcpy(version, found->version, sizeof found->version);
	return 0;
}

/* ---- Tables */

static size_t spec_size(const struct dm_target *target)
{
	return (sizeof(struct dm_target_spec) + strlen(target->params) + 8) & ~(size_t)7;
}

int dm_load(struct dm *dm, const char *name, unsigned flags, const struct dm_target *targets,
	    size_t n)
{
	scoped_request struct request request = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < n; i++)
		room += spec_size(&targets[i]);
	int r = request_make(&request, room, name, NULL);
	if (r < 0)
		return r;
	request.io->target_count = (unsigned)n;
	if (flags & DM_WITH_READ_ONLY)
		request.io->flags |= DM_READONLY_FLAG;
	char *at = request_data(&request);
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
	return ask(dm, DM_TABLE_LOAD, &request);
}

int dm_clear(struct dm *dm, const char *name)
{
	return ask_simple(dm, DM_TABLE_CLEAR, name, 0);
}

int dm_suspend(struct dm *dm, const char *name, unsigned flags)
{
	unsigned how = DM_SUSPEND_FLAG;

	if (flags & DM_WITH_NO_LOCKFS)
		how |= DM_SKIP_LOCKFS_FLAG;
	if (flags & DM_WITH_NO_FLUSH)
		how |= DM_NOFLUSH_FLAG;
	return ask_simple(dm, DM_DEV_SUSPEND, name, how);
}

int dm_resume(struct dm *dm, const char *name)
{
	return ask_simple(dm, DM_DEV_SUSPEND, name, 0);
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
	scoped_request struct request request = { 0 };
	int r = request_make(&request, 0, name, uuid);

	if (r == 0)
		r = ask(dm, DM_DEV_CREATE, &request);
	if (r == 0)
		*dev = (dev_t)request.io->dev;
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

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int dm_remove(struct dm *dm, const char *name, unsigned wait_ms)
{
	const struct timespec pause = { .tv_nsec = REMOVE_PAUSE_MS * 1000000L };
	uint64_t deadline = now_ms() + wait_ms;
	int r;

	while ((r = ask_simple(dm, DM_DEV_REMOVE, name, 0)) == -EBUSY && now_ms() < deadline)
		(void)nanosleep(&pause, NULL);
	return r;
}

int dm_message(struct dm *dm, const char *name, const char *fmt, ...)
{
	scoped_request struct request request = { 0 };
	char text[DM_PARAMS_MAX];
	va_list args;

	va_start(args, fmt);
	int length = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof text)
		return -ENAMETOOLONG;
	int r = request_make(&request, sizeof(struct dm_target_msg) + sizeof text, name, NULL);
	if (r < 0)
		return r;
	struct dm_target_msg *message = request_data(&request);
	memcpy(message->message, text, (size_t)length + 1);
	return ask(dm, DM_TARGET_MSG, &request);
}

int dm_arm(struct dm *dm)
{
	return ask_simple(dm, DM_DEV_ARM_POLL, NULL, 0);
}

/* ---- What is there */

static void take_info(const struct dm_ioctl *io, struct dm_info *info)
{
	*info = (struct dm_info){
		.dev = (dev_t)io->dev,
		.suspended = io->flags & DM_SUSPEND_FLAG,
		.read_only = io->flags & DM_READONLY_FLAG,
		.live = io->flags & DM_ACTIVE_PRESENT_FLAG,
		.inactive = io->flags & DM_INACTIVE_PRESENT_FLAG,
		.open_count = io->open_count > 0 ? (unsigned)io->open_count : 0,
		.event_nr = io->event_nr,
	};
	memcpy(info->name, io->name, sizeof info->name - 1);
	memcpy(info->uuid, io->uuid, sizeof info->uuid - 1);
}

static int look(struct dm *dm, const char *name, const char *uuid, dev_t dev, struct dm_info *info)
{
	scoped_request struct request request = { 0 };
	int r = request_make(&request, 0, name, uuid);

	if (r < 0)
		return r;
	request.io->dev = dev;
	r = ask(dm, DM_DEV_STATUS, &request);
	if (r == 0)
		take_info(request.io, info);
	return r;
}

int dm_info(struct dm *dm, const char *name, struct dm_info *info)
{
	return look(dm, name, NULL, 0, info);
}

int dm_info_uuid(struct dm *dm, const char *uuid, struct dm_info *info)
{
	return look(dm, NULL, uuid, 0, info);
}

int dm_info_dev(struct dm *dm, dev_t dev, struct dm_info *info)
{
	return look(dm, NULL, NULL, dev, info);
}

/* Only newer lists tell a uuid, so that each is asked; one may go while we look. */
int dm_list(struct dm *dm, const char *uuid_prefix,
	    int (*visit)(void *context, const struct dm_info *info), void *context)
{
	scoped_request struct request request = { 0 };
	int r = ask_for_data(dm, DM_LIST_DEVICES, NULL, 0, &request);

	if (r < 0)
		return r;
	const char *at = request_data(&request);
	for (const struct dm_name_list *entry = (const void *)at; entry->dev;
	     entry = (const void *)at) {
		struct dm_info info;
		r = dm_info_dev(dm, (dev_t)entry->dev, &info);
		if (r < 0 && r != -ENXIO)
			return r;
		if (r == 0 && text_starts(info.uuid, uuid_prefix)) {
			r = visit(context, &info);
			if (r != 0)
				return r;
		}
		if (!entry->next)
			break;
		at += entry->next;
	}
	return 0;
}

ssize_t dm_deps(struct dm *dm, const char *name, dev_t *deps, size_t room)
{
	scoped_request struct request request = { 0 };
	int r = ask_for_data(dm, DM_TABLE_DEPS, name, 0, &request);

	if (r < 0)
		return r;
	const struct dm_target_deps *found = request_data(&request);
	for (size_t i = 0; i < found->count && i < room; i++)
		deps[i] = (dev_t)found->dev[i];
	return (ssize_t)found->count;
}

static int first_line(struct dm *dm, const char *name, unsigned flags, struct dm_line *line)
{
	scoped_request struct request request = { 0 };
	int r = ask_for_data(dm, DM_TABLE_STATUS, name, flags, &request);

	if (r < 0)
		return r;
	if (request.io->target_count == 0)
		return -ENODATA;
	const struct dm_target_spec *spec = request_data(&request);
	line->start = spec->sector_start;
	line->length = spec->length;
	if (text_print(line->type, sizeof line->type, "%s", spec->target_type) < 0 ||
	    text_print(line->params, sizeof line->params, "%s", (const char *)(spec + 1)) < 0)
		return -ENAMETOOLONG;
	return 0;
}

int dm_table(struct dm *dm, const char *name, struct dm_line *line)
{
	return first_line(dm, name, DM_STATUS_TABLE_FLAG, line);
}

int dm_status(struct dm *dm, const char *name, unsigned flags, struct dm_line *line)
{
	return first_line(dm, name, flags & DM_WITH_FLUSH ? 0 : DM_NOFLUSH_FLAG, line);
}

int dm_pool_status(struct dm *dm, const char *name, unsigned flags, struct dm_pool_status *status)
{
	struct dm_line line;
	int r = dm_status(dm, name, flags, &line);

	if (r < 0)
		return r;
	return strcmp(line.type, "thin-pool") != 0 ? -EINVAL : dm_pool_parse(line.params, status);
}

int dm_thin_status(struct dm *dm, const char *name, unsigned flags, struct dm_thin_status *status)
{
	struct dm_line line;
	int r = dm_status(dm, name, flags, &line);

	if (r < 0)
		return r;
	return strcmp(line.type, "thin") != 0 ? -EINVAL : dm_thin_parse(line.params, status);
}

/* ---- Nodes and words */

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
