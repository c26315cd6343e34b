/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/start/rootfs.h"
#include "config/values.h"

#include "base/scoped.h"
#include "base/text.h"
#include "base/uuid.h"
#include "kern/mount.h"
#include "machine/share/share.h"
#include "machine/share/staging.h"
#include "machine/start/resolver.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

struct mount_row {
	const char *target; /* below the root; created if missing */
	const char *type;
	const char *options;
	uint64_t attributes;
};

#define NO_SUID_DEV_EXEC (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* Mounts in their order. A read-only /sys tells udev and networkd that they do not manage the devices. */
static const struct mount_row mount_rows[] = {
	{ "proc", "proc", NULL, NO_SUID_DEV_EXEC },
	{ "sys", "sysfs", NULL, NO_SUID_DEV_EXEC | MOUNT_ATTR_RDONLY },
	{ "sys/fs/cgroup", "cgroup2", NULL, NO_SUID_DEV_EXEC },
	{ "dev", "tmpfs", "mode=755,size=4m,nr_inodes=64k", MOUNT_ATTR_NOSUID },
	{ "dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5,max=1024",
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
	{ "dev/shm", "tmpfs", "mode=1777", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
	{ "dev/mqueue", "mqueue", NULL, NO_SUID_DEV_EXEC },
	{ "run", "tmpfs", "mode=755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
};

/*
 * Complete /proc and /sys beside the covered ones: the kernel lets a user namespace in the guest mount its own only if
 * it can see a complete one (mount_too_revealing). A part of /proc is always covered.
 */
static const struct mount_row spare_rows[] = {
	{ "run/host/proc", "proc", NULL, NO_SUID_DEV_EXEC },
	{ "run/host/sys", "sysfs", NULL, NO_SUID_DEV_EXEC | MOUNT_ATTR_RDONLY },
};

/* Device nodes of the host: a user namespace may not create any, but may have the host's shown. */
static const char *const device_rows[] = { "null", "zero", "full", "random", "urandom", "tty" };
_Static_assert(sizeof device_rows / sizeof *device_rows == ROOTFS_DEVICES, "as many descriptors");

static const char *const link_rows[][2] = {
	{ "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
	{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
	{ "pts/ptmx", "dev/ptmx" },
};

/*
 * Opens a mount point, and creates it if it is missing. No link is followed, so that a template with a link at /proc or
 * /dev cannot redirect a mount.
 */
static int open_target(int root_fd, const char *target)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root_fd, target, &how, sizeof how);

	if (fd < 0 && errno == ENOENT && mkdirat(root_fd, target, 0755) == 0)
		fd = syscall(SYS_openat2, root_fd, target, &how, sizeof how);
	return fd < 0 ? -errno : (int)fd;
}

static int mount_row_at(int root_fd, const struct mount_row *row, struct err *err)
{
	scoped_fd int target = open_target(root_fd, row->target);

	if (target < 0)
		return err_set(err, -target, "open '/%s' of the root: %s", row->target,
			       target == -ELOOP ? "it is a link and must be a folder"
						: strerror(-target));
	scoped_fd int mount = mount_make(row->type, row->type, row->options, row->attributes);
	int r = mount < 0 ? mount : mount_attach(mount, target, "");
	if (r < 0)
		return err_set(err, -r, "mount %s on '/%s': %s", row->type, row->target,
			       mount_why(r));
	return 0;
}

static int mount_table(int root_fd, const struct mount_row *rows, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (mount_row_at(root_fd, &rows[i], err) < 0)
			return -err->code;
	}
	return 0;
}

/* The host's /dev is still visible here. */
int rootfs_prepare(struct rootfs *rootfs, struct err *err)
{
	int *fds = rootfs->devices;
	char path[32];

	rootfs->stage_fd = open(STAGING_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfs->stage_fd < 0)
		return err_set(err, errno, "open '%s': %s", STAGING_ROOT, strerror(errno));

	for (size_t i = 0; i < ROOTFS_DEVICES; i++) {
		snprintf(path, sizeof path, "/dev/%s", device_rows[i]);
		fds[i] = mount_clone(AT_FDCWD, path, 0);
		/*
		 * Private propagation: otherwise the mounts of a privileged guest on this one would reach the host's
		 * peer group.
		 */
		int r = fds[i] < 0 ? fds[i] : mount_private(fds[i]);
		if (r < 0)
			return err_set(err, -r, "show '%s' to the guest: %s", path, mount_why(r));
	}
	return 0;
}

static int attach_file(int root_fd, const char *target, int mount_fd, struct err *err)
{
	scoped_fd int file = openat(root_fd, target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = file < 0 ? -errno : mount_attach(mount_fd, root_fd, target);

	if (r < 0)
		return err_set(err, -r, "mount on '/%s': %s", target, mount_why(r));
	return 0;
}

static int fill_dev(int root_fd, const int devices[ROOTFS_DEVICES], struct err *err)
{
	char target[32];

	for (size_t i = 0; i < ROOTFS_DEVICES; i++) {
		snprintf(target, sizeof target, "dev/%s", device_rows[i]);
		if (attach_file(root_fd, target, devices[i], err) < 0)
			return -err->code;
	}
	for (size_t i = 0; i < sizeof link_rows / sizeof *link_rows; i++) {
		if (symlinkat(link_rows[i][0], root_fd, link_rows[i][1]) < 0)
			return err_set(err, errno, "link '/%s': %s", link_rows[i][1],
				       strerror(errno));
	}
	return 0;
}

/* Shields in their order: the last one is a hole in the first, for the settings of the guest's network namespace. */
static const struct shield_row {
	const char *target;
	bool writable;
} shield_rows[] = {
	{ "proc/sys", false }, { "proc/sysrq-trigger", false },
	{ "proc/irq", false }, { "proc/bus", false },
	{ "proc/fs", false },  { "proc/sys/net", true },
};

/*
 * Read-only mounts over files that a guest without a user namespace could write, as a service manager does at boot.
 * They prevent accidents only: the guest's root can remove them.
 */
static int shield(int root_fd, struct err *err)
{
	enum { ROWS = sizeof shield_rows / sizeof *shield_rows };
	int fds[ROWS], r = 0;

	for (int i = 0; i < ROWS; i++)
		fds[i] = mount_clone(root_fd, shield_rows[i].target, 0);
	for (int i = 0; i < ROWS; i++) {
		/* Some kernels lack some of these files. */
		if (fds[i] == -ENOENT)
			continue;
		if (r == 0 && fds[i] < 0)
			r = fds[i];
		if (r == 0 && !shield_rows[i].writable)
			r = mount_attributes(fds[i], MOUNT_ATTR_RDONLY, 0, 0);
		if (r == 0)
			r = mount_attach(fds[i], root_fd, shield_rows[i].target);
		if (r < 0 && !err->code)
			err_set(err, -r, "make '/%s' read-only: %s", shield_rows[i].target,
				mount_why(r));
		scoped_close_fd(&fds[i]);
	}
	return -err->code;
}

/* The console comes from the guest's own devpts, so that ttyname(3) finds its terminal in the guest. */
static int open_console(const struct rootfs *rootfs, struct pty *console, struct err *err)
{
	int root_fd = rootfs->root_fd;
	char slave[32];
	scoped_fd int pts = openat(root_fd, "dev/pts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = pts < 0 ? -errno : pty_open(pts, console);

	if (r < 0)
		return err_set(err, -r, "open a pseudo-terminal for the console: %s", pty_why(r));
	snprintf(slave, sizeof slave, "dev/pts/%u", console->number);
	scoped_fd int mount = mount_clone(root_fd, slave, 0);
	if (mount < 0)
		return err_set(err, -mount, "show the console to the guest: %s", mount_why(mount));
	/* /dev/tty1 is for a getty that waits for a screen. */
	if (rootfs->screen && symlinkat("console", root_fd, "dev/tty1") < 0)
		return err_set(err, errno, "link '/dev/tty1': %s", strerror(errno));
	return attach_file(root_fd, "dev/console", mount, err);
}

static int write_run_file(int root_fd, const char *path, const char *text, mode_t mode,
			  struct err *err)
{
	scoped_fd int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ssize_t n = (ssize_t)strlen(text);

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return err_set(err, errno, "write '/%s': %s", path, strerror(errno));
	return 0;
}

/* Credentials, which systemd finds by CREDENTIALS_DIRECTORY, and only root of the guest can read. */
static int write_credentials(int root_fd, const struct label *credential, struct err *err)
{
	char path[sizeof CREDENTIALS_FOLDER + LABEL_NAME_MAX + 1];

	if (credential && mkdirat(root_fd, CREDENTIALS_FOLDER, 0500) < 0)
		return err_set(err, errno, "make '/" CREDENTIALS_FOLDER "': %s", strerror(errno));
	for (; credential; credential = credential->next) {
		scoped_free char *text = NULL;
		snprintf(path, sizeof path, CREDENTIALS_FOLDER "/%s", credential->name);
		if (config_credential(credential->value, &text, err) < 0 ||
		    write_run_file(root_fd, path, text, 0400, err) < 0)
			return -err->code;
	}
	return 0;
}

/*
 * A boot_id of this run: journals and programs that wait for a reboot tell boots apart by it. Read-only like the
 * kernel's own; it is no secret, because the guest may mount another /proc.
 */
static int cover_boot_id(int root_fd, struct err *err)
{
	const char *const place = "proc/sys/kernel/random/boot_id", *const file =
									    "run/host/boot-id";
	char text[UUID_TEXT + 1];
	int r = uuid_draw(text);

	if (r < 0)
		return err_set(err, -r, "make a boot id: %s", strerror(-r));
	text[UUID_TEXT - 1] = '\n';
	text[UUID_TEXT] = '\0';
	if (write_run_file(root_fd, file, text, 0444, err) < 0)
		return -err->code;
	scoped_fd int mount = mount_clone(root_fd, file, 0);
	r = mount < 0 ? mount : mount_attributes(mount, MOUNT_ATTR_RDONLY | NO_SUID_DEV_EXEC, 0, 0);
	if (r == 0)
		r = mount_attach(mount, root_fd, place);
	return r < 0 ? err_set(err, -r, "mount on '/%s': %s", place, mount_why(r)) : 0;
}

/* Files of the container interface in /run/host. */
static int fill_run_host(const struct rootfs *rootfs, struct err *err)
{
	int root = rootfs->root_fd;

	if (mkdirat(root, "run/host", 0755) < 0)
		return err_set(err, errno, "make '/run/host': %s", strerror(errno));
	if (write_run_file(root, "run/host/container-manager", "berth\n", 0444, err) < 0 ||
	    write_run_file(root, "run/host/container-uuid", rootfs->uuid, 0444, err) < 0 ||
	    write_credentials(root, rootfs->credentials, err) < 0 || cover_boot_id(root, err) < 0)
		return -err->code;
	return rootfs->guest_init ? attach_file(root, "run/host/guest-init", rootfs->init_fd, err)
				  : 0;
}

static int pivot(int root_fd, struct err *err)
{
	/* Old and new root are at the same place: the old one then lies on top of the new one, where it is detached. */
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(err, errno, "pivot_root: %s", strerror(errno));
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(err, errno, "detach the host's file systems: %s", strerror(errno));
	/*
	 * Shared propagation, as an init that boots a whole system expects: later mounts reach the namespaces of
	 * services and container engines. These peer groups begin here, so nothing outside is in them.
	 */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return err_set(err, errno, "share mounts inside: %s", strerror(errno));
	return 0;
}

/* Opens the mounts that the host has attached: the root, on the known folder, and guest-init below it. */
static int open_root(struct rootfs *rootfs, struct err *err)
{
	/* Private first: no later change of the host's mounts may reach this namespace. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "make mounts private: %s", strerror(errno));
	rootfs->root_fd = open(STAGING_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfs->root_fd < 0)
		return err_set(err, errno, "open the root: %s", strerror(errno));
	if (!rootfs->guest_init)
		return 0;
	rootfs->init_fd = mount_clone(rootfs->stage_fd, STAGING_INIT, 0);
	if (rootfs->init_fd < 0)
		return err_set(err, -rootfs->init_fd, "open guest-init: %s",
			       mount_why(rootfs->init_fd));
	return 0;
}

/*
 * The host's /proc and /sys must still be mounted, and complete, when the guest's are made: the kernel shows a user
 * namespace only as much of them as it could see before (mount_too_revealing).
 */
int rootfs_enter(struct rootfs *rootfs, struct pty *console, struct err *err)
{
	if (open_root(rootfs, err) < 0)
		return -err->code;
	int root = rootfs->root_fd;
	if (mount_table(root, mount_rows, sizeof mount_rows / sizeof *mount_rows, err) < 0)
		return -err->code;
	if (rootfs->shield && shield(root, err) < 0)
		return -err->code;
	if (fill_dev(root, rootfs->devices, err) < 0 || open_console(rootfs, console, err) < 0 ||
	    fill_run_host(rootfs, err) < 0)
		return -err->code;
	if (rootfs->lease)
		resolver_seed(root, rootfs->lease);
	if (mount_table(root, spare_rows, rootfs->shares->covers_sys ? 2 : 1, err) < 0)
		return -err->code;
	for (size_t i = 0; i < rootfs->shares->count; i++) {
		if (share_attach(root, &rootfs->shares->list[i], err) < 0)
			return -err->code;
	}
	/* The exec of init closes the descriptors; a failure ends this process. */
	return pivot(root, err);
}

int rootfs_notify_socket(struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/host/notify" };
	scoped_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	/* The kernel then tells the keeper the pid of each writer. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    chmod(address.sun_path, 0666) < 0)
		return err_set(err, errno, "bind '%s': %s", address.sun_path, strerror(errno));
	return take_fd(&fd);
}
