/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start of a machine. The command forks a starter into the keepers' cgroup. The starter makes everything, is the
 * parent of the guest's init, and becomes the keeper by exec. So init has one parent for its whole life, and the start
 * of a command that is killed either succeeds or is undone.
 */
#include "machine/life/control.h"
#include "machine/start/handover.h"
#include "machine/start/run.h"
#include "machine/state/ended.h"
#include "machine/state/half.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"
#include "keeper/keeper_plan.h"
#include "kern/pty.h"
#include "kern/spawn.h"
#include "machine/confine/rlimits.h"
#include "machine/life/clean.h"
#include "machine/life/hosts.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/start/cgroups.h"
#include "machine/start/start.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	START_SECONDS = 150, /* longer than a starter waits for any lock */
	KEEPER_LOCK_SECONDS = 10,
	FAILED_LOCK_SECONDS = 5,
	STARTER_END_MILLISECONDS = 2000,
	WARNING_MAX = 65536, /* bytes */
};

static int lock_keeper(struct run *run, struct err *err)
{
	scoped_free char *path = text_format("%s/keeper.lock", run->machine->run);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	/* A holder only looks, and so holds the lock for a moment, unless it was stopped meanwhile. */
	run->lock_fd = file_lock_within(path, KEEPER_LOCK_SECONDS);
	if (run->lock_fd < 0)
		return err_set(err, -run->lock_fd, "lock '%s': %s", path, strerror(-run->lock_fd));
	control_mark_starter(run->lock_fd);
	return 0;
}

/* Runs in the starter: the keeper keeps nothing of the caller's terminal, session or working folder. */
static void detach_from_caller(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	setsid();
	umask(022);
	if (chdir("/") < 0)
		_exit(EXIT_FAILURE);
}

static void note_failure(const struct machine *machine, const char *cause)
{
	scoped_free char *how = text_format("did not start: %s", cause);

	ended_write(machine, "failed", how ? how : "did not start");
	machine_tell(machine, &(struct event){ .name = "failed", .cause = cause });
}

/* Runs under the machine's lock, which the starter shares with the command that forked it. */
static void undo_start(struct machine *machine, const char *cause)
{
	note_failure(machine, cause);
	run_clean(machine, &(struct err){ 0 });
}

static __attribute__((noreturn)) void starter_main(struct machine *machine, int report_fd)
{
	struct err err = { 0 };
	struct run run;

	run_init(&run, machine);
	pty_read_size(STDIN_FILENO, &run.window);
	detach_from_caller();
	rlimits_reset();
	rlimits_rank_keeper();
	if (lock_keeper(&run, &err) == 0 && cgroups_ask(&run, &err) == 0 &&
	    run_start(&run, false, &err) == 0)
		handover_to_keeper(&run, report_fd, &err);
	run_free(&run);
	undo_start(machine, err.text);
	if (write(report_fd, &err, sizeof err) < 0)
		_exit(2);
	_exit(EXIT_FAILURE);
}

/* Reads the report: the keeper has started, or the starter's error. */
static int read_report(int fd, struct err *err)
{
	struct pollfd said = { .fd = fd, .events = POLLIN };
	struct err report;
	ssize_t n;

	if (poll(&said, 1, START_SECONDS * 1000) == 0)
		return err_set(err, ETIMEDOUT, "it took longer than %d s", START_SECONDS);
	do
		n = read(fd, &report, sizeof report);
	while (n < 0 && errno == EINTR);
	if (n != sizeof report)
		return err_set(err, ECHILD, "its start was killed from outside; try again");
	report.text[sizeof report.text - 1] = '\0';
	return report.code ? err_set(err, report.code, "%s", report.text) : 0;
}

static int make_run_folder(struct machine *machine, struct err *err)
{
	if (mkdir(machine->run, 0700) == 0)
		return 0;
	if (errno != ENOENT)
		return err_set(err, errno, "make '%s': %s", machine->run, strerror(errno));
	return file_make_dirs(machine->run, 0711, err);
}

/* A starter that cannot be killed, because it waits for a device or a server, is left alone. */
static void end_starter(int pidfd, bool late)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	if (late)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (poll(&gone, 1, STARTER_END_MILLISECONDS) > 0)
		spawn_wait(pidfd);
}

/*
 * The starter has the machine's lock alone from its birth, so that a command that is stopped or hangs does not lock the
 * machine.
 */
static int spawn_starter(struct machine *machine, int *lock, struct err *err)
{
	int report[2];
	scoped_fd int cgroup = -1;

	if (cgroups_starter(machine, &cgroup, err) < 0)
		return -err->code;
	struct spawn spawn = { .cgroup_fd = cgroup };
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe: %s", strerror(errno));
	pid_t pid = spawn_process(&spawn);
	if (pid == 0) {
		close(report[0]);
		starter_main(machine, report[1]);
	}
	close(report[1]);
	if (pid > 0)
		scoped_close_fd(lock);
	int r = pid < 0 ? err_set(err, -pid, "start a process: %s", strerror(-pid))
			: read_report(report[0], err);
	close(report[0]);
	if (pid > 0 && r < 0)
		end_starter(spawn.pidfd, r == -ETIMEDOUT);
	if (pid > 0)
		close(spawn.pidfd);
	return r;
}

/* Reads the warning that the starter has written to a file; its report can only carry failures. */
static void read_warning(const struct machine *machine, struct text *warning)
{
	scoped_free char *path = text_format("%s/warning", machine->run);
	scoped_free char *said = NULL;

	if (warning && path && file_read(AT_FDCWD, path, WARNING_MAX, &said) > 0)
		text_add(warning, "%s", said);
}

/* Undoes a start that the starter could not undo, because it never ran or was killed. */
static void clean_failed(struct machine *machine, int *lock, const char *cause)
{
	if (*lock < 0)
		*lock = machine_lock(machine, FAILED_LOCK_SECONDS, &(struct err){ 0 });
	if (*lock >= 0 && !run_alive(machine) && run_needs_cleanup(machine))
		undo_start(machine, cause);
}

int machine_start(struct machine *machine, bool *was_running, struct text *warning, struct err *err)
{
	if (machine_check(machine, err) < 0)
		return -err->code;
	scoped_fd int lock = control_lock_unless_running(machine, err);

	if (was_running)
		*was_running = lock == -EALREADY;
	if (lock < 0)
		return lock == -EALREADY ? 0 : lock;
	if (move_check(machine, err) < 0 || half_check(machine, err) < 0)
		return -err->code;
	int r = run_needs_cleanup(machine) ? run_clean_dead(machine, err) : 0;
	/*
	 * The mark of an earlier failure is removed before the run: if the host dies during the run, that failure is
	 * not its end.
	 */
	ended_acknowledge(machine);
	if (r == 0)
		r = make_run_folder(machine, err);
	if (r == 0)
		r = spawn_starter(machine, &lock, err);
	if (r < 0) {
		clean_failed(machine, &lock, err->text);
		return err_wrap(err, "machine '%s' did not start", machine->name);
	}
	/* An address that has changed since the lines were written. */
	if (*machine->config.dns_aliases)
		hosts_follow(machine, &(struct err){ 0 });
	read_warning(machine, warning);
	return 0;
}

/*
 * The next guest of a reboot, cloned as a child of the keeper that lives on. The cgroup of the last guest is removed
 * first, with all processes in it.
 */
static int respawn(struct run *run, struct err *err)
{
	return cgroups_renew(run, err) < 0 ? -err->code : run_start(run, true, err);
}

int machine_respawn(struct machine *machine, int keeper_fd, struct err *err)
{
	struct sync keeper = { .fd = keeper_fd };
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	struct run run;

	run_init(&run, machine);
	/* The keeper has changed its own rlimits. */
	rlimits_reset();
	fcntl(keeper_fd, F_SETFD, FD_CLOEXEC);
	int r = lock < 0 ? lock : respawn(&run, err);
	if (r == 0) {
		int fds[RESPAWN_FDS] = {
			[RESPAWN_PIDFD] = run.pidfd,
			[RESPAWN_CONSOLE] = run.console_fd,
			[RESPAWN_NOTIFY] = run.notify_fd,
			[RESPAWN_CGROUP] = run.cgroup_fd,
		};
		r = sync_post(&keeper, STEP_RUNNING, fds, RESPAWN_FDS, err);
	}
	if (r < 0)
		sync_fail(&keeper, err);
	else
		run.init = 0; /* the keeper's from now on */
	run_free(&run);
	return r;
}
