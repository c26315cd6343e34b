/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall rules of machines and networks: all changes of an action at once, so that no packet passes between two. */
#include "cmd/apply/apply.h"

#include "machine/life/life.h"

#include <errno.h>
#include <stdlib.h>

void rule_changes_free(struct rule_changes *changes)
{
	free(changes->list);
}

int rule_changes_make(const struct apply_action *action, const struct section *wanted,
		      struct rule_changes *changes, struct err *err)
{
	changes->list = calloc(action->count + 1, sizeof *changes->list);
	if (!changes->list)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < action->count; i++) {
		const struct apply_change *one = &action->changes[i];
		const struct schema *kind;
		const char *name = section_of(one->key, &kind);
		if (name && kind == &rule_schema)
			changes->list[changes->count++] = (struct section_change){
				name, one->to ? config_section(wanted, name) : NULL
			};
	}
	return 0;
}

int rules_plan_machine(struct apply *apply, const struct apply_group *group,
		       const struct machine *machine, struct err *err)
{
	char network[64];

	if (machine_guards(machine, network) != GUARDS_OUTDATED)
		return 0;
	struct apply_action *action = apply_add(apply, APPLY_RULES, machine->name, err);
	if (action)
		action->group = group;
	return -err->code;
}

int rules_plan_network(struct apply *apply, const struct apply_network *wanted,
		       struct network *network, struct err *err)
{
	if (!machine_guards_outdated_on(network))
		return 0;
	struct apply_action *action = apply_add(apply, APPLY_NETWORK_RULES, wanted->name, err);
	if (action)
		action->network = wanted;
	return -err->code;
}
