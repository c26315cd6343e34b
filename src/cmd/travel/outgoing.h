/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine as a stream to the other side, through a process with deadlines and a limit of the rate. */
#ifndef BERTH_CMD_TRAVEL_OUTGOING_H
#define BERTH_CMD_TRAVEL_OUTGOING_H

#include "machine/manage/travel.h"
#include "machine/wire/far.h"

#include <stdint.h>

/*
 * Bytes that the root takes, and, with volumes, those that are attached; 0: not known. Their files may have to be counted.
 */
uint64_t outgoing_size(const struct machine *machine, bool volumes);
/* Bytes that a volume for data takes; 0: not known. */
uint64_t outgoing_volume_size(const struct dirs *dirs, const char *name);

/*
 * Exports the machine to the other side, with progress on a terminal; its own descriptor and tick are used. rate: bytes
 * a second, 0: no limit. framed: the connection stays; else its end from here is the end of the stream. 0 or -code.
 */
int outgoing_stream(struct far *far, struct machine *machine, const struct export_spec *spec,
		    uint64_t rate, bool framed, struct err *err);

#endif
