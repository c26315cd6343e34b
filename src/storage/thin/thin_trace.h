/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traces of devices that a command has made for volumes. A trace is a file beside the markers of partial.h, locked for
 * as long as the command has the pool open. A killed command leaves a file without a lock, and the next command that
 * opens the pool for a change removes the device, if no process uses it. All functions are quiet.
 */
#ifndef BERTH_STORAGE_THIN_TRACE_H
#define BERTH_STORAGE_THIN_TRACE_H

#include "storage/thin/thin.h"

/* Leaves a trace of the device of that id, before it is made. Without room for a file there is none. */
void thin_trace_begin(struct pool *pool, uint64_t id);
/* Removes the trace of a device that is gone, or that another process uses. */
void thin_trace_end(struct pool *pool, uint64_t id);
/* Removes all traces of a handle that is closed. A device that is still in use belongs to the run of a machine. */
void thin_trace_end_all(struct thin *thin);

/* Takes over the file of a dead process. Its lock, as a descriptor, and the id; or -errno. */
int thin_trace_claim(const struct pool *pool, const char *file, uint64_t *id);
/* Removes a file that was taken over. */
void thin_trace_remove(const struct pool *pool, const char *file);

#endif
