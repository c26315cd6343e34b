/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of a running machine that count from its next start on. RUN/machines/NAME/started.conf has the settings with
 * which it was started, from the first change of such a key on.
 */
#ifndef BERTH_MACHINE_LIFE_PENDING_H
#define BERTH_MACHINE_LIFE_PENDING_H

#include "base/text.h"
#include "machine/state/machine.h"

/*
 * Whether a running machine has a change of a key at once: by the key's nature, and for limits.pids by the controller of
 * this host, without which the limit is the user namespace's, set by the start.
 */
bool pending_is_live(const char *key);

/* Writes down the text of machine.conf before such a change, unless an earlier one is written down. Under the lock. */
int pending_note(const struct machine *machine, const struct text *before, struct err *err);

/* The machine starts, with its present settings. */
void pending_forget(const struct machine *machine);

/* Whether a running machine was started with other settings than these, in keys that only a start reads. */
bool pending_is(const struct machine *machine, const struct machine_config *settings);

#endif
