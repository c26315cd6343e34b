/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target of a volume in a machine that does not run, looked at before the section is written: what is in the way
 * would only be found by the next start, which would fail.
 */
#include "machine/share/share.h"

#include "base/scoped.h"
#include "machine/data/data.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

/* The folder that a path of the machine lies in: its root, a volume or a folder of the host's. */
struct ground {
	struct pool pool;                 /* owned */
	char volume[VOLUME_NAME_MAX + 1]; /* "": a folder of the host's */
	const char *target;               /* borrowed; "": the root */
	const struct section *section;    /* borrowed; NULL: the root */
	bool readonly;
	int fd; /* owned; -1: it cannot be seen now */
};

static void ground_close(struct ground *ground)
{
	if (ground->fd >= 0)
		scoped_close_fd(&ground->fd);
	if (ground->pool.ops)
		volume_deactivate(&ground->pool, ground->volume, &(struct err){ 0 });
	pool_close(&ground->pool);
}
#define scoped_ground __attribute__((cleanup(ground_close)))

static bool is_below(const char *path, const char *target)
{
	return strcmp(path, target) != 0 && text_is_within(path, target);
}

/* Takes a section if the path lies in it, deeper than in those before. */
static void consider(struct ground *ground, const struct section *section, const char *target,
		     bool readonly, const char *path)
{
	if (!is_below(path, target) || strlen(target) < strlen(ground->target))
		return;
	ground->target = target;
	ground->section = section;
	ground->readonly = readonly;
}

/* The innermost volume or mount of the machine that the path lies in; *mount: it is a mount. */
static void find_ground(struct ground *ground, const struct machine *machine,
			const struct attached_config *more, const char *path, bool *mount)
{
	const struct machine_config *config = &machine->config;

	*ground = (struct ground){ .pool.use_fd = -1, .target = "", .fd = -1 };
	for (const struct section *at = config->mounts; at; at = at->next) {
		const struct mount_config *one = (const struct mount_config *)at;
		consider(ground, at, one->target, one->readonly, path);
	}
	*mount = ground->section != NULL;
	for (const struct section *at = config->volumes; at; at = at->next) {
		const struct attached_config *one = (const struct attached_config *)at;
		consider(ground, at, one->target, one->readonly, path);
		*mount = *mount && ground->section != at;
	}
	if (more)
		consider(ground, &more->section, more->target, more->readonly, path);
	*mount = *mount && !(more && ground->section == &more->section);
}

static int open_volume(struct ground *ground, const struct dirs *dirs, const char *pool,
		       struct err *err)
{
	return pool_open(&ground->pool, dirs, pool, err) < 0 ||
			       volume_mount(&ground->pool, ground->volume,
					    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
						    MOUNT_ATTR_RDONLY,
					    &ground->fd, err) < 0
		       ? -err->code
		       : 0;
}

/* A mount whose source is not there now, and a broken volume, are told by the start. */
static int open_ground(struct ground *ground, const struct machine *machine, bool mount,
		       struct err *err)
{
	struct volume_config config = { 0 };

	if (mount) {
		const struct mount_config *of = (const struct mount_config *)ground->section;
		ground->fd = open(of->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return 0;
	}
	if (!ground->section) {
		machine_volume(machine->name, ground->volume);
		return open_volume(ground, machine->dirs, machine->config.pool, err);
	}
	data_volume(ground->section->name, ground->volume);
	if (data_open(machine->dirs, ground->section->name, &config, &(struct err){ 0 }) < 0)
		return 0;
	int r = open_volume(ground, machine->dirs, config.pool, err);
	config_free(&volume_schema, &config);
	return r;
}

static int probe(const struct machine *machine, const struct attached_config *more,
		 const char *what, const struct section *section, const char *target,
		 struct text *warning, struct err *err)
{
	struct err covered = { 0 };
	struct share share = { .what = what, .name = section->name, .folder = true, .fd = -1 };
	scoped_ground struct ground ground = { .pool.use_fd = -1, .fd = -1 };
	bool mount;

	find_ground(&ground, machine, more, target, &mount);
	/* Only what the new volume is in, or is the ground of. */
	if (section != &more->section && ground.section != &more->section)
		return 0;
	if (text_print(share.target, sizeof share.target, "%s", target) < 0)
		return err_set(err, ENAMETOOLONG, "target '%.80s...' is too long", target);
	if (open_ground(&ground, machine, mount, err) < 0)
		return -err->code;
	if (ground.fd < 0)
		return 0;
	int r = share_probe(ground.fd, &share, strlen(ground.target), err);
	if (r == 0 && warning &&
	    share_covers(ground.fd, &share, strlen(ground.target), &covered) < 0)
		text_add(warning, "%s\n", covered.text);
	if (r == -ENOENT && ground.readonly)
		return err_set(err, EROFS,
			       "%s '%s' cannot be shown as '%s': there is no such folder in %s "
			       "'%s', which is read-only, so that none can be made",
			       what, section->name, target, mount ? "mount" : "volume",
			       ground.section->name);
	return r == -ENOENT ? 0 : r;
}

int share_check_place(const struct machine *machine, const struct attached_config *attached,
		      struct text *warning, struct err *err)
{
	int r = probe(machine, attached, "volume", &attached->section, attached->target, warning,
		      err);

	for (const struct section *at = machine->config.volumes; r == 0 && at; at = at->next) {
		const struct attached_config *one = (const struct attached_config *)at;
		if (is_below(one->target, attached->target))
			r = probe(machine, attached, "volume", at, one->target, NULL, err);
	}
	for (const struct section *at = machine->config.mounts; r == 0 && at; at = at->next) {
		const struct mount_config *one = (const struct mount_config *)at;
		struct stat st;
		if (is_below(one->target, attached->target) && share_look(one, &st) == 0 &&
		    S_ISDIR(st.st_mode))
			r = probe(machine, attached, "mount", at, one->target, NULL, err);
	}
	return r;
}
