/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Freezing a guest: on request, because its pool has no room for what it writes, or while a copy is taken that needs
 * more than one system call (manage/quiesce.c). Each reason has a mark of its own in the run folder. A process that has
 * made or removed a mark calls settle: the marks alone decide whether the cgroup is frozen, so that the end of one
 * reason is not the end of another.
 */
#include "machine/life/freeze.h"

#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

enum { SETTLE_SECONDS = 10, STILL_TRIES = 1000, STILL_MILLISECONDS = 10 };

static int set_frozen(const struct machine *machine, const char *value)
{
	return run_write_group(machine, "cgroup.freeze", value);
}

char *freeze_mark(const struct machine *machine, const char *mark)
{
	return text_format("%s/%s", machine->run, mark);
}

static bool marked(const struct machine *machine, const char *name)
{
	scoped_free char *mark = freeze_mark(machine, name);

	return mark && access(mark, F_OK) == 0;
}

bool machine_paused(const struct machine *machine)
{
	return marked(machine, "paused");
}

/*
 * The mark has two lines: the pool, and the reason. That of an earlier version has the reason alone; any pool ends it.
 */
static char *read_held(const struct machine *machine, const char **pool, const char **why)
{
	scoped_free char *mark = freeze_mark(machine, "held");
	char *text = NULL;

	if (!mark || file_read(AT_FDCWD, mark, 4096, &text) < 0)
		return NULL;
	char *end = strchr(text, '\n');
	*pool = end ? text : "";
	*why = end ? end + 1 : text;
	if (end)
		*end = '\0';
	return text;
}

bool machine_held(const struct machine *machine, char *why, size_t room)
{
	const char *pool, *reason;
	scoped_free char *mark = read_held(machine, &pool, &reason);

	if (mark && why)
		snprintf(why, room, "%s", reason);
	return mark;
}

int machine_check_thawed(const struct machine *machine, struct err *err)
{
	char why[512];

	if (machine_paused(machine))
		return err_set(err, EBUSY,
			       "machine '%s' is paused; resume it with: berth resume %s",
			       machine->name, machine->name);
	if (machine_held(machine, why, sizeof why))
		return err_set(err, EBUSY, "machine '%s' is held still: %s", machine->name, why);
	return 0;
}

bool freeze_is_copied(const struct machine *machine)
{
	scoped_free char *mark = freeze_mark(machine, FREEZE_COPY);
	scoped_fd int fd = mark ? open(mark, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0)
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return true;
	unlink(mark);
	return false;
}

static bool should_hold(const struct machine *machine)
{
	bool copying = freeze_is_copied(machine);

	/* A guest that was asked to halt must not be kept from halting. */
	return !marked(machine, "halting") &&
	       (copying || marked(machine, "paused") || marked(machine, "held"));
}

int freeze_settle(const struct machine *machine)
{
	/* The lock makes processes freeze and thaw one after the other, each by the marks of that moment. */
	scoped_fd int lock = open(machine->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = lock < 0 ? -errno : lock_wait(lock, LOCK_EX, SETTLE_SECONDS);

	if (r < 0)
		return r;
	bool hold = should_hold(machine);
	r = set_frozen(machine, hold ? "1" : "0");
	/* The keeper takes no lock, and may have thawed the guest between the look and the write. */
	if (r == 0 && hold && marked(machine, "halting"))
		r = set_frozen(machine, "0");
	return r;
}

int freeze_await(const struct machine *machine)
{
	const struct timespec pause = { .tv_nsec = STILL_MILLISECONDS * 1000000L };

	for (int i = 0; i < STILL_TRIES; i++) {
		scoped_free char *text = NULL;
		int r = run_read_group(machine, "cgroup.events", &text);
		if (r < 0)
			return r;
		if (strstr(text, "frozen 1"))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static int end_hold(const struct machine *machine, const char *pool)
{
	scoped_free char *path = freeze_mark(machine, "held");
	const char *holder, *why;
	scoped_free char *mark = read_held(machine, &holder, &why);

	if (!path)
		return -ENOMEM;
	if (mark && *holder && strcmp(holder, pool) != 0)
		return -EBUSY;
	int r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	return r < 0 ? r : freeze_settle(machine);
}

int machine_hold(struct machine *machine, const char *pool, const char *why)
{
	scoped_free char *mark = freeze_mark(machine, "held");
	scoped_free char *text = text_format("%s\n%s", pool, why ? why : "");

	if (!mark || !text)
		return -ENOMEM;
	if (!why)
		return end_hold(machine, pool);
	if (!run_alive(machine) || marked(machine, "halting"))
		return -ESRCH;
	int r = file_replace(mark, text, strlen(text), 0600, &(struct err){ 0 });
	return r < 0 ? r : freeze_settle(machine);
}

/* why: what the mark says, or "". */
static int pause_it(struct machine *machine, const char *mark, const char *why)
{
	int r = file_create(mark, why, strlen(why), 0600);

	if (r == 0)
		r = freeze_settle(machine);

	if (r < 0)
		unlink(mark);
	return r;
}

static int resume_it(struct machine *machine, const char *mark)
{
	if (unlink(mark) < 0 && errno != ENOENT)
		return -errno;
	return freeze_settle(machine);
}

/* why: NULL lets it go on. */
static int change(struct machine *machine, const char *why, bool *was, struct err *err)
{
	bool paused = why != NULL;
	scoped_free char *mark = freeze_mark(machine, "paused");
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	if (!mark)
		return err_set(err, ENOMEM, "out of memory");
	if (!run_alive(machine))
		return control_refuse_down(machine, err);
	bool is = machine_paused(machine);
	if (was)
		*was = is == paused;
	if (is == paused)
		return 0;
	int r = paused ? pause_it(machine, mark, why) : resume_it(machine, mark);
	if (r < 0)
		return err_set(err, -r, "%s machine '%s': %s", paused ? "pause" : "resume",
			       machine->name, strerror(-r));
	machine_tell(machine, &(struct event){ .name = paused ? "paused" : "resumed" });
	return 0;
}

int machine_pause(struct machine *machine, bool paused, bool *was, struct err *err)
{
	return change(machine, paused ? "" : NULL, was, err);
}

int machine_pause_idle(struct machine *machine, bool *was, struct err *err)
{
	return change(machine, PAUSED_IDLE, was, err);
}
