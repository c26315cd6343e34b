/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * autostart, start --all, stop --all: starts or stops many machines in their order, each in a process of its own.
 * machine/manage/boot.c decides which machine is next, and is asked again whenever one of them has finished.
 */
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "machine/life/life.h"
#include "machine/life/passing.h"
#include "machine/manage/boot.h"
#include "machine/state/machine.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum {
	BOOT_SECONDS = 60,
	DISK_SECONDS = 90, /* as long as systemd waits for a device */
	DISK_PAUSE_MS = 1000,
	EXIT_NOT_YET = 100, /* an exit code of this program's own children only */
};

struct booting {
	struct call *call;
	struct boot boot;
	pid_t *pids;          /* owned: the process that works on each machine, 0: none */
	uint64_t *again;      /* owned: the time of each machine's next try, 0: none has failed */
	uint64_t disks_until; /* the end of the wait for the disks of pools, 0: no start waits */
	int starting;         /* number of starts under way */
	int most;             /* limit for that number */
	bool stop;            /* stop the machines instead of starting them */
	int worst;
	sigset_t mask; /* the signal mask from before */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The machine of a child process. */
static struct {
	bool waits; /* for a disk that has not appeared yet */
	bool told;
} attempt;

/* A network disk or a multipath disk may appear after this command has begun. */
static void wait_for_disk(const struct err *err)
{
	if (err->code != ENODEV || !attempt.waits)
		return;
	if (!attempt.told)
		print_note("%s; it is tried again for %d seconds", err->text, DISK_SECONDS);
	fflush(stderr);
	_exit(EXIT_NOT_YET);
}

static int start_quietly(struct call *call, struct machine *machine, struct err *err)
{
	long mark = console_mark(machine);

	(void)call;
	int r = start_machine(machine, NULL, err);
	if (r < 0)
		wait_for_disk(err);
	if (r < 0)
		console_show(machine, mark);
	return r;
}

static int stop_quietly(struct call *call, struct machine *machine, struct err *err)
{
	return stop_machine(call, machine, call_has(call, &flag_kill), true, err);
}

static int await_boot(struct call *call, struct machine *machine, struct err *err)
{
	uint64_t seconds;

	int r = call_seconds(call, &flag_wait, BOOT_SECONDS, &seconds, err);
	return r != 0 ? r : machine_wait_booted(machine, (unsigned)seconds, err);
}

/* The child gets the signal mask of this command's start, because it becomes the keeper of a guest. */
static void spawn(struct booting *booting, size_t index, act_fn *act)
{
	output_flush();
	pid_t pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &booting->mask, NULL);
		attempt.waits = now_ms() < booting->disks_until;
		attempt.told = booting->again[index] > 0;
		act_and_exit(booting->call, booting->boot.items[index].name, act);
	}
	if (pid < 0)
		print_note("machine '%s': fork: %s", booting->boot.items[index].name,
			   strerror(errno));
	booting->pids[index] = pid > 0 ? pid : 0;
}

static void give_up(struct booting *booting, size_t index)
{
	struct boot_item *item = &booting->boot.items[index];

	item->phase = BOOT_OVER;
	item->ready_at = 0;
	if (booting->worst < EXIT_FAILED)
		booting->worst = EXIT_FAILED;
}

static void begin(struct booting *booting, size_t index)
{
	struct boot_item *item = &booting->boot.items[index];

	if (!booting->stop && item->absent)
		print_note("machine '%s' is to be started after '%s', which is not started with it",
			   item->name, item->absent);
	item->phase = BOOT_BEGUN;
	spawn(booting, index, booting->stop ? stop_quietly : start_quietly);
	if (booting->pids[index] == 0)
		give_up(booting, index);
	else
		booting->starting += !booting->stop;
}

/* Starts all machines that may begin now. Returns the time until the next one may begin. */
static uint64_t begin_all(struct booting *booting)
{
	struct boot *boot = &booting->boot;
	uint64_t soonest = BOOT_NEVER, now = now_ms();

	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].phase != BOOT_WAITS)
			continue;
		if (booting->starting >= booting->most)
			return BOOT_NEVER;
		uint64_t in = !booting->stop           ? boot_start_in(boot, i, now)
			      : boot_may_stop(boot, i) ? 0
						       : BOOT_NEVER;
		if (in == 0 && booting->again[i] > now)
			in = booting->again[i] - now;
		if (in == 0)
			begin(booting, i);
		else if (in < soonest)
			soonest = in;
	}
	return soonest;
}

static void start_ended(struct booting *booting, size_t index, int code)
{
	struct boot_item *item = &booting->boot.items[index];
	bool wanted = call_has(booting->call, &flag_wait);

	booting->starting--;
	if (code == EXIT_NOT_YET) {
		item->phase = BOOT_WAITS;
		booting->again[index] = now_ms() + DISK_PAUSE_MS;
		return;
	}
	if (code != 0) {
		give_up(booting, index);
		return;
	}
	item->phase = BOOT_OVER;
	item->ready_at = now_ms() + item->delay;
	if (!wanted && !boot_is_awaited(&booting->boot, index))
		return;
	item->phase = BOOT_UP;
	spawn(booting, index, await_boot);
	if (booting->pids[index] == 0)
		item->phase = BOOT_OVER;
}

static void ended(struct booting *booting, size_t index, int status)
{
	struct boot_item *item = &booting->boot.items[index];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;

	booting->pids[index] = 0;
	if (item->phase == BOOT_BEGUN && !booting->stop) {
		start_ended(booting, index, code);
		return;
	}
	/* Without --wait only other machines wait for this boot. boot.after is an order, so its failure is no error. */
	if (code != 0 && (booting->stop || call_has(booting->call, &flag_wait)))
		booting->worst = code > booting->worst ? code : booting->worst;
	item->phase = BOOT_OVER;
}

static void reap(struct booting *booting)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (size_t i = 0; i < booting->boot.count; i++) {
			if (booting->pids[i] == pid) {
				ended(booting, i, status);
				break;
			}
		}
	}
}

static bool some_left(const struct booting *booting)
{
	for (size_t i = 0; i < booting->boot.count; i++) {
		if (booting->boot.items[i].phase != BOOT_OVER)
			return true;
	}
	return false;
}

static void wait_for_child(uint64_t milliseconds)
{
	struct timespec timeout = {
		.tv_sec = (time_t)(milliseconds / 1000),
		.tv_nsec = (long)(milliseconds % 1000) * 1000000,
	};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, milliseconds == BOOT_NEVER ? NULL : &timeout);
}

static void refuse_faults(struct booting *booting)
{
	for (size_t i = 0; i < booting->boot.count; i++) {
		struct boot_item *item = &booting->boot.items[i];
		if (booting->stop || !item->fault.code)
			continue;
		print_error(&item->fault);
		give_up(booting, i);
	}
}

/* The number of starts is limited, because a start keeps a processor busy. A stop only waits, perhaps for a minute. */
static int most_at_once(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus > 2 ? 2 * (int)cpus : 4;
}

static void run_all(struct booting *booting)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &booting->mask);
	refuse_faults(booting);
	while (some_left(booting)) {
		uint64_t soonest = begin_all(booting);
		if (some_left(booting))
			wait_for_child(soonest);
		reap(booting);
	}
	sigprocmask(SIG_SETMASK, &booting->mask, NULL);
}

int act_on_all(struct call *call, enum boot_which which, struct err *err)
{
	struct booting booting = {
		.call = call,
		.most = most_at_once(),
		.stop = which == BOOT_RUNNING,
	};

	int r = boot_read(&booting.boot, &call->dirs, which, err);
	booting.pids = calloc(booting.boot.count + 1, sizeof *booting.pids);
	booting.again = calloc(booting.boot.count + 1, sizeof *booting.again);
	if (which == BOOT_AUTOSTART)
		booting.disks_until = now_ms() + DISK_SECONDS * 1000;
	if (r == 0 && (!booting.pids || !booting.again))
		r = err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		run_all(&booting);
	free(booting.pids);
	free(booting.again);
	boot_free(&booting.boot);
	return r < 0 ? r : booting.worst;
}

static int run_autostart(struct call *call, struct err *err)
{
	scoped_text struct text left_out = { 0 };
	uint64_t unused;
	int r = call_seconds(call, &flag_wait, BOOT_SECONDS, &unused, err);

	if (r != 0)
		return r;
	passing_listen_all(&call->dirs, &left_out);
	print_notes(&left_out);
	return act_on_all(call, BOOT_AUTOSTART, err);
}

static const struct flag *const autostart_flags[] = { &flag_wait, NULL };

const struct command command_autostart = {
	.name = "autostart",
	.args = "",
	.help = "Start the machines that have boot.autostart, in their order",
	.flags = autostart_flags,
	.run = run_autostart,
};
