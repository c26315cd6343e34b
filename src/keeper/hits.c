/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits that the guest runs into, as its cgroup's memory.events and pids.events count them.
 * Each is written as an event once a minute at most, however often the guest runs into it.
 */
#include "keeper/keeper.h"

#include "base/log.h"
#include "base/scoped.h"
#include "keeper/event.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

enum { TELL_SECONDS = 60 };

static const struct {
	const char *file, *name; /* the line that counts */
	const char *limit, *cause;
} kinds[HIT_KINDS] = {
	[HIT_MEMORY] = { "memory.events", "oom_kill ", "limits.memory",
			 "the kernel killed processes of it for want of memory" },
	[HIT_PIDS] = { "pids.events", "max ", "limits.pids",
		       "the kernel refused it more processes" },
};

static uint64_t read_count(int fd, const char *name)
{
	char text[512];
	uint64_t count = 0;
	/* Reading also acknowledges the change, so that the kernel reports the next one. */
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), "%" SCNu64, &count);
	}
	return count;
}

static void look(struct keeper *keeper, enum hit_kind kind)
{
	struct hit *hit = &keeper->hits[kind];
	struct timespec now;
	uint64_t count;

	if (hit->source.fd < 0)
		return;
	count = read_count(hit->source.fd, kinds[kind].name);
	clock_gettime(CLOCK_BOOTTIME, &now);
	if (count <= hit->count || (hit->told && now.tv_sec < hit->told + TELL_SECONDS))
		return;
	log_line("%s: %s, %" PRIu64 " times", kinds[kind].limit, kinds[kind].cause, count);
	record_event(keeper, &(struct event){ .name = "limit",
					      .limit = kinds[kind].limit,
					      .cause = kinds[kind].cause });
	hit->count = count;
	hit->told = now.tv_sec;
}

static void hit_ready(struct keeper *keeper, struct source *source)
{
	look(keeper, (enum hit_kind)((struct hit *)source - keeper->hits));
}

void hits_open(struct keeper *keeper)
{
	for (int kind = 0; kind < HIT_KINDS; kind++) {
		int fd =
			openat(keeper->cgroup, kinds[kind].file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		keeper->hits[kind] = (struct hit){ .source = { fd, hit_ready } };
		/* The file is missing if there is no such controller. */
		if (fd >= 0)
			event_loop_watch(keeper, &keeper->hits[kind].source, EPOLLPRI);
	}
}

void hits_look(struct keeper *keeper)
{
	for (int kind = 0; kind < HIT_KINDS; kind++)
		look(keeper, (enum hit_kind)kind);
}

void hits_close(struct keeper *keeper)
{
	for (int kind = 0; kind < HIT_KINDS; kind++)
		scoped_close_fd(&keeper->hits[kind].source.fd);
}
