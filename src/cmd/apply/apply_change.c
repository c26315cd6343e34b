/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A change of a machine: its keys and its sections, all of them or none. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/backup/backup.h"
#include "config/values.h"
#include "machine/manage/manage.h"
#include "machine/share/mounts.h"

#include <string.h>

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
		return machine_forward(machine, &forward, notes, err);
	}
	if (kind == &nic_schema)
		return machine_nic_add(machine, (const struct nic_config *)section, notes, err);
	if (kind == &attached_schema) {
		struct attached_config attached = *(const struct attached_config *)section;
		return machine_attach_volume(machine, &attached, notes, err);
	}
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
	if (kind == &attached_schema)
		return machine_detach_volume(machine, name, &was_there, err);
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

/* An early action takes an interface away, and a later one adds it again. */
static void note_mac(struct apply *apply, const char *machine, const struct nic_config *nic)
{
	struct apply_mac *list = realloc(apply->macs, (apply->mac_count + 1) * sizeof *list);

	if (!list)
		return;
	apply->macs = list;
	struct apply_mac *mac = &list[apply->mac_count++];
	snprintf(mac->machine, sizeof mac->machine, "%s", machine);
	snprintf(mac->nic, sizeof mac->nic, "%s", nic->section.name);
	snprintf(mac->mac, sizeof mac->mac, "%s", nic->mac);
}

static int remove_old(struct apply *apply, const struct apply_action *action,
		      struct machine *machine, struct removed *removed, size_t *count,
		      struct err *err)
{
	for (size_t i = 0; i < action->count; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (!name || !action->changes[i].from || kind == &rule_schema)
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
		if (kind == &nic_schema && action->early)
			note_mac(apply, machine->name, (const struct nic_config *)copy);
	}
	return 0;
}

/* The hardware address that an interface of that name had before the changes, or NULL. */
static char *mac_before(const struct apply *apply, const struct machine *machine, const char *name,
			const struct removed *removed, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct section *old = removed[i].section;
		if (removed[i].kind == &nic_schema && strcmp(old->name, name) == 0)
			return ((struct nic_config *)old)->mac;
	}
	for (size_t i = 0; i < apply->mac_count; i++) {
		struct apply_mac *mac = &apply->macs[i];
		if (strcmp(mac->machine, machine->name) == 0 && strcmp(mac->nic, name) == 0)
			return mac->mac;
	}
	return NULL;
}

/* A nic that is changed keeps its hardware address where the file names none. */
static int add_changed(struct apply *apply, struct machine *machine, const struct schema *kind,
		       const struct section *section, const struct removed *removed, size_t count,
		       struct err *err)
{
	char *mac = kind == &nic_schema ? mac_before(apply, machine, section->name, removed, count)
					: NULL;

	if (!mac)
		return add_section(machine, kind, section, &apply->notes, err);
	struct nic_config nic = *(const struct nic_config *)section;
	nic.mac = *nic.mac ? nic.mac : mac;
	return add_section(machine, kind, &nic.section, &apply->notes, err);
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
		if (!name || !change->to || kind == &rule_schema)
			continue;
		const struct section *section = config_section(config_sections(kind, file), name);
		if (add_changed(apply, machine, kind, section, removed, removed_count, err) < 0)
			return -err->code;
	}
	return 0;
}

/* The values of the action's keys as they are now, which an early action may have changed. NULL: there is none. */
static int read_keys(const struct apply_action *action, const struct machine *machine,
		     struct config_change *before, struct err *err)
{
	for (size_t i = 0; i < action->count; i++) {
		scoped_text struct text value = { 0 };
		const char *key = action->changes[i].key;
		if (section_of(key, NULL) || config_get(&machine_schema, &machine->config, key,
							&value, &(struct err){ 0 }) < 0)
			continue;
		before[i].value = strdup(text_str(&value));
		if (!before[i].value)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* Sets the keys of an action. before: to these values; NULL: to those of the file. */
static int set_keys(const struct apply_action *action, struct machine *machine,
		    const struct config_change *before, struct err *err)
{
	scoped_free struct config_change *changes = calloc(action->count + 1, sizeof *changes);
	size_t count = 0;

	if (!changes)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < action->count; i++) {
		const struct apply_change *one = &action->changes[i];
		if (!section_of(one->key, NULL))
			changes[count++] =
				(struct config_change){ one->key,
							before ? before[i].value : one->to };
	}
	int r = count ? machine_set(machine, changes, count, err) : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (text_starts(changes[i].name, "backup.schedule"))
			backup_remark(machine);
	}
	return r;
}

/* An action as far as it was done. */
struct doing {
	struct removed *removed;      /* owned */
	struct config_change *before; /* owned, as are the values */
	struct rule_changes undo;     /* owned, as are the sections: the rules of before */
	size_t all, count, added;     /* changes of the action; removed; looked at to be added */
	bool keys;                    /* keys are set */
};

static void doing_free(struct doing *doing)
{
	for (size_t i = 0; i < doing->count; i++)
		drop_section(doing->removed[i].kind, doing->removed[i].section);
	for (size_t i = 0; doing->before && i < doing->all; i++)
		free((char *)(uintptr_t)doing->before[i].value);
	for (size_t i = 0; i < doing->undo.count; i++)
		drop_section(&rule_schema, (struct section *)(uintptr_t)doing->undo.list[i].to);
	rule_changes_free(&doing->undo);
	free(doing->removed);
	free(doing->before);
}

static int doing_begin(struct doing *doing, const struct apply_action *action, struct err *err)
{
	*doing = (struct doing){
		.removed = calloc(action->count + 1, sizeof *doing->removed),
		.before = calloc(action->count + 1, sizeof *doing->before),
		.all = action->count,
	};
	return doing->removed && doing->before ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The changes that give the machine the rules that it has now. */
static int keep_rules(const struct apply_action *action, const struct machine *machine,
		      struct doing *doing, struct err *err)
{
	struct rule_changes *undo = &doing->undo;

	if (rule_changes_make(action, NULL, undo, err) < 0)
		return -err->code;
	for (size_t i = 0; i < undo->count; i++) {
		struct section_change *one = &undo->list[i];
		const struct section *old = config_section(machine->config.rules, one->name);
		one->to = old ? copy_section(&rule_schema, old) : NULL;
		if (old && !one->to)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int change_rules(struct apply *apply, const struct apply_action *action,
			struct machine *machine, struct err *err)
{
	__attribute__((cleanup(rule_changes_free))) struct rule_changes rules = { 0 };

	if (rule_changes_make(action, action->group->settings.machine.rules, &rules, err) < 0)
		return -err->code;
	return rules.count
		       ? machine_change_rules(machine, rules.list, rules.count, &apply->notes, err)
		       : 0;
}

/* A section that cannot be put back stays as it is: the next run goes on. */
static void put_back(struct apply *apply, const struct apply_action *action,
		     struct machine *machine, const struct doing *doing, bool rules)
{
	for (size_t i = 0; i < doing->added; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (name && action->changes[i].to && kind != &rule_schema)
			remove_section(machine, kind, name, &(struct err){ 0 });
	}
	if (rules && doing->undo.count)
		machine_change_rules(machine, doing->undo.list, doing->undo.count, &apply->notes,
				     &(struct err){ 0 });
	if (doing->keys)
		set_keys(action, machine, doing->before, &(struct err){ 0 });
	for (size_t i = 0; i < doing->count; i++)
		add_section(machine, doing->removed[i].kind, doing->removed[i].section,
			    &apply->notes, &(struct err){ 0 });
}

/*
 * Old sections go first, then keys are set, then new sections come: both sections may have one name, place or port, and
 * eth0 may get the network of a nic, and the nic that of eth0. Rules change in between, all at once: an interface that
 * comes has them from its first packet on. A failure puts everything back.
 */
int change_do(struct apply *apply, const struct apply_action *action, struct machine *machine,
	      struct err *err)
{
	__attribute__((cleanup(doing_free))) struct doing doing = { 0 };
	bool rules = false;

	int r = doing_begin(&doing, action, err);
	if (r == 0)
		r = read_keys(action, machine, doing.before, err);
	if (r == 0)
		r = keep_rules(action, machine, &doing, err);
	if (r < 0)
		return r;
	r = remove_old(apply, action, machine, doing.removed, &doing.count, err);
	if (r == 0) {
		r = set_keys(action, machine, NULL, err);
		doing.keys = r == 0;
	}
	if (r == 0) {
		r = change_rules(apply, action, machine, err);
		rules = r == 0;
	}
	if (r == 0)
		r = add_new(apply, action, machine, doing.removed, doing.count, &doing.added, err);
	if (r < 0)
		put_back(apply, action, machine, &doing, rules);
	return r;
}

static int add_rules(const struct section *first, struct machine *machine, struct text *notes,
		     struct err *err)
{
	struct section_change list[RULES_MAX];
	size_t count = 0;

	for (const struct section *at = first; at && count < RULES_MAX; at = at->next)
		list[count++] = (struct section_change){ at->name, at };
	return count ? machine_change_rules(machine, list, count, notes, err) : 0;
}

int change_add_sections(struct apply *apply, const struct apply_action *action,
			struct machine *machine, struct err *err)
{
	const struct machine_config *file = &action->group->settings.machine;
	int r = add_rules(file->rules, machine, &apply->notes, err);

	for (size_t i = 0; machine_schema.sections[i]; i++) {
		const struct schema *kind = machine_schema.sections[i];
		if (kind == &rule_schema)
			continue;
		for (const struct section *at = config_sections(kind, file); at && r == 0;
		     at = at->next)
			r = add_section(machine, kind, at, &apply->notes, err);
	}
	return r;
}
