/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of firewall rules. */
#ifndef BERTH_CMD_MACHINE_RULE_H
#define BERTH_CMD_MACHINE_RULE_H

#include "cmd/cli/command.h"
#include "machine/state/machine.h"

#include <jansson.h>

extern const struct flag flag_rule_network;
extern const struct command rule_list_verb;

/* An array with an object for each rule of a machine. */
json_t *rules_array(const struct machine *machine);

/* Prints a field for each rule of a machine. */
void rules_show(const struct machine *machine,
		void (*field)(const char *label, const char *form, ...));

#endif
