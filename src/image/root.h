/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a root tree is: distribution, architecture, init. Read without trusting the tree. */
#ifndef BERTH_IMAGE_ROOT_H
#define BERTH_IMAGE_ROOT_H

#include "base/err.h"

#include <stdbool.h>

enum init_kind {
	INIT_NONE, /* no init: guest-init serves */
	INIT_SYSTEMD,
	INIT_SYSVINIT,
	INIT_OPENRC,
	INIT_RUNIT,
	INIT_S6,
	INIT_FINIT,
	INIT_BUSYBOX,
	INIT_OTHER,
};

struct root_facts {
	enum init_kind init;
	char init_path[128];      /* "/sbin/init"; "" with INIT_NONE */
	char arch[16];            /* of /sbin/init or /bin/sh, as uname -m: "x86_64"; "" unknown */
	char distribution[64];    /* os-release ID */
	char release[64];         /* os-release VERSION_CODENAME, else VERSION_ID */
	unsigned systemd_version; /* 0 unknown */
	bool wants_screen;        /* its gettys are for tty1 and on, none is for the console */
	bool has_shell;           /* /bin/sh is a program: what guest-init needs to be of use */
};

/*
 * The table of inits: what each is called, how it is asked to halt and to reboot. Where both are the
 * same signal, init knows only of a reboot, and a halt is a reboot after which nothing is started.
 */
struct init_row {
	enum init_kind kind;
	const char *name;          /* "systemd" */
	const char *halt, *reboot; /* signals: "SIGRTMIN+3" */
	bool notifies;             /* sends READY=1 to NOTIFY_SOCKET when booted */
};
const struct init_row *init_row(enum init_kind kind);

/*
 * Looks at a root by descriptor with file_open_in_root only. init_path "" or a path to use instead
 * of detection (-ENOENT when it is not there).
 */
int root_inspect(int root_fd, const char *init_path, struct root_facts *facts, struct err *err);

/* Can this host's processor run it? Also true when the architecture is not known. */
bool root_runs_here(const struct root_facts *facts);

#endif
