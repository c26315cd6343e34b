/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections of machine.conf, as verbs such as forward and nic fill and list them. */
#ifndef BERTH_CMD_MACHINE_SECTIONS_H
#define BERTH_CMD_MACHINE_SECTIONS_H

#include "cmd/cli/command.h"
#include "cmd/cli/table.h"
#include "config/config.h"
#include "machine/state/machine.h"

#include <jansson.h>

/* Sets a field of a section from a word, if the word is given (not NULL). 0 or EXIT_USAGE. */
int section_give(const struct schema *schema, void *section, const char *name, const char *value,
		 struct err *err);

/* A list of sections, which becomes a table or, with --json, an array. */
struct listing {
	const struct call *call; /* borrowed */
	struct table table;
	json_t *array; /* owned; NULL: the table is shown */
	/* Adds the sections of a machine. */
	void (*add)(struct listing *listing, const struct machine *machine);
};

/* Adds an object, with the name of its machine, to the array of a list. Takes the object over. */
void listing_add_object(struct listing *listing, const struct machine *machine, json_t *object);

/*
 * Prints the sections of the machine that the call names, or of all machines. none: gets whether there is no section
 * for the table, so that nothing was printed. 0, -code or EXIT_USAGE.
 */
int listing_print(const struct call *call, const char *const *heads,
		  void (*add)(struct listing *, const struct machine *), bool *none,
		  struct err *err);

#endif
