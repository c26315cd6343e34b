/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection to a display inside a machine. */
#include "machine/desktop/desktop.h"
#include "machine/desktop/rfb.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "kern/idmap.h"
#include "kern/spawn.h"
#include "kern/timed_child.h"
#include "machine/confine/confine.h"
#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ENTER_MS = 5000, GREET_MS = 5000, LOOK_NS = 100000000, BOOT_MS = 30000, BOOTED_MS = 5000 };

/* Data of the child that enters the machine. */
struct visit {
	int pidfd;
	uint64_t namespaces;
	char folder[PATH_MAX];
	const char *name;
};

/* The owner of the folder decides, since that user alone could make a socket there. */
static int become_owner(int folder)
{
	struct stat st;

	if (fstat(folder, &st) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
		return -errno;
	/* A change of ids may have made us traceable for that user. */
	prctl(PR_SET_DUMPABLE, 0);
	return fchdir(folder) < 0 ? -errno : 0;
}

/* Runs in the child. A name that leads elsewhere leads nowhere that the machine's user could not go. */
static int visit(void *context, int *fds, struct err *err)
{
	const struct visit *to = context;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	prctl(PR_SET_DUMPABLE, 0);
	int r = spawn_enter(to->pidfd, to->namespaces);
	if (r == 0)
		r = idmap_become_root();
	if (r < 0)
		return err_set(err, -r, "enter the machine's namespaces: %s", strerror(-r));
	scoped_fd int folder = open(to->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = folder < 0 || fd < 0 ? -errno : become_owner(folder);
	if (r == 0) {
		text_print(address.sun_path, sizeof address.sun_path, "%s", to->name);
		r = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	}
	if (r < 0)
		return err_set(err, -r, "%s", strerror(-r));
	fds[0] = take_fd(&fd);
	return 0;
}

/* Divides the path. The name has to fit into an address of a socket. */
static int divide(const struct machine *machine, const char *path, struct visit *to,
		  struct err *err)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path || strlen(slash + 1) == 0 ||
	    strlen(slash + 1) >= sizeof((struct sockaddr_un *)NULL)->sun_path ||
	    text_print(to->folder, sizeof to->folder, "%.*s", (int)(slash - path), path) < 0)
		return err_set(err, EINVAL,
			       "desktop.socket or desktop.sound of machine '%s' cannot be '%s': it "
			       "is the path of a socket in a folder, such as /run/desktop/rfb",
			       machine->name, path);
	to->name = slash + 1;
	return 0;
}

/* The server has to be the machine's: what listens there was asked for by a process with one of its ids. */
static int check_peer(int fd, const struct run_state *state, const char *name, struct err *err)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_set(err, errno, "see the display of machine '%s': %s", name,
			       strerror(errno));
	if (state->map.count && peer.uid - state->map.base >= state->map.count)
		return err_set(
			err, EPERM,
			"the display of machine '%s' is served by a process of the host, not "
			"of the machine",
			name);
	return 0;
}

/* A display speaks first. Its greeting stays in the socket, for the viewer. */
static int check_greeting(int fd, const char *name, struct err *err)
{
	unsigned char greeting[RFB_VERSION];
	struct timeval patience = { .tv_sec = GREET_MS / 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	ssize_t n = recv(fd, greeting, sizeof greeting, MSG_PEEK);
	if (n < 0 && errno != ECONNRESET)
		return err_set(err, ETIMEDOUT,
			       "the display of machine '%s' does not answer: it takes a connection "
			       "and says nothing for %d s",
			       name, GREET_MS / 1000);
	if (n < RFB_VERSION || !rfb_is_version(greeting))
		return err_set(
			err, EPROTO,
			"what listens at desktop.socket of machine '%s' is no display: it does "
			"not speak RFB, the protocol of VNC",
			name);
	patience.tv_sec = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return 0;
}

/* A try. A run that has ended meanwhile is an error of its own. */
static int try(struct machine *machine, struct visit *to, struct err *err)
{
	struct run_state state;
	int fds[1] = { -1 };
	const struct timed_child child = { .work = visit,
					   .context = to,
					   .count = 1,
					   .timeout_ms = ENTER_MS,
					   .late = "its folder or its server does not answer" };

	scoped_fd int pidfd = control_guest(machine, err);
	if (pidfd < 0)
		return -err->code;
	int r = run_read_state(machine, &state);
	if (r < 0)
		return err_set(err, -r, "read the state of machine '%s': %s", machine->name,
			       strerror(-r));
	to->pidfd = pidfd;
	to->namespaces = CLONE_NEWNS;
	if (state.map.count && !confine_left_out("userns"))
		to->namespaces |= CLONE_NEWUSER;
	r = timed_child_run(&child, fds, err);
	scoped_fd int fd = fds[0];
	if (r == 0)
		r = check_peer(fd, &state, machine->name, err);
	return r < 0 ? r : take_fd(&fd);
}

/* Whether a display may still come: nothing is there yet, or nothing listens any more. */
static bool may_come(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR;
}

static int refuse(const struct machine *machine, enum desktop_place place, const char *path, int r,
		  struct err *err)
{
	struct err why = *err;

	*err = (struct err){ 0 };
	if (may_come(r) && place == DESKTOP_SOUND)
		return err_set(
			err, ENOENT,
			"machine '%s' has no sound at '%s': nothing listens there; a template with "
			"it is made by 'berth template build desktop', and desktop.sound says "
			"where else it is",
			machine->name, path);
	if (may_come(r))
		return err_set(
			err, ENOENT,
			"machine '%s' has no display at '%s': no server listens there; a template "
			"with one is made by 'berth template build desktop', and desktop.socket "
			"says where another one listens",
			machine->name, path);
	return err_set(err, -r, "connect to '%s' in machine '%s': %s", path, machine->name,
		       why.text);
}

static bool has_booted(const struct machine *machine)
{
	struct machine_status status;

	machine_status(machine, NULL, &status);
	return status.booted;
}

int desktop_connect(struct machine *machine, enum desktop_place place, unsigned seconds,
		    struct err *err)
{
	const char *path = place == DESKTOP_SOUND ? machine->config.desktop_sound
						  : machine->config.desktop_socket;
	struct visit to = { .pidfd = -1 };
	int64_t until = clock_ms() + (seconds ? (int64_t)seconds * 1000 : BOOT_MS);
	bool booted = seconds;

	if (divide(machine, path, &to, err) < 0)
		return -err->code;
	for (;;) {
		int fd = try(machine, &to, err);
		if (fd >= 0 &&
		    (place == DESKTOP_SOUND || check_greeting(fd, machine->name, err) == 0))
			return fd;
		if (fd >= 0) {
			close(fd);
			return -err->code;
		}
		if (!run_going(machine))
			return -err->code;
		if (!may_come(fd) || clock_ms() >= until)
			return refuse(machine, place, path, fd, err);
		if (!booted && has_booted(machine)) {
			booted = true;
			until = clock_ms() + BOOTED_MS;
		}
		*err = (struct err){ 0 };
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	}
}
