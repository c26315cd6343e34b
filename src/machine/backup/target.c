/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/target.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "config/place.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MARK ".berth-backups"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static char *record_path(const struct dirs *dirs, const char *target)
{
	return dirs_state_path(dirs, "backup-targets/%08x", (unsigned)text_hash(target));
}

/* The id in a file; "" if there is no such file. */
static int read_id(const char *path, char id[UUID_TEXT], struct err *err)
{
	scoped_free char *bytes = NULL;
	ssize_t n = file_read(AT_FDCWD, path, PATH_MAX + 64, &bytes);

	*id = '\0';
	if (n == -ENOENT)
		return 0;
	if (n < UUID_TEXT - 1)
		return err_set(err, n < 0 ? (int)-n : EBADMSG, "read '%s': %s", path,
			       n < 0 ? file_why((int)n) : "it has no id");
	memcpy(id, bytes, UUID_TEXT - 1);
	id[UUID_TEXT - 1] = '\0';
	return 0;
}

static int write_record(const char *file, const char *id, const char *target, struct err *err)
{
	scoped_free char *lines = text_format("%s\n%s\n", id, target);

	return lines ? file_replace(file, lines, strlen(lines), 0600, err) : no_memory(err);
}

/* The id of the folder; "" if it has none. */
static int read_mark(struct store *store, char id[UUID_TEXT], struct err *err)
{
	scoped_free char *bytes = NULL;
	ssize_t n = store_read(store, MARK, &bytes, err);

	*id = '\0';
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	if (n < UUID_TEXT - 1)
		return err_set(err, EBADMSG, "read '%s' of '%s': it has no id", MARK,
			       store->target);
	memcpy(id, bytes, UUID_TEXT - 1);
	id[UUID_TEXT - 1] = '\0';
	return 0;
}

static int write_mark(struct store *store, const char *id, struct err *err)
{
	char line[UUID_TEXT + 1];

	snprintf(line, sizeof line, "%s\n", id);
	return store_replace(store, MARK, line, strlen(line), err);
}

int target_check(const struct dirs *dirs, const char *target, struct err *err)
{
	const char *const own[] = { dirs->state, dirs->run, dirs->etc };
	char real[PATH_MAX], place[PATH_MAX];

	const char *fault = config_place_fault(target);
	if (fault)
		return err_set(err, EINVAL, "the folder for backups is '%.200s': %s", target,
			       fault);
	if (target[0] != '/')
		return 0;
	if (!realpath(target, real) && text_print(real, sizeof real, "%s", target) < 0)
		return err_set(err, ENAMETOOLONG, "the path of the folder for backups is too long");
	if (strcmp(real, "/") == 0)
		return err_set(
			err, EINVAL,
			"the folder for backups cannot be '/': use one of its own, on another "
			"disk if there is one");
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		if (text_is_within(real, realpath(own[i], place) ? place : own[i]))
			return err_set(
				err, EINVAL,
				"the folder for backups cannot be '%.200s': berth keeps its own "
				"files in '%s'; use another one, on another disk if there is one",
				target, own[i]);
	}
	return 0;
}

int target_claim(const struct dirs *dirs, struct store *store, bool look, struct err *err)
{
	const char *target = store->target;
	scoped_free char *record = record_path(dirs, target);
	scoped_free char *records = dirs_state_path(dirs, "backup-targets");
	char here[UUID_TEXT], known[UUID_TEXT];

	if (!record || !records)
		return no_memory(err);
	if (read_mark(store, here, err) < 0 || read_id(record, known, err) < 0)
		return -err->code;
	if (*known && strcmp(known, here) != 0)
		return err_set(
			err, ENODEV,
			"'%s' is not the folder that had the backups before: mount its disk, or "
			"let this folder take its place: berth backup forget %s",
			target, target);
	if (*known || look)
		return 0;
	bool fresh = !*here;
	if (fresh && uuid_draw(here) < 0)
		return err_set(err, EIO, "draw a uuid");
	if (file_make_dirs(records, 0700, err) < 0 || (fresh && write_mark(store, here, err) < 0))
		return target_remedy(target, err);
	return write_record(record, here, target, err) < 0 ? -err->code : 1;
}

static int is_one(void *context, const char *name, const char *uuid)
{
	(void)context;
	return *name && *uuid;
}

int target_look(struct store *store, struct err *err)
{
	char id[UUID_TEXT];

	if (read_mark(store, id, err) < 0)
		return -err->code;
	/* A copy of the folder may lack the mark. */
	int r = *id ? 1 : target_machines(store, is_one, NULL, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return err_set(
		err, ENODEV,
		"'%s' has no backups, nor the file '%s' of a folder for them: mount its disk, "
		"name another folder with --target, or make the first backup there: berth "
		"backup take",
		store->target, MARK);
}

int target_forget(const struct dirs *dirs, const char *target, struct err *err)
{
	scoped_free char *record = record_path(dirs, target);

	if (!record)
		return no_memory(err);
	if (unlink(record) == 0)
		return 1;
	return errno == ENOENT ? 0
			       : err_set(err, errno, "remove '%s': %s", record, strerror(errno));
}

static int is_backup_file(void *context, const struct store_file *file)
{
	(void)context;
	return !file->folder && strstr(file->name, ".berth") != NULL;
}

/* Whether a machine has backups there, and not only a folder. */
static int has_files(void *context, const char *name, const char *uuid)
{
	scoped_free char *folder = text_format("%s.%s", name, uuid);

	return !folder ||
	       store_each(context, folder, is_backup_file, NULL, &(struct err){ 0 }) != 0;
}

void target_unclaim(const struct dirs *dirs, struct store *store)
{
	struct err ignored = { 0 };

	if (target_machines(store, has_files, store, &ignored) == 0)
		target_forget(dirs, store->target, &ignored);
}

/* The second line of a record. */
static void add_known(const char *path, struct text *out)
{
	scoped_free char *bytes = NULL;

	if (file_read(AT_FDCWD, path, PATH_MAX + 64, &bytes) < 0)
		return;
	const char *line = strchr(bytes, '\n');
	if (line && line[1])
		text_add(out, "%.*s\n", (int)strcspn(line + 1, "\n"), line + 1);
}

int target_known(const struct dirs *dirs, struct text *out, struct err *err)
{
	scoped_free char *records = dirs_state_path(dirs, "backup-targets");
	DIR *stream = records ? opendir(records) : NULL;

	if (!records)
		return no_memory(err);
	if (!stream)
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "read '%s': %s", records, strerror(errno));
	for (struct dirent *entry; (entry = readdir(stream));) {
		scoped_free char *path = text_format("%s/%s", records, entry->d_name);
		if (path && entry->d_name[0] != '.')
			add_known(path, out);
	}
	closedir(stream);
	return out->failed ? no_memory(err) : 0;
}

int target_remedy(const char *target, struct err *err)
{
	struct err cause = *err;

	if (cause.code == ENOSPC || cause.code == EDQUOT)
		err_set(err, cause.code,
			"%s; make room in '%s', or keep fewer backups by the key backup.keep",
			cause.text, target);
	else if (cause.code == EROFS)
		err_set(err, cause.code,
			"%s; mount '%s' for writing: an error of its disk may have ended that, see "
			"dmesg",
			cause.text, target);
	else if (cause.code == EACCES || cause.code == EPERM)
		err_set(err, cause.code, "%s; root of this host must be able to write to '%s'",
			cause.text, target);
	return -err->code;
}

/* "web.UUID" */
static bool parse_folder(const char *folder, char name[64], char uuid[UUID_TEXT])
{
	const char *dot = strchr(folder, '.');

	if (!dot || strlen(dot + 1) != UUID_TEXT - 1 ||
	    strspn(dot + 1, "0123456789abcdef-") != UUID_TEXT - 1 ||
	    text_print(name, 64, "%.*s", (int)(dot - folder), folder) < 0 || text_label_fault(name))
		return false;
	memcpy(uuid, dot + 1, UUID_TEXT);
	return true;
}

struct visiting {
	int (*visit)(void *, const char *name, const char *uuid);
	void *context;
};

static int visit_folder(void *context, const struct store_file *file)
{
	const struct visiting *visiting = context;
	char name[64], uuid[UUID_TEXT];

	return file->folder && parse_folder(file->name, name, uuid)
		       ? visiting->visit(visiting->context, name, uuid)
		       : 0;
}

int target_machines(struct store *store, int (*visit)(void *, const char *name, const char *uuid),
		    void *context, struct err *err)
{
	struct visiting visiting = { .visit = visit, .context = context };

	return store_each(store, "", visit_folder, &visiting, err);
}
