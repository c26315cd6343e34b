/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The change of a network to another IPv6 subnet, which reaches its machines one by one. */
#ifndef BERTH_NETWORK_RENUMBER_H
#define BERTH_NETWORK_RENUMBER_H

#include "network/network.h"
#include "network/subnet6.h"

/* Notes durably that machines have addresses of the present subnet, before the settings name another. 0 or -code. */
int renumber_begin(const struct network *network, struct err *err);

/* Whether a change has begun, and was not completed. One system call. */
bool renumber_is_begun(const struct network *network);

/* Sets network->renumbered and earlier6 by the note. */
void renumber_read(struct network *network);

/* The next earlier subnet that is not the present one; rest: a copy of earlier6, which is taken apart. */
bool renumber_each(const struct network *network, char **rest, struct subnet6 *subnet);

#endif
