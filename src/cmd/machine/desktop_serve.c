/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A unix socket at which viewers get the desktop of a machine, by a process each, so that none waits for another. */
#include "cmd/machine/desktop.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "machine/state/machine.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VIEWERS_MAX = 64, BACKLOG = 16 };

struct server {
	struct call *call;
	const char *path;
	struct stat made;      /* the socket that is ours at that path */
	int listener, signals; /* owned */
	int parent;            /* owned: names us to our children */
	int machine;           /* owned: readable when the machine was deleted or renamed */
	pid_t viewer;          /* our own one; 0: there is none */
	int count;             /* of viewers that are served */
	int status;            /* wait status of our own viewer */
	bool over;
};

static void free_server(struct server *server)
{
	scoped_close_fd(&server->listener);
	scoped_close_fd(&server->signals);
	scoped_close_fd(&server->parent);
	scoped_close_fd(&server->machine);
}

/* Removes a socket that a killed command has left: nobody listens there. Anything else stays. */
static int remove_left(const struct sockaddr_un *address, struct err *err)
{
	struct stat st;
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (lstat(address->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, EEXIST,
			       "'%s' exists, and is no socket; choose another path for --socket",
			       address->sun_path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
	    errno == ECONNREFUSED) {
		unlink(address->sun_path);
		return 0;
	}
	return err_set(err, EADDRINUSE,
		       "another program listens at '%s'; choose another path for --socket",
		       address->sun_path);
}

void desktop_sweep(const char *folder)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	scoped_dir DIR *dir = opendir(folder);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (*e->d_name != '.' && text_print(address.sun_path, sizeof address.sun_path,
						    "%s/%s", folder, e->d_name) >= 0)
			remove_left(&address, &(struct err){ 0 });
	}
}

/* Only the caller's user may connect. */
static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!*path || text_print(address.sun_path, sizeof address.sun_path, "%s", path) < 0)
		return err_set(
			err, EINVAL,
			"--socket cannot be '%.40s%s': the path of a socket has 1 to %zu bytes",
			path, strlen(path) > 40 ? "..." : "", sizeof address.sun_path - 1);
	if (remove_left(&address, err) < 0)
		return -err->code;
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	int r = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	umask(mask);
	if (r == 0 && listen(fd, BACKLOG) < 0) {
		r = -errno;
		unlink(path);
	}
	return r < 0 ? err_set(err, -r, "listen at '%s': %s", path, strerror(-r)) : take_fd(&fd);
}

/* A child ends with us, however we end. */
static void become_child(const struct server *server)
{
	sigset_t none;

	child_tie(server->parent, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static __attribute__((noreturn)) void show_and_exit(struct server *server, int fd)
{
	struct err err = { 0 };

	become_child(server);
	free_server(server);
	exit_apart(server->call, desktop_show(server->call, fd, fd, &err), &err);
}

static void take_viewer(struct server *server)
{
	scoped_fd int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (server->count == VIEWERS_MAX) {
		print_note("a viewer was refused: %d are served already", VIEWERS_MAX);
		return;
	}
	pid_t pid = fork();
	if (pid == 0)
		show_and_exit(server, fd);
	if (pid < 0)
		print_note("a viewer was refused: %s", strerror(errno));
	else
		server->count++;
}

/* The place of the socket, as that viewer takes it. */
static char *viewer_word(const char *viewer, const char *path)
{
	const char *slash = strrchr(viewer, '/');

	return text_format("%s%s", strstr(slash ? slash : viewer, "freerdp") ? "/v:" : "", path);
}

static int run_program(struct server *server, const char *viewer, const char *path, struct err *err)
{
	const char *argv[] = { viewer, NULL, NULL };

	if (!viewer)
		return 0;
	scoped_free char *word = viewer_word(viewer, path);
	if (!word)
		return err_set(err, ENOMEM, "out of memory");
	argv[1] = word;
	server->viewer = fork();
	if (server->viewer == 0) {
		become_child(server);
		execv(viewer, (char *const *)(uintptr_t)argv);
		print_note("execute '%s': %s", viewer, strerror(errno));
		_exit(127);
	}
	return server->viewer < 0 ? err_set(err, errno, "start '%s': %s", viewer, strerror(errno))
				  : 0;
}

static void take_signal(struct server *server)
{
	struct signalfd_siginfo got;
	int status;

	if (read(server->signals, &got, sizeof got) != sizeof got)
		return;
	if (got.ssi_signo != SIGCHLD) {
		server->over = true;
		return;
	}
	/* One signal may stand for several children. */
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == server->viewer) {
			server->status = status;
			server->over = true;
		} else {
			server->count--;
		}
	}
}

static int serve(struct server *server, struct err *err)
{
	while (!server->over) {
		struct pollfd polls[] = { { .fd = server->listener, .events = POLLIN },
					  { .fd = server->signals, .events = POLLIN },
					  { .fd = server->machine, .events = POLLIN } };
		if (poll(polls, 3, -1) < 0 && errno != EINTR)
			return err_set(err, errno, "wait for viewers: %s", strerror(errno));
		if (polls[0].revents)
			take_viewer(server);
		if (polls[1].revents)
			take_signal(server);
		if (polls[2].revents)
			return err_set(
				err, ENOENT,
				"machine '%s' was deleted or renamed, so that '%s' is removed",
				server->call->words[0], server->path);
	}
	return 0;
}

/* Another program may have put its own there. */
static void remove_own(const struct server *server)
{
	struct stat st;

	if (lstat(server->path, &st) == 0 && file_is_same(&st, &server->made))
		unlink(server->path);
}

static int judge(const struct server *server, const char *viewer, struct err *err)
{
	char how[64];

	if (server->status == 0)
		return 0;
	child_status_text(server->status, how, sizeof how);
	return err_set(err, ECHILD, "viewer '%s' %s", viewer, how);
}

/* Another machine may get the name later, whose desktop nobody has asked for here. */
static int watch_machine(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (machine_look(&machine, &call->dirs, call->words[0], err) < 0)
		return -err->code;
	if (fd < 0 ||
	    inotify_add_watch(fd, machine.folder, IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0)
		return err_set(err, errno, "watch machine '%s': %s", machine.name,
			       errno == EMFILE ? "too many watchers; raise "
						 "fs.inotify.max_user_instances"
					       : strerror(errno));
	return take_fd(&fd);
}

/* The socket is there, and viewers may wait at it already. */
static int begin(struct server *server, const char *viewer, struct err *err)
{
	int r = desktop_wake(server->call, err);

	if (r != 0)
		return r;
	server->signals = interrupt_descriptor(SIGCHLD, err);
	if (server->signals < 0)
		return server->signals;
	server->machine = watch_machine(server->call, err);
	if (server->machine < 0)
		return server->machine;
	if (!viewer)
		print_note("the desktop of machine '%s' is at %s, until this command ends",
			   server->call->words[0], server->path);
	return run_program(server, viewer, server->path, err);
}

int desktop_serve(struct call *call, const char *path, const char *viewer, struct err *err)
{
	struct server server = { .call = call,
				 .path = path,
				 .signals = -1,
				 .machine = -1,
				 .parent = child_parent(),
				 .listener = listen_at(path, err) };
	int r = server.listener < 0 ? server.listener : 0;

	if (r == 0 && lstat(path, &server.made) < 0)
		r = err_set(err, errno, "see '%s': %s", path, strerror(errno));
	if (r == 0) {
		r = begin(&server, viewer, err);
		if (r == 0)
			r = serve(&server, err);
		remove_own(&server);
	}
	free_server(&server);
	return r == 0 ? judge(&server, viewer, err) : r;
}
