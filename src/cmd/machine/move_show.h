/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of the mark of a machine that moves to another host or from one. */
#ifndef BERTH_CMD_MACHINE_MOVE_SHOW_H
#define BERTH_CMD_MACHINE_MOVE_SHOW_H

#include "machine/life/life.h"
#include "machine/state/move.h"

#include <jansson.h>

/* An object with phase and host; null: it does not move. */
json_t *move_object(const struct machine *machine);
json_t *move_mark_object(const struct move_mark *mark);

/* Shows a line, as `info` does. */
void move_show(const struct machine *machine, void (*show)(const char *label, const char *form, ...)
						      __attribute__((format(printf, 2, 3))));

/* The word for the state of a machine that is down: that of its move, if it is not this host's or may not be. */
const char *move_state_name(const struct machine *machine, enum machine_state state);
const char *move_mark_state(const struct move_mark *mark, enum machine_state state);

#endif
