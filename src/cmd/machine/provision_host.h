/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locale, keyboard layout and time zone of this host, for a machine that is to have the same. */
#ifndef BERTH_CMD_MACHINE_PROVISION_HOST_H
#define BERTH_CMD_MACHINE_PROVISION_HOST_H

#include "base/err.h"

/* The value of these options that stands for the host's own. */
#define PROVISION_HOST "host"

/*
 * The value of --FLAG: the given one, or that of this host for "host". Flags: "keymap", "locale" and "timezone". The
 * caller frees it. -ENOENT: the host has none.
 */
int provision_host_value(const char *flag, const char *given, char **value, struct err *err);

#endif
