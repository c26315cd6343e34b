/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diff: files that differ between two states of a machine. */
#include "machine/manage/diff.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/verbs.h"

#include <inttypes.h>
#include <string.h>

static const struct flag flag_content = {
	"content", 0, false, NULL,
	"read files of the same size and time too, where the pool cannot tell"
};
static const struct flag *const diff_flags[] = { &flag_content, &flag_json, NULL };

static const char *const kinds[] = { "added", "removed", "changed" };
static const char *const whats[TREE_WHATS] = { "type", "content",    "time",  "owner",
					       "mode", "attributes", "target" };

struct showing {
	bool json;
	uint64_t count[3], bytes[3]; /* by kind */
};

/* The length of the UTF-8 character at s, which no control character is; 0: it is none. */
static size_t character(const unsigned char *s)
{
	size_t n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : 4;

	if (*s < 0x20 || *s == 0x7f || (*s >= 0x80 && *s < 0xc2) || *s > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Controls of the second set, overlong forms, surrogates, and what is beyond the last one. */
	if ((*s == 0xc2 && s[1] < 0xa0) || (*s == 0xe0 && s[1] < 0xa0) ||
	    (*s == 0xed && s[1] >= 0xa0) || (*s == 0xf0 && s[1] < 0x90) ||
	    (*s == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

/* A name of a guest in one line, from which its bytes can be told: "\n", "\\", "\xff". */
static void add_escaped(const char *path, struct text *out)
{
	for (const unsigned char *s = (const unsigned char *)path; *s;) {
		size_t n = *s == '\\' ? 0 : character(s);
		if (n)
			text_add_bytes(out, s, n);
		else if (*s == '\n')
			text_add(out, "\\n");
		else if (*s == '\\')
			text_add(out, "\\\\");
		else
			text_add(out, "\\x%02x", *s);
		s += n ? n : 1;
	}
}

static const char *type_of(mode_t mode)
{
	return S_ISREG(mode)    ? "file"
	       : S_ISDIR(mode)  ? "folder"
	       : S_ISLNK(mode)  ? "link"
	       : S_ISCHR(mode)  ? "character device"
	       : S_ISBLK(mode)  ? "block device"
	       : S_ISFIFO(mode) ? "fifo"
				: "socket";
}

static uint64_t size_of(const struct stat *st)
{
	return S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
}

static json_t *whats_array(unsigned what)
{
	json_t *array = json_array();

	for (size_t i = 0; i < TREE_WHATS; i++) {
		if (what & 1U << i)
			json_array_append_new(array, json_string(whats[i]));
	}
	return array;
}

/* Null for a path that is no UTF-8, whose bytes are in "escaped" alone. */
static json_t *state_object(const struct stat *st)
{
	if (!st->st_mode)
		return json_null();
	return json_members((const struct json_member[]){
		{ "type", json_string(type_of(st->st_mode)) },
		{ "size",
		  S_ISREG(st->st_mode) ? json_integer((json_int_t)st->st_size) : json_null() },
		{ "mode", json_integer(st->st_mode & 07777) },
		{ "uid", json_integer(st->st_uid) },
		{ "gid", json_integer(st->st_gid) },
		{ "mtime", json_integer(st->st_mtime) },
		{ 0 },
	});
}

static int show_json(const struct showing *showing, const struct tree_change *change,
		     const char *escaped)
{
	json_t *path = json_string(change->path);
	json_t *object = json_members((const struct json_member[]){
		{ "path", path ? path : json_null() },
		{ "escaped", json_string(escaped) },
		{ "change", json_string(kinds[change->kind]) },
		{ "what", whats_array(change->what) },
		{ "before", state_object(&change->before) },
		{ "after", state_object(&change->after) },
		{ 0 },
	});
	bool first = showing->count[0] + showing->count[1] + showing->count[2] == 1;

	if (first)
		printf("{\n  \"changes\": [");
	printf("%s    ", first ? "\n" : ",\n");
	int r = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;
	json_decref(object);
	return r < 0 ? -ENOMEM : 0;
}

static void show_line(const struct tree_change *change, const char *escaped)
{
	static const char letters[] = { '+', '-', '*' };
	char size[32] = "", was[32] = "";
	const char *before = "  ";

	printf("%c %s%s", letters[change->kind], escaped,
	       S_ISDIR((change->after.st_mode ? change->after : change->before).st_mode) ? "/"
											 : "");
	text_human_size(size_of(&change->after), size, sizeof size);
	text_human_size(size_of(&change->before), was, sizeof was);
	if (change->kind == TREE_ADDED && S_ISREG(change->after.st_mode))
		printf("  %s", size);
	if (change->kind == TREE_REMOVED && S_ISREG(change->before.st_mode))
		printf("  %s", was);
	for (size_t i = 0; i < TREE_WHATS; i++) {
		if (!(change->what & 1U << i))
			continue;
		printf("%s%s", before, whats[i]);
		if (change->what & 1U << i & TREE_CONTENT && S_ISREG(change->after.st_mode))
			printf(" (%s to %s)", was, size);
		before = ", ";
	}
	putchar('\n');
}

static int show(void *context, const struct tree_change *change)
{
	struct showing *showing = context;
	scoped_text struct text escaped = { 0 };
	const struct stat *of = change->kind == TREE_REMOVED ? &change->before : &change->after;

	add_escaped(change->path, &escaped);
	if (escaped.failed)
		return -ENOMEM;
	showing->count[change->kind]++;
	showing->bytes[change->kind] += size_of(of);
	if (showing->json)
		return show_json(showing, change, text_str(&escaped));
	show_line(change, text_str(&escaped));
	return ferror(stdout) ? -EIO : 0;
}

static void show_sums(const struct showing *showing)
{
	char sizes[3][32];

	for (size_t i = 0; i < 3; i++)
		text_human_size(showing->bytes[i], sizes[i], sizeof sizes[i]);
	if (showing->json)
		printf("%s],\n  \"incomplete\": false,\n  \"added\": %" PRIu64
		       ",\n  \"added_bytes\": %" PRIu64 ",\n  \"removed\": %" PRIu64
		       ",\n  \"removed_bytes\": %" PRIu64 ",\n  \"changed\": %" PRIu64
		       ",\n  \"changed_bytes\": %" PRIu64 "\n}\n",
		       showing->count[0] + showing->count[1] + showing->count[2]
			       ? "\n  "
			       : "{\n  \"changes\": [",
		       showing->count[0], showing->bytes[0], showing->count[1], showing->bytes[1],
		       showing->count[2], showing->bytes[2]);
	else
		printf("%" PRIu64 " added (%s), %" PRIu64 " removed (%s), %" PRIu64
		       " changed (%s)\n",
		       showing->count[0], sizes[0], showing->count[1], sizes[1], showing->count[2],
		       sizes[2]);
}

/* "@SNAP", or "SNAP". 0 or EXIT_USAGE. */
/* The second state is "@SNAP"; the machine may stand before it once more. */
static int second_word(const struct call *call, const char *name, const char **to, struct err *err)
{
	const size_t n = strlen(name);

	if (call->count < 2)
		return 0;
	const char *word = call->words[1], *at = strchr(word, '@');
	*to = at ? at + 1 : word;
	if (at && at > word && ((size_t)(at - word) != n || strncmp(word, name, n) != 0)) {
		err_set(err, EINVAL,
			"'%.130s' is of another machine than '%s', whose states are compared", word,
			name);
		return EXIT_USAGE;
	}
	return name_check(*to, err);
}

static int run_diff(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	char *from;
	scoped_free char *name = name_split(call->words[0], &from, err);
	struct showing showing = { .json = call_has(call, &flag_json) };
	struct diff_spec spec = { .content = call_has(call, &flag_content),
				  .visit = show,
				  .context = &showing };

	if (!name)
		return -err->code;
	spec.from = from;
	int r = name_check(name, err);
	if (r == 0 && from)
		r = name_check(from, err);
	if (r == 0)
		r = second_word(call, name, &spec.to, err);
	if (r == 0)
		r = open_named(&machine, call, name, err);
	if (r != 0)
		return r;
	r = machine_diff(&machine, &spec, err);
	if (r == 0)
		show_sums(&showing);
	else if (showing.json && showing.count[0] + showing.count[1] + showing.count[2])
		printf("\n  ],\n  \"incomplete\": true\n}\n");
	if (r < 0 && !err->code && output_end(err) == 0)
		err_set(err, -r, "print the differences: %s", strerror(-r));
	return r < 0 ? -err->code : r;
}

const struct command command_diff = {
	.name = "diff",
	.args = "MACHINE[@SNAP] [@SNAP]",
	.help = "Show which files differ between two states of a machine",
	.flags = diff_flags,
	.min = 1,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_SNAPSHOT,
	.run = run_diff,
};
