/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of the tables of keys, one row for each key: the only source of names, defaults and help. */
#ifndef BERTH_CONFIG_KEYS_H
#define BERTH_CONFIG_KEYS_H

#include "config/config.h"

#define KEYS(table) .keys = (table), .count = sizeof(table) / sizeof((table)[0])

/* The last second of year 9999, the latest time that date(1) and JSON readers accept. */
#define TIME_MAX 253402300799u

#endif
