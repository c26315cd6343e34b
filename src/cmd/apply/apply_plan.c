/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan of apply: what differs from the file, checked before the first change. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "image/source/pull.h"
#include "image/template/template.h"
#include "machine/life/life.h"
#include "machine/life/pending.h"
#include "machine/manage/boot.h"
#include "machine/manage/manage.h"
#include "network/network.h"
#include "storage/storage.h"

#include <string.h>

/* ---- Machines */

/* The words of a new machine that can be checked before the others of the file have changed. */
static enum words_kept checkable(struct apply *apply, const struct machine_config *wanted,
				 const char *name)
{
	if (apply_network_is_new(apply, wanted->network))
		return WORDS_NO_NETWORK;
	bool free = loss_of_address(apply, name, wanted->network, wanted->address);
	return loss_of_address(apply, name, wanted->network, wanted->address6) || free
		       ? WORDS_NO_ADDRESS
		       : WORDS_ALL;
}

static int check_create(struct apply *apply, const struct apply_wanted *wanted, const char *name,
			struct err *err)
{
	const struct machine_config *file = &wanted->group->settings.machine;
	__attribute__((cleanup(words_free))) struct apply_words words = { 0 };

	for (size_t i = 0; machine_schema.sections[i]; i++) {
		const struct schema *kind = machine_schema.sections[i];
		for (const struct section *at = config_sections(kind, file); at; at = at->next)
			check_section(apply, wanted->group, name, kind, at);
	}
	if (apply_check_new_address(apply, "network.address", wanted->config.network,
				    wanted->config.address, err) < 0 ||
	    wanted_words(apply, wanted->group, checkable(apply, &wanted->config, name), &words,
			 err) < 0)
		return -err->code;
	const struct machine_spec spec = {
		.template = image_is_missing(apply, wanted->group) ? NULL : file->template,
		.pool = *file->pool ? file->pool : NULL,
		.settings = { .words = (const char *const *)words.list, .count = words.count },
	};
	if (!spec.template && image_plan(apply, wanted->group, err) < 0)
		return -err->code;
	return machine_create_check(&apply->call->dirs, name, &spec, err);
}

static int plan_create(struct apply *apply, const struct apply_wanted *wanted, const char *name,
		       struct err *err)
{
	if (check_create(apply, wanted, name, err) < 0)
		return -err->code;
	struct apply_action *action = apply_add(apply, APPLY_CREATE, name, err);
	if (action)
		action->group = wanted->group;
	if (action && strcmp(wanted->group->settings.state, "running") == 0) {
		action = apply_add(apply, APPLY_START, name, err);
		if (action)
			action->group = wanted->group;
	}
	if (action && setup_has_steps(wanted->group)) {
		action = apply_add(apply, APPLY_SETUP, name, err);
		if (action)
			action->group = wanted->group;
	}
	return -err->code;
}

/* Changes of template and pool are refused, and so are machines of another file. */
static int check_same(const struct apply *apply, const struct apply_group *group,
		      const struct machine *machine, struct err *err)
{
	const char *applied = config_label(machine->config.labels, "applied");
	const struct machine_config *file = &group->settings.machine;
	const struct machine_config *now = &machine->config;

	if (applied && strcmp(applied, apply->id) != 0)
		return err_set(err, EEXIST,
			       "machine '%s' was made by another file, of the name '%s'; give this "
			       "one another name, or take it over: berth set %s label.applied=%s",
			       machine->name, applied, machine->name, apply->id);
	if (group->image ? !pull_may_be_of(&apply->call->dirs, now->template, group->image)
			 : strcmp(now->template, file->template) != 0)
		return err_set(err, EPERM,
			       "machine '%s' was made from template '%s', which cannot change to "
			       "'%s'; give it another name, or delete it first: berth delete %s",
			       machine->name, now->template,
			       group->image ? group->image : file->template, machine->name);
	if (*file->pool && strcmp(now->pool, file->pool) != 0)
		return err_set(err, EPERM,
			       "machine '%s' is in pool '%s', which cannot change to '%s'; berth "
			       "clone --pool %s makes a copy of it there",
			       machine->name, now->pool, file->pool, file->pool);
	return 0;
}

/* Sections that come, which machine_set does not check. */
static void check_new_sections(struct apply *apply, const struct machine *machine,
			       const struct apply_action *action)
{
	for (size_t i = 0; i < action->count; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (name && action->changes[i].to)
			check_section(apply, action->group, machine->name, kind,
				      config_section(config_sections(kind, &action->group->settings
										    .machine),
						     name));
	}
}

static int check_change(struct apply *apply, const struct apply_wanted *wanted,
			struct machine *machine, const struct apply_action *action, struct err *err)
{
	scoped_free struct config_change *changes = calloc(action->count + 1, sizeof *changes);
	size_t count = 0;

	if (!changes)
		return err_set(err, ENOMEM, "out of memory");
	check_new_sections(apply, machine, action);
	if (apply_check_new_address(apply, "network.address", wanted->config.network,
				    wanted->config.address, err) < 0)
		return -err->code;
	/* A network that is not made yet, or that a nic leaves first, and an address that is not free yet, cannot be
	 * looked at. */
	bool network = checkable(apply, &wanted->config, machine->name) == WORDS_ALL &&
		       !nic_gives_way(action, machine, wanted->config.network);
	for (size_t i = 0; i < action->count; i++) {
		const struct apply_change *change = &action->changes[i];
		if (!section_of(change->key, NULL) &&
		    (network || !text_starts(change->key, "network")))
			changes[count++] = (struct config_change){ change->key, change->to };
	}
	return machine_set_check(machine, changes, count, NULL, err);
}

static int plan_state(struct apply *apply, const struct apply_wanted *wanted,
		      const struct machine *machine, bool restart, struct err *err)
{
	bool wants = strcmp(wanted->group->settings.state, "running") == 0;
	struct machine_status status = { 0 };
	struct apply_action *action = NULL;

	machine_status(machine, NULL, &status);
	bool runs = !machine_is_down(status.state);
	/* Settings that the machine was started with, and now gets back, need no restart. */
	restart = runs && ((!wanted->whole && restart) ||
			   pending_is(machine, wanted->whole ? &wanted->config : &machine->config));
	if (wants && status.state == MACHINE_PAUSED && !(restart && apply->restart))
		text_add(&apply->notes, "machine '%s' is paused; it goes on by: berth resume %s\n",
			 machine->name, machine->name);
	if (runs && wants && restart && !apply->restart)
		text_add(&apply->notes,
			 "machine '%s' needs a restart for its changes: berth restart %s, or apply "
			 "with --restart\n",
			 machine->name, machine->name);
	if (runs == wants && !(runs && restart && apply->restart))
		return 0;
	action = apply_add(apply,
			   !runs   ? APPLY_START
			   : wants ? APPLY_RESTART
				   : APPLY_STOP,
			   machine->name, err);
	if (action)
		action->group = wanted->group;
	return -err->code;
}

/* A running machine cannot get a nic on a network that another interface of its has. */
static int plan_down(struct apply *apply, const struct apply_action *action,
		     const struct machine *machine, struct err *err)
{
	const struct nic_config *gets = NULL;
	char other[64], what[200];
	const char *way = nic_in_the_way(action, machine, &gets, other);

	if (!way)
		return 0;
	snprintf(what, sizeof what, "its '%s' on network '%s', which nic '%s' is to be on", way,
		 gets->network, gets->section.name);
	return loss_take_down(apply, machine, what, err);
}

static int plan_there(struct apply *apply, const struct apply_wanted *wanted,
		      struct machine *machine, struct err *err)
{
	bool restart = false;

	if (machine_check(machine, err) < 0 || check_same(apply, wanted->group, machine, err) < 0)
		return -err->code;
	struct apply_action *action = apply_add(apply, APPLY_CHANGE, machine->name, err);
	if (!action)
		return -err->code;
	action->group = wanted->group;
	if (wanted_compare(apply, wanted, machine, action, &restart, err) < 0)
		return -err->code;
	size_t at = apply->count - 1, count = action->count;
	if (count == 0)
		apply_drop_last(apply);
	else if (check_change(apply, wanted, machine, action, err) < 0)
		return -err->code;
	if (rules_plan_machine(apply, wanted->group, machine, err) < 0 ||
	    plan_state(apply, wanted, machine, restart, err) < 0 ||
	    setup_plan(apply, wanted->group, machine, err) < 0)
		return -err->code;
	/* A copy, because the list may move. */
	const struct apply_action changed = count ? apply->actions[at] : (struct apply_action){ 0 };
	return plan_down(apply, &changed, machine, err);
}

/* The same, for the defaults of the template that it was made of: an older one of the image. */
static int plan_older(struct apply *apply, const struct apply_group *group, struct machine *machine,
		      struct err *err)
{
	__attribute__((cleanup(wanted_free))) struct apply_wanted wanted = { 0 };

	return wanted_make(apply, group, machine->config.template, &wanted, err) < 0
		       ? -err->code
		       : plan_there(apply, &wanted, machine, err);
}

static int plan_machine(struct apply *apply, const struct apply_wanted *wanted, const char *name,
			struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct err why = { 0 };
	int r = machine_look(&machine, &apply->call->dirs, name, &why);

	if (r == -ENOENT)
		return plan_create(apply, wanted, name, err);
	if (r < 0)
		return err_set(err, -r, "%s", why.text);
	if (wanted->group->image)
		return plan_older(apply, wanted->group, &machine, err);
	return plan_there(apply, wanted, &machine, err);
}

static int check_pool(const struct apply *apply, const struct apply_group *group, struct err *err)
{
	const char *name = group->settings.machine.pool;
	scoped_pool struct pool pool = { .use_fd = -1 };

	return *name ? pool_view(&pool, &apply->call->dirs, name, err) : 0;
}

static int check_network(const struct apply *apply, const struct apply_group *group,
			 struct err *err)
{
	scoped_network struct network network = { 0 };
	const char *name = nic_network_of(apply, group);

	return !*name || apply_network_is_new(apply, name)
		       ? 0
		       : network_open(&network, &apply->call->dirs, name, err);
}

/* The template of machines that are not there. */
static void check_template(const struct apply *apply, const struct apply_group *group,
			   struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct template_config template;
	char name[96];

	apply_machine_name(group, 0, name);
	if (!group->image &&
	    machine_read(&machine, &apply->call->dirs, name, &(struct err){ 0 }) == -ENOENT &&
	    template_open(&apply->call->dirs, group->settings.machine.template, &template, err) ==
		    0)
		config_free(&template_schema, &template);
}

/* Whether pool and network are there; else the template is looked at as well, so that all faults are told. */
static bool has_its_place(struct apply *apply, const struct apply_group *group)
{
	struct err err = { 0 };

	bool fits = check_pool(apply, group, &err) == 0;
	apply_fault(apply, group->line, &err);
	fits = check_network(apply, group, &err) == 0 && fits;
	apply_fault(apply, group->line, &err);
	if (!fits)
		check_template(apply, group, &err);
	apply_fault(apply, group->line, &err);
	return fits;
}

/*
 * Pool, network or interfaces are wrong, so that nothing is planned: sections of new machines that depend on none of
 * them are looked at as well, so that all faults are told.
 */
static void check_independent(struct apply *apply, const struct apply_group *group)
{
	scoped_machine struct machine machine = { 0 };
	char name[96];

	apply_machine_name(group, 0, name);
	setup_check(apply, group);
	if (machine_read(&machine, &apply->call->dirs, name, &(struct err){ 0 }) != -ENOENT)
		return;
	for (size_t i = 0; machine_schema.sections[i]; i++) {
		const struct schema *kind = machine_schema.sections[i];
		const struct section *at = config_sections(kind, &group->settings.machine);
		if (kind == &nic_schema || kind == &forward_schema)
			continue;
		for (; at; at = at->next)
			check_section(apply, group, name, kind, at);
	}
}

/* Goes on after a fault, so that all of them are told. */
static void plan_group(struct apply *apply, const struct apply_group *group)
{
	__attribute__((cleanup(wanted_free))) struct apply_wanted wanted = { 0 };
	struct err err = { 0 };
	char name[96];

	if (!has_its_place(apply, group)) {
		check_independent(apply, group);
		return;
	}
	int r = wanted_make(apply, group, NULL, &wanted, &err);
	if (r == 0 && !nics_check_group(apply, group, &wanted.config)) {
		check_independent(apply, group);
		return;
	}
	for (uint64_t i = 0; r == 0 && i < apply_machine_count(group); i++) {
		apply_machine_name(group, i, name);
		plan_machine(apply, &wanted, name, &err);
		apply_fault(apply, group->line, &err);
	}
	apply_fault(apply, group->line, &err);
	setup_check(apply, group);
}

/* ---- The whole */

/* The longest way from each machine to one that waits for no other. There is no circle. */
static size_t *find_depths(const struct boot *boot)
{
	size_t *depths = calloc(boot->count + 1, sizeof *depths);
	bool changed = depths != NULL;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < boot->count; i++) {
			const struct boot_item *item = &boot->items[i];
			for (size_t k = 0; k < item->after_count; k++) {
				size_t least = depths[item->after[k]] + 1;
				changed = changed || depths[i] < least;
				depths[i] = depths[i] < least ? least : depths[i];
			}
		}
	}
	return depths;
}

static bool is_start(enum apply_kind kind)
{
	return kind == APPLY_START || kind == APPLY_RESTART || kind == APPLY_SETUP;
}

static int rank_items(struct apply *apply, const struct boot *boot, struct err *err)
{
	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].fault.code == ELOOP)
			return err_set(err, ELOOP, "%s: %s", apply->path,
				       boot->items[i].fault.text);
	}
	scoped_free size_t *depths = find_depths(boot);
	if (!depths)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < boot->count; i++) {
		const struct boot_item *item = &boot->items[i];
		for (size_t k = 0; k < apply->count; k++) {
			struct apply_action *action = &apply->actions[k];
			/* Machines that wait for others start when these are set up. */
			size_t tier = 2 * (item->rank * (boot->count + 1) + depths[i]) +
				      (action->kind == APPLY_SETUP);
			if (is_start(action->kind) && strcmp(action->name, item->name) == 0)
				action->rank = tier * apply->count + k;
		}
	}
	return 0;
}

/* The order of starts is that of boot.order and boot.after, which must not have a circle. */
static int rank_starts(struct apply *apply, struct err *err)
{
	scoped_boot struct boot boot = { 0 };
	char name[96];
	int r = 0;

	for (size_t g = 0; r == 0 && g < apply->file.group_count; g++) {
		const struct apply_group *group = &apply->file.groups[g];
		const struct machine_config *config = &group->settings.machine;
		for (uint64_t i = 0; r == 0 && i < apply_machine_count(group); i++) {
			apply_machine_name(group, i, name);
			r = boot_add(&boot, name, config->boot_order, 0, config->boot_after);
		}
	}
	if (r == 0)
		r = boot_arrange(&boot);
	return r < 0 ? err_set(err, -r, "out of memory") : rank_items(apply, &boot, err);
}

struct pruning {
	struct apply *apply;
	struct err *err;
};

/* A machine with the label of this file, which describes it no more. */
static int prune_one(void *context, const char *name)
{
	struct pruning *pruning = context;

	if (!apply_is_past(pruning->apply, name))
		return 0;
	if (!pruning->apply->prune) {
		text_add(&pruning->apply->notes,
			 "machine '%s' was made by this file, which describes it no more; --prune "
			 "deletes it\n",
			 name);
		return 0;
	}
	return apply_add(pruning->apply, APPLY_DELETE, name, pruning->err) ? 0
									   : -pruning->err->code;
}

/* Set-ups have their places among the starts. */
static enum apply_kind place_of(const struct apply_action *action)
{
	return action->kind == APPLY_SETUP ? APPLY_START : action->kind;
}

static int phase(const struct apply_action *action)
{
	if (action->kind <= APPLY_NETWORK_CHANGE)
		return 0;
	return action->early ? 1 : 2;
}

/* Early actions are done the other way round: a machine loses its address when it is down. */
static int by_order(const void *one, const void *other)
{
	const struct apply_action *a = one, *b = other;

	if (phase(a) != phase(b))
		return phase(a) - phase(b);
	if (place_of(a) != place_of(b))
		return (place_of(a) < place_of(b)) == !a->early ? -1 : 1;
	return a->rank < b->rank ? -1 : a->rank > b->rank;
}

int apply_plan(struct apply *apply, struct err *err)
{
	struct err one = { 0 };
	struct pruning pruning = { apply, &one };

	image_resolve(apply);
	check_apart(apply);
	for (size_t i = 0; i < apply->file.network_count; i++) {
		const struct apply_network *network = &apply->file.networks[i];
		network_plan(apply, network, &one);
		apply_fault(apply, network->line, &one);
	}
	for (size_t i = 0; i < apply->file.group_count; i++)
		plan_group(apply, &apply->file.groups[i]);
	rank_starts(apply, &one);
	causes_add(&apply->causes, &one);
	machine_list(&apply->call->dirs, prune_one, &pruning, &one);
	causes_add(&apply->causes, &one);
	loss_arrange(apply);
	check_paused(apply);
	if (apply->count > 0)
		qsort(apply->actions, apply->count, sizeof *apply->actions, by_order);
	return apply_tell_faults(apply, err);
}
