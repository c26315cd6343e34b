/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of berth's own programs and recipes: installed, or in the tree that built them. */
#ifndef BERTH_BASE_INSTALL_H
#define BERTH_BASE_INSTALL_H

#include <stddef.h>

/*
 * The path of a helper program ("berth-keeper", "berth-unpack", "guest-init"): below the folder that
 * BERTH_LIBEXEC names, if it is set, else where it was installed. The build puts such programs in
 * BUILD/libexec, so that BERTH_LIBEXEC=BUILD/libexec runs a tree that was never installed.
 * 0 or -ENAMETOOLONG; whether it is there is not looked at.
 */
int install_program(const char *name, char *out, size_t room);

/* The same for a template's recipe, name "" being their folder; the variable is BERTH_TEMPLATES. */
int install_recipe(const char *name, char *out, size_t room);

/* The folder of berth-identity.d(5) that came with berth: in that of the recipes, else where it was installed. */
int install_identity(char *out, size_t room);

/*
 * The description of the API: the file that BERTH_DESCRIPTION names, else that in the folder share/berth of the program's
 * own place (another prefix, or the tree that built it), else the installed one.
 */
int install_description(char *out, size_t room);

/* The same for the folder of the page that berth-api serves; the variable is BERTH_WEB. 0 or -ENAMETOOLONG. */
int install_web(char *out, size_t room);

/* The path of the running berth program, for commands that its keepers run later. 0 or -errno. */
int install_berth(char *out, size_t room);

#endif
