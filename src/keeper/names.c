/*
 * The watch over the dnsmasq of the machine's network: it comes back when it was killed, and follows the host's
 * resolv.conf. One keeper of each network watches, the one that holds the lock on RUN/networks/NAME/watch. The
 * others read from that FIFO, which hangs up when the watcher has gone, so that none of them wakes up before.
 * `berth _serve` does the work, under the network's lock; it leaves alone a dnsmasq that was ended on purpose.
 */
#include "keeper/supervise.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/servers.h"
#include "base/text.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <signal.h>
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
	STEADY_MS = 60000, /* who served so long has earned the first pause again */
	CHANGE_MS = 500,   /* resolv.conf is changed in several steps */
};

static void later(struct names *names, int milliseconds)
{
	struct itimerspec at = {
		.it_value = { milliseconds / 1000, milliseconds % 1000 * 1000000L },
	};

	timerfd_settime(names->timer.fd, 0, &at, NULL);
}

/* Each time twice as long as the last. */
static int next_pause(struct names *names)
{
	names->pause = names->pause ? names->pause * 2 : PAUSE_FIRST;
	if (names->pause > PAUSE_MAX)
		names->pause = PAUSE_MAX;
	return names->pause;
}

/* ---- The server */

static void server_ready(struct keeper *keeper, struct source *source)
{
	struct names *names = &keeper->names;

	keeper_unwatch(keeper, source);
	if (clock_ms() - names->seen >= STEADY_MS)
		names->pause = 0;
	int pause = next_pause(names);
	log_line("network: dnsmasq has ended; unless it is there in %d ms, it is started again",
		 pause);
	later(names, pause);
}

/* Its arguments name the file that told its number: a process that has the number by now does not. */
static bool is_server(const struct names *names, pid_t pid)
{
	scoped_free char *words = NULL;
	char path[64], wanted[128];

	text_print(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	/* names->network is ../../networks/NAME. */
	text_print(wanted, sizeof wanted, "%s/dnsmasq.pid", names->network + strlen("../.."));
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
	struct names *names = &keeper->names;
	scoped_free char *text = NULL;
	uint64_t pid;

	keeper_unwatch(keeper, &names->server);
	if (file_read(keeper->run, "network/dnsmasq.pid", 32, &text) < 0 ||
	    text_to_u64(text_trim(text), 2, INT32_MAX, &pid) < 0)
		return false;
	scoped_fd int fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0 || !is_server(names, (pid_t)pid))
		return false;
	names->server = (struct source){ take_fd(&fd), server_ready };
	names->seen = clock_ms();
	keeper_watch(keeper, &names->server, EPOLLIN);
	return true;
}

/* ---- Who brings it back */

static void helper_ready(struct keeper *keeper, struct source *source)
{
	struct names *names = &keeper->names;
	int status = spawn_wait(source->fd);

	keeper_unwatch(keeper, source);
	bool served = WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_SERVED;
	names->failed = status != 0 && !served;
	if (find_server(keeper))
		return;
	/* A dnsmasq that was just started may have ended again. Where none is wanted, the folder tells of the next. */
	if (status == 0)
		log_line("network: no dnsmasq is wanted there");
	else
		later(names, next_pause(names));
}

static void become_helper(struct keeper *keeper)
{
	const char *argv[8];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* A failure that repeats is not told again. */
	keeper_verb(keeper, "_serve", keeper->names.failed ? "again" : NULL, NULL, argv);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void timer_ready(struct keeper *keeper, struct source *source)
{
	struct names *names = &keeper->names;
	struct spawn spawn = { .cgroup_fd = -1 };
	uint64_t ticks;

	if (read(source->fd, &ticks, sizeof ticks) != sizeof ticks || names->helper.fd >= 0)
		return;
	pid_t pid = spawn_process(&spawn);
	if (pid == 0)
		become_helper(keeper);
	if (pid < 0) {
		later(names, next_pause(names));
		return;
	}
	names->helper = (struct source){ spawn.pidfd, helper_ready };
	keeper_watch(keeper, &names->helper, EPOLLIN);
}

/* ---- What changes */

static void leave(struct keeper *keeper)
{
	struct names *names = &keeper->names;

	keeper_unwatch(keeper, &names->turn);
	keeper_unwatch(keeper, &names->server);
	keeper_unwatch(keeper, &names->changes);
	keeper_unwatch(keeper, &names->helper);
	keeper_unwatch(keeper, &names->timer);
	scoped_close_fd(&names->lock);
	free(names->servers);
	names->servers = NULL;
}

static void add_folder(void *context, const char *folder)
{
	const struct names *names = context;

	inotify_add_watch(names->changes.fd, folder,
			  IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MASK_ADD);
}

/* Whether the file with the servers is another than it was. */
static bool servers_moved(struct names *names)
{
	/* Folders that no longer matter stay watched; they cost a look. */
	servers_folders(add_folder, names);
	scoped_free char *file = servers_file();
	if (!file || (names->servers && strcmp(file, names->servers) == 0))
		return false;
	free(names->servers);
	names->servers = take_ptr(&file);
	return true;
}

static void join(struct keeper *keeper, bool anew);

struct changed {
	bool server, servers, gone;
};

static void read_changes(const struct names *names, struct changed *changed)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(names->changes.fd, buffer, sizeof buffer)) > 0) {
		const struct inotify_event *event;
		for (char *at = buffer; at < buffer + n; at += sizeof *event + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			bool ours = event->wd == names->folder;
			changed->gone |= ours && (event->mask & (IN_DELETE_SELF | IN_IGNORED));
			changed->server |=
				ours && event->len > 0 && strcmp(event->name, "dnsmasq.pid") == 0;
			changed->servers |= !ours;
		}
	}
}

static void changes_ready(struct keeper *keeper, struct source *source)
{
	struct names *names = &keeper->names;
	struct changed changed = { 0 };

	(void)source;
	read_changes(names, &changed);
	if (changed.gone) {
		leave(keeper);
		join(keeper, true);
		return;
	}
	if (changed.servers && servers_moved(names)) {
		log_line("network: the host's name servers are in '%s' now", names->servers);
		later(names, CHANGE_MS);
	} else if (changed.server && find_server(keeper)) {
		later(names, 0);
	}
}

/* ---- Whose turn it is */

/* anew: whoever watched before, or nobody, may have missed something. */
static void lead(struct keeper *keeper, bool anew)
{
	struct names *names = &keeper->names;
	char folder[64];

	names->changes = (struct source){ inotify_init1(IN_NONBLOCK | IN_CLOEXEC), changes_ready };
	names->timer = (struct source){ timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC),
					timer_ready };
	text_print(folder, sizeof folder, "/proc/self/fd/%d/network", keeper->run);
	if (names->changes.fd >= 0)
		names->folder = inotify_add_watch(names->changes.fd, folder,
						  IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ONLYDIR);
	if (names->timer.fd < 0 || names->changes.fd < 0 || names->folder < 0) {
		log_line("network: its dnsmasq is not watched: %s", strerror(errno));
		leave(keeper);
		return;
	}
	servers_moved(names);
	keeper_watch(keeper, &names->changes, EPOLLIN);
	keeper_watch(keeper, &names->timer, EPOLLIN);
	if (!find_server(keeper) || anew)
		later(names, anew ? PAUSE_FIRST : 0);
}

static bool take_turn(struct keeper *keeper)
{
	struct names *names = &keeper->names;

	scoped_fd int fd =
		openat(keeper->run, "network/watch", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	names->lock = take_fd(&fd);
	return true;
}

static void turn_ready(struct keeper *keeper, struct source *source)
{
	if (!take_turn(keeper))
		return;
	keeper_unwatch(keeper, source);
	lead(keeper, true);
}

static int open_turn(const struct keeper *keeper)
{
	/* The folder is gone when somebody took the network down, having removed its bridge before. */
	if (mkdirat(keeper->run, keeper->names.network, 0711) < 0 && errno != EEXIST)
		return -errno;
	if (mkfifoat(keeper->run, "network/watch", 0600) < 0 && errno != EEXIST)
		return -errno;
	int fd = openat(keeper->run, "network/watch",
			O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static void join(struct keeper *keeper, bool anew)
{
	struct names *names = &keeper->names;
	/* Open for reading before the lock is tried: who has it can then not go unnoticed. */
	int fd = open_turn(keeper);

	if (fd < 0) {
		log_line("network: its dnsmasq is not watched: %s", strerror(-fd));
		return;
	}
	names->turn = (struct source){ fd, turn_ready };
	if (take_turn(keeper)) {
		scoped_close_fd(&names->turn.fd);
		lead(keeper, anew);
	} else {
		keeper_watch(keeper, &names->turn, EPOLLIN);
	}
}

void names_watch(struct keeper *keeper)
{
	struct names *names = &keeper->names;
	char network[sizeof names->network];

	/* Its machine may have been started on another network than the last time. */
	ssize_t n = readlinkat(keeper->run, "network", network, sizeof network - 1);
	network[n > 0 ? n : 0] = '\0';
	if (strcmp(network, names->network) == 0)
		return;
	if (*names->network)
		leave(keeper);
	memcpy(names->network, network, sizeof network);
	if (*names->network)
		join(keeper, false);
}

void names_close(struct keeper *keeper)
{
	leave(keeper);
}
