/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A still machine for a copy of one moment. If the pool cannot take it with one system call, the guest is frozen or
 * kept from starting meanwhile, by locks that die with this command.
 */
#include "machine/manage/quiesce.h"

#include "machine/life/freeze.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/manage/settle.h"
#include "machine/state/private.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

enum {
	WATCH_TRIES = 3000,
	WATCH_MILLISECONDS = 10,
	ENDING_MS = 10000,  /* for the clean-up of a run that has ended */
	LOOK_NS = 20000000, /* between looks whether it is done */
};

/* A command that found the mark unlocked has removed it, or is about to. */
static int lock_mark(const struct machine *machine)
{
	scoped_free char *mark = freeze_mark(machine, FREEZE_COPY);
	struct stat st;

	while (mark) {
		scoped_fd int fd = open(mark, O_RDONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
		if (fd < 0 || flock(fd, LOCK_SH) < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (st.st_nlink > 0)
			return take_fd(&fd);
	}
	return -ENOMEM;
}

/*
 * Runs in a child that keeps none of our locks open. This process kills it when the copy is complete, so the end of the
 * pipe means that this process has died. A child of ours that was killed too may hold the mark for a moment longer.
 */
static __attribute__((noreturn)) void watch(const struct machine *machine, int end)
{
	const struct timespec pause = { .tv_nsec = WATCH_MILLISECONDS * 1000000L };
	sigset_t all;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	if (end > 0)
		syscall(SYS_close_range, 0U, (unsigned)end - 1, 0U);
	syscall(SYS_close_range, (unsigned)end + 1, ~0U, 0U);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	for (int i = 0; i < WATCH_TRIES && freeze_settle(machine) == 0; i++) {
		if (!freeze_is_copied(machine))
			break;
		nanosleep(&pause, NULL);
	}
	_exit(0);
}

static int start_watcher(struct quiesce *still, const struct machine *machine)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		watch(machine, ends[0]);
	int code = errno;
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -code;
	}
	still->watch = ends[1];
	still->watcher = pid;
	return 0;
}

static bool halting(const struct machine *machine)
{
	scoped_free char *mark = freeze_mark(machine, "halting");

	return mark && access(mark, F_OK) == 0;
}

static int freeze(struct quiesce *still, struct machine *machine, struct err *err)
{
	if (halting(machine))
		return err_set(err, EBUSY,
			       "machine '%s' is going down; copy it when it has stopped",
			       machine->name);
	still->mark = lock_mark(machine);
	int r = still->mark < 0 ? still->mark : start_watcher(still, machine);
	if (r == 0)
		r = freeze_settle(machine);
	if (r == 0)
		r = freeze_await(machine);
	if (r == -ETIMEDOUT)
		return err_set(err, EBUSY,
			       "machine '%s' cannot be held still for its copy: a process of it "
			       "is busy in the kernel; try again",
			       machine->name);
	return r < 0 ? err_set(err, -r, "hold machine '%s' still: %s", machine->name, strerror(-r))
		     : 0;
}

static void let_go(struct quiesce *still, const struct machine *machine)
{
	bool frozen = still->mark >= 0;

	scoped_close_fd(&still->mark);
	scoped_close_fd(&still->lock);
	if (frozen)
		freeze_settle(machine);
	if (still->watcher > 0)
		kill(still->watcher, SIGKILL);
	scoped_close_fd(&still->watch);
	if (still->watcher > 0)
		child_wait(still->watcher);
	still->watcher = 0;
}

/* Called under the machine's lock, so that the machine neither starts nor is cleaned up. */
static int hold_still(struct quiesce *still, struct machine *machine, struct err *err)
{
	if (!run_alive(machine))
		return run_needs_cleanup(machine)
			       ? err_set(err, EBUSY, "machine '%s' is just ending; try again",
					 machine->name)
			       : 0;
	int r = freeze(still, machine, err);
	/* The mark holds the machine from here on; others may use it, for example to end it. */
	scoped_close_fd(&still->lock);
	return r;
}

/*
 * Takes the lock once a run that has ended is cleaned up, which whoever had the lock before may not have done; after a
 * while in any case.
 */
static int lock_settled(struct quiesce *still, struct machine *machine, struct err *err)
{
	int64_t until = clock_ms() + ENDING_MS;

	for (;;) {
		still->lock = machine_lock_shared(machine, LOCK_SECONDS, err);
		if (still->lock < 0 || run_alive(machine) || !run_needs_cleanup(machine) ||
		    clock_ms() > until)
			return still->lock < 0 ? still->lock : 0;
		scoped_close_fd(&still->lock);
		if (settle_dead_run(machine, err) < 0)
			return -err->code;
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	}
}

int quiesce_begin(struct quiesce *still, struct machine *machine, struct pool *pool, int lock,
		  struct err *err)
{
	char volume[VOLUME_NAME_MAX + 1];

	*still = (struct quiesce){ .lock = lock, .mark = -1, .watch = -1 };
	machine_volume(machine->name, volume);
	if (pool && volume_copies_at_once(pool, volume))
		return 0;
	if (lock < 0 && lock_settled(still, machine, err) < 0)
		return -err->code;
	int r = hold_still(still, machine, err);
	if (r < 0)
		let_go(still, machine);
	return r;
}

int quiesce_end(struct quiesce *still, struct machine *machine, struct err *err)
{
	struct stat st;
	/* The end of the run removes the mark, and a halt thaws the guest. */
	bool moved = still->mark >= 0 &&
		     (fstat(still->mark, &st) < 0 || st.st_nlink == 0 || halting(machine));

	let_go(still, machine);
	if (!moved)
		return 0;
	return err_set(err, ESTALE, "machine '%s' was stopped while it was copied; copy it again",
		       machine->name);
}

int quiesce_flush(struct pool *pool, const char *volume, struct err *err)
{
	scoped_fd int mount_fd = -1;

	if (volume_mount(pool, volume, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			 &mount_fd, err) < 0)
		return -err->code;
	scoped_fd int root = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 || syncfs(root) < 0
		       ? err_set(err, errno, "write volume '%s' to the disk: %s", volume,
				 strerror(errno))
		       : 0;
}
