/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set-up of a new machine by options of launch: files, a user, keys, scripts. */
#ifndef BERTH_CMD_MACHINE_PROVISION_H
#define BERTH_CMD_MACHINE_PROVISION_H

#include "cmd/cli/command.h"
#include "machine/state/machine.h"

extern const struct flag flag_file, flag_keymap, flag_locale, flag_password, flag_provision_user,
	flag_run, flag_ssh_key, flag_timezone;

/* Checks the options, and that their files are readable, before anything is made. 0 or EXIT_USAGE. */
int provision_check(const struct call *call, struct err *err);

/* Copies the files of --file, and those for cloud-init, into the root of a machine that was never started. */
int provision_files(const struct call *call, struct machine *machine, struct err *err);

/*
 * Waits until the machine has booted, and applies the other options in this order: user, keys, password, time zone,
 * locale, keyboard, scripts. Does nothing if none is given. 0, -code, or the exit code of the first script that failed, with err
 * set.
 */
int provision_run(const struct call *call, struct machine *machine, struct err *err);

/* Reads provision.sh, the text of the steps in a machine; the caller frees it. */
int provision_program(char **program, struct err *err);
/* A text for sh that copies its standard input into a file and runs that. */
extern const char provision_copied[];

#endif
