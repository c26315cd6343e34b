/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The viewers of a display, and which one of them controls it: the others look until they take the control. Each is a
 * process of the host with a socket in a folder of the machine, at which it is told of changes. A viewer that was killed
 * has none that anybody listens to, and controls nothing any more.
 */
#ifndef BERTH_MACHINE_DESKTOP_VIEWERS_H
#define BERTH_MACHINE_DESKTOP_VIEWERS_H

#include "machine/state/machine.h"

enum { VIEWERS_MAX = 256, VIEWER_CLIENT = 64 };

enum viewers_control {
	VIEWERS_FREE, /* no viewer has it: the first that presses a key or a button gets it */
	VIEWERS_OURS,
	VIEWERS_OTHER,
};

struct viewers {
	char *path;  /* owned: the folder */
	int folder;  /* owned; -1: not joined */
	int bell;    /* owned: there is something to read when something has changed */
	unsigned us; /* our number, the name of our socket */
	char client[VIEWER_CLIENT + 1];
	enum viewers_control control; /* as of the last look */
	unsigned count;               /* of viewers, with us */
};

/*
 * Joins. client: a name of this viewer, which gets the control back from an earlier connection of that name; "": none.
 * take: the control is taken from whoever has it. Otherwise it is ours if nobody has it.
 */
int viewers_join(struct viewers *viewers, const struct machine *machine, const char *client,
		 bool take, struct err *err);
void viewers_leave(struct viewers *viewers);

/* Reads the bell, and looks again. */
void viewers_look(struct viewers *viewers);
void viewers_take(struct viewers *viewers);
void viewers_give(struct viewers *viewers);

/* Whether we may act: the control is ours; with press it becomes so if it is free. */
bool viewers_may_act(struct viewers *viewers, bool press);

#endif
