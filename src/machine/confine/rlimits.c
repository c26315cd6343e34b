/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/confine/rlimits.h"
#include "config/values.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/confine/confine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	GUEST_SCORE = 500,
	/* Old versions of Docker set 0 for each container, and give up if that is refused. */
	NESTING_SCORE = 0,
	KEEPER_SCORE = -900,
	FILES = 1024,
	FILES_MAX = 524288,
	/* 80 bytes for each: the limit that a host with 16 GiB gives its own users. */
	SIGNALS = 65536,
};

#define EACH(value)          \
	{                    \
		value, value \
	}
static const struct {
	int resource;
	struct rlimit limit;
} defaults[] = {
	{ RLIMIT_AS, EACH(RLIM_INFINITY) },
	{ RLIMIT_CORE, { 0, RLIM_INFINITY } },
	{ RLIMIT_CPU, EACH(RLIM_INFINITY) },
	{ RLIMIT_DATA, EACH(RLIM_INFINITY) },
	{ RLIMIT_FSIZE, EACH(RLIM_INFINITY) },
	{ RLIMIT_LOCKS, EACH(RLIM_INFINITY) },
	{ RLIMIT_MEMLOCK, EACH(8 << 20) },
	{ RLIMIT_MSGQUEUE, EACH(819200) },
	/* A guest must not get scheduling priority over the host's processes either. */
	{ RLIMIT_NICE, EACH(0) },
	{ RLIMIT_NOFILE, { FILES, FILES_MAX } },
	/* limits.pids limits them (kern/spawn.h). */
	{ RLIMIT_NPROC, EACH(RLIM_INFINITY) },
	{ RLIMIT_RSS, EACH(RLIM_INFINITY) },
	{ RLIMIT_RTPRIO, EACH(0) },
	{ RLIMIT_RTTIME, EACH(RLIM_INFINITY) },
	{ RLIMIT_SIGPENDING, EACH(SIGNALS) },
	{ RLIMIT_STACK, { 8 << 20, RLIM_INFINITY } },
};
#undef EACH

/* The rows are in the order of enum rlimit_key. */
static const struct {
	const char *key;
	int resource;
} keys[RLIMIT_KEYS] = {
	[RLIMIT_KEY_CORE] = { "core", RLIMIT_CORE },
	[RLIMIT_KEY_DATA] = { "data", RLIMIT_DATA },
	[RLIMIT_KEY_FSIZE] = { "fsize", RLIMIT_FSIZE },
	[RLIMIT_KEY_MEMLOCK] = { "memlock", RLIMIT_MEMLOCK },
	[RLIMIT_KEY_MSGQUEUE] = { "msgqueue", RLIMIT_MSGQUEUE },
	[RLIMIT_KEY_NICE] = { "nice", RLIMIT_NICE },
	[RLIMIT_KEY_NOFILE] = { "nofile", RLIMIT_NOFILE },
	[RLIMIT_KEY_NPROC] = { "nproc", RLIMIT_NPROC },
	[RLIMIT_KEY_RTPRIO] = { "rtprio", RLIMIT_RTPRIO },
	[RLIMIT_KEY_RTTIME] = { "rttime", RLIMIT_RTTIME },
	[RLIMIT_KEY_SIGPENDING] = { "sigpending", RLIMIT_SIGPENDING },
	[RLIMIT_KEY_STACK] = { "stack", RLIMIT_STACK },
};

void rlimits_reset(void)
{
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
		struct rlimit limit = defaults[i].limit, ours;
		if (setrlimit(defaults[i].resource, &limit) == 0 ||
		    getrlimit(defaults[i].resource, &ours) < 0)
			continue;
		if (limit.rlim_max > ours.rlim_max)
			limit.rlim_max = ours.rlim_max;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		setrlimit(defaults[i].resource, &limit);
	}
}

static rlim_t most_files(void)
{
	scoped_free char *most = NULL;

	return file_read(AT_FDCWD, "/proc/sys/fs/nr_open", 64, &most) < 0
		       ? RLIM_INFINITY
		       : (rlim_t)strtoull(most, NULL, 10);
}

/* The kernel has no "unlimited" for open files. */
static rlim_t limit_of(int resource, uint64_t value)
{
	if (value != UINT64_MAX)
		return (rlim_t)value;
	return resource == RLIMIT_NOFILE ? most_files() : RLIM_INFINITY;
}

static int refuse(const char *key, int resource, const char *value, rlim_t hard, int r,
		  struct err *err)
{
	return err_set(
		err, r, "limits.rlimit.%s cannot be '%.60s' here: %s", key, value,
		r != EPERM ? strerror(r)
		: resource == RLIMIT_NOFILE && hard > most_files()
			? "the host's fs.nr_open is less; raise that, or give a lower one"
			: "berth itself may not raise its own (CAP_SYS_RESOURCE is missing); "
			  "give a lower one");
}

static int give(const char *key, int resource, const char *value, bool lend, struct err *err)
{
	struct config_rlimit asked;
	struct rlimit ours;

	if (config_rlimit(value, &asked, err) < 0)
		return err_wrap(err, "limits.rlimit.%s", key);
	struct rlimit limit = { limit_of(resource, asked.soft), limit_of(resource, asked.hard) };
	if (lend && getrlimit(resource, &ours) == 0 && limit.rlim_max < ours.rlim_max)
		limit.rlim_max = ours.rlim_max;
	return setrlimit(resource, &limit) == 0
		       ? 0
		       : refuse(key, resource, value, limit.rlim_max, errno, err);
}

static int give_all(const struct machine_config *config, bool lend, struct err *err)
{
	int given = 0;

	for (size_t i = 0; i < RLIMIT_KEYS; i++) {
		if (!*config->rlimits[i])
			continue;
		if (give(keys[i].key, keys[i].resource, config->rlimits[i], lend, err) < 0)
			return -err->code;
		given = 1;
	}
	return given;
}

/* Tries a limit, which is more reliable than a look at capabilities. */
static int try_out(size_t i, const char *value, struct err *err)
{
	struct rlimit ours;

	if (getrlimit(keys[i].resource, &ours) < 0)
		return err_set(err, errno, "read limits.rlimit.%s: %s", keys[i].key,
			       strerror(errno));
	int r = give(keys[i].key, keys[i].resource, value, true, err);
	setrlimit(keys[i].resource, &ours);
	return r;
}

int rlimits_check(const struct machine_config *config, struct err *err)
{
	for (size_t i = 0; i < RLIMIT_KEYS; i++) {
		if (*config->rlimits[i] && try_out(i, config->rlimits[i], err) < 0)
			return -err->code;
	}
	return 0;
}

int rlimits_lend(const struct machine_config *config, struct err *err)
{
	return give_all(config, true, err);
}

int rlimits_give(const struct machine_config *config, struct err *err)
{
	return give_all(config, false, err);
}

/* Inside a machine, whose root may not lower it, the score stays as it is. */
static void rank(pid_t pid, int score)
{
	char path[64], text[16];

	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof text, "%d", score);
	file_write(AT_FDCWD, pid ? path : "/proc/self/oom_score_adj", text);
}

void rlimits_rank_guest(pid_t pid, const struct machine_config *config)
{
	if (!confine_left_out("oom"))
		rank(pid, config->nesting ? NESTING_SCORE : GUEST_SCORE);
}

void rlimits_rank_keeper(void)
{
	rank(0, KEEPER_SCORE);
}
