/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/provision_keymap.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "machine/transfer/file_look.h"

#include <errno.h>
#include <string.h>

enum { LIST_MAX = 1 << 20, NAME_MAX_LENGTH = 63 };
static const char list_path[] = "/usr/share/X11/xkb/rules/base.lst";

/* The word at a place of a line; *rest: what follows it. */
static size_t word_at(const char *at, const char **rest)
{
	size_t n = strcspn(at, " \t\n");

	*rest = at + n + strspn(at + n, " \t");
	return n;
}

static bool is_word(const char *at, size_t n, const char *word)
{
	return strlen(word) == n && strncmp(at, word, n) == 0;
}

/* Sections begin with "! KIND", their lines with a name; that of a variant is followed by "LAYOUT:". */
static bool has(const char *list, const char *kind, const char *name, const char *layout)
{
	size_t length = layout ? strlen(layout) : 0;
	bool here = false;

	for (const char *line = list, *rest; *line; line += strcspn(line, "\n"), line += !!*line) {
		const char *at = line + strspn(line, " \t");
		size_t n = word_at(at, &rest);
		if (*at == '!')
			here = is_word(rest, strcspn(rest, " \t\n"), kind);
		else if (here && is_word(at, n, name) &&
			 (!layout || (strncmp(rest, layout, length) == 0 && rest[length] == ':')))
			return true;
	}
	return false;
}

/* Takes the next of names that commas join; it ends at the colon too. */
static void next(const char **names, char name[NAME_MAX_LENGTH + 1])
{
	size_t n = strcspn(*names, ",:");

	snprintf(name, NAME_MAX_LENGTH + 1, "%.*s", (int)n, *names);
	*names += n + ((*names)[n] == ',');
}

int keymap_check(const char *list, const char *keymap, struct err *err)
{
	const char *layouts = keymap, *variants = keymap + strcspn(keymap, ":");
	char layout[NAME_MAX_LENGTH + 1], variant[NAME_MAX_LENGTH + 1];

	variants += *variants == ':';
	while (*layouts && *layouts != ':') {
		next(&layouts, layout);
		next(&variants, variant);
		if (!has(list, "layout", layout, NULL))
			return err_set(err, EINVAL, "does not know the keyboard layout '%s'",
				       layout);
		if (*variant && !has(list, "variant", variant, layout))
			return err_set(err, EINVAL,
				       "does not know the variant '%s' of the keyboard layout '%s'",
				       variant, layout);
	}
	return 0;
}

int provision_check_keymap(struct machine *machine, const char *keymap, struct err *err)
{
	struct err ignored = { 0 }, why = { 0 };
	scoped_free char *list = NULL;
	scoped_file_look struct file_look look = { .file = -1 };

	if (file_look_open(&look, machine, NULL, list_path, NULL, NULL, &ignored) < 0 ||
	    look.file < 0 || file_read_opened(look.file, LIST_MAX, &list) < 0)
		return 0;
	if (keymap_check(list, keymap, &why) == 0)
		return 0;
	return err_set(
		err, EINVAL,
		"--keymap cannot be '%.80s': the root of machine '%s' %s; what it knows is in "
		"its %s",
		keymap, machine->name, why.text, list_path);
}
