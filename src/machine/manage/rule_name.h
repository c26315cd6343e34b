/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and peers of firewall rules that are added to a machine (rule.c) or to a network (rule_network.c). */
#ifndef BERTH_MACHINE_MANAGE_RULE_NAME_H
#define BERTH_MACHINE_MANAGE_RULE_NAME_H

#include "network/network.h"

/*
 * Gives a rule without a name one that is free in a list, made of its words; the caller frees it. -EEXIST: the name, or
 * the same rule, is there. owner and list: the words of "berth rule list LIST", for the sentence.
 */
int rule_name(struct rule_config *rule, const struct section *first, const char *owner,
	      const char *list, struct err *err);

/* Adds a note if a rule names a machine that has no lease on the network yet. */
void rule_note_peer(struct network *network, const struct rule_config *rule, struct text *notes);

#endif
