/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/target.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/uuid.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MARK ".berth-backups"

enum { WAIT_SECONDS = 5 };

void backups_free(struct backups *backups)
{
	free(backups->folder);
	free(backups->list);
	*backups = (struct backups){ 0 };
}

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* ---- The folder of a target */

void target_prefix(const char *target, char prefix[32])
{
	snprintf(prefix, 32, "backup-%08x-", (unsigned)text_hash(target));
}

static char *record_path(const struct dirs *dirs, const char *target)
{
	return dirs_state_path(dirs, "backup-targets/%08x", (unsigned)text_hash(target));
}

/* The id in a file; "" if there is no such file. */
static int read_id(const char *path, char id[UUID_TEXT], struct err *err)
{
	scoped_free char *bytes = NULL;
	ssize_t n = file_read(AT_FDCWD, path, 64, &bytes);

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

static int write_id(const char *path, const char *id, struct err *err)
{
	scoped_free char *line = text_format("%s\n", id);

	return line ? file_replace(path, line, strlen(line), 0600, err) : no_memory(err);
}

int target_claim(const struct dirs *dirs, const char *target, struct err *err)
{
	scoped_free char *mark = text_format("%s/%s", target, MARK);
	scoped_free char *record = record_path(dirs, target);
	scoped_free char *records = dirs_state_path(dirs, "backup-targets");
	char here[UUID_TEXT], known[UUID_TEXT];
	struct stat st;

	if (!mark || !record || !records)
		return no_memory(err);
	if (stat(target, &st) < 0)
		return err_set(err, errno, "back up to '%s': %s", target,
			       errno == ENOENT
				       ? "there is no such folder; make it, or mount its disk"
				       : strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "back up to '%s': it is no folder", target);
	if (read_id(mark, here, err) < 0 || read_id(record, known, err) < 0)
		return -err->code;
	if (*known && strcmp(known, here) != 0)
		return err_set(
			err, ENODEV,
			"'%s' is not the folder that had the backups before: mount its disk, or "
			"let this folder take its place: berth backup forget %s",
			target, target);
	if (!*here && uuid_draw(here) < 0)
		return err_set(err, EIO, "draw a uuid");
	if (!*known && (file_make_dirs(records, 0700, err) < 0 || write_id(mark, here, err) < 0 ||
			write_id(record, here, err) < 0))
		return -err->code;
	return 0;
}

int target_forget(const struct dirs *dirs, const char *target, struct err *err)
{
	scoped_free char *record = record_path(dirs, target);

	if (!record)
		return no_memory(err);
	if (unlink(record) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", record, strerror(errno));
	return 0;
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

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int target_machines(const char *target, int (*visit)(void *, const char *name, const char *uuid),
		    void *context, struct err *err)
{
	struct dirent **list = NULL;
	int count = scandir(target, &list, is_visible, alphasort), r = 0;
	char name[64], uuid[UUID_TEXT];

	if (count < 0)
		return err_set(err, errno, "read '%s': %s", target, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (r == 0 && parse_folder(list[i]->d_name, name, uuid))
			r = visit(context, name, uuid);
		free(list[i]);
	}
	free(list);
	return r;
}

/* ---- The backups of a machine */

static bool parse_file(const char *file, struct backup *one)
{
	*one = (struct backup){ 0 };
	int n = stamp_parse(file, &one->date);
	if (n < 0 || text_print(one->file, sizeof one->file, "%s", file) < 0)
		return false;
	const char *rest = file + n;
	if (strcmp(rest, ".full.berth") == 0)
		return true;
	return text_starts(rest, ".since-") && (n = stamp_parse(rest + 7, &one->base)) > 0 &&
	       one->base != one->date && strcmp(rest + 7 + n, ".berth") == 0;
}

static int by_date(const void *a, const void *b)
{
	const struct backup *one = a, *other = b;

	if (one->date != other->date)
		return one->date < other->date ? -1 : 1;
	return strcmp(one->file, other->file);
}

const struct backup *backups_of(const struct backups *backups, uint64_t date)
{
	for (size_t i = 0; i < backups->count; i++) {
		if (backups->list[i].date == date)
			return &backups->list[i];
	}
	return NULL;
}

const struct backup *backups_full(const struct backups *backups, const struct backup *one)
{
	/* A circle, which nobody but a stranger makes, is as broken as a gap. */
	for (size_t steps = 0; one && one->base; one = backups_of(backups, one->base)) {
		if (++steps > backups->count)
			return NULL;
	}
	return one;
}

static int read_folder(struct backups *backups, struct err *err)
{
	scoped_fd int dir = open(backups->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **list = NULL;
	struct stat st;

	if (dir < 0)
		return errno == ENOENT ? 0
				       : err_set(err, errno, "read '%s': %s", backups->folder,
						 strerror(errno));
	int count = scandirat(dir, ".", &list, is_visible, NULL);
	if (count < 0)
		return err_set(err, errno, "read '%s': %s", backups->folder, strerror(errno));
	backups->list = calloc((size_t)count + 1, sizeof *backups->list);
	for (int i = 0; i < count; i++) {
		struct backup *one = backups->list ? &backups->list[backups->count] : NULL;
		if (one && parse_file(list[i]->d_name, one) &&
		    fstatat(dir, one->file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
			one->size = (uint64_t)st.st_size;
			backups->count++;
		}
		free(list[i]);
	}
	free(list);
	return backups->list ? 0 : no_memory(err);
}

int backups_list(const char *target, const char *name, const char *uuid, struct backups *backups,
		 struct err *err)
{
	*backups = (struct backups){ .folder = text_format("%s/%s.%s", target, name, uuid) };
	if (!backups->folder)
		return no_memory(err);
	snprintf(backups->name, sizeof backups->name, "%s", name);
	snprintf(backups->uuid, sizeof backups->uuid, "%s", uuid);
	if (read_folder(backups, err) < 0)
		return -err->code;
	if (backups->count)
		qsort(backups->list, backups->count, sizeof *backups->list, by_date);
	for (size_t i = 0; i < backups->count; i++)
		backups->list[i].broken = !backups_full(backups, &backups->list[i]);
	return 0;
}

struct search {
	const char *word;
	char name[64], uuid[UUID_TEXT];
	unsigned found;
};

static int match(void *context, const char *name, const char *uuid)
{
	struct search *search = context;

	if (strcmp(search->word, name) != 0 && strcmp(search->word, uuid) != 0)
		return 0;
	search->found++;
	snprintf(search->name, sizeof search->name, "%s", name);
	snprintf(search->uuid, sizeof search->uuid, "%s", uuid);
	return 0;
}

int backups_find(const char *target, const char *word, struct backups *backups, struct err *err)
{
	struct search search = { .word = word };

	if (target_machines(target, match, &search, err) < 0)
		return -err->code;
	if (search.found == 0)
		return err_set(err, ENOENT,
			       "there is no backup of machine '%s' in '%s'; see: berth backup list",
			       word, target);
	if (search.found > 1)
		return err_set(err, ENOTUNIQ,
			       "%u machines had the name '%s'; name one by its uuid: berth backup "
			       "list --json",
			       search.found, word);
	return backups_list(target, search.name, search.uuid, backups, err);
}

int backups_open(const struct backups *backups, const struct backup *one, struct err *err)
{
	scoped_free char *path = text_format("%s/%s", backups->folder, one->file);
	int fd = path ? file_open_regular(AT_FDCWD, path, O_NOFOLLOW) : -ENOMEM;

	return fd < 0 ? err_set(err, -fd, "read '%s': %s", path ? path : "", file_why(fd)) : fd;
}

/* ---- Changes */

static void clear_unfinished(const char *folder)
{
	scoped_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = dir < 0 ? NULL : fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));

	for (struct dirent *entry; stream && (entry = readdir(stream));) {
		/* Names of base/outfile.c, on a file system that has no files without names. */
		if (entry->d_name[0] == '.' && strstr(entry->d_name, ".berth.") &&
		    text_ends(entry->d_name, ".new"))
			unlinkat(dir, entry->d_name, 0);
	}
	if (stream)
		closedir(stream);
}

int backups_lock(const char *target, const char *name, const char *uuid, struct err *err)
{
	scoped_free char *folder = text_format("%s/%s.%s", target, name, uuid);
	scoped_free char *path = folder ? text_format("%s/.lock", folder) : NULL;

	if (!path)
		return no_memory(err);
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "make the folder '%s': %s", folder, strerror(errno));
	/* A child of a killed command holds the lock for a moment longer. */
	int lock = file_lock_within(path, WAIT_SECONDS);
	if (lock == -EWOULDBLOCK)
		return err_set(err, EBUSY,
			       "another command works on the backups of machine '%s' in '%s'; wait "
			       "for its end",
			       name, target);
	if (lock < 0)
		return err_set(err, -lock, "lock '%s': %s", path, strerror(-lock));
	clear_unfinished(folder);
	return lock;
}

static bool is_base_of_any(const struct backups *backups, const bool *gone, uint64_t date)
{
	for (size_t i = 0; i < backups->count; i++) {
		if (!gone[i] && backups->list[i].base == date)
			return true;
	}
	return false;
}

static int remove_one(const struct backups *backups, const struct backup *one, struct err *err)
{
	scoped_free char *path = text_format("%s/%s", backups->folder, one->file);

	if (!path)
		return no_memory(err);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", path, strerror(errno));
	/* The removal of an increment is on the disk before its base is removed. */
	int r = file_sync_dir(backups->folder);
	return r < 0 ? err_set(err, -r, "write '%s': %s", backups->folder, strerror(-r)) : 0;
}

int backups_prune(struct backups *backups, const struct keep *keep, uint64_t now, struct err *err)
{
	scoped_free uint64_t *dates = calloc(backups->count + 1, sizeof *dates);
	scoped_free bool *kept = calloc(backups->count + 1, sizeof *kept);
	scoped_free bool *gone = calloc(backups->count + 1, sizeof *gone);

	if (!dates || !kept || !gone)
		return no_memory(err);
	for (size_t i = 0; i < backups->count; i++)
		dates[i] = backups->list[i].date;
	keep_choose(keep, now, dates, backups->count, kept);
	/* Ends of chains first, until nothing is left that nobody needs. */
	for (bool again = true; again;) {
		again = false;
		for (size_t i = backups->count; i > 0; i--) {
			const struct backup *one = &backups->list[i - 1];
			if (kept[i - 1] || gone[i - 1] || is_base_of_any(backups, gone, one->date))
				continue;
			if (remove_one(backups, one, err) < 0)
				return -err->code;
			gone[i - 1] = again = true;
		}
	}
	return 0;
}
