/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan of apply: what differs from the file, checked before the first change. */
#include "cmd/apply.h"

#include "base/scoped.h"
#include "image/template.h"
#include "machine/life/life.h"
#include "machine/manage/boot.h"
#include "machine/manage/manage.h"
#include "network/network.h"
#include "storage/storage.h"

#include <string.h>

static struct apply_action *add_action(struct apply *apply, enum apply_kind kind, const char *name,
				       struct err *err)
{
	struct apply_action *list = realloc(apply->actions, (apply->count + 1) * sizeof *list);

	if (!list) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	apply->actions = list;
	list[apply->count] =
		(struct apply_action){ .kind = kind, .name = strdup(name), .rank = apply->count };
	if (!list[apply->count].name) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	return &list[apply->count++];
}

static void drop_last(struct apply *apply)
{
	free(apply->actions[--apply->count].name);
}

/* ---- Networks */

static bool network_is_there(const struct apply *apply, const char *name)
{
	scoped_network struct network network = { 0 };

	return network_open(&network, &apply->call->dirs, name, &(struct err){ 0 }) == 0;
}

static int compare_network(const struct apply_network *wanted, const struct network *network,
			   struct apply_action *action, struct err *err)
{
	for (size_t i = 0; i < network_schema.count; i++) {
		const struct key *key = &network_schema.keys[i];
		scoped_text struct text from = { 0 }, to = { 0 };
		if (!apply_line_of(wanted->given, wanted->given_count, key->name))
			continue;
		config_text(&network->config, key, &from);
		config_text(&wanted->config, key, &to);
		if (strcmp(text_str(&from), text_str(&to)) == 0)
			continue;
		if (strcmp(key->name, "bridge") == 0 || strcmp(key->name, "subnet") == 0)
			return err_set(
				err, EPERM,
				"network '%s' has %s = %s, which cannot change to %s; delete "
				"the network first, or give another one a name",
				network->name, key->name, text_str(&from), text_str(&to));
		if (action_add(action, key->name, text_str(&from), text_str(&to), err) < 0)
			return -err->code;
	}
	return 0;
}

static int plan_network(struct apply *apply, const struct apply_network *wanted, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct err why = { 0 };
	int r = network_open(&network, &apply->call->dirs, wanted->name, &why);

	if (r < 0 && r != -ENOENT)
		return err_set(err, -r, "%s", why.text);
	struct apply_action *action =
		add_action(apply, r == 0 ? APPLY_NETWORK_CHANGE : APPLY_NETWORK, wanted->name, err);
	if (!action)
		return -err->code;
	action->network = wanted;
	if (r < 0)
		return 0;
	r = compare_network(wanted, &network, action, err);
	if (r == 0 && action->count == 0)
		drop_last(apply);
	return r;
}

/* ---- Machines */

/* A network that this command will make. */
static bool network_is_new(const struct apply *apply, const char *name)
{
	for (size_t i = 0; i < apply->file.network_count; i++) {
		if (strcmp(apply->file.networks[i].name, name) == 0)
			return !network_is_there(apply, name);
	}
	return strcmp(name, apply->network) == 0 && !network_is_there(apply, name);
}

static int plan_create(struct apply *apply, const struct apply_wanted *wanted, const char *name,
		       struct err *err)
{
	const struct machine_config *file = &wanted->group->settings.machine;
	__attribute__((cleanup(words_free))) struct apply_words words = { 0 };
	bool network = !network_is_new(apply, wanted->config.network);

	if (wanted_words(apply, wanted->group, network, &words, err) < 0)
		return -err->code;
	const struct machine_spec spec = {
		.template = file->template,
		.pool = *file->pool ? file->pool : NULL,
		.settings = { .words = (const char *const *)words.list, .count = words.count },
	};
	if (machine_create_check(&apply->call->dirs, name, &spec, err) < 0)
		return -err->code;
	struct apply_action *action = add_action(apply, APPLY_CREATE, name, err);
	if (action)
		action->group = wanted->group;
	if (action && strcmp(wanted->group->settings.state, "running") == 0) {
		action = add_action(apply, APPLY_START, name, err);
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
	if (strcmp(now->template, file->template) != 0)
		return err_set(err, EPERM,
			       "machine '%s' was made from template '%s', which cannot change to "
			       "'%s'; give it another name, or delete it first: berth delete %s",
			       machine->name, now->template, file->template, machine->name);
	if (*file->pool && strcmp(now->pool, file->pool) != 0)
		return err_set(err, EPERM,
			       "machine '%s' is in pool '%s', which cannot change to '%s'; berth "
			       "clone --pool %s makes a copy of it there",
			       machine->name, now->pool, file->pool, file->pool);
	return 0;
}

/* machine_set checks only keys; sections are checked with the file, and their sources when they are opened. */
static int check_change(struct apply *apply, struct machine *machine,
			const struct apply_action *action, struct err *err)
{
	scoped_free struct config_change *changes = calloc(action->count + 1, sizeof *changes);
	size_t count = 0;

	if (!changes)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < action->count; i++) {
		const struct apply_change *change = &action->changes[i];
		if (section_of(change->key, NULL))
			continue;
		/* A network that is not made yet cannot be looked at. */
		if (text_starts(change->key, "network") && change->to &&
		    network_is_new(apply, change->to))
			continue;
		changes[count++] = (struct config_change){ change->key, change->to };
	}
	return machine_set_check(machine, changes, count, err);
}

static int plan_state(struct apply *apply, const struct apply_wanted *wanted,
		      const struct machine *machine, bool restart, struct err *err)
{
	bool wants = strcmp(wanted->group->settings.state, "running") == 0;
	struct machine_status status = { 0 };
	struct apply_action *action = NULL;

	machine_status(machine, NULL, &status);
	bool runs = !machine_is_down(status.state);
	if (runs && wants && restart && !apply->restart)
		text_add(&apply->notes,
			 "machine '%s' needs a restart for its changes: berth restart %s, or apply "
			 "with --restart\n",
			 machine->name, machine->name);
	if (runs == wants && !(runs && restart && apply->restart))
		return 0;
	action = add_action(apply,
			    !runs   ? APPLY_START
			    : wants ? APPLY_RESTART
				    : APPLY_STOP,
			    machine->name, err);
	if (action)
		action->group = wanted->group;
	return -err->code;
}

static int plan_there(struct apply *apply, const struct apply_wanted *wanted,
		      struct machine *machine, struct err *err)
{
	bool restart = false;

	if (machine_check(machine, err) < 0 || check_same(apply, wanted->group, machine, err) < 0)
		return -err->code;
	struct apply_action *action = add_action(apply, APPLY_CHANGE, machine->name, err);
	if (!action)
		return -err->code;
	action->group = wanted->group;
	if (wanted_compare(apply, wanted, machine, action, &restart, err) < 0)
		return -err->code;
	if (action->count == 0)
		drop_last(apply);
	else if (check_change(apply, machine, action, err) < 0)
		return -err->code;
	return plan_state(apply, wanted, machine, restart, err);
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
	return plan_there(apply, wanted, &machine, err);
}

static int check_pool(const struct apply *apply, const struct apply_group *group, struct err *err)
{
	const char *name = group->settings.machine.pool;
	scoped_pool struct pool pool = { .use_fd = -1 };

	return *name ? pool_view(&pool, &apply->call->dirs, name, err) : 0;
}

static int plan_group(struct apply *apply, const struct apply_group *group, struct err *err)
{
	__attribute__((cleanup(wanted_free))) struct apply_wanted wanted = { 0 };
	char name[96];

	int r = check_pool(apply, group, err);
	if (r == 0)
		r = wanted_make(apply, group, &wanted, err);
	for (uint64_t i = 0; r == 0 && i < apply_machine_count(group); i++) {
		apply_machine_name(group, i, name);
		r = plan_machine(apply, &wanted, name, err);
	}
	return r < 0 ? err_wrap(err, "%s:%u", apply->path, group->line) : 0;
}

/* ---- The whole */

/* Two machines cannot have one address on a network. */
static int check_addresses(const struct apply *apply, struct err *err)
{
	for (size_t i = 0; i < apply->file.group_count; i++) {
		const struct apply_group *one = &apply->file.groups[i];
		for (size_t k = 0; k < i && *one->settings.machine.address; k++) {
			const struct apply_group *other = &apply->file.groups[k];
			if (strcmp(one->settings.machine.address,
				   other->settings.machine.address) == 0 &&
			    strcmp(one->settings.machine.network,
				   other->settings.machine.network) == 0)
				return err_set(err, EADDRINUSE,
					       "%s:%u: network.address %s is that of machine '%s' "
					       "in line %u; choose another",
					       apply->path, one->line,
					       one->settings.machine.address, other->name,
					       other->line);
		}
	}
	return 0;
}

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
			if ((action->kind == APPLY_START || action->kind == APPLY_RESTART) &&
			    strcmp(action->name, item->name) == 0)
				action->rank = (item->rank * (boot->count + 1) + depths[i]) *
						       apply->count +
					       k;
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

static bool is_described(const struct apply *apply, const char *name)
{
	char one[96];

	for (size_t g = 0; g < apply->file.group_count; g++) {
		const struct apply_group *group = &apply->file.groups[g];
		for (uint64_t i = 0; i < apply_machine_count(group); i++) {
			apply_machine_name(group, i, one);
			if (strcmp(one, name) == 0)
				return true;
		}
	}
	return false;
}

struct pruning {
	struct apply *apply;
	struct err *err;
};

/* A machine with the label of this file, which describes it no more. */
static int prune_one(void *context, const char *name)
{
	struct pruning *pruning = context;
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, &pruning->apply->call->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	const char *applied = config_label(machine.config.labels, "applied");
	if (!applied || strcmp(applied, pruning->apply->id) != 0 ||
	    is_described(pruning->apply, name))
		return 0;
	if (!pruning->apply->prune) {
		text_add(&pruning->apply->notes,
			 "machine '%s' was made by this file, which describes it no more; --prune "
			 "deletes it\n",
			 name);
		return 0;
	}
	return add_action(pruning->apply, APPLY_DELETE, name, pruning->err) ? 0
									    : -pruning->err->code;
}

static int by_order(const void *one, const void *other)
{
	const struct apply_action *a = one, *b = other;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->rank < b->rank ? -1 : a->rank > b->rank;
}

int apply_plan(struct apply *apply, struct err *err)
{
	struct pruning pruning = { apply, err };
	int r = check_addresses(apply, err);

	for (size_t i = 0; r == 0 && i < apply->file.network_count; i++) {
		const struct apply_network *network = &apply->file.networks[i];
		if (plan_network(apply, network, err) < 0)
			r = err_wrap(err, "%s:%u", apply->path, network->line);
	}
	for (size_t i = 0; r == 0 && i < apply->file.group_count; i++)
		r = plan_group(apply, &apply->file.groups[i], err);
	if (r == 0)
		r = rank_starts(apply, err);
	if (r == 0)
		r = machine_list(&apply->call->dirs, prune_one, &pruning, err);
	if (r == 0 && apply->count > 0)
		qsort(apply->actions, apply->count, sizeof *apply->actions, by_order);
	return r;
}
