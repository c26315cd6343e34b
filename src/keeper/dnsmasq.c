/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch over the dnsmasq of the machine's network: dnsmasq is started again when it was killed, and when the host's
 * resolv.conf leads to another file. One keeper of each network watches, the one that holds the lock on
 * RUN/networks/NAME/watch. The others read from that FIFO, which hangs up when the watcher ends, so that none of them
 * wakes up before. `berth _serve` does the work, under the network's lock; the configuration of dnsmasq is in
 * src/network.
 */
#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/resolv_conf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

enum {
	PAUSE_FIRST = 200, /* ms; an orderly restart takes less */
	PAUSE_MAX = 300000,
	STEADY_MS = 60000, /* after a run of this length the first pause is enough again */
	CHANGE_MS = 500,   /* resolv.conf is changed in several steps */
};

static void later(struct dnsmasq *watch, int milliseconds)
{
	struct itimerspec at = {
		.it_value = { milliseconds / 1000, milliseconds % 1000 * 1000000L },
	};

	timerfd_settime(watch->timer.fd, 0, &at, NULL);
}

/* Each pause is twice as long as the one before. */
static int next_pause(struct dnsmasq *watch)
{
	watch->pause = watch->pause ? watch->pause * 2 : PAUSE_FIRST;
	if (watch->pause > PAUSE_MAX)
		watch->pause = PAUSE_MAX;
	return watch->pause;
}

/* ---- dnsmasq itself */

static void server_ready(struct keeper *keeper, struct source *source)
{
	struct dnsmasq *watch = &keeper->dnsmasq;

	event_loop_close(keeper, source);
	if (clock_ms() - watch->seen >= STEADY_MS)
		watch->pause = 0;
	int pause = next_pause(watch);
	log_line("network: dnsmasq has ended; unless it is there in %d ms, it is started again",
		 pause);
	later(watch, pause);
}

/* The arguments name the pid file, and so identify the server: the pid may belong to another process by now. */
static bool is_server(const struct dnsmasq *watch, pid_t pid)
{
	scoped_free char *words = NULL;
	char path[64], wanted[128];

	text_print(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	/* watch->network is ../../networks/NAME. */
	text_print(wanted, sizeof wanted, "%s/dnsmasq.pid", watch->network + strlen("../.."));
	ssize_t n = file_read(AT_FDCWD, path, 65536, &words);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(words + at) + 1) {
		const char *word = words + at;
		size_t length = strlen(word), tail = strlen(wanted);
		if (strncmp(word, "--pid-file=", 11) == 0 && length > tail &&
		    strcmp(word + length - tail, wanted) == 0)
			return true;
	}
	return false;
}

static bool find_server(struct keeper *keeper)
{
	struct dnsmasq *watch = &keeper->dnsmasq;
	scoped_free char *text = NULL;
	uint64_t pid;

	event_loop_close(keeper, &watch->server);
	if (file_read(keeper->run, "network/dnsmasq.pid", 32, &text) < 0 ||
	    text_to_u64(text_trim(text), 2, INT32_MAX, &pid) < 0)
		return false;
	scoped_fd int fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0 || !is_server(watch, (pid_t)pid))
		return false;
	watch->server = (struct source){ take_fd(&fd), server_ready };
	watch->seen = clock_ms();
	event_loop_watch(keeper, &watch->server, EPOLLIN);
	return true;
}

/* ---- `berth _serve`, which starts it */

static void helper_ready(struct keeper *keeper, struct source *source)
{
	struct dnsmasq *watch = &keeper->dnsmasq;
	int status = spawn_wait(source->fd);

	event_loop_close(keeper, source);
	bool served = WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_SERVED;
	watch->failed = status != 0 && !served;
	if (find_server(keeper))
		return;
	/* A dnsmasq that was just started may have ended again. If none is wanted, the folder shows when one is. */
	if (status == 0)
		log_line("network: no dnsmasq is wanted there");
	else
		later(watch, next_pause(watch));
}

static void timer_ready(struct keeper *keeper, struct source *source)
{
	struct dnsmasq *watch = &keeper->dnsmasq;
	struct spawn spawn = { .cgroup_fd = -1 };
	uint64_t ticks;

	if (read(source->fd, &ticks, sizeof ticks) != sizeof ticks || watch->helper.fd >= 0)
		return;
	pid_t pid = spawn_process(&spawn);
	/* "again": a failure that repeats is not reported again. */
	if (pid == 0)
		verb_exec(keeper, "_serve", watch->failed ? "again" : NULL, NULL);
	if (pid < 0) {
		later(watch, next_pause(watch));
		return;
	}
	watch->helper = (struct source){ spawn.pidfd, helper_ready };
	event_loop_watch(keeper, &watch->helper, EPOLLIN);
}

/* ---- The folder, and the links to the list of name servers */

static void stop_watching(struct keeper *keeper)
{
	struct dnsmasq *watch = &keeper->dnsmasq;

	event_loop_close(keeper, &watch->turn);
	event_loop_close(keeper, &watch->server);
	event_loop_close(keeper, &watch->changes);
	event_loop_close(keeper, &watch->helper);
	event_loop_close(keeper, &watch->timer);
	scoped_close_fd(&watch->lock);
	free(watch->servers);
	watch->servers = NULL;
}

static void add_folder(void *context, const char *folder)
{
	const struct dnsmasq *watch = context;

	inotify_add_watch(watch->changes.fd, folder,
			  IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MASK_ADD);
}

/* Whether resolv.conf leads to another file than before. */
static bool resolv_conf_moved(struct dnsmasq *watch)
{
	/* Folders that no longer matter stay watched; they cost one call of resolv_conf_file. */
	resolv_conf_folders(add_folder, watch);
	scoped_free char *file = resolv_conf_file();
	if (!file || (watch->servers && strcmp(file, watch->servers) == 0))
		return false;
	free(watch->servers);
	watch->servers = take_ptr(&file);
	return true;
}

static void join(struct keeper *keeper, bool anew);

struct changed {
	bool server, servers, gone;
};

static void read_changes(const struct dnsmasq *watch, struct changed *changed)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(watch->changes.fd, buffer, sizeof buffer)) > 0) {
		const struct inotify_event *event;
		for (char *at = buffer; at < buffer + n; at += sizeof *event + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			bool ours = event->wd == watch->folder;
			changed->gone |= ours && (event->mask & (IN_DELETE_SELF | IN_IGNORED));
			changed->server |=
				ours && event->len > 0 && strcmp(event->name, "dnsmasq.pid") == 0;
			changed->servers |= !ours;
		}
	}
}

static void changes_ready(struct keeper *keeper, struct source *source)
{
	struct dnsmasq *watch = &keeper->dnsmasq;
	struct changed changed = { 0 };

	(void)source;
	read_changes(watch, &changed);
	if (changed.gone) {
		stop_watching(keeper);
		join(keeper, true);
		return;
	}
	if (changed.servers && resolv_conf_moved(watch)) {
		log_line("network: the host's name servers are in '%s' now", watch->servers);
		later(watch, CHANGE_MS);
	} else if (changed.server && find_server(keeper)) {
		later(watch, 0);
	}
}

/* ---- Which keeper watches */

/* anew: the keeper that watched before may have missed something. */
static void lead(struct keeper *keeper, bool anew)
{
	struct dnsmasq *watch = &keeper->dnsmasq;
	char folder[64];

	watch->changes = (struct source){ inotify_init1(IN_NONBLOCK | IN_CLOEXEC), changes_ready };
	watch->timer = (struct source){ timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC),
					timer_ready };
	text_print(folder, sizeof folder, "/proc/self/fd/%d/network", keeper->run);
	if (watch->changes.fd >= 0)
		watch->folder = inotify_add_watch(watch->changes.fd, folder,
						  IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ONLYDIR);
	if (watch->timer.fd < 0 || watch->changes.fd < 0 || watch->folder < 0) {
		log_line("network: its dnsmasq is not watched: %s", strerror(errno));
		stop_watching(keeper);
		return;
	}
	resolv_conf_moved(watch);
	event_loop_watch(keeper, &watch->changes, EPOLLIN);
	event_loop_watch(keeper, &watch->timer, EPOLLIN);
	if (!find_server(keeper) || anew)
		later(watch, anew ? PAUSE_FIRST : 0);
}

static bool take_turn(struct keeper *keeper)
{
	struct dnsmasq *watch = &keeper->dnsmasq;

	scoped_fd int fd =
		openat(keeper->run, "network/watch", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	watch->lock = take_fd(&fd);
	return true;
}

static void turn_ready(struct keeper *keeper, struct source *source)
{
	if (!take_turn(keeper))
		return;
	event_loop_close(keeper, source);
	lead(keeper, true);
}

static int open_turn(const struct keeper *keeper)
{
	/* The folder is gone after `network down`, which has removed the bridge first. */
	if (mkdirat(keeper->run, keeper->dnsmasq.network, 0711) < 0 && errno != EEXIST)
		return -errno;
	if (mkfifoat(keeper->run, "network/watch", 0600) < 0 && errno != EEXIST)
		return -errno;
	int fd = openat(keeper->run, "network/watch",
			O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static void join(struct keeper *keeper, bool anew)
{
	struct dnsmasq *watch = &keeper->dnsmasq;
	/* Open for reading before the lock is tried: the end of the keeper that holds it then cannot go unnoticed. */
	int fd = open_turn(keeper);

	if (fd < 0) {
		log_line("network: its dnsmasq is not watched: %s", strerror(-fd));
		return;
	}
	watch->turn = (struct source){ fd, turn_ready };
	if (take_turn(keeper)) {
		scoped_close_fd(&watch->turn.fd);
		lead(keeper, anew);
	} else {
		event_loop_watch(keeper, &watch->turn, EPOLLIN);
	}
}

void dnsmasq_watch(struct keeper *keeper)
{
	struct dnsmasq *watch = &keeper->dnsmasq;
	char network[sizeof watch->network];

	ssize_t n = readlinkat(keeper->run, "network", network, sizeof network - 1);
	network[n > 0 ? n : 0] = '\0';
	if (strcmp(network, watch->network) == 0)
		return;
	if (*watch->network)
		stop_watching(keeper);
	memcpy(watch->network, network, sizeof network);
	if (*watch->network)
		join(keeper, false);
}

void dnsmasq_leave(struct keeper *keeper)
{
	stop_watching(keeper);
}
