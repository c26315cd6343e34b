/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/follow_name.h"

#include "machine/state/private.h"

#include "base/scoped.h"
#include "image/template/template.h"

#include <string.h>

struct following {
	const struct dirs *dirs;
	const char *what, *from, *to;
	struct err *err;
};

/* ---- In settings of machines */

/* The list with the new name, or NULL: it has not the old one, or memory is short. The caller owns it. */
static char *replace_in_list(const char *list, const char *from, const char *to)
{
	scoped_text struct text text = { 0 };
	scoped_free char *copy = strdup(list);
	char *rest = copy;
	bool found = false;

	for (char *name; rest && (name = strsep(&rest, " ,"));) {
		bool same = strcmp(name, from) == 0;
		found |= same;
		if (*name)
			text_add(&text, "%s%s", text.length ? " " : "", same ? to : name);
	}
	return found && !text.failed ? strdup(text_str(&text)) : NULL;
}

static int record(struct machine *machine, const char *key, struct err *err)
{
	scoped_free char *path = machine_path(machine, "machine.conf");

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_record(&machine_schema, path, &machine->config,
			      (const char *const[]){ key, NULL }, err);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}

/* Whether the settings have the old name; they are changed in memory. */
typedef bool change_fn(const struct following *following, struct machine_config *config);

static bool change_boot(const struct following *following, struct machine_config *config)
{
	char *changed = replace_in_list(config->boot_after, following->from, following->to);

	return changed && text_take(&config->boot_after, changed) == 0;
}

/* A machine that gets the name of an alias needs it no more. */
static bool change_aliases(const struct following *following, struct machine_config *config)
{
	char *changed = config_rename_aliased(config->dns_aliases, following->from, following->to);

	return changed && text_take(&config->dns_aliases, changed) == 0;
}

static bool change_template(const struct following *following, struct machine_config *config)
{
	return strcmp(config->template, following->from) == 0 &&
	       text_take(&config->template, strdup(following->to)) == 0;
}

/* A machine that cannot be read, or is gone meanwhile, has nothing to follow. */
static int follow_in_machine(const struct following *following, const char *name, change_fn *change,
			     const char *key)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };

	if (machine_read(&machine, following->dirs, name, &ignored) < 0 ||
	    !change(following, &machine.config))
		return 0;
	/* The settings are read again under the lock. */
	scoped_fd int lock = machine_lock(&machine, LOCK_SECONDS, following->err);
	if (lock < 0)
		return lock;
	config_free(&machine_schema, &machine.config);
	if (machine_load(&machine, &ignored) < 0 || !change(following, &machine.config))
		return 0;
	return record(&machine, key, following->err);
}

static int visit_boot(void *context, const char *name)
{
	return follow_in_machine(context, name, change_boot, "boot.after");
}

int follow_boot(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	struct following following = { .dirs = dirs, .from = from, .to = to, .err = err };

	return machine_list(dirs, visit_boot, &following, err);
}

static int visit_aliases(void *context, const char *name)
{
	return follow_in_machine(context, name, change_aliases, "dns.aliases");
}

int follow_aliases(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	struct following following = { .dirs = dirs, .from = from, .to = to, .err = err };

	return machine_list(dirs, visit_aliases, &following, err);
}

static int visit_template(void *context, const char *name)
{
	return follow_in_machine(context, name, change_template, "template");
}

int follow_template(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	struct following following = { .dirs = dirs, .from = from, .to = to, .err = err };

	return machine_list(dirs, visit_template, &following, err);
}

/* A machine that cannot be read, or is gone meanwhile, has nothing to follow. */
static int visit_volume(void *context, const char *name)
{
	const struct following *following = context;
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };

	if (machine_read(&machine, following->dirs, name, &ignored) < 0 ||
	    !config_section(machine.config.volumes, following->from))
		return 0;
	scoped_free char *path = machine_path(&machine, "machine.conf");
	scoped_fd int lock = machine_lock(&machine, LOCK_SECONDS, following->err);
	if (lock < 0)
		return lock;
	if (!path)
		return err_set(following->err, ENOMEM, "out of memory");
	int r = config_rename_section(&machine_schema, path, &attached_schema, following->from,
				      following->to, &ignored);
	/* The section was removed meanwhile. */
	if (r == -ENOENT)
		return 0;
	pool_backup_mark_stale();
	return r < 0 ? err_set(following->err, -r, "machine '%s': %s", name, ignored.text) : 0;
}

int follow_volume(const struct dirs *dirs, const char *from, const char *to, struct err *err)
{
	struct following following = { .dirs = dirs, .from = from, .to = to, .err = err };

	return machine_list(dirs, visit_volume, &following, err);
}

/* ---- In origins of templates */

/* The origin with the new name; NULL: it has not the old one. The caller owns it. */
static char *replace_in_origin(const struct following *following, const char *origin)
{
	scoped_free char *whole = text_format("%s %s", following->what, following->from);
	scoped_free char *tail = text_format(", from %s", following->from);
	size_t n = whole ? strlen(whole) : 0, m = tail ? strlen(tail) : 0, length = strlen(origin);

	if (!whole || !tail)
		return NULL;
	if (strncmp(origin, whole, n) == 0 && (!origin[n] || origin[n] == '@'))
		return text_format("%s %s%s", following->what, following->to, origin + n);
	if (strcmp(following->what, "template") == 0 && text_starts(origin, "file ") &&
	    length > m && strcmp(origin + length - m, tail) == 0)
		return text_format("%.*s, from %s", (int)(length - m), origin, following->to);
	return NULL;
}

static int record_origin(const struct following *following, const char *name)
{
	scoped_free char *path =
		dirs_state_path(following->dirs, "templates/%s/template.conf", name);
	struct template_config config = { 0 };
	scoped_fd int lock = template_lock(following->dirs, name, LOCK_SECONDS, following->err);

	if (lock < 0)
		return lock;
	if (!path)
		return err_set(following->err, ENOMEM, "out of memory");
	if (config_load(&template_schema, path, &config, &(struct err){ 0 }) < 0)
		return 0;
	char *changed = replace_in_origin(following, config.origin);
	int r = 0;
	if (changed && text_take(&config.origin, changed) == 0)
		r = config_record(&template_schema, path, &config,
				  (const char *const[]){ "origin", NULL }, following->err);
	config_free(&template_schema, &config);
	pool_backup_mark_stale();
	return r;
}

static int visit_origin(void *context, const char *name, const struct template_config *config,
			const struct err *fault)
{
	const struct following *following = context;
	scoped_free char *changed = config ? replace_in_origin(following, config->origin) : NULL;

	(void)fault;
	return changed ? record_origin(following, name) : 0;
}

int follow_origin(const struct dirs *dirs, const char *what, const char *from, const char *to,
		  struct err *err)
{
	struct following following = {
		.dirs = dirs, .what = what, .from = from, .to = to, .err = err
	};

	return template_list(dirs, visit_origin, &following, err);
}
