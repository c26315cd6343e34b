/* The devices of a thin pool: what it stands on, the pool, and its volumes. */
#include "base/fault.h"
#include "base/scoped.h"
#include "kern/loop.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { LOW_WATER_PART = 10, LOCK_SECONDS = 120 };

struct thin *thin_of(const struct pool *pool)
{
	return pool->driver;
}

char *thin_catalog_path(const struct pool *pool)
{
	return text_format("%s/catalog.db", pool->folder);
}

int thin_begin(struct pool *pool, struct err *err)
{
	struct thin *thin;
	char name[32];

	if (pool->driver)
		return 0;
	thin = calloc(1, sizeof *thin);
	if (!thin)
		return err_set(err, ENOMEM, "out of memory");
	int r = dm_open(&thin->dm);
	if (r < 0) {
		free(thin);
		return err_set(err, -r, "open device-mapper: %s", dm_why(r));
	}
	site_name(pool->site, name, sizeof name);
	snprintf(thin->name, sizeof thin->name, "%s.%s", name, pool->name);
	pool->driver = thin;
	return 0;
}

void thin_end(struct pool *pool)
{
	struct thin *thin = thin_of(pool);

	if (!thin)
		return;
	dm_close(&thin->dm);
	free(thin);
	pool->driver = NULL;
}

/* Not pool_lock, which others hold while they call a driver. */
int thin_lock(const struct pool *pool, unsigned seconds, struct err *err)
{
	scoped_free char *lock = text_format("thin.%s", pool->name);
	scoped_free char *what = text_format("pool '%s'", pool->name);

	if (!lock || !what)
		return err_set(err, ENOMEM, "out of memory");
	return site_lock(pool->site, lock, seconds, what, err);
}

/* ---- Names. No label has a dot, so that no two devices get the same. */

struct device {
	char name[DM_NAME_MAX + 1];
	char uuid[DM_UUID_MAX + 1];
};

static void name_part(const struct pool *pool, const char *part, struct device *device)
{
	snprintf(device->name, sizeof device->name, "%s.%s", thin_of(pool)->name, part);
	snprintf(device->uuid, sizeof device->uuid, DM_UUID_PREFIX "%s-%s", pool->config.uuid,
		 part);
}

static void name_volume(const struct pool *pool, uint64_t id, struct device *device)
{
	char part[32];

	snprintf(part, sizeof part, "v%llu", (unsigned long long)id);
	name_part(pool, part, device);
}

static int told(const struct device *device, int r, const char *doing, struct err *err)
{
	return r < 0 ? err_set(err, -r, "%s device '%s': %s", doing, device->name, dm_why(r)) : 0;
}

/*
 * A device with this one line, live and running, whatever a killed command left of it. Whoever
 * comes here holds the lock, so what is half-made has no maker any more.
 */
static int ensure(struct pool *pool, const struct device *device, const struct dm_target *target,
		  dev_t *dev)
{
	struct dm *dm = &thin_of(pool)->dm;
	struct dm_info info;

	for (int i = 0; i < 3; i++) {
		int r = dm_info(dm, device->name, &info);
		if (r == 0 && strcmp(info.uuid, device->uuid) != 0)
			return -EEXIST;
		if (r == 0 && info.live) {
			*dev = info.dev;
			return info.suspended ? dm_resume(dm, device->name) : 0;
		}
		if (r == 0)
			r = dm_remove(dm, device->name, THIN_WAIT_MS);
		if (r < 0 && r != -ENXIO)
			return r;
		fault_point("thin-device-create");
		r = dm_create(dm, device->name, device->uuid, 0, target, 1, dev);
		fault_point("thin-device-created");
		if (r != -EBUSY)
			return r;
	}
	return -EBUSY;
}

/* ---- What the pool stands on */

static int open_source(struct pool *pool, struct loop *loop, struct err *err)
{
	const char *path = pool->config.source;

	if (pool->config.size) {
		if (disk_serve(pool, loop, err) < 0)
			return -err->code;
		path = loop->path;
	}
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	return fd;
}

static int check_label(struct pool *pool, int fd, struct err *err)
{
	struct thin_layout *layout = &thin_of(pool)->layout;
	uint64_t bytes = 0;
	char uuid[37];

	int r = thin_label_read(fd, uuid, layout);
	if (r < 0)
		return err_set(err, -r,
			       r == -ENOENT    ? "'%s' no longer holds the pool: its label is gone"
			       : r == -EUCLEAN ? "'%s': the pool's label there is damaged"
					       : "'%s': its label cannot be read",
			       pool->config.source);
	if (strcmp(uuid, pool->config.uuid) != 0)
		return err_set(err, ESTALE, "'%s' holds another pool (UUID %s) than this one (%s)",
			       pool->config.source, uuid, pool->config.uuid);
	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		return err_set(err, errno, "ask '%s' for its size: %s", pool->config.source,
			       strerror(errno));
	if (bytes / DM_SECTOR < layout->data + layout->block)
		return err_set(err, EIO, "'%s' has become too small for the pool on it",
			       pool->config.source);
	layout->data_size = (bytes / DM_SECTOR - layout->data) / layout->block * layout->block;
	return 0;
}

static int attach_part(struct pool *pool, const char *part, dev_t below, uint64_t start,
		       uint64_t length, dev_t *dev, struct err *err)
{
	struct device device;
	char params[64];

	name_part(pool, part, &device);
	snprintf(params, sizeof params, "%u:%u %llu", major(below), minor(below),
		 (unsigned long long)start);
	const struct dm_target target = { 0, length, "linear", params };
	return told(&device, ensure(pool, &device, &target, dev), "make", err);
}

static void pool_line(const struct thin_layout *layout, dev_t metadata, dev_t data, char *out,
		      size_t room)
{
	snprintf(out, room, "%u:%u %u:%u %llu %llu", major(metadata), minor(metadata), major(data),
		 minor(data), (unsigned long long)layout->block,
		 (unsigned long long)(layout->data_size / layout->block / LOW_WATER_PART));
}

static int attach_pool(struct pool *pool, dev_t metadata, dev_t data, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	struct device device;
	char params[128];
	dev_t dev;

	name_part(pool, "pool", &device);
	pool_line(layout, metadata, data, params, sizeof params);
	const struct dm_target target = { 0, layout->data_size, "thin-pool", params };
	int r = ensure(pool, &device, &target, &dev);
	if (r == -EINVAL)
		return err_set(err, EINVAL,
			       "make device '%s': the kernel has no thin pools (try: modprobe "
			       "dm-thin-pool), or the metadata is damaged; its log (dmesg) tells",
			       device.name);
	return told(&device, r, "make", err);
}

bool thin_attached(const struct pool *pool)
{
	struct device device;
	struct dm_info info;

	name_part(pool, "pool", &device);
	return dm_info(&thin_of(pool)->dm, device.name, &info) == 0 && info.live &&
	       !info.suspended && strcmp(info.uuid, device.uuid) == 0;
}

int thin_attach(struct pool *pool, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	scoped_loop struct loop loop = { .fd = -1 };
	scoped_fd int fd = open_source(pool, &loop, err);
	dev_t metadata = 0, data = 0;
	struct stat st;

	if (fd < 0 || check_label(pool, fd, err) < 0)
		return -err->code;
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "look at '%s': %s", pool->config.source,
			       strerror(errno));
	if (attach_part(pool, "metadata", st.st_rdev, layout->metadata, layout->metadata_size,
			&metadata, err) < 0 ||
	    attach_part(pool, "data", st.st_rdev, layout->data, layout->data_size, &data, err) <
		    0 ||
	    attach_pool(pool, metadata, data, err) < 0)
		return -err->code;
	return 0;
}

/* Makes a device longer that is there; what is on it goes on. */
static int extend(struct pool *pool, const struct device *device, const struct dm_target *target,
		  struct err *err)
{
	return told(device, dm_reload(&thin_of(pool)->dm, device->name, 0, target, 1), "extend",
		    err);
}

static int extend_data(struct pool *pool, dev_t below, dev_t *dev, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	struct device device;
	struct dm_info info;
	char params[64];

	name_part(pool, "data", &device);
	snprintf(params, sizeof params, "%u:%u %llu", major(below), minor(below),
		 (unsigned long long)layout->data);
	const struct dm_target target = { 0, layout->data_size, "linear", params };
	if (extend(pool, &device, &target, err) < 0)
		return -err->code;
	int r = dm_info(&thin_of(pool)->dm, device.name, &info);
	*dev = info.dev;
	return told(&device, r, "look at", err);
}

static int extend_pool(struct pool *pool, dev_t data, struct err *err)
{
	const struct thin_layout *layout = &thin_of(pool)->layout;
	struct device device;
	struct dm_info info;
	char params[128];

	name_part(pool, "metadata", &device);
	int r = dm_info(&thin_of(pool)->dm, device.name, &info);
	if (r < 0)
		return told(&device, r, "look at", err);
	name_part(pool, "pool", &device);
	pool_line(layout, info.dev, data, params, sizeof params);
	const struct dm_target target = { 0, layout->data_size, "thin-pool", params };
	return extend(pool, &device, &target, err);
}

int thin_extend(struct pool *pool, struct err *err)
{
	scoped_loop struct loop loop = { .fd = -1 };
	scoped_fd int fd = open_source(pool, &loop, err);
	struct stat st;
	dev_t data = 0;

	if (fd < 0 || check_label(pool, fd, err) < 0)
		return -err->code;
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "look at '%s': %s", pool->config.source,
			       strerror(errno));
	if (extend_data(pool, st.st_rdev, &data, err) < 0)
		return -err->code;
	fault_point("thin-extended-data");
	return extend_pool(pool, data, err);
}

/* ---- Detaching */

struct names {
	struct text text; /* each with its NUL */
	unsigned used;    /* of volumes that are open */
};

static int note(void *context, const struct dm_info *info)
{
	struct names *names = context;

	names->used += info->open_count > 0;
	return text_add_bytes(&names->text, info->name, strlen(info->name) + 1);
}

/* All volumes' devices, once none is open, for which there is a moment's patience. */
static int find_volumes(struct pool *pool, struct names *names)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char prefix[DM_UUID_MAX];
	int r = 0;

	snprintf(prefix, sizeof prefix, DM_UUID_PREFIX "%s-v", pool->config.uuid);
	for (int i = 0; i < 100; i++) {
		text_free(&names->text);
		*names = (struct names){ 0 };
		r = dm_list(&thin_of(pool)->dm, prefix, note, names);
		if (r != 0 || names->used == 0)
			break;
		nanosleep(&pause, NULL);
	}
	return r;
}

static int remove_all(struct pool *pool, const struct text *volumes, struct err *err)
{
	static const char *const parts[] = { "pool", "data", "metadata" };
	struct dm *dm = &thin_of(pool)->dm;
	struct device device;
	int r = 0;

	for (size_t at = 0; r == 0 && at < volumes->length; at += strlen(volumes->data + at) + 1) {
		text_print(device.name, sizeof device.name, "%s", volumes->data + at);
		r = dm_remove(dm, device.name, THIN_WAIT_MS);
		r = r == -ENXIO ? 0 : r;
	}
	for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++) {
		name_part(pool, parts[i], &device);
		r = dm_remove(dm, device.name, THIN_WAIT_MS);
		r = r == -ENXIO ? 0 : r;
	}
	return told(&device, r, "remove", err);
}

/* The loop device goes with its last user; who only looks at it is waited for. */
static void wait_for_loop(const struct pool *pool)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	scoped_fd int fd = open(pool->config.source, O_RDONLY | O_CLOEXEC);

	for (int i = 0; fd >= 0 && pool->config.size && i < 200; i++) {
		scoped_loop struct loop loop = { .fd = -1 };
		if (loop_find(fd, &loop) < 0)
			return;
		loop_close(&loop);
		nanosleep(&pause, NULL);
	}
}

int thin_detach(struct pool *pool, struct err *err)
{
	struct names names = { 0 };
	int r = find_volumes(pool, &names);

	if (r < 0)
		err_set(err, -r, "list its devices: %s", dm_why(r));
	else if (names.used > 0)
		r = err_set(err, EBUSY, "its volumes are in use; stop the machines on it");
	else
		r = remove_all(pool, &names.text, err);
	text_free(&names.text);
	if (r == 0)
		wait_for_loop(pool);
	return r;
}

/* ---- Volumes */

int thin_activate(struct pool *pool, const struct catalog_volume *volume, dev_t *dev,
		  struct err *err)
{
	struct device device, below;
	struct dm_info info;
	char params[64];

	name_part(pool, "pool", &below);
	int r = dm_info(&thin_of(pool)->dm, below.name, &info);
	if (r < 0)
		return told(&below, r, "look at", err);
	name_volume(pool, volume->id, &device);
	snprintf(params, sizeof params, "%u:%u %llu", major(info.dev), minor(info.dev),
		 (unsigned long long)volume->id);
	const struct dm_target target = { 0, volume->size / DM_SECTOR, "thin", params };
	r = ensure(pool, &device, &target, dev);
	if (r == -ENODATA)
		return err_set(err, ENODATA,
			       "the pool no longer has it, though the catalogue does; compare the "
			       "two: berth pool check %s",
			       pool->name);
	return told(&device, r, "make", err);
}

bool thin_active(const struct pool *pool, uint64_t id, struct dm_info *info)
{
	struct device device;

	name_volume(pool, id, &device);
	return dm_info(&thin_of(pool)->dm, device.name, info) == 0 && info->live;
}

int thin_deactivate(struct pool *pool, uint64_t id, unsigned wait_ms)
{
	struct device device;

	name_volume(pool, id, &device);
	int r = dm_remove(&thin_of(pool)->dm, device.name, wait_ms);
	return r == -ENXIO ? 0 : r;
}

/* Freezes the file system on it, so that the snapshot is of a clean one. */
int thin_suspend(struct pool *pool, uint64_t id)
{
	struct device device;

	name_volume(pool, id, &device);
	int r = dm_suspend(&thin_of(pool)->dm, device.name, 0);
	return r == -ENXIO ? 0 : r;
}

int thin_resume(struct pool *pool, uint64_t id)
{
	struct device device;

	name_volume(pool, id, &device);
	int r = dm_resume(&thin_of(pool)->dm, device.name);
	return r == -ENXIO ? 0 : r;
}

/* ---- The pool */

int thin_status(struct pool *pool, unsigned flags, struct dm_pool_status *status, struct err *err)
{
	struct device device;

	name_part(pool, "pool", &device);
	return told(&device, dm_pool_status(&thin_of(pool)->dm, device.name, flags, status),
		    "ask for the state of", err);
}

int thin_message(struct pool *pool, const char *fmt, ...)
{
	struct device device;
	char text[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	name_part(pool, "pool", &device);
	return dm_message(&thin_of(pool)->dm, device.name, "%s", text);
}

int thin_enter(struct pool *pool, struct thin_session *session, struct err *err)
{
	scoped_free char *path = thin_catalog_path(pool);

	*session = (struct thin_session){ .lock = -1 };
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	session->lock = thin_lock(pool, LOCK_SECONDS, err);
	if (session->lock < 0)
		return session->lock;
	if (catalog_open(&session->catalog, path, pool->config.uuid, err) < 0 ||
	    thin_recover(pool, session, err) < 0)
		return -err->code;
	return 0;
}

void thin_leave(struct thin_session *session)
{
	catalog_close(&session->catalog);
	/* A zeroed one is closed too: no lock is descriptor 0. */
	if (session->lock > 0)
		scoped_close_fd(&session->lock);
	session->lock = -1;
}
