/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions of apply. Each is complete or not done, so that the next run goes on from there. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/share/mounts.h"
#include "network/network.h"

#include <string.h>

enum { BOOT_SECONDS = 60 };

/* ---- Networks */

static int set_network_key(const struct apply *apply, const struct apply_action *action,
			   const char *key, struct err *err)
{
	scoped_free char *path =
		dirs_state_path(&apply->call->dirs, "networks/%s/network.conf", action->name);
	scoped_text struct text value = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (config_get(&network_schema, &action->network->config, key, &value, err) < 0)
		return -err->code;
	return config_edit(&network_schema, path, key, text_str(&value), err);
}

static int create_network(struct apply *apply, struct apply_action *action, struct err *err)
{
	const struct apply_network *network = action->network;
	int r = network_create(&apply->call->dirs, action->name, network->config.bridge,
			       network->config.subnet, err);

	for (size_t i = 0; r == 0 && i < network->given_count; i++) {
		const char *key = network->given[i].name;
		if (strcmp(key, "bridge") != 0 && strcmp(key, "subnet") != 0)
			r = set_network_key(apply, action, key, err);
	}
	return r;
}

static int change_network(struct apply *apply, struct apply_action *action, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < action->count; i++)
		r = set_network_key(apply, action, action->changes[i].key, err);
	if (r == 0)
		text_add(&apply->notes,
			 "network '%s' has its new settings when it is taken down and up again: "
			 "berth network down %s\n",
			 action->name, action->name);
	return r;
}

/* ---- Machines */

static int add_section(struct machine *machine, const struct schema *kind,
		       const struct section *section, struct text *notes, struct err *err)
{
	/* A copy, since a name may be given to it. */
	if (kind == &mount_schema) {
		struct mount_config mount = *(const struct mount_config *)section;
		return machine_mount(machine, &mount, false, notes, err);
	}
	if (kind == &forward_schema) {
		struct forward_config forward = *(const struct forward_config *)section;
		return machine_forward(machine, &forward, err);
	}
	if (kind == &nic_schema)
		return machine_nic_add(machine, (const struct nic_config *)section, notes, err);
	struct device_config device = *(const struct device_config *)section;
	return machine_add_device(machine, &device, false, notes, err);
}

static int remove_section(struct machine *machine, const struct schema *kind, const char *name,
			  struct err *err)
{
	bool was_there;

	if (kind == &forward_schema)
		return machine_forward_remove(machine, name, err);
	if (kind == &nic_schema)
		return machine_nic_remove(machine, name, err);
	return kind == &mount_schema ? machine_unmount(machine, name, &was_there, err)
				     : machine_remove_device(machine, name, &was_there, err);
}

/* A copy of a section, which drop_section frees; NULL: out of memory. */
static struct section *copy_section(const struct schema *kind, const struct section *from)
{
	struct section *copy = calloc(1, kind->size);
	struct err ignored = { 0 };

	if (!copy || config_defaults(kind, copy, &ignored) < 0) {
		free(copy);
		return NULL;
	}
	copy->name = strdup(from->name);
	for (size_t i = 0; i < kind->count; i++) {
		scoped_text struct text value = { 0 };
		config_text(from, &kind->keys[i], &value);
		config_set(kind, copy, &kind->keys[i], text_str(&value), &ignored);
	}
	return copy;
}

static void drop_section(const struct schema *kind, struct section *section)
{
	if (!section)
		return;
	free(section->name);
	config_free(kind, section);
	free(section);
}

/* Sections that were taken away, to be put back if the new ones cannot be added. */
struct removed {
	const struct schema *kind;
	struct section *section; /* owned */
};

static int remove_old(const struct apply_action *action, struct machine *machine,
		      struct removed *removed, size_t *count, struct err *err)
{
	for (size_t i = 0; i < action->count; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (!name || !action->changes[i].from)
			continue;
		const struct section *old =
			config_section(config_sections(kind, &machine->config), name);
		/* Lost already, to another machine. */
		if (!old)
			continue;
		struct section *copy = copy_section(kind, old);
		if (!copy)
			return err_set(err, ENOMEM, "out of memory");
		if (remove_section(machine, kind, name, err) < 0) {
			drop_section(kind, copy);
			return -err->code;
		}
		removed[(*count)++] = (struct removed){ kind, copy };
	}
	return 0;
}

/* A nic that is changed keeps its hardware address where the file names none. */
static int add_changed(struct apply *apply, struct machine *machine, const struct schema *kind,
		       const struct section *section, const struct removed *removed, size_t count,
		       struct err *err)
{
	struct nic_config nic;

	for (size_t i = 0; kind == &nic_schema && i < count; i++) {
		const struct nic_config *old = (const struct nic_config *)removed[i].section;
		if (removed[i].kind != kind || strcmp(old->section.name, section->name) != 0)
			continue;
		nic = *(const struct nic_config *)section;
		nic.mac = *nic.mac ? nic.mac : old->mac;
		return add_section(machine, kind, &nic.section, &apply->notes, err);
	}
	return add_section(machine, kind, section, &apply->notes, err);
}

static int add_new(struct apply *apply, const struct apply_action *action, struct machine *machine,
		   const struct removed *removed, size_t removed_count, size_t *count,
		   struct err *err)
{
	const struct machine_config *file = &action->group->settings.machine;

	for (*count = 0; *count < action->count; (*count)++) {
		const struct apply_change *change = &action->changes[*count];
		const struct schema *kind;
		const char *name = section_of(change->key, &kind);
		if (!name || !change->to)
			continue;
		const struct section *section = config_section(config_sections(kind, file), name);
		if (add_changed(apply, machine, kind, section, removed, removed_count, err) < 0)
			return -err->code;
	}
	return 0;
}

/* Old sections go before new ones come, since both may have one name, place or port. A failure puts the old ones back. */
static int change_sections(struct apply *apply, const struct apply_action *action,
			   struct machine *machine, struct err *err)
{
	scoped_free struct removed *removed = calloc(action->count + 1, sizeof *removed);
	size_t count = 0, added = 0;

	if (!removed)
		return err_set(err, ENOMEM, "out of memory");
	int r = remove_old(action, machine, removed, &count, err);
	if (r == 0)
		r = add_new(apply, action, machine, removed, count, &added, err);
	for (size_t i = 0; r < 0 && i < added; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (name && action->changes[i].to)
			remove_section(machine, kind, name, &(struct err){ 0 });
	}
	for (size_t i = 0; i < count; i++) {
		if (r < 0)
			add_section(machine, removed[i].kind, removed[i].section, &apply->notes,
				    &(struct err){ 0 });
		drop_section(removed[i].kind, removed[i].section);
	}
	return r;
}

static int add_sections(struct apply *apply, const struct apply_action *action,
			struct machine *machine, struct err *err)
{
	const struct machine_config *file = &action->group->settings.machine;
	int r = 0;

	for (size_t i = 0; machine_schema.sections[i]; i++) {
		const struct schema *kind = machine_schema.sections[i];
		for (const struct section *at = config_sections(kind, file); at && r == 0;
		     at = at->next)
			r = add_section(machine, kind, at, &apply->notes, err);
	}
	return r;
}

/* Makes the default network if a machine is to be on it. */
static int find_network(const struct apply *apply, const struct apply_group *group, struct err *err)
{
	__attribute__((cleanup(wanted_free))) struct apply_wanted wanted = { 0 };

	if (wanted_make(apply, group, &wanted, err) < 0)
		return -err->code;
	return strcmp(wanted.config.network, apply->network) == 0 ? network_wanted(apply->call, err)
								  : 0;
}

static int create(struct apply *apply, struct apply_action *action, struct err *err)
{
	const struct machine_config *file = &action->group->settings.machine;
	__attribute__((cleanup(words_free))) struct apply_words words = { 0 };
	scoped_machine struct machine machine = { 0 };
	scoped_free char *pool = *file->pool ? strdup(file->pool) : NULL;
	struct progress progress;
	int r = wanted_words(apply, action->group, WORDS_ALL, &words, err);

	if (r == 0)
		r = find_network(apply, action->group, err);
	if (r == 0 && !pool)
		r = pool_wanted(apply->call, &pool, err);
	if (r != 0)
		return r;
	const struct machine_spec spec = {
		.template = file->template,
		.pool = pool,
		.settings = { .words = (const char *const *)words.list, .count = words.count },
	};
	progress_begin(&progress, "creating machine '%s'", action->name);
	r = machine_create(&apply->call->dirs, action->name, &spec, err);
	progress_end(&progress);
	if (r < 0 || (!file->mounts && !file->devices && !file->forwards && !file->nics))
		return r;
	r = machine_open(&machine, &apply->call->dirs, action->name, err);
	return r < 0 ? r : add_sections(apply, action, &machine, err);
}

/* Sections first: they can fail by what the host has, and are put back then, so that nothing is changed. */
static int change(struct apply *apply, struct apply_action *action, struct machine *machine,
		  struct err *err)
{
	scoped_free struct config_change *changes = calloc(action->count + 1, sizeof *changes);
	size_t count = 0;

	if (!changes)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < action->count; i++) {
		const struct apply_change *one = &action->changes[i];
		if (!section_of(one->key, NULL))
			changes[count++] = (struct config_change){ one->key, one->to };
	}
	int r = change_sections(apply, action, machine, err);
	return r < 0 || !count ? r : machine_set(machine, changes, count, err);
}

static int stop(struct machine *machine, struct err *err)
{
	enum stop_outcome outcome = STOP_CLEAN;
	struct progress progress;

	progress_begin(&progress, "stopping machine '%s'", machine->name);
	int r = machine_stop(machine, false, 0, &outcome, err);
	progress_end(&progress);
	if (r == 0 && outcome == STOP_KILLED)
		print_note("machine '%s' did not go down in time and was killed", machine->name);
	return r;
}

/* Machines of boot.after that run have to have booted. */
static int await_others(struct apply *apply, const struct machine *machine, struct err *err)
{
	scoped_free char *names = strdup(machine->config.boot_after);
	char *rest = names;

	if (!names)
		return err_set(err, ENOMEM, "out of memory");
	for (char *name; (name = strsep(&rest, " "));) {
		scoped_machine struct machine other = { 0 };
		struct machine_status status = { 0 };
		if (!*name ||
		    machine_read(&other, &apply->call->dirs, name, &(struct err){ 0 }) < 0)
			continue;
		machine_status(&other, NULL, &status);
		if (machine_is_down(status.state) || status.booted)
			continue;
		if (machine_check_thawed(&other, err) < 0 ||
		    machine_wait_booted(&other, BOOT_SECONDS, err) < 0)
			return err_wrap(err, "machine '%s' starts after '%s'", machine->name, name);
	}
	return 0;
}

static int start(struct apply *apply, struct machine *machine, struct err *err)
{
	int r = await_others(apply, machine, err);

	return r < 0 ? r : start_machine(machine, NULL, err);
}

/* As restart does: a machine is stopped only if it can start again. */
static int restart(struct apply *apply, struct machine *machine, struct err *err)
{
	int r = machine_check_start(machine, err);

	if (r == 0)
		r = stop(machine, err);
	return r < 0 ? r : start(apply, machine, err);
}

int apply_do(struct apply *apply, struct apply_action *action, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	if (action->kind == APPLY_NETWORK)
		return create_network(apply, action, err);
	if (action->kind == APPLY_NETWORK_CHANGE)
		return change_network(apply, action, err);
	if (action->kind == APPLY_CREATE)
		return create(apply, action, err);
	int r = machine_open(&machine, &apply->call->dirs, action->name, err);
	/* Another command was faster. */
	if (r == -ENOENT && action->kind == APPLY_DELETE) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (r < 0)
		return r;
	if (action->kind == APPLY_CHANGE)
		return change(apply, action, &machine, err);
	if (action->kind == APPLY_STOP)
		return stop(&machine, err);
	if (action->kind == APPLY_RESTART)
		return restart(apply, &machine, err);
	if (action->kind == APPLY_START)
		return start(apply, &machine, err);
	return machine_delete(&machine, true, err);
}
