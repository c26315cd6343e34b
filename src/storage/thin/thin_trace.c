/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/thin/thin_trace.h"

#include "base/file.h"
#include "base/scoped.h"
#include "storage/thin/thin_device.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PREFIX "active."

struct thin_trace {
	struct thin_trace *next;
	uint64_t id;
	pid_t owner; /* a forked process leaves the traces of its parent alone */
	int fd;      /* owned; the lock */
	char *path;  /* owned */
};

static char *trace_path(const struct pool *pool, const char *file)
{
	return dirs_run_path(pool->dirs, "partial/%s/%s", pool->name, file);
}

static struct thin_trace **find(struct thin *thin, uint64_t id)
{
	struct thin_trace **at = &thin->traces;

	while (*at && ((*at)->id != id || (*at)->owner != getpid()))
		at = &(*at)->next;
	return at;
}

/* A missing folder says that partial_clear has to look through all volumes, so it is not made here. */
void thin_trace_begin(struct pool *pool, uint64_t id)
{
	struct thin *thin = thin_of(pool);
	struct thin_trace *trace = *find(thin, id) ? NULL : calloc(1, sizeof *trace);
	char file[64];

	if (!trace)
		return;
	snprintf(file, sizeof file, PREFIX "%" PRIu64 ".%d", id, (int)getpid());
	*trace = (struct thin_trace){
		.next = thin->traces, .id = id, .owner = getpid(), .path = trace_path(pool, file)
	};
	trace->fd = trace->path ? file_lock(trace->path, FILE_LOCK_TRY) : -ENOMEM;
	if (trace->fd >= 0) {
		thin->traces = trace;
		return;
	}
	free(trace->path);
	free(trace);
}

/* Takes a trace out of its list, and its file away if this process has made it. */
static void drop(struct thin_trace **at)
{
	struct thin_trace *trace = *at;

	*at = trace->next;
	if (trace->owner == getpid())
		unlink(trace->path);
	close(trace->fd);
	free(trace->path);
	free(trace);
}

void thin_trace_end(struct pool *pool, uint64_t id)
{
	struct thin_trace **at = find(thin_of(pool), id);

	if (*at)
		drop(at);
}

void thin_trace_end_all(struct thin *thin)
{
	while (thin->traces)
		drop(&thin->traces);
}

int thin_trace_claim(const struct pool *pool, const char *file, uint64_t *id)
{
	scoped_free char *path = trace_path(pool, file);

	if (!path)
		return -ENOMEM;
	return sscanf(file, PREFIX "%" SCNu64, id) == 1 ? file_lock(path, FILE_LOCK_TRY) : -EINVAL;
}

void thin_trace_remove(const struct pool *pool, const char *file)
{
	scoped_free char *path = trace_path(pool, file);

	if (path)
		unlink(path);
}
