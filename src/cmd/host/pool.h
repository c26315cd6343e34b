/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The members of `pool` in pool_list.c, pool_usage.c, pool_move.c and maintenance.c. */
#ifndef BERTH_CMD_HOST_POOL_H
#define BERTH_CMD_HOST_POOL_H

#include "cmd/cli/command.h"

extern const struct command pool_verb_list, pool_verb_status, pool_verb_usage;
extern const struct command pool_verb_grow, pool_verb_check, pool_verb_repair, pool_verb_trim,
	pool_verb_adopt, pool_verb_set, pool_verb_import, pool_verb_move;

/* The size given by a flag; *size stays if it was not given. 0 or EXIT_USAGE. */
int pool_size_of(struct call *call, const struct flag *flag, uint64_t *size, struct err *err);

/* Refuses a path that cannot be a value of --source or --device. 0, EXIT_USAGE or -code. */
int pool_check_place(const char *option, const char *path, struct err *err);

/* Prints a note for the machines, volumes and templates that a deleted pool held, a line each kind. */
void pool_tell_left(const struct dirs *dirs, const char *pool);

#endif
