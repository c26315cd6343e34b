/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The texts of a stream, as settings files are read and written. */
#include "stream/stream.h"

#include "config/config.h"

#include "base/scoped.h"

#include <errno.h>
#include <string.h>

#define KEYS(table) .keys = (table), .count = sizeof(table) / sizeof((table)[0])

/* The last second of year 9999. */
#define TIME_MAX 253402300799u

static const char *const kinds[] = { "machine", "volume", NULL };

#define AT(field) offsetof(struct stream_head, field)
static const struct key head_keys[] = {
	{ "arch", KEY_TEXT, 0, AT(arch), "", 0, 0, NULL, "architecture of its programs" },
	{ "berth", KEY_TEXT, 0, AT(berth), "", 0, 0, NULL, "version of berth that wrote it" },
	{ "driver", KEY_TEXT, 0, AT(driver), "", 0, 0, NULL, "driver of the pool it was in" },
	{ "epoch", KEY_NUMBER, 0, AT(epoch), "0", 0, TIME_MAX, NULL, "when it was written" },
	{ "host", KEY_TEXT, 0, AT(host), "", 0, 0, NULL, "host that wrote it" },
	{ "increment", KEY_BOOL, 0, AT(increment), "no", 0, 0, NULL,
	  "whether its first volume builds on a snapshot that the reader has" },
	{ "kind", KEY_CHOICE, 0, AT(kind), "machine", 0, 0, kinds, "what it has" },
	{ "name", KEY_LABEL, 0, AT(name), "", 0, 0, NULL, "name of the machine or volume" },
	{ "plan", KEY_TEXT, 0, AT(plan), "", 0, 0, NULL,
	  "sum of what identifies all that is sent" },
	{ "resumes", KEY_TEXT, 0, AT(resumes), "", 0, 0, NULL,
	  "sum of the part behind which it goes on" },
	{ "uuid", KEY_UUID, 0, AT(uuid), "", 0, 0, NULL, "uuid of the machine or volume" },
	{ "volumes", KEY_TEXT, 0, AT(volumes), "", 0, 0, NULL,
	  "name and uuid of each volume for data that it has besides the machine" },
};
#undef AT

static const struct schema head_schema = {
	.what = "stream",
	KEYS(head_keys),
	.size = sizeof(struct stream_head),
};

static const char *const forms[] = { "blocks", "tree", NULL };

#define AT(field) offsetof(struct stream_volume, field)
static const struct key volume_keys[] = {
	{ "base", KEY_UUID, 0, AT(base), "", 0, 0, NULL, "content that it builds on" },
	{ "base.name", KEY_LABEL, 0, AT(base_name), "", 0, 0, NULL, "snapshot with that content" },
	{ "block", KEY_SIZE, 0, AT(block), "0", 0, UINT64_MAX, NULL,
	  "size of a block of its pool" },
	{ "content", KEY_UUID, 0, AT(content), "", 0, 0, NULL, "what identifies it" },
	{ "created", KEY_NUMBER, 0, AT(created), "0", 0, TIME_MAX, NULL, "when it was taken" },
	{ "data", KEY_LABEL, 0, AT(data), "", 0, 0, NULL,
	  "volume for data; none: the machine's own" },
	{ "data.uuid", KEY_UUID, 0, AT(data_uuid), "", 0, 0, NULL, "uuid of that volume" },
	{ "data.with", KEY_LABEL, 0, AT(with), "", 0, 0, NULL,
	  "snapshot of the machine of the same moment" },
	{ "description", KEY_TEXT, 0, AT(description), "", 0, 0, NULL, "of a volume for data" },
	{ "form", KEY_CHOICE, 0, AT(form), "tree", 0, 0, forms, "how its contents are written" },
	{ "fresh", KEY_BOOL, 0, AT(fresh), "no", 0, 0, NULL,
	  "whether it has the identity of its origin" },
	{ "size", KEY_SIZE, 0, AT(size), "0", 0, UINT64_MAX, NULL, "its limit" },
	{ "snapshot", KEY_LABEL, 0, AT(snapshot), "", 0, 0, NULL, "its name; none: a root" },
};
#undef AT

static const struct schema content_schema = {
	.what = "stream",
	KEYS(volume_keys),
	.size = sizeof(struct stream_volume),
};

/* Berths of earlier versions refuse keys that they do not know: these are written only where they say something. */
static bool is_left_out(const void *config, const struct key *key)
{
	static const char *const later[] = { "plan",      "resumes",     "kind",
					     "volumes",   "data",        "data.uuid",
					     "data.with", "description", NULL };
	scoped_text struct text value = { 0 };

	for (size_t i = 0; later[i]; i++) {
		if (strcmp(later[i], key->name) != 0)
			continue;
		config_text(config, key, &value);
		return strcmp(text_str(&value), key->fallback) == 0;
	}
	return false;
}

static int print_settings(const struct schema *schema, const void *config, struct text *out)
{
	for (size_t i = 0; i < schema->count; i++) {
		if (is_left_out(config, &schema->keys[i]))
			continue;
		text_add(out, "%s = ", schema->keys[i].name);
		config_text(config, &schema->keys[i], out);
		text_add(out, "\n");
	}
	return out->failed ? -ENOMEM : 0;
}

static int parse(const struct schema *schema, const char *text, size_t length, void *config,
		 struct err *err)
{
	return config_parse(schema, "stream", text, length, config, err);
}

int stream_head_print(const struct stream_head *head, struct text *out)
{
	return print_settings(&head_schema, head, out);
}

int stream_head_parse(const char *text, size_t length, struct stream_head *head, struct err *err)
{
	if (parse(&head_schema, text, length, head, err) < 0)
		return -err->code;
	if (*head->name && *head->uuid)
		return 0;
	stream_head_free(head);
	return err_set(err, EBADMSG, "it does not name what it has");
}

int stream_volume_print(const struct stream_volume *volume, struct text *out)
{
	return print_settings(&content_schema, volume, out);
}

int stream_volume_parse(const char *text, size_t length, struct stream_volume *volume,
			struct err *err)
{
	return parse(&content_schema, text, length, volume, err);
}

void stream_head_free(struct stream_head *head)
{
	config_free(&head_schema, head);
}

void stream_volume_free(struct stream_volume *volume)
{
	config_free(&content_schema, volume);
}

bool stream_is_blocks(const struct stream_volume *volume)
{
	return strcmp(volume->form, "blocks") == 0;
}

int stream_press_of(const char *text, struct stream_press *press)
{
	static const struct {
		const char *name;
		unsigned most; /* its highest level */
	} codecs[STREAM_CODECS] = {
		[STREAM_NONE] = { "none", 0 },
		[STREAM_LZ4] = { "lz4", 12 },
		[STREAM_ZSTD] = { "zstd", STREAM_LEVEL_MAX },
	};
	const size_t n = strcspn(text, ":");
	uint64_t level = 0;

	for (int i = 0; i < STREAM_CODECS; i++) {
		if (strlen(codecs[i].name) != n || strncmp(codecs[i].name, text, n) != 0)
			continue;
		if (text[n] && text_to_u64(text + n + 1, 1, codecs[i].most, &level) < 0)
			return -EINVAL;
		press->codec = (enum stream_codec)i;
		press->level = (unsigned)level;
		return 0;
	}
	return -EINVAL;
}
