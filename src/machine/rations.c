#include "machine/rations.h"

#include "base/file.h"
#include "machine/walls.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

enum {
	GUEST_SCORE = 500,
	/* Old versions of Docker set 0 for each container and give up when that is refused them. */
	NESTING_SCORE = 0,
	KEEPER_SCORE = -900,
	FILES = 1024,
	FILES_MAX = 524288,
};

#define EACH(value)          \
	{                    \
		value, value \
	}
static const struct {
	int resource;
	struct rlimit limit;
} rations[] = {
	{ RLIMIT_AS, EACH(RLIM_INFINITY) },
	{ RLIMIT_CORE, { 0, RLIM_INFINITY } },
	{ RLIMIT_CPU, EACH(RLIM_INFINITY) },
	{ RLIMIT_DATA, EACH(RLIM_INFINITY) },
	{ RLIMIT_FSIZE, EACH(RLIM_INFINITY) },
	{ RLIMIT_LOCKS, EACH(RLIM_INFINITY) },
	{ RLIMIT_MEMLOCK, EACH(8 << 20) },
	{ RLIMIT_MSGQUEUE, EACH(819200) },
	/* Neither may a guest rank itself before the host's processes with the scheduler. */
	{ RLIMIT_NICE, EACH(0) },
	{ RLIMIT_NOFILE, { FILES, FILES_MAX } },
	{ RLIMIT_RSS, EACH(RLIM_INFINITY) },
	{ RLIMIT_RTPRIO, EACH(0) },
	{ RLIMIT_RTTIME, EACH(RLIM_INFINITY) },
	{ RLIMIT_STACK, { 8 << 20, RLIM_INFINITY } },
};
#undef EACH

void rations_reset(void)
{
	for (size_t i = 0; i < sizeof rations / sizeof *rations; i++) {
		struct rlimit limit = rations[i].limit, ours;
		if (setrlimit(rations[i].resource, &limit) == 0 ||
		    getrlimit(rations[i].resource, &ours) < 0)
			continue;
		if (limit.rlim_max > ours.rlim_max)
			limit.rlim_max = ours.rlim_max;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		setrlimit(rations[i].resource, &limit);
	}
}

/* In a machine, whose root may not lower it, it stays what it is. */
static void rank(pid_t pid, int score)
{
	char path[64], text[16];

	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof text, "%d", score);
	file_write(AT_FDCWD, pid ? path : "/proc/self/oom_score_adj", text);
}

void rations_rank_guest(pid_t pid, const struct machine_config *config)
{
	if (!walls_hole("oom"))
		rank(pid, config->nesting ? NESTING_SCORE : GUEST_SCORE);
}

void rations_rank_keeper(void)
{
	rank(0, KEEPER_SCORE);
}
