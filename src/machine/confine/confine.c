/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/confine/confine.h"
#include "config/values.h"

#include "base/file.h"
#include "kern/caps.h"
#include "kern/devices.h"
#include "kern/seccomp.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Capabilities that reach nothing of the host from a user namespace. They are dropped all the same: distributions see
 * from their absence that they do not manage clock, modules, raw devices and kernel log (systemd's units for debugfs
 * and tracefs require CAP_SYS_RAWIO), and a kernel bug behind one of them is out of reach.
 */
static const cap_value_t dropped[] = {
	CAP_AUDIT_READ, CAP_BLOCK_SUSPEND, CAP_MAC_ADMIN, CAP_MAC_OVERRIDE, CAP_SYSLOG,
	CAP_SYS_MODULE, CAP_SYS_PACCT,     CAP_SYS_RAWIO, CAP_SYS_TIME,     CAP_WAKE_ALARM,
};

#ifdef BERTH_TEST_HOLES
bool confine_left_out(const char *word)
{
	const char *holes = getenv("BERTH_TEST_HOLES");

	return holes && strstr(holes, word);
}
#endif

/* The devices that rootfs.c puts into /dev, by number; 136 to 143 are the kernel's pseudo-terminals. */
static const struct device devices[] = {
	{ 1, 3, 3, 0 }, /* null */
	{ 1, 5, 5, 0 }, /* zero */
	{ 1, 7, 9, 0 }, /* full, random, urandom */
	{ 5, 0, 0, 0 }, /* tty */
	{ 5, 2, 2, 0 }, /* ptmx */
	{ 136, 0, UINT32_MAX, 0 },
};

/*
 * Limits for cgroups that a guest creates, which the host has to walk and remove: enough for service managers with
 * containers in them, but not so many or so deep that a command runs out of descriptors.
 */
static int limit_groups(int cgroup_fd)
{
	int r = file_write(cgroup_fd, "cgroup.max.depth", "64");

	return r < 0 ? r : file_write(cgroup_fd, "cgroup.max.descendants", "16384");
}

/* Errors of a kernel without such programs, or that loads none, as in a machine. */
static bool has_none(int code)
{
	return code == -EPERM || code == -EINVAL || code == -ENOSYS || code == -EOPNOTSUPP;
}

static int limit_devices(int cgroup_fd, const struct device *more, size_t count)
{
	enum { OWN = sizeof devices / sizeof *devices };
	struct device rows[DEVICES_MAX];

	if (count > DEVICES_MAX - OWN)
		return -E2BIG;
	memcpy(rows, devices, sizeof devices);
	if (count > 0)
		memcpy(rows + OWN, more, count * sizeof *more);
	return devices_confine(cgroup_fd, rows, OWN + count);
}

int confine_cgroup(int cgroup_fd, const struct device *more, size_t count, struct err *err)
{
	int r = confine_left_out("groups") ? 0 : limit_groups(cgroup_fd);

	if (r < 0)
		return err_set(err, -r, "limit the groups that the machine may make: %s",
			       strerror(-r));
	r = confine_left_out("devices") ? 0 : limit_devices(cgroup_fd, more, count);
	if (r == 0 || has_none(r))
		return r != 0;
	return err_set(err, -r, "confine the machine to its devices: %s",
		       r == -E2BIG ? "it has too many; take some out" : strerror(-r));
}

/*
 * The guest would inherit the caller's session keyring: a process with that keyring may read its keys, whoever owns
 * them. ENOSYS: a kernel without keys.
 */
static int leave_keyring(void)
{
	long id = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);

	return id < 0 && errno != ENOSYS ? -errno : 0;
}

/* The default set, changed by security.caps. */
static int drop_caps(const struct config_caps *asked)
{
	cap_value_t list[128];
	size_t count = 0;

	for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
		if (!(asked->add & (uint64_t)1 << dropped[i]))
			list[count++] = dropped[i];
	}
	for (int cap = 0; cap < 64; cap++) {
		if (asked->drop & (uint64_t)1 << cap)
			list[count++] = cap;
	}
	return caps_drop(list, count);
}

/* Whether all of the root's programs are 32-bit ones. */
static bool is_narrow(const struct machine_config *config)
{
	static const char *const narrow[] = { "i386", "i486", "i586", "i686", "armv6l", "armv7l" };

	for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
		if (strcmp(config->arch, narrow[i]) == 0)
			return true;
	}
	return false;
}

/* 32-bit system calls double the attack surface, so only a root that needs them gets them. */
static unsigned variant(const struct machine_config *config)
{
	unsigned out = config->nesting ? SECCOMP_NESTING : 0;

	return is_narrow(config) || config->compat ? out | SECCOMP_COMPAT : out;
}

int confine_process(const struct machine_config *config, const struct lsm_label *label,
		    struct err *err)
{
	struct config_caps caps;

	if (config_caps(config->caps, &caps, err) < 0)
		return -err->code;
	/*
	 * The personality makes uname(2) tell builds and installers the right architecture. It is no confinement: any
	 * program can change it.
	 */
	if (is_narrow(config))
		personality(PER_LINUX32);
	int r = confine_left_out("keyring") ? 0 : leave_keyring();

	if (r < 0)
		return err_set(err, -r, "leave the caller's keyring: %s", strerror(-r));
	r = confine_left_out("caps") ? 0 : drop_caps(&caps);
	if (r < 0)
		return err_set(err, -r, "drop capabilities: %s", strerror(-r));
	r = confine_left_out("apparmor") ? 0 : lsm_label_apply(label);
	if (r < 0)
		return err_set(err, -r, "take label '%s': %s", label->text, strerror(-r));
	r = confine_left_out("seccomp")
		    ? 0
		    : seccomp_raise(variant(config), config->privileged ? caps.add : 0);
	return r < 0 ? err_set(err, -r, "load the filter of system calls: %s%s", strerror(-r),
			       r == -EINVAL ? " (the kernel needs CONFIG_SECCOMP_FILTER)" : "")
		     : 0;
}
