/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of inits: the file that identifies each, and its signals to halt and reboot. */
#include "image/template/init.h"

#include "base/text.h"

#include <string.h>

/*
 * Sources: systemd(1) Signals; openrc-init since 0.43 (SIGTERM and SIGPWR); the SIGPWR of Debian's
 * runit(8), and the SIGINT of any other, which runs /etc/runit/ctrlaltdel; s6-linux-init-maker's signal scripts;
 * finit(8); busybox init. What sysvinit does at SIGPWR is up to inittab(5), and Debian's names a script that is not
 * there, but every inittab has a line for ctrlaltdel, which is SIGINT.
 */
static const struct init_row rows[] = {
	{ INIT_NONE, "none", "SIGTERM", "SIGINT", true },
	{ INIT_SYSTEMD, "systemd", "SIGRTMIN+3", "SIGRTMIN+5", true },
	{ INIT_SYSVINIT, "sysvinit", "SIGINT", "SIGINT", false },
	{ INIT_OPENRC, "openrc", "SIGPWR", "SIGINT", false },
	{ INIT_RUNIT, "runit", "SIGPWR", "SIGINT", false },
	{ INIT_RUNIT_ORIGINAL, "runit", "SIGINT", "SIGINT", false },
	{ INIT_S6, "s6", "SIGPWR", "SIGINT", false },
	{ INIT_FINIT, "finit", "SIGUSR2", "SIGTERM", false },
	{ INIT_BUSYBOX, "busybox", "SIGUSR2", "SIGTERM", false },
	{ INIT_OTHER, "other", "SIGTERM", "SIGINT", false },
};

/* The mark of an init: the end of its resolved path, or else words in the file. */
static const struct {
	enum init_kind kind;
	const char *path;
	const char *words;
} signs[] = {
	{ INIT_SYSTEMD, "/systemd/systemd", NULL },
	{ INIT_BUSYBOX, "/busybox", "BusyBox v" },
	{ INIT_SYSVINIT, "/sysvinit/init", "INIT_VERSION=sysvinit" },
	{ INIT_SYSVINIT, NULL, "SysV init version" },
	{ INIT_OPENRC, "/openrc-init", "OpenRC init version" },
	{ INIT_RUNIT, NULL, "/run/runit.stopit" }, /* Debian's */
	{ INIT_RUNIT_ORIGINAL, NULL, "runit/stopit" },
	{ INIT_FINIT, "/finit", "/run/finit/" },
	{ INIT_S6, "/s6-linux-init", "s6-linux-init" },
	{ INIT_S6, "/s6-svscan", "s6-svscan" },
	{ INIT_SYSTEMD, NULL, "libsystemd-shared-" },
};

const struct init_row *init_row(enum init_kind kind)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].kind == kind)
			return &rows[i];
	}
	return init_row(INIT_OTHER);
}

enum init_kind init_identify(const char *path, const char *content, size_t length)
{
	enum { SIGNS = sizeof signs / sizeof *signs };

	for (size_t i = 0; i < SIGNS; i++) {
		if (signs[i].path && text_ends(path, signs[i].path))
			return signs[i].kind;
	}
	for (size_t i = 0; i < SIGNS; i++) {
		if (signs[i].words && content &&
		    memmem(content, length, signs[i].words, strlen(signs[i].words)))
			return signs[i].kind;
	}
	return INIT_OTHER;
}
