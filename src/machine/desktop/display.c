/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection to a display inside a machine. */
#include "machine/desktop/desktop.h"
#include "machine/desktop/doorway.h"
#include "machine/desktop/rfb.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "kern/timed_child.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char usual[] = "/run/desktop/rfb", rdp_name[] = "rdp";
enum { ENTER_MS = 5000, GREET_MS = 5000, LOOK_NS = 100000000, BOOT_MS = 30000, BOOTED_MS = 5000 };

/* Data of the child that enters the machine. */
struct visit {
	struct doorway doorway;
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

	if (doorway_enter(&to->doorway, err) < 0)
		return -err->code;
	scoped_fd int folder = open(to->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = folder < 0 || fd < 0 ? -errno : become_owner(folder);
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
static int check_peer(int fd, const struct idmap *map, const char *name, struct err *err)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_set(err, errno, "see the display of machine '%s': %s", name,
			       strerror(errno));
	if (map->count && peer.uid - map->base >= map->count)
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
	int fds[1] = { -1 };
	const struct timed_child child = { .work = visit,
					   .context = to,
					   .count = 1,
					   .timeout_ms = ENTER_MS,
					   .late = "its folder or its server does not answer" };

	if (doorway_open(&to->doorway, machine, err) < 0)
		return -err->code;
	int r = timed_child_run(&child, fds, err);
	scoped_fd int fd = fds[0];
	doorway_close(&to->doorway);
	if (r == 0)
		r = check_peer(fd, &to->doorway.map, machine->name, err);
	return r < 0 ? r : take_fd(&fd);
}

/* Whether a display may still come: nothing is there yet, or nothing listens any more. */
static bool may_come(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR;
}

/* The usual places: one for each protocol. */
static int try_places(struct machine *machine, enum desktop_place place, const char *path,
		      struct visit *to, struct err *err)
{
	const char *name = to->name;
	int fd = try(machine, to, err);

	if (place != DESKTOP_DISPLAY || !may_come(fd) || strcmp(path, usual) != 0)
		return fd;
	*err = (struct err){ 0 };
	to->name = rdp_name;
	fd = try(machine, to, err);
	if (fd < 0)
		to->name = name;
	return fd;
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

/* The time after which no display is waited for any more; *booted: the end of the boot does not change it. */
static int64_t patience(unsigned seconds, bool *booted)
{
	*booted = seconds > 0;
	if (seconds == DESKTOP_NOW)
		return clock_ms();
	return clock_ms() + (seconds ? (int64_t)seconds * 1000 : BOOT_MS);
}

/* RDP lets the viewer speak first. */
static int greeted(int fd, enum desktop_place place, bool rdp, const char *name, struct err *err)
{
	if (place == DESKTOP_DISPLAY && !rdp && check_greeting(fd, name, err) < 0) {
		close(fd);
		return -err->code;
	}
	return fd;
}

int desktop_connect(struct machine *machine, enum desktop_place place, unsigned seconds, bool *rdp,
		    struct err *err)
{
	const char *path = place == DESKTOP_SOUND ? machine->config.desktop_sound
						  : machine->config.desktop_socket;
	struct visit to = { .doorway = { .pidfd = -1 } };
	bool booted;
	int64_t until = patience(seconds, &booted);

	*rdp = false;
	if (divide(machine, path, &to, err) < 0)
		return -err->code;
	for (;;) {
		int fd = try_places(machine, place, path, &to, err);
		*rdp = place == DESKTOP_DISPLAY && strcmp(to.name, rdp_name) == 0;
		if (fd >= 0)
			return greeted(fd, place, *rdp, machine->name, err);
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
