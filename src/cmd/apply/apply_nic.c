/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of interfaces: between the machines of the file, and of each machine with what this host has. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "machine/life/run_state.h"
#include "machine/state/nics.h"
#include "network/network.h"

#include <string.h>

/* ---- Between two machines of the file */

/* An interface as the file describes it. All texts are borrowed. */
struct face {
	const char *nic; /* NULL: eth0 */
	const char *network, *address, *address6, *mac;
	unsigned line;
};

const char *nic_network_of(const struct apply *apply, const struct apply_group *group)
{
	return apply_line_of(group->given, group->given_count, "network")
		       ? group->settings.machine.network
		       : apply->network;
}

static size_t faces_of(const struct apply *apply, const struct apply_group *group,
		       struct face faces[NICS_MAX])
{
	const struct machine_config *file = &group->settings.machine;
	size_t count = 0;

	faces[count++] = (struct face){
		NULL, nic_network_of(apply, group), file->address, file->address6, "", group->line
	};
	for (const struct section *at = file->nics; at && count < NICS_MAX; at = at->next) {
		const struct nic_config *nic = (const struct nic_config *)at;
		faces[count++] = (struct face){
			at->name,     nic->network,
			nic->address, nic->address6,
			nic->mac,     apply_section_line(group, &nic_schema, at->name)
		};
	}
	return count;
}

static void check_addresses(struct apply *apply, const struct face *one, const char *address,
			    const struct face *other, const char *its,
			    const struct apply_group *owner)
{
	struct err err = { 0 };
	const char *six = strchr(address, ':') ? "6" : "";

	if (!*address || strcmp(address, its) != 0)
		return;
	if (!one->nic)
		err_set(&err, EADDRINUSE,
			"network.address%s %s is that of machine '%s' in line %u; choose another",
			six, address, owner->name, other->line);
	else
		err_set(&err, EADDRINUSE,
			"nic '%s': address%s %s is that of machine '%s' in line %u; choose another",
			one->nic, six, address, owner->name, other->line);
	apply_fault(apply, one->line, &err);
}

static void check_faces(struct apply *apply, const struct face *one, const struct face *other,
			const struct apply_group *owner)
{
	struct err err = { 0 };

	if (strcmp(one->network, other->network) != 0)
		return;
	check_addresses(apply, one, one->address, other, other->address, owner);
	check_addresses(apply, one, one->address6, other, other->address6, owner);
	if (*one->mac && strcmp(one->mac, other->mac) == 0)
		err_set(&err, ENOTUNIQ,
			"nic '%s': the hardware address %s is that of machine '%s' in line %u; "
			"choose another, or leave it out",
			one->nic, one->mac, owner->name, other->line);
	apply_fault(apply, one->line, &err);
}

void nics_check_apart(struct apply *apply)
{
	struct face these[NICS_MAX], those[NICS_MAX];

	for (size_t i = 0; i < apply->file.group_count; i++) {
		size_t count = faces_of(apply, &apply->file.groups[i], these);
		for (size_t k = 0; k < i; k++) {
			const struct apply_group *other = &apply->file.groups[k];
			size_t others = faces_of(apply, other, those);
			for (size_t n = 0; n < count * others; n++)
				check_faces(apply, &these[n / others], &those[n % others], other);
		}
	}
}

/* ---- One group */

static int check_network(const struct apply *apply, const struct apply_group *group,
			 const struct machine_config *wanted, const struct nic_config *nic,
			 struct err *err)
{
	scoped_network struct network network = { 0 };
	const char *name = nic->section.name;

	if (group->counted && (*nic->address || *nic->address6 || *nic->mac))
		return err_set(err, EINVAL,
			       "nic '%s' has an address or a hardware address, which belongs to "
			       "one machine, and 'count' makes several; leave it out",
			       name);
	/* The file alone does not tell the default network. */
	if (strcmp(nic->network, wanted->network) == 0)
		return err_set(err, EEXIST,
			       "nic '%s' cannot be on network '%s', which eth0 is on; choose "
			       "another network",
			       name, nic->network);
	if (!apply_network_is_new(apply, nic->network) &&
	    network_open(&network, &apply->call->dirs, nic->network, err) < 0)
		return err_wrap(err, "nic '%s'", name);
	return 0;
}

bool nics_check_group(struct apply *apply, const struct apply_group *group,
		      const struct machine_config *wanted)
{
	bool good = true;

	for (const struct section *at = group->settings.machine.nics; at; at = at->next) {
		struct err err = { 0 };
		if (check_network(apply, group, wanted, (const struct nic_config *)at, &err) < 0)
			good = false;
		apply_fault(apply, apply_section_line(group, &nic_schema, at->name), &err);
	}
	return good;
}

/* ---- One machine */

int nic_check(struct apply *apply, const char *name, const struct nic_config *nic, struct err *err)
{
	scoped_network struct network network = { 0 };
	int r = 0;

	if (apply_network_is_new(apply, nic->network))
		r = apply_check_new_address(apply, "address", nic->network, nic->address, err);
	else if (network_open(&network, &apply->call->dirs, nic->network, err) < 0)
		r = -err->code;
	else {
		bool free = loss_of_address(apply, name, nic->network, nic->address);
		bool free6 = loss_of_address(apply, name, nic->network, nic->address6);
		const char *address = free ? "" : nic->address;
		const char *address6 = free6 ? "" : nic->address6;
		r = lease_check(&network, name, address, address6, err);
		if (r == 0)
			r = config_check_routes(&network.config, nic->routes, err);
		if (r == 0)
			r = fixed_check(&apply->call->dirs, name, nic->network, address, err);
		if (r == 0)
			r = fixed_check(&apply->call->dirs, name, nic->network, address6, err);
		if (r == 0 && *nic->mac && !loss_of_mac(apply, name, nic->network, nic->mac))
			r = lease_check_mac(&network, name, nic->mac, err);
	}
	return r < 0 ? err_wrap(err, "nic '%s'", nic->section.name) : 0;
}

/* Whether an action takes a nic away, if only to add it again. */
static bool is_taken_away(const struct apply_action *action, const char *nic)
{
	for (size_t i = 0; i < action->count; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (name && kind == &nic_schema && action->changes[i].from &&
		    strcmp(name, nic) == 0)
			return true;
	}
	return false;
}

const char *nic_in_the_way(const struct apply_action *action, const struct machine *machine,
			   const struct nic_config **gets, char other[64])
{
	struct run_state state;

	if (!run_going(machine) || run_read_state(machine, &state) < 0)
		return NULL;
	for (size_t i = 0; i < action->count; i++) {
		const struct schema *kind;
		const char *name = section_of(action->changes[i].key, &kind);
		if (!name || kind != &nic_schema || !action->changes[i].to)
			continue;
		*gets = (const struct nic_config *)
			config_section(action->group->settings.machine.nics, name);
		const char *on = run_nic_on(&state, (*gets)->network);
		if (!on || strcmp(on, name) == 0 || is_taken_away(action, on))
			continue;
		snprintf(other, 64, "%s", on);
		return other;
	}
	return NULL;
}

bool nic_gives_way(const struct apply_action *action, const struct machine *machine,
		   const char *network)
{
	for (const struct section *at = machine->config.nics; at; at = at->next) {
		if (strcmp(((const struct nic_config *)at)->network, network) == 0)
			return is_taken_away(action, at->name);
	}
	return false;
}
