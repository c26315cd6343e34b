/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's life after its start, from its first event to the machine's end: what happens when the guest's process
 * ends, when the next guest is there, when the time is over. The parts are in files of their own, listed in keeper.h.
 */
#include "keeper/keeper.h"

#include "base/child.h"
#include "base/log.h"
#include "base/scoped.h"
#include "keeper/notify.h"
#include "kern/cgroup.h"
#include "kern/process.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

/* 0: never. */
static void set_timer(struct keeper *keeper, int64_t milliseconds)
{
	struct itimerspec at = { .it_value = { milliseconds / 1000,
					       milliseconds % 1000 * 1000000 } };

	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
}

/* ---- Between two guests */

/*
 * Waits for the pause before a restart, in which there is no guest. again: the event to write when the next guest
 * starts.
 */
static void wait_for_next(struct keeper *keeper, int64_t pause, const char *again)
{
	keeper_let_go(keeper);
	keeper->waiting = true;
	keeper->again = again;
	record_mark(keeper, "waiting");
	set_timer(keeper, pause);
}

/* The guest has ended: the next one follows after a pause, or it is the machine's end. */
static void after(struct keeper *keeper, enum ended ended, const char *how)
{
	unlinkat(keeper->run, "booted", 0);
	int64_t pause = restart_after(keeper, ended, how);
	if (pause == RESTART_NEVER) {
		keeper_end(keeper, ended, how);
		return;
	}
	record_end(keeper, ended, how);
	wait_for_next(keeper, pause, "restarted");
}

static void respawn_failed(struct keeper *keeper, const struct err *err)
{
	char how[sizeof keeper->how];

	log_line("%s", err->text);
	snprintf(how, sizeof how, "could not start again: %.100s", err->text);
	after(keeper, ENDED_FAILED, how);
}

static void respawn(struct keeper *keeper)
{
	struct err err = { 0 };

	if (respawn_begin(keeper, &err) < 0)
		respawn_failed(keeper, &err);
}

static void reboot(struct keeper *keeper)
{
	/* The mark exists before anything shows that the guest is gone. */
	record_mark(keeper, "waiting");
	log_line("rebooting");
	unlinkat(keeper->run, "booted", 0);
	int64_t pause = restart_reboot(keeper);
	if (pause == RESTART_NEVER) {
		after(keeper, ENDED_FAILED, "rebooted more than 5 times within 10 seconds");
		return;
	}
	wait_for_next(keeper, pause, "rebooted");
	if (!pause)
		respawn(keeper);
}

static void note_beginning(struct keeper *keeper)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	keeper->began = now.tv_sec;
	keeper->waiting = false;
	unlinkat(keeper->run, "waiting", 0);
}

/* The next guest is there. */
static void adopt(struct keeper *keeper, const int fds[RESPAWN_FDS])
{
	keeper->guest.fd = fds[RESPAWN_PIDFD];
	keeper->console.fd = fds[RESPAWN_CONSOLE];
	keeper->notify.fd = fds[RESPAWN_NOTIFY];
	keeper->cgroup = fds[RESPAWN_CGROUP];
	keeper->init = process_of_pidfd(keeper->guest.fd);
	keeper->booted = false;
	note_beginning(keeper);
	memset(keeper->tail, 0, sizeof keeper->tail);
	fcntl(keeper->console.fd, F_SETFL, O_RDWR | O_NONBLOCK);
	event_loop_watch(keeper, &keeper->guest, EPOLLIN);
	event_loop_watch(keeper, &keeper->console, EPOLLIN | EPOLLET);
	event_loop_watch(keeper, &keeper->notify, EPOLLIN);
	hits_open(keeper);
	space_watch(keeper);
	dnsmasq_watch(keeper);
	idle_watch(keeper);
	record_name(keeper, keeper->again);
	record_count(keeper, "restarts", ++keeper->followers);
	/* A halt that was asked for meanwhile has set the timer. */
	if (keeper->halting)
		halt_ask(keeper);
	else
		set_timer(keeper, 0);
}

static void answer_ready(struct keeper *keeper, struct source *source)
{
	struct err err = { 0 };
	int fds[RESPAWN_FDS];

	(void)source;
	if (respawn_take(keeper, fds, &err) == 0)
		adopt(keeper, fds);
	else
		respawn_failed(keeper, &err);
	requests_give_guest(keeper);
}

static void respawn_timed_out(struct keeper *keeper)
{
	struct err err = { 0 };

	respawn_late(keeper, &err);
	respawn_failed(keeper, &err);
	requests_give_guest(keeper);
}

/* ---- While a guest runs */

/*
 * Effect of reboot(2) in a pid namespace, by pid_namespaces(7): SIGHUP kills init for a restart, and SIGINT kills it
 * for halt and power-off.
 */
static void guest_ready(struct keeper *keeper, struct source *source)
{
	char how[sizeof keeper->how], words[64];
	int status = spawn_wait(source->fd);

	output_drain(keeper);
	hits_look(keeper);
	set_timer(keeper, 0);
	cgroup_kill(keeper->cgroup);
	if (status < 0) {
		snprintf(how, sizeof how, "its init cannot be waited for: %s", strerror(-status));
		after(keeper, ENDED_FAILED, how);
	} else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP && !keeper->halting) {
		reboot(keeper);
	} else if (keeper->killed) {
		after(keeper, ENDED_KILLED, "killed");
	} else if (WIFSIGNALED(status) &&
		   (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGHUP)) {
		after(keeper, ENDED_CLEAN, "powered off");
	} else {
		child_status_text(status, words, sizeof words);
		snprintf(how, sizeof how, "its init %s", words);
		after(keeper, keeper->halting || status == 0 ? ENDED_CLEAN : ENDED_FAILED, how);
	}
}

/* The keeper ignores all but the first READY=1, so that the guest cannot keep it busy. */
static void notify_ready(struct keeper *keeper, struct source *source)
{
	if (notify_receive(source->fd, keeper->init) != 1)
		return;
	keeper_set_booted(keeper);
	event_loop_close(keeper, source);
}

/* ---- At any time */

static void timer_ready(struct keeper *keeper, struct source *source)
{
	uint64_t ticks;

	if (read(source->fd, &ticks, sizeof ticks) != sizeof ticks)
		return;
	if (keeper->halting || !keeper->waiting) {
		keeper_kill(keeper);
	} else if (respawn_runs(keeper)) {
		respawn_timed_out(keeper);
	} else {
		log_line("starting it again");
		respawn(keeper);
	}
}

static void signals_ready(struct keeper *keeper, struct source *source)
{
	struct signalfd_siginfo info;

	/* SIGURG: systemd stops our scope; see machine/life/scope_main.c. */
	if (read(source->fd, &info, sizeof info) == sizeof info &&
	    (info.ssi_signo == SIGTERM || info.ssi_signo == SIGURG))
		keeper_halt(keeper, keeper->plan.stop_timeout);
}

static int open_sources(struct keeper *keeper)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGURG);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	keeper->guest.ready = guest_ready;
	keeper->console.ready = output_ready;
	keeper->notify.ready = notify_ready;
	keeper->answer.ready = answer_ready;
	keeper->control = (struct source){ protocol_listen(keeper->run), requests_accept };
	keeper->timer = (struct source){ timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC), timer_ready };
	keeper->signals = (struct source){ signalfd(-1, &set, SFD_CLOEXEC), signals_ready };
	keeper->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (keeper->control.fd < 0 || keeper->timer.fd < 0 || keeper->signals.fd < 0 ||
	    keeper->epoll < 0)
		return -EMFILE;
	fcntl(keeper->console.fd, F_SETFL, O_RDWR | O_NONBLOCK);
	struct source *all[] = { &keeper->guest,   &keeper->console, &keeper->notify,
				 &keeper->control, &keeper->timer,   &keeper->signals };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		event_loop_watch(keeper, all[i],
				 all[i] == &keeper->console ? EPOLLIN | EPOLLET : EPOLLIN);
	hits_open(keeper);
	return output_open(keeper);
}

static void report_begun(int r)
{
	struct err err = { 0 };

	if (r < 0)
		err_set(&err, -r, "keeper: %s", strerror(-r));
	if (write(KEEPER_REPORT, &err, sizeof err) < 0)
		log_line("no command waits for this start any more");
	close(KEEPER_REPORT);
}

/* The time until the loop has something to do without an event; -1: it has nothing. */
static int patience(const struct keeper *keeper)
{
	int space = space_timeout(keeper), idle = idle_timeout(keeper);

	return space < 0 || (idle >= 0 && idle < space) ? idle : space;
}

int keeper_run(struct keeper *keeper)
{
	int r = open_sources(keeper);

	/* This is done before the command that started the keeper continues. */
	if (r == 0)
		record_name(keeper, "started");
	note_beginning(keeper);
	restart_begin(keeper);
	report_begun(r);
	if (r < 0) {
		keeper_kill(keeper);
		keeper_end(keeper, ENDED_FAILED, "its keeper could not begin");
	}
	space_watch(keeper);
	dnsmasq_watch(keeper);
	idle_watch(keeper);
	while (!keeper->done) {
		struct source *source = event_loop_wait(keeper, patience(keeper));
		space_check(keeper);
		idle_check(keeper);
		if (source)
			source->ready(keeper, source);
	}
	record_finished(keeper);
	finish_run(keeper, record_outcome(keeper->ended));
	dnsmasq_leave(keeper);
	ring_close(&keeper->ring);
	return keeper->ended == ENDED_FAILED;
}
