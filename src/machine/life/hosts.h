/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine's own aliases for other machines, its key dns.aliases, as lines of its /etc/hosts: a DNS server could not
 * answer by who asks. A start writes them into the root; they are written inside of a running machine when an address
 * changes. RUN/aliases/NAME has the lines of a machine that runs, so that machines whose lines stay are not entered, and
 * that without such machines nothing is read.
 */
#ifndef BERTH_MACHINE_LIFE_HOSTS_H
#define BERTH_MACHINE_LIFE_HOSTS_H

#include "machine/state/machine.h"

#include "base/text.h"

/* The lines for the aliases whose machines have an address on a network of this machine; text->failed: no memory. */
void hosts_lines(const struct machine *machine, struct text *lines);

/* Whether a line of /etc/hosts is one of these, of any time. */
bool hosts_has_line(const char *line, size_t length);

/* Notes which lines a guest that is about to run has. 0 or -errno. */
int hosts_note(const struct machine *machine, const char *lines);

/* Its guest has ended. */
void hosts_forget(const struct machine *machine);

/* Writes the lines into the /etc/hosts of the running machine, if they are others than noted; else does nothing. */
int hosts_follow(struct machine *machine, struct err *err);

/* The same for all machines, after a machine's lease has changed. Quiet: what fails is tried again at the next change. */
void hosts_follow_all(const struct dirs *dirs);

/* Refuses an alias with the machine's own name, and one that leads to an alias. */
int hosts_check(const struct machine *machine, struct err *err);

#endif
