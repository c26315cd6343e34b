/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device-mapper by its ioctls. Mechanism, no policy. */
#ifndef BERTH_KERN_DM_H
#define BERTH_KERN_DM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dm_ioctl;

/*
 * Everything is quiet: 0 or -errno, for dm_why(). Devices are named by their dm name; sizes are
 * sectors of 512 bytes. Udev is told with every event to leave the device to us (no scans by blkid,
 * LVM or multipath); there are no cookies to wait for.
 */
#define DM_UUID_PREFIX \
	"BERTH-" /* in the uuid of all our devices; the udev rule of berth matches it */
enum {
	DM_NAME_MAX = 127,
	DM_UUID_MAX = 128,
	DM_SECTOR = 512,
	DM_PARAMS_MAX = 512, /* bytes of a target's parameters that are read back */
};

struct dm {
	int fd; /* owned; after dm_arm() poll(2) reports POLLIN when any device had an event */
	/* every ioctl goes through here: 0 or -errno; tests replace it to force errors */
	int (*request)(struct dm *dm, unsigned long number, struct dm_ioctl *io);
	void *context; /* borrowed; for a test's request */
};

/* Opens the control device, which may load the module. -ENODEV: the kernel has no device-mapper. */
int dm_open(struct dm *dm);
void dm_close(struct dm *dm);
#define scoped_dm __attribute__((cleanup(dm_close)))

/* The version of the driver; of a target, whose module is loaded if necessary (-EINVAL: there is none). */
int dm_version(struct dm *dm, unsigned version[3]);
int dm_target_version(struct dm *dm, const char *type, unsigned version[3]);

/* One line of a table. */
struct dm_target {
	uint64_t start, length;
	const char *type;   /* "thin-pool" */
	const char *params; /* "253:0 253:1 128 0" */
};

enum dm_flags {
	DM_WITH_READ_ONLY = 1 << 0, /* create, load */
	DM_WITH_NO_LOCKFS = 1 << 1, /* suspend: does not freeze the file system on it */
	DM_WITH_NO_FLUSH = 1 << 2,  /* suspend: queues what is in flight; implies no lockfs */
	DM_WITH_FLUSH = 1 << 3,     /* status: commits the pool first */
};

/*
 * Makes a device with a live table; /dev/dm-N exists when it returns. -EBUSY: the name or the uuid is taken. A failure
 * leaves nothing behind.
 */
int dm_create(struct dm *dm, const char *name, const char *uuid, unsigned flags,
	      const struct dm_target *targets, size_t n, dev_t *dev);

/* Loads an inactive table; dm_resume makes it live, dm_clear drops it. */
int dm_load(struct dm *dm, const char *name, unsigned flags, const struct dm_target *targets,
	    size_t n);
int dm_clear(struct dm *dm, const char *name);

/* Idempotent. Suspending freezes a mounted file system, unless told not to. */
int dm_suspend(struct dm *dm, const char *name, unsigned flags);
int dm_resume(struct dm *dm, const char *name);

/*
 * dm_load and dm_resume; drops the table if it cannot be made live. If the resume fails, the device may stay suspended;
 * look at dm_info.
 */
int dm_reload(struct dm *dm, const char *name, unsigned flags, const struct dm_target *targets,
	      size_t n);

/*
 * Removes a device; retries for wait_ms while it is open, for example by a udev worker. -ENXIO: there is no such
 * device.
 */
int dm_remove(struct dm *dm, const char *name, unsigned wait_ms);
/* Removes a device at once, or has the kernel do it when its last holder is gone. -ENXIO: there is no such device. */
int dm_remove_later(struct dm *dm, const char *name);

/*
 * Sends a message to the target at sector 0. Success does not mean that the change is durable: a thin pool ignores a
 * failed commit, so read its status afterwards.
 */
int dm_message(struct dm *dm, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct dm_info {
	char name[DM_NAME_MAX + 1];
	char uuid[DM_UUID_MAX + 1];
	dev_t dev;
	bool suspended, read_only;
	bool live, inactive; /* whether it has a live and an inactive table */
	bool leaving;        /* the kernel removes it when its last holder is gone */
	unsigned open_count; /* number of holders: mounts, open descriptors, other devices */
	unsigned event_nr;   /* number of events so far */
};

/* A device by name, uuid, or number. -ENXIO: there is none. */
int dm_info(struct dm *dm, const char *name, struct dm_info *info);
int dm_info_uuid(struct dm *dm, const char *uuid, struct dm_info *info);
int dm_info_dev(struct dm *dm, dev_t dev, struct dm_info *info);

/* Calls visit for every device whose uuid begins with that prefix; stops at nonzero and returns it. */
int dm_list(struct dm *dm, const char *uuid_prefix,
	    int (*visit)(void *context, const struct dm_info *info), void *context);

/* A line of a table or of a status, as the kernel reports it. */
struct dm_line {
	uint64_t start, length;
	char type[16];
	char params[DM_PARAMS_MAX];
};

/* The first line of the live table or of its status. -ENODATA: it has no table. */
int dm_table(struct dm *dm, const char *name, struct dm_line *line);
int dm_status(struct dm *dm, const char *name, unsigned flags, struct dm_line *line);

/* Makes poll(2) on dm->fd wait for the next event of any device. Look after arming. */
int dm_arm(struct dm *dm);

/* The path of a device's node: "/dev/dm-7". */
void dm_path(dev_t dev, char *out, size_t room);

/* Opens the node of a device and checks that it is that device. A descriptor or -errno. */
int dm_open_device(dev_t dev, int flags);

/* The meaning of a failure, for the end of a sentence. Never NULL. */
const char *dm_why(int code);

#endif
