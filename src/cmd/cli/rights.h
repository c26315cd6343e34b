/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rights of users that are not what they seem: names that nobody has, and users who get the host. */
#ifndef BERTH_CMD_CLI_RIGHTS_H
#define BERTH_CMD_CLI_RIGHTS_H

#include "machine/state/machine.h"

/* Tells one sentence. */
typedef void rights_tell(void *context, const char *sentence);

/* The users of access.users that this host does not have. */
void rights_absent(const struct machine *machine, rights_tell *tell, void *context);
/* Whether the users of access.users are root on the host by the machine. */
void rights_wide(const struct machine *machine, rights_tell *tell, void *context);

#endif
