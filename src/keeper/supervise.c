/* The guest's life after its start: booted, reboot, halt, kill, end. */
#include "keeper/supervise.h"

#include "base/child.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "keeper/event.h"
#include "keeper/notify.h"
#include "kern/cgroup.h"
#include "kern/process.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

void keeper_watch(struct keeper *keeper, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, source->fd, &event);
}

void keeper_unwatch(struct keeper *keeper, struct source *source)
{
	if (source->fd < 0)
		return;
	epoll_ctl(keeper->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	scoped_close_fd(&source->fd);
}

/* RUN/events, by way of RUN/machines/NAME. */
void keeper_tell(struct keeper *keeper, struct event *event)
{
	event->machine = keeper->plan.name;
	int r = event_write(keeper->run, "../../events", event);
	if (r < 0)
		log_line("event '%s' could not be written: %s", event->name, strerror(-r));
}

static void tell_event(struct keeper *keeper, const char *name)
{
	keeper_tell(keeper, &(struct event){ .name = name });
}

static const char *outcome_name(enum ended ended)
{
	return ended == ENDED_CLEAN ? "clean" : ended == ENDED_KILLED ? "killed" : "failed";
}

void keeper_tell_end(struct keeper *keeper, enum ended ended, const char *how)
{
	keeper_tell(keeper, &(struct event){ .name = "ended",
					     .outcome = outcome_name(ended),
					     .cause = how });
}

void keeper_mark(struct keeper *keeper, const char *name)
{
	scoped_fd int fd = openat(keeper->run, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

void keeper_set_booted(struct keeper *keeper)
{
	if (keeper->booted)
		return;
	keeper->booted = true;
	keeper_mark(keeper, "booted");
	log_line("booted");
	tell_event(keeper, "booted");
	clients_tell(keeper, SAY_BOOTED);
}

static void timer_ready(struct keeper *keeper, struct source *source)
{
	uint64_t ticks;

	if (read(source->fd, &ticks, sizeof ticks) != sizeof ticks)
		return;
	if (keeper->halting || !keeper->waiting)
		keeper_kill(keeper);
	else if (respawn_runs(keeper))
		respawn_late(keeper);
	else
		restart_now(keeper);
}

static void signals_ready(struct keeper *keeper, struct source *source)
{
	struct signalfd_siginfo info;

	/* SIGURG: systemd stops our scope; see machine/life/scope_main.c. */
	if (read(source->fd, &info, sizeof info) == sizeof info &&
	    (info.ssi_signo == SIGTERM || info.ssi_signo == SIGURG))
		keeper_halt(keeper, keeper->plan.stop_timeout);
}

/* Only what it says first is of interest: it shall not keep us busy with more. */
static void notify_ready(struct keeper *keeper, struct source *source)
{
	if (notify_receive(source->fd, keeper->init) != 1)
		return;
	keeper_set_booted(keeper);
	keeper_unwatch(keeper, source);
}

void keeper_end(struct keeper *keeper, enum ended ended, const char *how)
{
	keeper_mark(keeper, "halting");
	keeper->done = true;
	keeper->ended = ended;
	text_print(keeper->how, sizeof keeper->how, "%s", how);
	log_line("ended: %s", how);
}

void keeper_verb(struct keeper *keeper, const char *verb, const char *word, const char *last,
		 const char *argv[8])
{
	size_t n = 0;

	argv[n++] = keeper->plan.berth;
	if (keeper->plan.root[0]) {
		argv[n++] = "--root";
		argv[n++] = keeper->plan.root;
	}
	argv[n++] = verb;
	argv[n++] = keeper->plan.name;
	argv[n++] = word;
	argv[n++] = last;
	argv[n] = NULL;
}

void keeper_let_go(struct keeper *keeper)
{
	keeper_unwatch(keeper, &keeper->guest);
	keeper_unwatch(keeper, &keeper->console);
	clients_untype(keeper);
	keeper_unwatch(keeper, &keeper->notify);
	keeper_unwatch(keeper, &keeper->ask);
	hits_close(keeper);
	scoped_close_fd(&keeper->cgroup);
}

static void note_beginning(struct keeper *keeper)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	keeper->began = now.tv_sec;
	keeper->waiting = false;
	unlinkat(keeper->run, "waiting", 0);
}

void keeper_adopt(struct keeper *keeper, const int fds[RESPAWN_FDS])
{
	struct itimerspec never = { 0 };

	keeper->guest.fd = fds[RESPAWN_PIDFD];
	keeper->console.fd = fds[RESPAWN_CONSOLE];
	keeper->notify.fd = fds[RESPAWN_NOTIFY];
	keeper->cgroup = fds[RESPAWN_CGROUP];
	keeper->init = process_of_pidfd(keeper->guest.fd);
	keeper->booted = false;
	note_beginning(keeper);
	memset(keeper->tail, 0, sizeof keeper->tail);
	fcntl(keeper->console.fd, F_SETFL, O_RDWR | O_NONBLOCK);
	keeper_watch(keeper, &keeper->guest, EPOLLIN);
	keeper_watch(keeper, &keeper->console, EPOLLIN | EPOLLET);
	keeper_watch(keeper, &keeper->notify, EPOLLIN);
	hits_open(keeper);
	names_watch(keeper);
	tell_event(keeper, keeper->again);
	/* Who asked for a halt meanwhile has set the time for it. */
	if (keeper->halting)
		halt_ask(keeper);
	else
		timerfd_settime(keeper->timer.fd, 0, &never, NULL);
}

void keeper_after(struct keeper *keeper, enum ended ended, const char *how)
{
	unlinkat(keeper->run, "booted", 0);
	if (!restart_later(keeper, ended, how))
		keeper_end(keeper, ended, how);
}

/*
 * What reboot(2) does in a pid namespace, pid_namespaces(7): init is killed by SIGHUP for a restart
 * and by SIGINT for halt and power-off.
 */
static void guest_ready(struct keeper *keeper, struct source *source)
{
	struct itimerspec never = { 0 };
	char how[sizeof keeper->how], words[64];
	int status = spawn_wait(source->fd);

	output_drain(keeper);
	hits_look(keeper);
	timerfd_settime(keeper->timer.fd, 0, &never, NULL);
	cgroup_kill(keeper->cgroup);
	if (status < 0) {
		snprintf(how, sizeof how, "its init cannot be waited for: %s", strerror(-status));
		keeper_after(keeper, ENDED_FAILED, how);
	} else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP && !keeper->halting) {
		restart_reboot(keeper);
	} else if (keeper->killed) {
		keeper_after(keeper, ENDED_KILLED, "killed");
	} else if (WIFSIGNALED(status) &&
		   (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGHUP)) {
		keeper_after(keeper, ENDED_CLEAN, "powered off");
	} else {
		child_status_text(status, words, sizeof words);
		snprintf(how, sizeof how, "its init %s", words);
		keeper_after(keeper, keeper->halting || status == 0 ? ENDED_CLEAN : ENDED_FAILED,
			     how);
	}
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
	keeper->control = (struct source){ protocol_listen(keeper->run), clients_accept };
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
		keeper_watch(keeper, all[i],
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
		log_line("nobody waits for this start any more");
	close(KEEPER_REPORT);
}

int keeper_run(struct keeper *keeper)
{
	int r = open_sources(keeper);

	/* Before the command that started us goes on. */
	if (r == 0)
		tell_event(keeper, "started");
	note_beginning(keeper);
	restart_begin(keeper);
	report_begun(r);
	if (r < 0) {
		keeper_kill(keeper);
		keeper_end(keeper, ENDED_FAILED, "its keeper could not begin");
	}
	space_watch(keeper);
	names_watch(keeper);
	while (!keeper->done) {
		/* One at a time: a handler may close what a later event in a batch would point at. */
		struct epoll_event event;
		int n = epoll_wait(keeper->epoll, &event, 1, space_timeout(keeper));
		space_check(keeper);
		if (n != 1)
			continue;
		struct source *source = event.data.ptr;
		source->ready(keeper, source);
	}
	finish_run(keeper, outcome_name(keeper->ended));
	names_close(keeper);
	ring_close(&keeper->ring);
	return keeper->ended == ENDED_FAILED;
}
