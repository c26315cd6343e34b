/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/forwarder.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/install.h"
#include "base/lock.h"
#include "base/scoped.h"
#include "base/text.h"
#include "forwarder/demand.h"
#include "forwarder/forwarder.h"
#include "kern/cgroup.h"
#include "kern/host_port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

enum {
	BEGIN_MS = 20000, /* until the process serves */
	STOP_SECONDS = 3, /* until it ends, after each signal */
	BACKLOG = 511,
	GROUP_ROOM = 160,
	FDS_MAX = FORWARDER_LISTENERS_MAX + FORWARDER_LISTENERS,
	WORDS_MAX = FORWARDER_LISTENERS_MAX + 16,
};

static char *folder_path(const struct dirs *dirs, const char *machine)
{
	return dirs_run_path(dirs, "forwards/%s", machine);
}

/* ---- How it is started */

/* The arguments of the program, and its listening sockets. */
struct plan {
	char address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN];
	char ports[FORWARDER_LISTENERS_MAX][8];
	char berth[PATH_MAX]; /* on demand, the path of this program, else "" */
	int fds[FDS_MAX];     /* by their numbers in the program; -1: not open. Owned */
	size_t count;         /* of listening sockets */
};

static void plan_free(struct plan *plan)
{
	for (size_t i = FORWARDER_LOCK; i < FDS_MAX; i++)
		scoped_close_fd(&plan->fds[i]);
}
#define scoped_plan __attribute__((cleanup(plan_free)))

/* lease: NULL on demand. */
static void plan_init(struct plan *plan, const struct lease *lease)
{
	plan->count = 0;
	for (size_t i = 0; i < FDS_MAX; i++)
		plan->fds[i] = -1;
	snprintf(plan->address, sizeof plan->address, "-");
	snprintf(plan->address6, sizeof plan->address6, "-");
	if (lease)
		inet_ntop(AF_INET, &lease->address, plan->address, sizeof plan->address);
	if (lease && lease->prefix6)
		inet_ntop(AF_INET6, &lease->address6, plan->address6, sizeof plan->address6);
}

/* The line by which a process that was started otherwise is told. */
static char *describe(const struct forward *forward, const struct lease *lease)
{
	char listen[INET6_ADDRSTRLEN] = "";
	struct plan plan;

	plan_init(&plan, forward->on_demand ? NULL : lease);
	inet_ntop(AF_INET6, forward->listen, listen, sizeof listen);
	return text_format("1 %s %d %d %s %u %u %u %s %s\n",
			   forward->on_demand ? "demand" : "proxy", forward->header,
			   forward->family, listen, forward->first, forward->last, forward->to,
			   plan.address, plan.address6);
}

static int bind_port(const struct forward *forward, int family, unsigned port)
{
	bool six = family == AF_INET6;
	struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	const struct sockaddr *name = six ? (struct sockaddr *)&name6 : (struct sockaddr *)&name4;
	scoped_fd int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0)
		return -errno;
	memcpy(six ? (void *)&name6.sin6_addr : (void *)&name4.sin_addr, forward->listen,
	       six ? sizeof name6.sin6_addr : sizeof name4.sin_addr);
	if ((six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, name, six ? sizeof name6 : sizeof name4) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(&fd);
}

static int tell_port(const struct forward *forward, unsigned port, int code, struct err *err)
{
	char owner[HOST_PORT_OWNER];

	if (code != EADDRINUSE)
		return err_set(err, code, "listen on port %u/tcp of this host: %s", port,
			       strerror(code));
	host_port_owner(forward->udp, (uint16_t)port, owner);
	return err_set(err, code, "port %u/tcp of this host is used by %s", port, owner);
}

/* A host without IPv6 has the other family. */
static int bind_all(const struct forward *forward, struct plan *plan, struct err *err)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (unsigned i = 0; i < 2; i++) {
		if (forward->family != AF_UNSPEC && forward->family != families[i])
			continue;
		for (unsigned port = forward->first; port <= forward->last; port++) {
			int fd = bind_port(forward, families[i], port);
			if (fd < 0 && forward->family == AF_UNSPEC && families[i] == AF_INET6 &&
			    (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
				break;
			if (fd < 0)
				return tell_port(forward, port, -fd, err);
			plan->fds[FORWARDER_LISTENERS + plan->count] = fd;
			text_print(plan->ports[plan->count++], sizeof plan->ports[0], "%u",
				   forward->to + (port - forward->first));
		}
	}
	return 0;
}

/* ---- Its life */

static bool is_free(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

bool forwarder_lives(const struct forwarder *forwarder)
{
	scoped_free char *path = forwarder_note_path(forwarder);

	return path && lock_is_held(AT_FDCWD, path);
}

bool forwarder_is_current(const struct forwarder *forwarder, const struct forward *forward,
			  const struct lease *lease)
{
	scoped_free char *path = forwarder_note_path(forwarder);
	scoped_free char *wanted = describe(forward, lease);
	scoped_free char *note = NULL;

	return path && wanted && lock_is_held(AT_FDCWD, path) &&
	       file_read(AT_FDCWD, path, FORWARDER_NOTE_MAX, &note) > 0 &&
	       text_starts(note, wanted);
}

/* A group of their own, as that of a network's dnsmasq. */
static void group_of(const struct dirs *dirs, const char *machine, char group[GROUP_ROOM])
{
	char parent[32];

	dirs_object_name(dirs, parent, sizeof parent);
	snprintf(group, GROUP_ROOM, "%s/_forwards.%s", parent, machine);
}

/* The pid that the process has written: the second line. */
static pid_t read_pid(int fd)
{
	char note[FORWARDER_NOTE_MAX];
	uint64_t pid;
	ssize_t n = pread(fd, note, sizeof note - 1, 0);

	if (n <= 0)
		return -ESRCH;
	note[n] = '\0';
	char *line = strchr(note, '\n');
	char *last = line ? strchr(line + 1, '\n') : NULL;
	if (!last)
		return -ESRCH;
	*last = '\0';
	return text_to_u64(line + 1, 2, INT32_MAX, &pid) < 0 ? -ESRCH : (pid_t)pid;
}

/* A process that was just started writes its pid at once. */
static pid_t wait_for_pid(int fd)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t until = clock_ms() + STOP_SECONDS * 1000;

	for (;;) {
		pid_t pid = read_pid(fd);
		if (pid > 0 || clock_ms() >= until)
			return pid;
		nanosleep(&pause, NULL);
	}
}

/* Ends the process that has the lock. The lock is ours then. */
static int end_process(const struct forwarder *forwarder, int fd, struct err *err)
{
	static const int signals[] = { SIGTERM, SIGKILL };
	pid_t pid = wait_for_pid(fd);
	scoped_fd int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;

	/* The process still has the lock, so that no other can have its number. */
	for (size_t i = 0; i < 2 && !is_free(fd); i++) {
		if (pidfd >= 0)
			pidfd_send_signal(pidfd, signals[i], NULL, 0);
		if (lock_wait(fd, LOCK_EX, STOP_SECONDS) == 0)
			return 0;
	}
	return is_free(fd) ? 0
			   : err_set(err, EBUSY,
				     "the process that passes on connections of forward '%s' of "
				     "machine '%s' does not end",
				     forwarder->name, forwarder->machine);
}

int forwarder_stop(const struct forwarder *forwarder, struct err *err)
{
	scoped_free char *path = forwarder_note_path(forwarder);
	scoped_free char *folder = folder_path(forwarder->dirs, forwarder->machine);
	char group[GROUP_ROOM];

	if (!path || !folder)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && !is_free(fd) && end_process(forwarder, fd, err) < 0)
		return -err->code;
	unlink(path);
	if (rmdir(folder) == 0) {
		group_of(forwarder->dirs, forwarder->machine, group);
		cgroup_remove(group);
	}
	return 0;
}

/* ---- Its start */

/* The words of forwarder.h. */
static void fill_words(const struct forwarder *forwarder, const struct plan *plan, bool header,
		       const char *argv[WORDS_MAX])
{
	const char *root = forwarder->dirs->root;
	size_t n = 0;

	argv[n++] = FORWARDER_PROGRAM;
	argv[n++] = header ? "1" : "0";
	argv[n++] = plan->address;
	argv[n++] = plan->address6;
	for (size_t i = 0; i < plan->count; i++)
		argv[n++] = plan->ports[i];
	if (*plan->berth) {
		argv[n++] = "demand";
		argv[n++] = plan->berth;
		argv[n++] = root ? root : "";
		argv[n++] = forwarder->machine;
		argv[n++] = forwarder->name;
		argv[n++] = forwarder->run;
	}
	argv[n] = NULL;
}

static __attribute__((noreturn)) void execute(struct plan *plan, const char *const *argv,
					      const char *path, int cgroup)
{
	int count = FORWARDER_LISTENERS + (int)plan->count;
	sigset_t none;

	if (cgroup >= 0)
		(void)file_write(cgroup, "cgroup.procs", "0");
	/* Moved away first: they may have numbers that are needed. */
	for (int i = FORWARDER_LOCK; i < count; i++)
		plan->fds[i] = fcntl(plan->fds[i], F_DUPFD_CLOEXEC, FDS_MAX);
	for (int i = FORWARDER_LOCK; i < count; i++)
		if (plan->fds[i] < 0 || dup2(plan->fds[i], i) < 0)
			_exit(127);
	for (int i = 0; i < FORWARDER_LOCK; i++) {
		close(i);
		open("/dev/null", O_RDWR);
	}
	close_range((unsigned)count, ~0U, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (chdir("/") == 0)
		execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int wait_report(int fd, struct err *err)
{
	struct pollfd said = { .fd = fd, .events = POLLIN };
	int64_t until = clock_ms() + BEGIN_MS;
	int code = 0, r;

	do {
		int64_t left = until - clock_ms();
		r = poll(&said, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	if (r <= 0)
		return err_set(err, ETIMEDOUT, "%s does not begin to serve", FORWARDER_PROGRAM);
	if (read(fd, &code, sizeof code) != sizeof code)
		return err_set(err, EIO, "%s has ended before it served", FORWARDER_PROGRAM);
	return code ? err_set(err, code, "%s: %s", FORWARDER_PROGRAM, strerror(code)) : 0;
}

static int find_program(char path[PATH_MAX], struct err *err)
{
	if (install_program(FORWARDER_PROGRAM, path, PATH_MAX) < 0 || access(path, X_OK) < 0)
		return err_set(err, ENOENT,
			       "there is no '%s', which passes connections on; run 'make install', "
			       "or set BERTH_LIBEXEC to the build's folder",
			       path);
	return 0;
}

static int launch(const struct forwarder *forwarder, struct plan *plan, bool header,
		  struct err *err)
{
	char path[PATH_MAX] = "", group[GROUP_ROOM];
	const char *argv[WORDS_MAX];
	int ends[2];

	if (find_program(path, err) < 0)
		return -err->code;
	group_of(forwarder->dirs, forwarder->machine, group);
	scoped_fd int cgroup = cgroup_make(group);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "start %s: %s", FORWARDER_PROGRAM, strerror(errno));
	scoped_fd int said = ends[0];
	plan->fds[FORWARDER_REPORT] = ends[1];
	fill_words(forwarder, plan, header, argv);
	int r = child_detach(-1);
	if (r == 0)
		execute(plan, argv, path, cgroup);
	plan_free(plan);
	fault_point("forward-launched");
	return r < 0 ? err_set(err, -r, "start %s: %s", FORWARDER_PROGRAM, strerror(-r))
		     : wait_report(said, err);
}

/* The note, locked by a descriptor that the process gets, and that cannot be written to. */
static int open_note(const struct forwarder *forwarder, const char *path, const char *text,
		     struct plan *plan, struct err *err)
{
	scoped_free char *folder = folder_path(forwarder->dirs, forwarder->machine);

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	int note =
		open(path,
		     O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		     0600);
	plan->fds[FORWARDER_NOTE] = note;
	int lock = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	plan->fds[FORWARDER_LOCK] = lock;
	int r = note < 0 || lock < 0 ? -errno : file_write_all(note, text, strlen(text), -1);
	if (r == 0 && !is_free(lock))
		r = -EBUSY;
	return r < 0 ? err_set(err, -r, "write '%s': %s", path, strerror(-r)) : 0;
}

/* Opens the file of the machine's uses. On demand there may be no run, and the process gets that of each one. */
static int open_use(const struct forwarder *forwarder, bool on_demand, struct plan *plan,
		    struct err *err)
{
	scoped_free char *path =
		on_demand ? strdup("/dev/null") : text_format("%s/use", forwarder->run);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (on_demand && install_berth(plan->berth, sizeof plan->berth) < 0)
		return err_set(err, ENAMETOOLONG, "the path of this program is too long");
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	plan->fds[FORWARDER_USE] = fd;
	return fd < 0 ? err_set(err, errno, "open '%s': %s", path, strerror(errno)) : 0;
}

int forwarder_start(const struct forwarder *forwarder, const struct forward *forward,
		    const struct lease *lease, struct err *err)
{
	scoped_free char *path = forwarder_note_path(forwarder);
	scoped_free char *text = describe(forward, lease);
	scoped_plan struct plan plan = { 0 };

	plan_init(&plan, forward->on_demand ? NULL : lease);
	if (!path || !text)
		return err_set(err, ENOMEM, "out of memory");
	if (forwarder_is_current(forwarder, forward, lease))
		return 0;
	if (forwarder_stop(forwarder, err) < 0 || bind_all(forward, &plan, err) < 0)
		return -err->code;
	if (open_note(forwarder, path, text, &plan, err) == 0 &&
	    open_use(forwarder, forward->on_demand, &plan, err) == 0 &&
	    launch(forwarder, &plan, forward->header, err) == 0)
		return 0;
	plan_free(&plan);
	forwarder_stop(forwarder, &(struct err){ 0 });
	return -err->code;
}

/* ---- The addresses of a run */

static char *describe_addresses(const struct lease *lease)
{
	struct plan plan;

	plan_init(&plan, lease);
	return text_format("%s %s\n", plan.address, plan.address6);
}

int forwarder_note_addresses(const char *run, const struct lease *lease, struct err *err)
{
	scoped_free char *path = text_format("%s/" DEMAND_ADDRESSES, run);
	scoped_free char *text = describe_addresses(lease);

	return path && text ? file_replace(path, text, strlen(text), 0600, err)
			    : err_set(err, ENOMEM, "out of memory");
}

bool forwarder_has_addresses(const char *run, const struct lease *lease)
{
	scoped_free char *path = text_format("%s/" DEMAND_ADDRESSES, run);
	scoped_free char *wanted = describe_addresses(lease);
	scoped_free char *text = NULL;

	return path && wanted && file_read(AT_FDCWD, path, FORWARDER_NOTE_MAX, &text) > 0 &&
	       strcmp(text, wanted) == 0;
}

/* ---- Those of a machine */

bool forwarders_any(const struct dirs *dirs, const char *machine)
{
	scoped_free char *folder = folder_path(dirs, machine);

	return folder && access(folder, F_OK) == 0;
}

int forwarders_each(const struct dirs *dirs, const char *machine,
		    int (*visit)(void *context, const struct forwarder *forwarder), void *context)
{
	scoped_free char *folder = folder_path(dirs, machine);
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;
	int r = 0;

	for (struct dirent *e; r == 0 && dir && (e = readdir(dir));) {
		const struct forwarder forwarder = { dirs, machine, e->d_name, NULL };
		if (e->d_name[0] != '.')
			r = visit(context, &forwarder);
	}
	return r;
}
