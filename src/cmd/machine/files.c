/* SPDX-License-Identifier: GPL-2.0-or-later */
/* files: what a path of a machine is, and what a folder has. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/table.h"
#include "cmd/machine/place.h"
#include "machine/transfer/file_look.h"

#include <string.h>
#include <sys/stat.h>

static const struct flag *const files_flags[] = { &flag_json, NULL };

/* One file, as it is shown. */
struct shown {
	char *name, *target; /* owned */
	uint32_t mode, uid, gid;
	uint64_t size;
	int64_t modified;
};

struct shown_list {
	struct shown *list; /* owned */
	size_t count, room;
};

static void list_free(struct shown_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->list[i].name);
		free(list->list[i].target);
	}
	free(list->list);
}

static int add(void *context, const struct tree_entry *entry)
{
	struct shown_list *list = context;

	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct shown *more = realloc(list->list, room * sizeof *more);
		if (!more)
			return -ENOMEM;
		list->list = more;
		list->room = room;
	}
	struct shown *shown = &list->list[list->count++];
	*shown = (struct shown){
		.name = strdup(entry->path),
		.target = *entry->target ? strdup(entry->target) : NULL,
		.mode = entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.size = entry->size,
		.modified = entry->seconds,
	};
	return shown->name && (!*entry->target || shown->target) ? 0 : -ENOMEM;
}

static int compare(const void *one, const void *other)
{
	return strcmp(((const struct shown *)one)->name, ((const struct shown *)other)->name);
}

static const char *type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "link";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

static json_t *mode_json(uint32_t mode)
{
	char digits[8];

	snprintf(digits, sizeof digits, "%04o", mode & 07777);
	return json_string(digits);
}

/* The bytes of a name that JSON cannot have. */
static json_t *encoded_json(const char *name)
{
	scoped_text struct text text = { 0 };
	json_t *whole = json_string(name);

	if (whole) {
		json_decref(whole);
		return json_null();
	}
	text_add_percent(&text, name);
	return json_string(text_str(&text));
}

static json_t *shown_json(const char *name, const char *value, const struct shown *shown)
{
	return json_members((const struct json_member[]){
		{ name, json_text(value) },
		{ "encoded", encoded_json(value) },
		{ "type", json_string(type_of(shown->mode)) },
		{ "mode", mode_json(shown->mode) },
		{ "uid", json_integer(shown->uid) },
		{ "gid", json_integer(shown->gid) },
		{ "size", json_integer((json_int_t)shown->size) },
		{ "modified", json_integer(shown->modified) },
		{ "target", json_text(shown->target) },
		{ 0 },
	});
}

static int print_as_json(const char *path, const struct shown *self, const struct shown_list *list,
			 bool more, struct err *err)
{
	json_t *object = shown_json("path", path, self), *entries = json_array();
	bool folder = S_ISDIR(self->mode);

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(entries,
				      shown_json("name", list->list[i].name, &list->list[i]));
	if (json_array_size(entries) != list->count) {
		json_decref(object);
		object = NULL;
	}
	if (!folder) {
		json_decref(entries);
		entries = json_null();
	}
	json_object_set_new(object, "entries", entries);
	json_object_set_new(object, "more", json_boolean(more));
	return print_json(object, err);
}

static void add_row(struct table *table, const struct shown *shown)
{
	scoped_text struct text name = { 0 };
	char when[32];

	print_time(shown->modified > 0 ? (uint64_t)shown->modified : 0, when, sizeof when);
	table_add(table, type_of(shown->mode));
	table_format(table, "%04o", shown->mode & 07777);
	table_format(table, "%u:%u", shown->uid, shown->gid);
	table_format(table, "%llu", (unsigned long long)shown->size);
	table_add(table, when);
	print_plain(shown->name, &name);
	if (shown->target) {
		text_add(&name, " -> ");
		print_plain(shown->target, &name);
	}
	table_add(table, text_str(&name));
}

static int print_rows(const struct shown *self, const struct shown_list *list, struct err *err)
{
	static const char *const heads[] = { "TYPE",     "MODE", "OWNER", "BYTES",
					     "MODIFIED", "NAME", NULL };
	struct table table;

	table_begin(&table, heads);
	if (!S_ISDIR(self->mode))
		add_row(&table, self);
	for (size_t i = 0; i < list->count; i++)
		add_row(&table, &list->list[i]);
	return table_print(&table, err);
}

static int show(const struct call *call, const struct place *place, const struct file_look *look,
		struct shown_list *list, struct err *err)
{
	const struct shown self = {
		.name = (char *)(uintptr_t)place->path,
		.mode = look->self.mode,
		.uid = look->self.uid,
		.gid = look->self.gid,
		.size = look->self.size,
		.modified = look->self.seconds,
	};

	if (list->count > 0)
		qsort(list->list, list->count, sizeof *list->list, compare);
	if (look->more)
		print_note("the folder has more than %d entries, of which these are some",
			   FILE_LOOK_ENTRIES);
	return call_has(call, &flag_json) ? print_as_json(place->path, &self, list, look->more, err)
					  : print_rows(&self, list, err);
}

static int run_files(struct call *call, struct err *err)
{
	__attribute__((cleanup(list_free))) struct shown_list list = { 0 };
	scoped_machine struct machine machine = { 0 };
	scoped_file_look struct file_look look = { 0 };
	struct place place;
	int r = place_take(call->words[0], &place, err);

	if (r == 0 && !*place.machine) {
		err_set(err, EINVAL, "'%.80s' is no path in a machine, such as web:/etc",
			call->words[0]);
		return EXIT_USAGE;
	}
	if (r == 0)
		r = open_named(&machine, call, place.machine, err);
	if (r == 0)
		r = file_look_open(&look, &machine, *place.snapshot ? place.snapshot : NULL,
				   place.path, add, &list, err);
	return r == 0 ? show(call, &place, &look, &list, err) : r;
}

const struct command command_files = {
	.name = "files",
	.args = "MACHINE[@SNAPSHOT]:PATH",
	.help = "List a folder of a machine, or of its snapshot",
	.flags = files_flags,
	.traits = COMMAND_LOOKS,
	.min = 1,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_files,
};
