/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options about the other host: the way to it, and the settings of a machine there. */
#ifndef BERTH_CMD_TRAVEL_THERE_H
#define BERTH_CMD_TRAVEL_THERE_H

#include "cmd/cli/command.h"
#include "stream/stream.h"

#include <stdint.h>

extern const struct flag flag_there, flag_root_there, flag_network_there, flag_pool_there,
	flag_rate, flag_set_there, flag_ssh, flag_trust_there, flag_leave_volumes;

/* Adds the options for the receiving side, as words for a shell. 0, -code or EXIT_USAGE. */
int there_words(const struct call *call, struct text *words, struct err *err);

/* --rate (*rate stays as it is without it), --compress and --threads. 0 or EXIT_USAGE. */
int there_speed(const struct call *call, uint64_t *rate, struct stream_press *press,
		struct err *err);

#endif
