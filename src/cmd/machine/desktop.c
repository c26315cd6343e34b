/* SPDX-License-Identifier: GPL-2.0-or-later */
/* desktop: the display of a machine, for a viewer of VNC. */
#include "cmd/machine/desktop.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/verbs.h"
#include "machine/desktop/desktop.h"
#include "machine/desktop/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const struct flag flag_picture = {
	"picture", 0, false, NULL, "write a small picture of it, as PNG, to standard output"
};
static const struct flag flag_sound = {
	"sound", 0, false, NULL, "write what it plays to standard output: s16le, 48 kHz, 2 channels"
};
static const struct flag flag_url = { "url", 0, false, NULL,
				      "print where the page for browsers shows it" };
static const struct flag *const desktop_flags[] = {
	&flag_client, &flag_picture,      &flag_socket, &flag_sound,     &flag_stdio,  &flag_take,
	&flag_tell,   &flag_desktop_wait, &flag_url,    &flag_view_only, &flag_viewer, NULL
};

/* A viewer that takes the path of a socket. The caller owns its path; NULL: there is none. */
static char *find_viewer(const struct call *call)
{
	static const char *const known[] = { "xtigervncviewer", "vncviewer" };
	const char *given = call_value(call, &flag_viewer);
	char *path = NULL;

	if (given && !*given)
		return NULL;
	if (given && strchr(given, '/'))
		return access(given, X_OK) == 0 ? strdup(given) : NULL;
	if (given)
		return child_find(given);
	for (size_t i = 0; !path && i < sizeof known / sizeof *known; i++)
		path = child_find(known[i]);
	return path;
}

static int refuse_viewer(const struct call *call, struct err *err)
{
	const char *given = call_value(call, &flag_viewer);

	if (given)
		return err_set(
			err, ENOENT,
			"there is no viewer '%s' that can be executed; give its name or its path",
			given);
	return err_set(
		err, ENOENT,
		"there is no viewer here: install tigervnc-viewer, or name one with --viewer; a "
		"viewer elsewhere is served by --socket PATH, or over ssh by --stdio");
}

static bool has_screen(void)
{
	const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");

	return (x && *x) || (wayland && *wayland);
}

/* The socket of a viewer of our own is in a folder of berth's that nobody else enters. */
static int run_viewer(struct call *call, struct err *err)
{
	if (!call_has(call, &flag_viewer) && !has_screen())
		return err_set(err, ENODEV,
			       "there is no screen here for a viewer, since neither DISPLAY nor "
			       "WAYLAND_DISPLAY is set: use --socket PATH or --stdio for a viewer "
			       "elsewhere");
	scoped_free char *viewer = find_viewer(call);
	scoped_free char *folder = dirs_run_path(&call->dirs, "desktops");
	if (!viewer)
		return refuse_viewer(call, err);
	scoped_free char *path =
		folder ? text_format("%s/%s.%d", folder, call->words[0], (int)getpid()) : NULL;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	desktop_sweep(folder);
	return desktop_serve(call, path, viewer, err);
}

static int carry_stdio(struct call *call, struct err *err)
{
	if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO)) {
		err_set(err, EINVAL,
			"--stdio is for a viewer, not for a terminal: connect its input and output "
			"to "
			"one, as with ssh HOST berth desktop NAME --stdio");
		return EXIT_USAGE;
	}
	int r = desktop_wake(call, err);
	return r == 0 ? desktop_show(call, STDIN_FILENO, STDOUT_FILENO, err) : r;
}

static int listen_stdio(struct call *call, struct err *err)
{
	if (!isatty(STDOUT_FILENO))
		return desktop_listen(call, STDOUT_FILENO, err);
	err_set(err, EINVAL,
		"--sound is for a player, not for a terminal: berth desktop %s --sound | aplay -f "
		"S16_LE -r 48000 -c 2",
		call->words[0]);
	return EXIT_USAGE;
}

static int show_picture(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	char png[PICTURE_MOST];

	if (isatty(STDOUT_FILENO)) {
		err_set(err, EINVAL,
			"--picture is for a file or a program, not for a terminal: berth desktop "
			"%s "
			"--picture >%s.png",
			call->words[0], call->words[0]);
		return EXIT_USAGE;
	}
	if (machine_look(&machine, &call->dirs, call->words[0], err) < 0)
		return -err->code;
	scoped_fd int picture = desktop_picture(&machine, err);
	if (picture < 0)
		return picture;
	ssize_t n = pread(picture, png, sizeof png, 0);
	int r = n < 0 ? -errno : file_write_all(STDOUT_FILENO, png, (size_t)n, -1);
	return r < 0 ? err_set(err, -r, "write the picture: %s", strerror(-r)) : 0;
}

/* The name of a viewer becomes a word of a file. */
static int check_client(const struct call *call, struct err *err)
{
	const char *name = call_value(call, &flag_client);
	size_t n = name ? strspn(name,
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
			: 1;

	if (n > 0 && n <= VIEWER_CLIENT && (!name || !name[n]))
		return 0;
	err_set(err, EINVAL,
		"--client cannot be '%.80s': use 1 to %d of a-z, A-Z, 0-9, '_' and '-'", name,
		VIEWER_CLIENT);
	return EXIT_USAGE;
}

/* The machine is looked at before anything waits for a viewer. */
static int check(struct call *call, struct err *err)
{
	const char *path = call_value(call, &flag_socket);
	scoped_machine struct machine machine = { 0 };
	uint64_t seconds;
	int ways = call_has(call, &flag_picture) + call_has(call, &flag_socket) +
		   call_has(call, &flag_sound) + call_has(call, &flag_stdio) +
		   call_has(call, &flag_url) + call_has(call, &flag_viewer);

	if (ways > 1) {
		err_set(err, EINVAL,
			"--picture, --socket, --sound, --stdio, --url and --viewer exclude each "
			"other");
		return EXIT_USAGE;
	}
	if (path && (!*path || strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)) {
		err_set(err, EINVAL,
			"--socket cannot be '%.40s%s': the path of a socket has 1 to %zu bytes",
			path, strlen(path) > 40 ? "..." : "",
			sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
		return EXIT_USAGE;
	}
	int r = check_client(call, err);
	if (r == 0)
		r = call_seconds(call, &flag_desktop_wait, 0, &seconds, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	return r == 0 ? machine_check(&machine, err) : r;
}

static int run_desktop(struct call *call, struct err *err)
{
	const char *path = call_value(call, &flag_socket);
	int r = check(call, err);

	if (r != 0)
		return r;
	if (call_has(call, &flag_url))
		return desktop_url(call, err);
	if (call_has(call, &flag_picture))
		return show_picture(call, err);
	if (call_has(call, &flag_stdio))
		return carry_stdio(call, err);
	if (call_has(call, &flag_sound))
		return listen_stdio(call, err);
	return path ? desktop_serve(call, path, NULL, err) : run_viewer(call, err);
}

const struct command command_desktop = {
	.name = "desktop",
	.args = "MACHINE",
	.help = "Show the desktop of a machine in a viewer; start or resume the machine for it",
	.flags = desktop_flags,
	.min = 1,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_desktop,
};
