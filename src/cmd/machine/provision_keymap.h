/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyboard layouts that a machine knows, by the list of X in its root. */
#ifndef BERTH_CMD_MACHINE_PROVISION_KEYMAP_H
#define BERTH_CMD_MACHINE_PROVISION_KEYMAP_H

#include "base/err.h"
#include "machine/state/machine.h"

/* Whether the list has all layouts and variants of LAYOUT[:VARIANT[:...]]. Pure. -EINVAL: err tells which it has not. */
int keymap_check(const char *list, const char *keymap, struct err *err);

/* The same with the list of a machine that does not run. A machine without a list knows any layout. */
int provision_check_keymap(struct machine *machine, const char *keymap, struct err *err);

#endif
