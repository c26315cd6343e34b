/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A change of a machine: its keys and its sections, all of them or none. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/backup/backup.h"
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
	if (kind == &rule_schema) {
		struct rule_config rule = *(const struct rule_config *)section;
		return machine_rule_add(machine, &rule, notes, err);
	}
	if (kind == &nic_schema)
		return machine_nic_add(machine, (const struct nic_config *)section, notes, err);
	if (kind == &attached_schema) {
		struct attached_config attached = *(const struct attached_config *)section;
		return machine_attach_volume(machine, &attached, err);
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
	if (kind == &rule_schema)
		return machine_rule_remove(machine, name, err);
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
		if (!name || !change->to)
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

/* Takes the added sections away, and puts the removed ones back. What fails is left as it is: the next run goes on. */
static void put_back(struct apply *apply, const struct apply_action *action,
		     struct machine *machine, const struct removed *removed, size_t count,
		     size_t added, const struct config_change *before)
{
	for (size_t i = 0; i < added; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (name && action->changes[i].to)
			remove_section(machine, kind, name, &(struct err){ 0 });
	}
	if (before)
		set_keys(action, machine, before, &(struct err){ 0 });
	for (size_t i = 0; i < count; i++)
		add_section(machine, removed[i].kind, removed[i].section, &apply->notes,
			    &(struct err){ 0 });
}

/*
 * Old sections go first, then keys are set, then new sections come: both sections may have one name, place or port, and
 * eth0 may get the network of a nic, and the nic that of eth0. A failure puts everything back.
 */
int change_do(struct apply *apply, const struct apply_action *action, struct machine *machine,
	      struct err *err)
{
	scoped_free struct removed *removed = calloc(action->count + 1, sizeof *removed);
	scoped_free struct config_change *before = calloc(action->count + 1, sizeof *before);
	size_t count = 0, added = 0;
	bool keys = false;

	if (!removed || !before)
		return err_set(err, ENOMEM, "out of memory");
	int r = read_keys(action, machine, before, err);
	if (r == 0)
		r = remove_old(apply, action, machine, removed, &count, err);
	if (r == 0) {
		r = set_keys(action, machine, NULL, err);
		keys = r == 0;
	}
	if (r == 0)
		r = add_new(apply, action, machine, removed, count, &added, err);
	if (r < 0)
		put_back(apply, action, machine, removed, count, added, keys ? before : NULL);
	for (size_t i = 0; i < count; i++)
		drop_section(removed[i].kind, removed[i].section);
	for (size_t i = 0; i < action->count; i++)
		free((char *)(uintptr_t)before[i].value);
	return r;
}

int change_add_sections(struct apply *apply, const struct apply_action *action,
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
