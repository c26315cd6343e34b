/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network map: how machines are connected. */
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/host/map.h"
#include "cmd/host/network.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct flag flag_format = { "format", 0, false, "FORMAT",
					 "tree, dot or json; tree if not given" };
static const struct flag *const map_flags[] = { &flag_format, &flag_json, NULL };

static bool is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;

	if (locale)
		freelocale(locale);
	return utf8;
}

static int print_text(const json_t *map, bool dot, struct err *err)
{
	scoped_text struct text out = { 0 };

	if (dot)
		map_add_dot(map, &out);
	else
		map_add_tree(map, is_utf8(), &out);
	if (out.failed)
		return err_set(err, ENOMEM, "out of memory");
	output_text(text_str(&out));
	if (!out.length)
		print_note("no networks and no machines yet");
	return 0;
}

static int run_map(struct call *call, struct err *err)
{
	const char *format = call_value(call, &flag_format);
	bool as_json = call_has(call, &flag_json) || (format && strcmp(format, "json") == 0);
	bool dot = format && strcmp(format, "dot") == 0;

	if (format && strcmp(format, "tree") != 0 && !dot && strcmp(format, "json") != 0) {
		err_set(err, EINVAL, "--format cannot be '%.40s': it is tree, dot or json", format);
		return EXIT_USAGE;
	}
	json_t *map = map_make(&call->dirs, err);
	if (!map)
		return -err->code;
	bool broken = map_is_broken(map);
	int r = 0;
	if (as_json) {
		r = print_json(map, err);
	} else {
		r = print_text(map, dot, err);
		json_decref(map);
	}
	return r == 0 && broken ? EXIT_FAILED : r;
}

const struct command network_map_verb = {
	.traits = COMMAND_LOOKS,
	.group = "network",
	.name = "map",
	.args = "",
	.help = "Show how networks, machines, forwards and the host are connected",
	.flags = map_flags,
	.run = run_map,
};
