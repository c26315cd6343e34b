/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports of the host that lead to a running machine: which of its forwards are made, and when they go.
 * RUN/machines/NAME/ forwards names those that are made, a line each. Rules are network/forward.h's.
 */
#ifndef BERTH_MACHINE_LIFE_FORWARDS_H
#define BERTH_MACHINE_LIFE_FORWARDS_H

#include "base/text.h"
#include "machine/state/machine.h"
#include "network/network.h"

/*
 * Makes the forwards of a machine that starts, or has started. One whose port is used by a program of the host or by
 * another running machine, or that needs the IPv6 address that the machine does not have, is left out and told in
 * left_out, a line each; the machine runs all the same. One that was left out before is not told again.
 */
int forwards_make(struct machine *machine, const struct network *network, const struct lease *lease,
		  struct text *left_out, struct err *err);

/* Removes the rules that were made. Costs nothing if none were. */
void forwards_drop(const struct machine *machine, const struct network *network);

/* 1: the rules of what was made are there, or nothing was made; 0: they are lost; else -errno. */
int forwards_are_current(const struct machine *machine, const struct network *network,
			 const struct lease *lease);

/* Whether a forward of the machine's is made now. */
bool forwards_is_made(const struct machine *machine, const char *name);

/* Forwards of other machines that are about to be removed, so that they keep no port. */
struct forwards_leaving {
	bool (*leaves)(void *context, const char *machine, const char *forward);
	void *context;
};

/*
 * Finds what keeps a forward from being made: a program of the host, or another machine that runs: -EADDRINUSE with its
 * name, -EADDRNOTAVAIL, or 0. leaving: NULL, or forwards to leave out.
 */
int forwards_check(const struct machine *machine, const struct forward_config *section,
		   const struct forwards_leaving *leaving, struct err *err);

#endif
