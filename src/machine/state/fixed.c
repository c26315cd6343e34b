/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixed addresses: those that settings of machines name. A machine gets the lease of one at its next start, so that
 * leases alone do not tell which addresses are spoken for.
 */
#include "machine/state/nics.h"

#include "base/scoped.h"

#include <string.h>

enum { LOCK_WAIT = 30 };

struct search {
	const struct dirs *dirs;
	const char *but; /* a machine that does not count */
	const char *network, *address;
	char found[64];
};

static bool has(const struct nic_view *nic, const char *address)
{
	return strcmp(nic->address, address) == 0 || strcmp(nic->address6, address) == 0;
}

/* Stops at a machine that has the address. */
static int compare(void *context, const char *name)
{
	struct search *search = context;
	scoped_machine struct machine machine = { 0 };
	struct nic_view nic;

	if (strcmp(name, search->but) == 0 ||
	    machine_read(&machine, search->dirs, name, &(struct err){ 0 }) < 0 ||
	    !nics_find(&machine, NULL, search->network, &nic) || !has(&nic, search->address))
		return 0;
	snprintf(search->found, sizeof search->found, "%s", name);
	return 1;
}

bool fixed_has_holder(const struct dirs *dirs, const char *but, const char *network,
		      const char *address, char holder[64])
{
	struct search search = { .dirs = dirs, .but = but, .network = network, .address = address };

	if (!*address || machine_list(dirs, compare, &search, &(struct err){ 0 }) <= 0)
		return false;
	snprintf(holder, 64, "%s", search.found);
	return true;
}

int fixed_check(const struct dirs *dirs, const char *machine, const char *network,
		const char *address, struct err *err)
{
	char holder[64];

	return fixed_has_holder(dirs, machine, network, address, holder)
		       ? err_set(err, EADDRINUSE,
				 "network '%s': address %s is that of machine '%s', by its "
				 "settings; choose another, or leave it out for a free one",
				 network, address, holder)
		       : 0;
}

int fixed_check_all(const struct machine *machine, struct err *err)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);

	for (size_t i = 0; i < count; i++) {
		const char *const addresses[] = { nics[i].address, nics[i].address6 };
		for (size_t k = 0; k < 2; k++) {
			if (fixed_check(machine->dirs, machine->name, nics[i].network, addresses[k],
					err) < 0)
				return -err->code;
		}
	}
	return 0;
}

int fixed_lock(const struct dirs *dirs, struct err *err)
{
	return dirs_lock(dirs, "addresses", LOCK_WAIT, "the list of fixed addresses", err);
}

int fixed_claim(const struct machine *machine, int *lock, struct err *err)
{
	struct nic_view nics[NICS_MAX];
	size_t count = nics_of(machine, nics);
	bool any = false;

	for (size_t i = 0; i < count; i++)
		any |= *nics[i].address || *nics[i].address6;
	if (!any)
		return 0;
	*lock = fixed_lock(machine->dirs, err);
	return *lock < 0 ? *lock : fixed_check_all(machine, err);
}
