/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inspects a root tree: distribution, architecture, init. Never trusts the tree. */
#ifndef BERTH_IMAGE_TEMPLATE_ROOT_H
#define BERTH_IMAGE_TEMPLATE_ROOT_H

#include "base/err.h"

#include <stdbool.h>

enum init_kind {
	INIT_NONE, /* no init: guest-init is used */
	INIT_SYSTEMD,
	INIT_SYSVINIT,
	INIT_OPENRC,
	INIT_RUNIT,          /* Debian's */
	INIT_RUNIT_ORIGINAL, /* of its author, and of Void and Artix */
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
	bool wants_screen;        /* it has gettys for tty1 and others, but none for the console */
	bool has_shell;           /* /bin/sh is a program, which guest-init needs */
};

/*
 * The table of inits: names, and the signals for halt and reboot. If both signals are the same, the init knows only a
 * reboot, and a halt is a reboot after which nothing is started.
 */
struct init_row {
	enum init_kind kind;
	const char *name;          /* "systemd" */
	const char *halt, *reboot; /* signals: "SIGRTMIN+3" */
	bool notifies;             /* sends READY=1 to NOTIFY_SOCKET when booted */
};
const struct init_row *init_row(enum init_kind kind);

/* Where a machine sees guest-init; as an init_path it means that guest-init serves, whatever the root has. */
#define GUEST_INIT_PATH "/run/host/guest-init"

/*
 * Inspects a root, with file_open_in_root only. init_path: "", or a path that replaces detection (-ENOENT if it does
 * not exist).
 */
int root_inspect(int root_fd, const char *init_path, struct root_facts *facts, struct err *err);

/* Whether this host can run the root's programs; true if the architecture is unknown. */
bool root_runs_here(const struct root_facts *facts);

#endif
