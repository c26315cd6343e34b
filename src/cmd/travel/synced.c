/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/synced.h"

#include "base/scoped.h"
#include "machine/manage/manage.h"
#include "machine/state/content.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* The host of a target as part of a name: KIND-HOST-, cut, with a sum of the whole target. */
static void name_prefix(char prefix[64], const char *kind, const struct target *target,
			const char *where)
{
	const char *at = strrchr(target->host, '@');
	char host[24] = "";
	size_t n = 0;

	for (const char *c = at ? at + 1 : target->host; *c && n + 1 < sizeof host; c++) {
		bool fits = isalnum((unsigned char)*c);
		if (fits || (n > 0 && host[n - 1] != '-'))
			host[n++] = (char)(fits ? tolower((unsigned char)*c) : '-');
	}
	n -= n > 0 && host[n - 1] == '-';
	snprintf(prefix, 64, "%s-%.*s%s%08x-", kind, (int)n, host, n ? "-" : "",
		 (unsigned)text_hash(where));
}

int synced_name(struct synced *synced, struct machine *machine, const struct target *target,
		bool stays, struct err *err)
{
	scoped_free char *where =
		text_format("%s:%s", target->host, target->name ? target->name : "");
	time_t now = time(NULL);
	struct tm tm;
	char when[32];

	if (!where || !gmtime_r(&now, &tm) || !strftime(when, sizeof when, "%Y%m%d-%H%M%S", &tm))
		return err_set(err, ENOMEM, "out of memory");
	synced->stays = stays;
	name_prefix(synced->prefix, stays ? "synced" : "sending", target, where);
	/* An earlier send of the same second has the first name. */
	for (unsigned n = 1; n < 100; n++) {
		char number[8] = "";
		struct err absent = { 0 };
		if (n > 1)
			snprintf(number, sizeof number, "-%u", n);
		if (text_print(synced->name, sizeof synced->name, "%s%s%s", synced->prefix, when,
			       number) < 0)
			return err_set(err, EOVERFLOW, "the name of the snapshot is too long");
		if (snapshot_exists(machine, synced->name, &absent) < 0)
			return 0;
	}
	return err_set(err, EEXIST, "there are too many snapshots '%s%s'", synced->prefix, when);
}

int synced_left(const struct synced *synced, struct machine *machine, const struct offer *offer,
		char name[64], struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct content content;
	size_t count = 0;

	*name = '\0';
	if (snapshot_list(machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (text_starts(list[i].name, synced->prefix) &&
		    !(content_find(machine->folder, list[i].name, list[i].volume_made, &content,
				   &(struct err){ 0 }) == 0 &&
		      offer_has(offer, content.files)))
			snprintf(name, 64, "%s", list[i].name);
	}
	return 0;
}

int synced_take(struct synced *synced, struct machine *machine, struct err *err)
{
	if (!*synced->name)
		return 0;
	if (snapshot_take(machine, synced->name, synced->how, err) < 0)
		return -err->code;
	synced->taken = true;
	return 0;
}

void synced_settle(const struct synced *synced, struct machine *machine, bool arrived)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct err ignored = { 0 };
	size_t count = 0;

	if (!synced->taken || snapshot_list(machine, &list, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		bool stays = synced->stays && (strcmp(list[i].name, synced->name) == 0) == arrived;
		if (text_starts(list[i].name, synced->prefix) && !stays)
			snapshot_delete(machine, list[i].name, &(struct err){ 0 });
	}
}
