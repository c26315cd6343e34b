/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The desktop of a machine, shown to one viewer or to several. */
#ifndef BERTH_CMD_MACHINE_DESKTOP_H
#define BERTH_CMD_MACHINE_DESKTOP_H

#include "cmd/cli/command.h"

extern const struct flag flag_client, flag_desktop_wait, flag_socket, flag_stdio, flag_take,
	flag_tell, flag_view_only, flag_viewer;

/*
 * Shows the desktop of the machine of the call's first word to a viewer at in and out, until one side closes. desktop_wake
 * comes before: it starts a machine that is stopped, and lets one go on that is paused, each with a note.
 */
int desktop_wake(struct call *call, struct err *err);
int desktop_show(struct call *call, int in, int out, struct err *err);

/* Writes what the desktop of a running machine plays, until nobody reads it any more. */
int desktop_listen(struct call *call, int out, struct err *err);

/*
 * Listens at a path, and shows the desktop to each viewer that connects there. viewer: a program that is run with the
 * path, after which all ends; NULL: until a signal comes. The socket is removed at the end. What was
 * stopped or paused meanwhile stays so.
 */
int desktop_serve(struct call *call, const char *path, const char *viewer, struct err *err);

/* Prints where the page shows it, for a browser in which somebody is signed in. */
int desktop_url(struct call *call, struct err *err);

/* Removes the sockets of a folder at which nobody listens any more. Quiet. */
void desktop_sweep(const char *folder);

#endif
