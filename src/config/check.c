/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules between keys: values that are valid alone but not together. */
#include "config/config.h"
#include "config/file.h"
#include "config/values.h"

#include <errno.h>
#include <string.h>

/* The longest label; the kernel's files have more room. */
enum { LABEL_MAX = 200 };

static const char *const own_places[] = { "/proc", "/sys", "/dev", "/run/host" };

/* Folders with a file system of the machine, and paths that are no single place. */
static const char *target_fault(const char *target)
{
	for (size_t i = 0; i < sizeof own_places / sizeof *own_places; i++) {
		size_t n = strlen(own_places[i]);
		if (strncmp(target, own_places[i], n) == 0 &&
		    (target[n] == '\0' || target[n] == '/'))
			return "is a place that berth fills";
	}
	if (target[strspn(target, "/")] == '\0')
		return "is the machine's root";
	for (const char *at = target; (at = strchr(at, '/'));) {
		size_t n = strcspn(++at, "/");
		if (n == 0 || (at[0] == '.' && (n == 1 || (n == 2 && at[1] == '.'))))
			return "has a part that is empty, '.' or '..'";
	}
	return NULL;
}

static int check_mount(const struct section *first, const struct mount_config *mount,
		       struct err *err)
{
	const char *name = mount->section.name;
	struct config_owner owner;

	if (!*mount->source || !*mount->target)
		return err_set(err, EINVAL, "mount '%s' has no %s; add a line '%s = PATH'", name,
			       *mount->source ? "target" : "source",
			       *mount->source ? "target" : "source");
	const char *fault = target_fault(mount->target);
	if (fault)
		return err_set(err, EINVAL,
			       "mount '%s' cannot have target '%.200s', which %s; choose another "
			       "place",
			       name, mount->target, fault);
	for (const struct section *other = first; other != &mount->section; other = other->next) {
		if (strcmp(((const struct mount_config *)other)->target, mount->target) == 0)
			return err_set(err, EEXIST,
				       "mounts '%s' and '%s' have the same target '%.200s'; choose "
				       "another for one of them",
				       other->name, name, mount->target);
	}
	return config_owner(mount->owner, &owner, err) < 0 ? err_wrap(err, "mount '%s'", name) : 0;
}

/* These names are also mount targets, which another mount would hide. */
static const char *const own_nodes[] = { "null",   "zero", "full",    "random", "urandom",
					 "tty",    "ptmx", "console", "stdin",  "stdout",
					 "stderr", "fd",   "pts",     "mqueue" };

static int check_device(const struct section *first, const struct device_config *device,
			struct err *err)
{
	const char *name = device->section.name, *mode = device->mode;

	if (!*device->path)
		return err_set(err, EINVAL, "device '%s' has no line 'path = /dev/NODE'", name);
	if (strncmp(device->path, "/dev/", 5) != 0 || target_fault(device->path + 4))
		return err_set(err, EINVAL,
			       "device '%s' cannot be '%.100s'; use a node below '/dev', without "
			       "'.' and '..'",
			       name, device->path);
	for (size_t i = 0; i < sizeof own_nodes / sizeof *own_nodes; i++) {
		if (strcmp(device->path + 5, own_nodes[i]) == 0)
			return err_set(err, EEXIST,
				       "device '%s' is '%s', of which every machine has its own",
				       name, device->path);
	}
	if (*mode && (strlen(mode) > 4 || mode[strspn(mode, "01234567")] ||
		      (strlen(mode) == 4 && *mode != '0')))
		return err_set(err, EINVAL,
			       "device '%s' cannot have mode '%.20s'; use three octal digits, such "
			       "as 660",
			       name, mode);
	for (const struct section *other = first; other != &device->section; other = other->next) {
		if (strcmp(((const struct device_config *)other)->path, device->path) == 0)
			return err_set(err, EEXIST,
				       "devices '%s' and '%s' are the same, '%.200s'; take one out",
				       other->name, name, device->path);
	}
	return 0;
}

static int check_attached(const struct machine_config *config,
			  const struct attached_config *attached, struct err *err)
{
	const char *name = attached->section.name;

	if (!*attached->target)
		return err_set(err, EINVAL, "volume '%s' has no target; add a line 'target = PATH'",
			       name);
	const char *fault = target_fault(attached->target);
	if (fault)
		return err_set(err, EINVAL,
			       "volume '%s' cannot have target '%.200s', which %s; choose another "
			       "place",
			       name, attached->target, fault);
	for (const struct section *other = config->volumes; other != &attached->section;
	     other = other->next) {
		if (strcmp(((const struct attached_config *)other)->target, attached->target) == 0)
			return err_set(err, EEXIST,
				       "volumes '%s' and '%s' have the same target '%.200s'; "
				       "choose another for one of them",
				       other->name, name, attached->target);
	}
	for (const struct section *other = config->mounts; other; other = other->next) {
		if (strcmp(((const struct mount_config *)other)->target, attached->target) == 0)
			return err_set(err, EEXIST,
				       "mount '%s' and volume '%s' have the same target '%.200s'; "
				       "choose another for one of them",
				       other->name, name, attached->target);
	}
	return 0;
}

int config_check_sections(const struct machine_config *config, struct err *err)
{
	for (const struct section *at = config->mounts; at; at = at->next) {
		if (check_mount(config->mounts, (const struct mount_config *)at, err) < 0)
			return -err->code;
	}
	for (const struct section *at = config->devices; at; at = at->next) {
		if (check_device(config->devices, (const struct device_config *)at, err) < 0)
			return -err->code;
	}
	for (const struct section *at = config->forwards; at; at = at->next) {
		if (forward_check(config, (const struct forward_config *)at, err) < 0)
			return -err->code;
	}
	for (const struct section *at = config->volumes; at; at = at->next) {
		if (check_attached(config, (const struct attached_config *)at, err) < 0)
			return -err->code;
	}
	return rules_check(config->rules, err) < 0 ? -err->code : nics_check(config, err);
}

int config_check_machine(const struct machine_config *config, struct err *err)
{
	if (*config->address && !*config->network)
		return err_set(
			err, EINVAL,
			"network.address is %s but there is no network; set network as well, or "
			"unset network.address",
			config->address);
	if (*config->address6 && !*config->network)
		return err_set(
			err, EINVAL,
			"network.address6 is %s but there is no network; set network as well, or "
			"unset network.address6",
			config->address6);
	if (config->vlan && !*config->network)
		return err_set(
			err, EINVAL,
			"network.vlan is %u but there is no network; set network as well, or "
			"unset network.vlan",
			(unsigned)config->vlan);
	if (config_check_aliases(config->dns_aliases, err) < 0)
		return -err->code;
	if (*config->init && config->init[strlen(config->init) - 1] == '/')
		return err_set(err, EINVAL, "init is '%.200s', which is a folder; name a program",
			       config->init);
	if (*config->app_command && *config->init)
		return err_set(
			err, EINVAL,
			"app.command is run by guest-init, and init is '%.200s'; unset one of "
			"both",
			config->init);
	if (config->app_command[strspn(config->app_command, " \"'")] == '\0' &&
	    *config->app_command)
		return err_set(err, EINVAL, "app.command names no program");
	if (!*config->apparmor || strlen(config->apparmor) > LABEL_MAX)
		return err_set(err, EINVAL,
			       "security.apparmor must be auto, yes, no, or a profile's name of at "
			       "most %d characters",
			       LABEL_MAX);
	if (strlen(config->selinux) > LABEL_MAX || strchr(config->selinux, ' '))
		return err_set(err, EINVAL,
			       "security.selinux must be a context without blanks, of at most %d "
			       "characters",
			       LABEL_MAX);
	return config_check_sections(config, err);
}

const char *config_url_fault(const char *url)
{
	enum { URL_MAX = 1000 };
	size_t n = strlen(url);
	const char *host = strstr(url, "://");

	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0 &&
	    strncmp(url, "docker://", 9) != 0 && strncmp(url, "docker+http://", 14) != 0)
		return "has to begin with https:// or http://, or that of a registry with "
		       "docker:// "
		       "or docker+http://";
	if (n > URL_MAX)
		return "is longer than 1000 bytes";
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p > '~' || strchr("?#\"'\\<>", *p))
			return "has a blank, or a character that is not allowed";
	}
	if (!host[3] || host[3] == '/')
		return "names no host";
	return url[n - 1] == '/' ? "ends with a slash; leave it out" : NULL;
}
