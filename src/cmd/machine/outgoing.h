/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine as a stream to the other side, through a process with deadlines and a limit of the rate. */
#ifndef BERTH_CMD_MACHINE_OUTGOING_H
#define BERTH_CMD_MACHINE_OUTGOING_H

#include "cmd/machine/far.h"
#include "machine/manage/travel.h"

#include <stdint.h>

/*
 * Exports the machine to the other side, with progress on a terminal; spec->fd and its tick are set here. rate: bytes a
 * second, 0: no limit. The end of the stream is the end of the connection from here. 0 or -code.
 */
int outgoing_stream(struct far *far, struct machine *machine, struct export_spec *spec,
		    uint64_t rate, struct err *err);

#endif
