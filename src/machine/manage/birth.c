/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/birth.h"
#include "config/values.h"

#include "machine/state/nics.h"
#include "machine/state/owner.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/uuid.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

static char *random_uuid(void)
{
	char uuid[UUID_TEXT];

	return uuid_draw(uuid) < 0 ? NULL : strdup(uuid);
}

/* The address comes from the uuid, so that it stays the same as long as the machine exists. */
static char *mac_of(const char *uuid)
{
	uint64_t hash = text_hash(uuid);

	return text_format("10:66:6a:%02x:%02x:%02x", (unsigned)(hash >> 16) & 0xff,
			   (unsigned)(hash >> 8) & 0xff, (unsigned)hash & 0xff);
}

/* Each further interface gets another hardware address, and is free to get any address. */
static int renew_nics(struct machine_config *config)
{
	for (struct section *at = config->nics; at; at = at->next) {
		struct nic_config *nic = (struct nic_config *)at;
		scoped_free char *seed = text_format("%s %s", config->uuid, at->name);
		if (!seed || text_take(&nic->mac, mac_of(seed)) < 0 ||
		    text_take(&nic->address, strdup("")) < 0 ||
		    text_take(&nic->address6, strdup("")) < 0)
			return -ENOMEM;
	}
	return 0;
}

int machine_draw_identity(struct machine_config *config, struct err *err)
{
	struct utsname host;

	config->created = (uint64_t)time(NULL);
	if (uname(&host) < 0 || text_take(&config->uuid, random_uuid()) < 0 ||
	    text_take(&config->mac, mac_of(config->uuid)) < 0 ||
	    text_take(&config->address, strdup("")) < 0 ||
	    text_take(&config->address6, strdup("")) < 0 || renew_nics(config) < 0 ||
	    (!*config->arch && text_take(&config->arch, strdup(host.machine)) < 0))
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int apply_word(struct machine_config *config, const char *word, struct err *err)
{
	scoped_free char *name = strdup(word);
	char *value = name ? strchr(name, '=') : NULL;

	if (!value)
		return err_set(err, EINVAL, "setting '%s' is not KEY=VALUE", word);
	*value++ = '\0';
	if (config_flags(&machine_schema, name) & KEY_FIXED)
		return err_set(err, EPERM, "key '%s' is made by berth and not set by hand", name);
	return config_put(&machine_schema, config, name, value, err);
}

int birth_apply(struct machine_config *config, const struct settings *settings, struct err *err)
{
	for (size_t i = 0; settings && i < settings->count; i++) {
		if (apply_word(config, settings->words[i], err) < 0)
			return -err->code;
	}
	for (size_t i = 0; settings && i < settings->env_count; i++) {
		if (config_put_env(&config->env, settings->env[i], err) < 0)
			return -err->code;
	}
	return config_check_machine(config, err);
}

/* The name is that of a machine, or of what is left of one. */
static int refuse_taken(const struct machine *machine, struct err *err)
{
	scoped_free char *conf = machine_path(machine, machine_mark(machine).file);

	if (conf && access(conf, F_OK) == 0)
		return err_set(err, EEXIST,
			       "machine '%s' exists already; choose another name or delete it",
			       machine->name);
	if (access(machine->folder, F_OK) == 0)
		return err_set(err, EEXIST,
			       "machine '%s' exists already, but has lost its settings: bring back "
			       "'%s', or make it anew: berth adopt %s; or delete it: berth delete "
			       "--force %s",
			       machine->name, conf, machine->name, machine->name);
	return 0;
}

int birth_look(const struct machine *machine, struct err *err)
{
	struct unfinished mark = machine_mark(machine);

	return unfinished_is(&mark) ? 0 : refuse_taken(machine, err);
}

int birth_claim(struct machine *machine, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	if ((unfinished_is(&mark) && machine_erase(machine, false, err) < 0) ||
	    refuse_taken(machine, err) < 0)
		return -err->code;
	return take_fd(&lock);
}

/* A root without a machine is never removed as a leftover: it may be all that is left of a machine. */
int birth_refuse_volume(const struct machine *machine, const struct pool *pool, struct err *err)
{
	*err = (struct err){ 0 };
	return err_set(
		err, EEXIST,
		"pool '%s' holds a root 'machine.%s' already, of a machine that has lost its "
		"folder: make it a machine again: berth adopt %s; or delete it: berth delete "
		"--force %s",
		pool->name, machine->name, machine->name, machine->name);
}

static int found_one(void *context, const struct volume_info *info)
{
	(void)context;
	(void)info;
	return 1;
}

int birth_check_free(const struct machine *machine, struct pool *pool, struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct volume_info info;
	struct err why = { 0 };

	machine_volume(machine->name, volume);
	int r = volume_info(pool, volume, &info, &why);
	if (r == 0)
		return birth_refuse_volume(machine, pool, err);
	if (r != -ENOENT)
		return err_set(err, why.code, "%s", why.text);
	snapshot_volume(machine->name, "", volume);
	r = volume_list(pool, volume, found_one, NULL, err);
	return r > 0 ? birth_refuse_volume(machine, pool, err) : r;
}

int birth_begin(struct machine *machine, struct err *err)
{
	struct unfinished mark = machine_mark(machine);

	if (config_begin(&machine_schema, &mark, &machine->config, err) < 0)
		return -err->code;
	if (mkdir(machine->folder, 0700) < 0)
		return err_set(err, errno, "make '%s': %s", machine->folder, strerror(errno));
	return 0;
}

static int mark_fresh(const struct machine *machine, struct err *err)
{
	scoped_free char *fresh = machine_path(machine, "fresh");

	if (!fresh)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int fd = open(fresh, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
	return fd < 0 ? err_set(err, errno, "write '%s': %s", fresh, strerror(errno)) : 0;
}

int birth_commit(struct machine *machine, const struct birth *birth, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	scoped_fd int addresses = -1;

	/* Another machine may have got an address of this one since it was checked. */
	if (fixed_claim(machine, &addresses, err) < 0)
		return -err->code;
	if (birth->owner && machine->config.ephemeral &&
	    owner_claim(machine, birth->owner, err) < 0)
		return -err->code;
	if (!birth->keep_identity && mark_fresh(machine, err) < 0)
		return -err->code;
	int r = unfinished_finish(&mark, err);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

void birth_forget(struct machine *machine)
{
	struct unfinished mark = machine_mark(machine);
	struct err ignored = { 0 };

	if (rmdir(machine->folder) == 0 || errno == ENOENT)
		unfinished_drop(&mark, &ignored);
}
