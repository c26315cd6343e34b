/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forwards that are made, for the files that make them: RUN/machines/NAME/forwards, and ways to a machine. */
#ifndef BERTH_MACHINE_LIFE_FORWARDS_MADE_H
#define BERTH_MACHINE_LIFE_FORWARDS_MADE_H

#include "machine/state/machine.h"

/* The path of the file; the caller owns it. */
char *forwards_made_path(const struct machine *machine);
/* The names of the forwards that are rules now, each after a newline; NULL: none is. The caller owns it. */
char *forwards_made_read(const struct machine *machine);
/* Whether that text has a name. */
bool forwards_made_has(const char *made, const char *name);
/* Whether another machine that runs on the network has made any, or that cannot be known. */
bool forwards_made_on(const struct machine *machine, const char *network);

/* The lock "forwards" of the installation. A descriptor, or -code. */
int forwards_lock(const struct dirs *dirs, unsigned seconds, struct err *err);

/* How ports could lead to the machine's eth0. */
struct forwards_way {
	bool shut;    /* its network is private, or not berth's own */
	bool foreign; /* the latter */
	bool ipv6;    /* its network has IPv6, or is not known */
};
struct forwards_way forwards_find_way(const struct machine *machine);

#endif
