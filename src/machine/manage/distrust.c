/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of a stranger. A stream may come from anywhere, and a machine of it must not get more of this host than a
 * new machine has, unless the administrator says so.
 */
#include "base/file.h"
#include "base/scoped.h"
#include "config/config.h"
#include "machine/manage/travel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/*
 * The keys that open a wall of berth-security(7), or take time from the host's own programs. Those that make a machine
 * smaller or narrower are not among them.
 */
static const char *const keys[] = {
	"access.users",     "limits.rlimit.nice", "limits.rlimit.rtprio", "security.apparmor",
	"security.caps",    "security.compat",    "security.nesting",     "security.privileged",
	"security.selinux", "security.spoofing",
};

static void name(struct text *dropped, const char *word, const char *what)
{
	text_add(dropped, "%s%s%s", dropped->length ? ", " : "", word, what);
}

static int reset(struct machine_config *config, const char *key, struct text *dropped,
		 struct err *err)
{
	const struct key *row = config_find(&machine_schema, key, err);
	struct text value = { 0 };

	if (!row)
		return -err->code;
	config_text(config, row, &value);
	bool set = strcmp(text_str(&value), row->fallback) != 0;
	text_free(&value);
	if (!set)
		return 0;
	name(dropped, key, "");
	return config_put(&machine_schema, config, key, row->fallback, err);
}

static bool is_same_folder(const char *one, const char *other)
{
	struct stat a, b;

	return strcmp(one, other) == 0 ||
	       (stat(one, &a) == 0 && stat(other, &b) == 0 && file_is_same(&a, &b));
}

/* A schedule for a folder that is not given would fail for ever, or fill the host's own. */
static int reset_backups(struct machine_config *config, const char *target, struct text *dropped,
			 struct err *err)
{
	if (!*config->backup_target || (target && is_same_folder(config->backup_target, target)))
		return 0;
	return reset(config, "backup.target", dropped, err) < 0
		       ? -err->code
		       : reset(config, "backup.schedule", dropped, err);
}

int distrust_settings(struct machine_config *config, const char *target, struct text *dropped,
		      struct err *err)
{
	if (reset_backups(config, target, dropped, err) < 0)
		return -err->code;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (reset(config, keys[i], dropped, err) < 0)
			return -err->code;
	}
	for (size_t i = 0; machine_schema.sections[i]; i++) {
		const struct schema *kind = machine_schema.sections[i];
		/* A firewall rule only takes away from what a machine without rules may do. */
		if (kind == &rule_schema)
			continue;
		scoped_free char *what = text_format("%s ", kind->what);
		for (const struct section *s = config_sections(kind, config); s; s = s->next)
			name(dropped, what ? what : "", s->name);
		config_drop_sections(kind, config);
	}
	return dropped->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}
