/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/offer.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/manage/manage.h"
#include "machine/state/content.h"

#include <fcntl.h>
#include <string.h>

enum { COMMON_MAX = 4096, SETTINGS_MAX = 4096 };

void offer_free(struct offer *offer)
{
	free(offer->contents);
	free(offer->volumes_there);
	*offer = (struct offer){ 0 };
}

/*
 * Adds the settings, so that the other side can refuse them before the contents come. Too long a line stays out with
 * all others.
 */
static void add_settings(const struct machine *machine, struct text *words)
{
	scoped_text struct text lines = { 0 };
	scoped_free char *path = text_format("%s/machine.conf", machine->folder);
	scoped_free char *text = NULL;
	unsigned count = 0;

	if (!path || file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text) < 0)
		return;
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (strlen(line) + sizeof WIRE_SETTING >= WIRE_LINE || ++count > SETTINGS_MAX)
			return;
		for (char *c = line; *c; c++)
			*c = (char)(*c == '\t' ? ' ' : *c);
		text_add(&lines, WIRE_SETTING "%s\n", line);
	}
	text_add(words, "%s", text_str(&lines));
}

int offer_ask(const struct far *far, const struct machine *machine, const char *wanted,
	      const char *more, struct err *err)
{
	scoped_text struct text words = { 0 };

	text_add(&words, WIRE_SENDER "\nuuid %s\nname %s\n", machine->config.uuid, machine->name);
	if (wanted)
		text_add(&words, "to %s\n", wanted);
	text_add(&words, "%s", more);
	add_settings(machine, &words);
	text_add(&words, "\n");
	if (words.failed)
		return err_set(err, ENOMEM, "out of memory");
	return far_write(far, &words, err);
}

static int note_uuid(char (**list)[UUID_TEXT], size_t *count, const char *uuid, struct err *err)
{
	if (*count >= COMMON_MAX || strlen(uuid) != UUID_TEXT - 1)
		return 0;
	char(*longer)[UUID_TEXT] = reallocarray(*list, *count + 1, sizeof *longer);
	if (!longer)
		return err_set(err, ENOMEM, "out of memory");
	*list = longer;
	memcpy(longer[(*count)++], uuid, UUID_TEXT);
	return 0;
}

static int note_list(struct offer *offer, const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "snapshot") == 0)
		return note_uuid(&offer->contents, &offer->count, value, err);
	return strcmp(key, "data") == 0
		       ? note_uuid(&offer->volumes_there, &offer->volumes_there_count, value, err)
		       : 0;
}

void offer_add_volumes(const struct text *volumes, struct text *more)
{
	scoped_free char *words = strdup(text_str(volumes));
	char *rest = words;

	for (char *name; (name = strsep(&rest, " ")) && *name;) {
		const char *uuid = strsep(&rest, " ");
		text_add(more, WIRE_VOLUME "%s %s\n", name, uuid ? uuid : "");
	}
}

static void take_sum(const char *value, char out[SHA256_HEX + 1])
{
	if (strlen(value) == SHA256_HEX && strspn(value, "0123456789abcdef") == SHA256_HEX)
		strcpy(out, value);
}

static void note_part(struct offer *offer, const char *key, const char *value)
{
	if (strcmp(key, "parts") == 0)
		offer->parts = strcmp(value, "yes") == 0;
	if (strcmp(key, "busy") == 0)
		offer->busy = strcmp(value, "yes") == 0;
	if (strcmp(key, "plan") == 0)
		take_sum(value, offer->plan);
	if (strcmp(key, "sum") == 0)
		take_sum(value, offer->sum);
	if (strcmp(key, "point") == 0 && stream_point_is(value, strlen(value)))
		strcpy(offer->point, value);
	if (strcmp(key, "volumes") == 0 && text_to_u64(value, 0, UINT32_MAX, &offer->volumes) < 0)
		offer->volumes = 0;
	if (strcmp(key, "bytes") == 0 && text_to_u64(value, 0, UINT64_MAX, &offer->bytes) < 0)
		offer->bytes = 0;
}

int offer_read(struct far *far, struct offer *offer, struct err *err)
{
	char key[32], value[WIRE_LINE];
	bool greeted = false;
	int r;

	offer_free(offer);

	while ((r = far_read(far, key, value, err)) > 0) {
		if (!greeted && (strcmp(key, "berth-receive") != 0 || strcmp(value, "1") != 0))
			return err_set(
				err, EPROTO,
				"host '%s': its berth is of another version, or its shell prints "
				"words of its own",
				far->host);
		greeted = true;
		if (strcmp(key, "name") == 0 && !text_label_fault(value))
			snprintf(offer->name, sizeof offer->name, "%.63s", value);
		if (strcmp(key, "machine") == 0)
			offer->there = strcmp(value, "yes") == 0;
		if (strcmp(key, "state") == 0)
			snprintf(offer->state, sizeof offer->state, "%.15s", value);
		if (strcmp(key, "runs") == 0)
			offer->runs = strcmp(value, "yes") == 0;
		if (strcmp(key, "token") == 0)
			snprintf(offer->token, sizeof offer->token, "%.36s", value);
		note_part(offer, key, value);
		if (note_list(offer, key, value, err) < 0)
			return -err->code;
	}
	return r == 0 && !greeted ? err_set(err, EPROTO, "host '%s' offers nothing", far->host) : r;
}

static bool has(char (*list)[UUID_TEXT], size_t count, const char *uuid)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i], uuid) == 0)
			return true;
	}
	return false;
}

bool offer_has(const struct offer *offer, const char *content)
{
	return has(offer->contents, offer->count, content);
}

bool offer_has_volume(const struct offer *offer, const char *uuid)
{
	return has(offer->volumes_there, offer->volumes_there_count, uuid);
}

int offer_base(const struct offer *offer, struct machine *machine, const char *until,
	       char since[64], struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct content content;
	size_t count = 0;

	since[0] = '\0';
	if (!offer->there)
		return 0;
	if (snapshot_list(machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		bool is_last = until && strcmp(list[i].name, until) == 0;
		bool known = content_find(machine->folder, list[i].name, list[i].volume_made,
					  &content, &(struct err){ 0 }) == 0 &&
			     offer_has(offer, content.files);
		if (is_last)
			return known;
		if (known)
			snprintf(since, 64, "%s", list[i].name);
	}
	return 0;
}
