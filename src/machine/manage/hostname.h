/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host name in the root of a machine that has got another name. */
#ifndef BERTH_MACHINE_MANAGE_HOSTNAME_H
#define BERTH_MACHINE_MANAGE_HOSTNAME_H

#include "base/text.h"
#include "machine/state/machine.h"
#include "storage/storage.h"

/*
 * If the first label of /etc/hostname in the root is the old name, `from`, it becomes that of the machine, which does
 * not run. A root that cannot be written, because it is full or damaged, keeps its host name, and a line in notes says
 * so.
 */
void hostname_follow(const struct machine *machine, struct pool *pool, const char *from,
		     struct text *notes);

#endif
