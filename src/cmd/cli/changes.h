/* SPDX-License-Identifier: GPL-2.0-or-later */
/* set, get and unset: changes of settings as words of a command, and settings as its output. */
#ifndef BERTH_CMD_CLI_CHANGES_H
#define BERTH_CMD_CLI_CHANGES_H

#include "cmd/cli/command.h"
#include "config/config.h"

/* The changes asked for. */
struct changes {
	char **words;               /* owned, as are its members: "key\0value" */
	struct config_change *list; /* owned; names and values are in words */
	size_t count;
};

/* "KEY=VALUE", with CHANGES_CREATE also of keys that are chosen once; or "KEY" */
enum changes_kind { CHANGES_SET, CHANGES_CREATE, CHANGES_UNSET };

/* The words behind the first as changes, checked against the schema. 0, -code or EXIT_USAGE. */
int changes_given(const struct call *call, const struct schema *schema, enum changes_kind kind,
		  struct changes *changes, struct err *err);
void changes_free(struct changes *changes);
#define scoped_changes __attribute__((cleanup(changes_free)))

/* Flags of set and unset, and whether they ask for what changes. */
extern const struct flag *const changes_flags[];
bool changes_wanted(const struct call *call);
/* Whether any of these keys has another value in after than in before. */
bool changes_any(const struct schema *schema, const void *before, const void *after,
		 const struct changes *changes);
/*
 * With --dry-run or --json: prints each of these keys whose value in before is not that in after, as "KEY = TO, was
 * FROM", or as an array of objects with key, from and to. 0 or -ENOMEM.
 */
int changes_show(const struct call *call, const struct schema *schema, const void *before,
		 const void *after, const struct changes *changes, struct err *err);

/* Prints the key that the second word names, or all. presets: of a template, else NULL. 0, -code or EXIT_USAGE. */
int settings_show(const struct call *call, const struct schema *schema, const void *config,
		  const struct label *presets, struct err *err);

#endif
