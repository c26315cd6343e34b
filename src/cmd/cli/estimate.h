/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Estimates of a dry run: the copies of a machine that runs, and the time for which it would stand still. */
#ifndef BERTH_CMD_CLI_ESTIMATE_H
#define BERTH_CMD_CLI_ESTIMATE_H

#include "machine/state/machine.h"

/* Bytes a second that the machine writes to its disks, watched for 3 s; MACHINE_USAGE_UNKNOWN: nothing counts them. */
uint64_t estimate_writes(const struct machine *machine);

/* Prints a line of the time that so many bytes take. rate: bytes a second. */
void estimate_copy(const char *what, uint64_t bytes, uint64_t rate);

/*
 * Prints the lines of the last copy and of the stand-still. size: bytes of the first copy; rate: bytes a second of copies,
 * more than what the machine writes.
 */
void estimate_last(uint64_t size, uint64_t writes, uint64_t rate);

#endif
