/* The guest's life after its start: booted, reboot, halt, kill, end. */
#include "keeper/supervise.h"

#include "base/child.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "keeper/event.h"
#include "keeper/notify.h"
#include "kern/cgroup.h"
#include "kern/spawn.h"
#include "kern/sync.h"

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

static void unwatch(struct keeper *keeper, struct source *source)
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

static void signal_init(struct keeper *keeper, int number)
{
	syscall(SYS_pidfd_send_signal, keeper->guest.fd, number, NULL, 0);
}

/* A stop between two runs has nobody to ask. */
static bool ends_at_once(struct keeper *keeper)
{
	if (keeper->waiting)
		keeper_end(keeper, ENDED_CLEAN, "stopped before it was started again");
	return keeper->waiting;
}

/* Also for a start, which then waits for the end. */
static void mark_halting(struct keeper *keeper)
{
	keeper_mark(keeper, "halting");
	keeper->halting = true;
}

void keeper_kill(struct keeper *keeper)
{
	if (ends_at_once(keeper))
		return;
	keeper->killed = true;
	mark_halting(keeper);
	log_line("killing the guest");
	/* Both: the group also holds what was entered from outside, init may have left the group. */
	cgroup_kill(keeper->cgroup);
	signal_init(keeper, SIGKILL);
}

void keeper_halt(struct keeper *keeper, unsigned seconds)
{
	struct itimerspec at = { .it_value.tv_sec = seconds ? seconds : 1 };

	if (ends_at_once(keeper))
		return;
	/* A second request may shorten the wait; the signal is sent once, as a power button is pressed. */
	timerfd_settime(keeper->timer.fd, 0, &at, NULL);
	if (keeper->halting)
		return;
	mark_halting(keeper);
	log_line("asking the guest to halt, for at most %u s", seconds);
	/* A paused guest would not hear it. */
	cgroup_thaw(keeper->cgroup);
	unlinkat(keeper->run, "paused", 0);
	unlinkat(keeper->run, "held", 0);
	signal_init(keeper, keeper->plan.halt_signal);
	clients_tell_halting(keeper, seconds ? seconds : 1);
}

static void timer_ready(struct keeper *keeper, struct source *source)
{
	uint64_t ticks;

	if (read(source->fd, &ticks, sizeof ticks) != sizeof ticks)
		return;
	if (keeper->waiting)
		restart_now(keeper);
	else
		keeper_kill(keeper);
}

static void signals_ready(struct keeper *keeper, struct source *source)
{
	struct signalfd_siginfo info;

	/* SIGURG: systemd stops our scope; see machine/scope_main.c. */
	if (read(source->fd, &info, sizeof info) == sizeof info &&
	    (info.ssi_signo == SIGTERM || info.ssi_signo == SIGURG))
		keeper_halt(keeper, keeper->plan.stop_timeout);
}

static void notify_ready(struct keeper *keeper, struct source *source)
{
	char text[4096];
	ssize_t n = recv(source->fd, text, sizeof text, MSG_DONTWAIT);

	if (n > 0 && notify_says_ready(text, (size_t)n))
		keeper_set_booted(keeper);
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

/* The child clones the next guest as our child (CLONE_PARENT), tells us of it, and is gone. */
static int respawn(struct keeper *keeper, int fds[RESPAWN_FDS], struct err *err)
{
	struct sync ours = { .fd = -1 }, theirs = { .fd = -1 };
	const char *argv[8];
	char number[16];

	if (sync_pair(&ours, &theirs, err) < 0)
		return -err->code;
	snprintf(number, sizeof number, "%d", theirs.fd);
	keeper_verb(keeper, "_respawn", number, NULL, argv);
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		fcntl(theirs.fd, F_SETFD, 0);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	sync_close(&theirs);
	int r = pid < 0 ? err_set(err, errno, "fork: %s", strerror(errno))
			: sync_wait(&ours, STEP_RUNNING, fds, RESPAWN_FDS, err);
	sync_close(&ours);
	if (pid > 0)
		child_wait(pid);
	return r;
}

void keeper_let_go(struct keeper *keeper)
{
	unwatch(keeper, &keeper->guest);
	unwatch(keeper, &keeper->console);
	unwatch(keeper, &keeper->notify);
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

static void adopt(struct keeper *keeper, const int fds[RESPAWN_FDS])
{
	keeper_let_go(keeper);
	keeper->guest.fd = fds[RESPAWN_PIDFD];
	keeper->console.fd = fds[RESPAWN_CONSOLE];
	keeper->notify.fd = fds[RESPAWN_NOTIFY];
	keeper->cgroup = fds[RESPAWN_CGROUP];
	keeper->booted = false;
	note_beginning(keeper);
	memset(keeper->tail, 0, sizeof keeper->tail);
	fcntl(keeper->console.fd, F_SETFL, O_RDWR | O_NONBLOCK);
	keeper_watch(keeper, &keeper->guest, EPOLLIN);
	keeper_watch(keeper, &keeper->console, EPOLLIN | EPOLLET);
	keeper_watch(keeper, &keeper->notify, EPOLLIN);
	hits_open(keeper);
}

/* A guest that reboots without ever coming up must not spin the host; others do as they please. */
static bool reboots_too_fast(struct keeper *keeper)
{
	size_t places = sizeof keeper->reboots / sizeof *keeper->reboots;
	struct timespec now;

	if (keeper->booted) {
		keeper->reboot_count = 0;
		return false;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	time_t *oldest = &keeper->reboots[keeper->reboot_count++ % places];
	bool fast = keeper->reboot_count > places && now.tv_sec - *oldest < 10;
	*oldest = now.tv_sec;
	return fast;
}

static void after(struct keeper *keeper, enum ended ended, const char *how)
{
	unlinkat(keeper->run, "booted", 0);
	if (!restart_later(keeper, ended, how))
		keeper_end(keeper, ended, how);
}

void keeper_start_again(struct keeper *keeper, const char *event)
{
	struct err err = { 0 };
	char how[sizeof keeper->how];
	int fds[RESPAWN_FDS];

	if (respawn(keeper, fds, &err) == 0) {
		adopt(keeper, fds);
		tell_event(keeper, event);
		return;
	}
	log_line("%s", err.text);
	snprintf(how, sizeof how, "could not start again: %.100s", err.text);
	after(keeper, ENDED_FAILED, how);
}

static void reboot(struct keeper *keeper)
{
	keeper_mark(keeper, "waiting");
	log_line("rebooting");
	unlinkat(keeper->run, "booted", 0);
	if (reboots_too_fast(keeper))
		after(keeper, ENDED_FAILED, "rebooted more than 5 times within 10 seconds");
	else
		keeper_start_again(keeper, "rebooted");
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

/* Volume, ids, state: what needs more libraries than a process that lives for years should load. */
static void finish(struct keeper *keeper)
{
	const char *argv[8];
	struct err err = { 0 };

	keeper_verb(keeper, "_finish", keeper->how, outcome_name(keeper->ended), argv);
	if (child_run(argv, &(struct child_io){ 0 }, &err) < 0)
		log_line("clean-up: %s", err.text);
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
	report_begun(r);
	if (r < 0) {
		keeper_kill(keeper);
		keeper_end(keeper, ENDED_FAILED, "its keeper could not begin");
	}
	space_watch(keeper);
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
	finish(keeper);
	clients_take_late(keeper);
	clients_tell(keeper, SAY_ENDED);
	clients_close(keeper);
	ring_close(&keeper->ring);
	return keeper->ended == ENDED_FAILED;
}
