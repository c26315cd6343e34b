/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/sections.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"

int section_give(const struct schema *schema, void *section, const char *name, const char *value,
		 struct err *err)
{
	const struct key *key = config_find(schema, name, err);

	if (!key || (value && config_set(schema, section, key, value, err) < 0))
		return EXIT_USAGE;
	return 0;
}

void listing_add_object(struct listing *listing, const struct machine *machine, json_t *object)
{
	json_object_set_new(object, "machine", json_string(machine->name));
	json_array_append_new(listing->array, object);
}

static int visit(void *context, const char *name)
{
	struct listing *listing = context;
	scoped_machine struct machine machine = { 0 };

	/* `list` tells of a machine that cannot be read. */
	if (machine_read(&machine, &listing->call->dirs, name, &(struct err){ 0 }) == 0)
		listing->add(listing, &machine);
	return 0;
}

/* One machine, which the call names. */
static int visit_named(struct listing *listing, struct err *err)
{
	const char *name = listing->call->words[0];
	scoped_machine struct machine machine = { 0 };

	if (name_check(name, err) != 0)
		return EXIT_USAGE;
	if (machine_look(&machine, &listing->call->dirs, name, err) < 0 ||
	    machine_check(&machine, err) < 0)
		return -err->code;
	return visit(listing, name);
}

int listing_print(const struct call *call, const char *const *heads,
		  void (*add)(struct listing *, const struct machine *), bool *none,
		  struct err *err)
{
	struct listing listing = { .call = call,
				   .array = call_has(call, &flag_json) ? json_array() : NULL,
				   .add = add };

	*none = false;
	table_begin(&listing.table, heads);
	int r = call->count == 0 ? machine_list(&call->dirs, visit, &listing, err)
				 : visit_named(&listing, err);
	if (r == 0 && listing.array)
		r = print_json(take_ptr(&listing.array), err);
	else if (r == 0 && listing.table.count > 0)
		r = table_print(&listing.table, err);
	else if (r == 0)
		*none = true;
	json_decref(listing.array);
	text_free(&listing.table.cells);
	return r;
}
