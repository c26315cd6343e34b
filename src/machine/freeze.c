/*
 * Holding a guest still: because somebody asked, because its pool has no room for what it writes, or
 * while a copy is taken that is not instant. Each has a mark of its own in the run folder, so that the
 * end of one is not the end of another.
 */
#include "machine/private.h"
#include "machine/run.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

static int set_frozen(const struct machine *machine, const char *value)
{
	return run_write_group(machine, "cgroup.freeze", value);
}

static char *mark_path(const struct machine *machine, const char *mark)
{
	return text_format("%s/%s", machine->run, mark);
}

static bool marked(const struct machine *machine, const char *name)
{
	scoped_free char *mark = mark_path(machine, name);

	return mark && access(mark, F_OK) == 0;
}

bool machine_paused(const struct machine *machine)
{
	return marked(machine, "paused");
}

bool machine_held(const struct machine *machine, char *why, size_t room)
{
	scoped_free char *mark = mark_path(machine, "held");
	scoped_free char *text = NULL;

	if (!mark || file_read(AT_FDCWD, mark, 4096, &text) < 0)
		return false;
	if (why)
		snprintf(why, room, "%s", text);
	return true;
}

/* A guest that is asked to halt must not be stopped from doing so. */
int machine_hold(struct machine *machine, const char *why)
{
	scoped_free char *mark = mark_path(machine, "held");

	if (!mark)
		return -ENOMEM;
	if (!why) {
		int r = marked(machine, "paused") ? 0 : set_frozen(machine, "0");
		return unlink(mark) < 0 && errno != ENOENT ? -errno : r;
	}
	if (!run_alive(machine) || marked(machine, "halting"))
		return -ESRCH;
	scoped_fd int fd = open(mark, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, why, strlen(why)) < 0)
		return -errno;
	return set_frozen(machine, "1");
}

/* The mark is there before the freeze and goes after the thaw, so that a kill between is seen. */
bool machine_freeze(struct machine *machine, struct pool *pool)
{
	scoped_free char *mark = mark_path(machine, "frozen");

	if ((pool->ops->can & STORAGE_FAST_CLONE) || !mark || machine_paused(machine) ||
	    !run_alive(machine))
		return false;
	scoped_fd int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && set_frozen(machine, "1") == 0;
}

void machine_thaw(struct machine *machine, bool frozen)
{
	scoped_free char *mark = mark_path(machine, "frozen");

	if (!frozen || !mark)
		return;
	set_frozen(machine, "0");
	unlink(mark);
}

static int pause_it(struct machine *machine, const char *mark)
{
	scoped_fd int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : set_frozen(machine, "1");

	if (r < 0)
		unlink(mark);
	return r;
}

static int resume_it(struct machine *machine, const char *mark)
{
	int r = machine_held(machine, NULL, 0) ? 0 : set_frozen(machine, "0");

	if (r == 0 && unlink(mark) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

int machine_pause(struct machine *machine, bool paused, bool *was, struct err *err)
{
	scoped_free char *mark = mark_path(machine, "paused");
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	if (!mark)
		return err_set(err, ENOMEM, "out of memory");
	if (!run_alive(machine))
		return err_set(err, ENOENT,
			       "machine '%s' is not running; start it with: berth start %s",
			       machine->name, machine->name);
	bool is = machine_paused(machine);
	if (was)
		*was = is == paused;
	if (is == paused)
		return 0;
	int r = paused ? pause_it(machine, mark) : resume_it(machine, mark);
	if (r < 0)
		return err_set(err, -r, "%s machine '%s': %s", paused ? "pause" : "resume",
			       machine->name, strerror(-r));
	machine_tell(machine, &(struct event){ .name = paused ? "paused" : "resumed" });
	return 0;
}
