/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/backups.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "machine/backup/ledger.h"
#include "machine/backup/target.h"
#include "stream/stream.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* The nearest one below it that is missing or damaged; NULL and no date: there is none. */
static const struct backup *find_fault(const struct backups *backups, const struct backup *one,
				       uint64_t *missing)
{
	*missing = 0;
	for (size_t steps = 0; one->base; steps++) {
		const struct backup *base = backups_of(backups, one->base);
		if (!base || steps > backups->count) {
			*missing = one->base;
			return NULL;
		}
		if (base->fault == BACKUP_DAMAGED)
			return base;
		one = base;
	}
	return NULL;
}

void backups_judge(struct backups *backups)
{
	uint64_t missing;

	for (size_t i = 0; i < backups->count; i++) {
		struct backup *one = &backups->list[i];
		if (one->fault == BACKUP_DAMAGED)
			continue;
		one->fault = BACKUP_SOUND;
		if (find_fault(backups, one, &missing))
			one->fault = BACKUP_ON_DAMAGED;
		else if (missing)
			one->fault = BACKUP_GAP;
	}
}

int backups_fault(const struct backups *backups, const struct backup *one, struct err *err)
{
	char stamp[STAMP_SIZE] = "";
	uint64_t missing;

	if (one->fault == BACKUP_DAMAGED)
		return err_set(err, EBADMSG, "backup '%s' of machine '%s' is damaged", one->file,
			       backups->name);
	const struct backup *base = find_fault(backups, one, &missing);
	if (base)
		return err_set(err, EBADMSG,
			       "backup '%s' of machine '%s' builds on '%s', which is damaged",
			       one->file, backups->name, base->file);
	if (!missing)
		return 0;
	stamp_print(missing, stamp);
	return err_set(err, ENOENT,
		       "backup '%s' of machine '%s' builds on one that is gone, that of %s",
		       one->file, backups->name, stamp);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void note_file(struct backup *one, const struct stat *st)
{
	one->size = (uint64_t)st->st_size;
	one->changed = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
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
			note_file(one, &st);
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
	ledger_read(backups);
	backups_judge(backups);
	return 0;
}

int backups_add(struct backups *backups, const struct backup *one)
{
	struct backup *list = reallocarray(backups->list, backups->count + 1, sizeof *list);

	if (!list)
		return -ENOMEM;
	backups->list = list;
	list[backups->count++] = *one;
	qsort(list, backups->count, sizeof *list, by_date);
	backups_judge(backups);
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
			       "there is no backup of machine '%s' in '%s'; see: berth backup list "
			       "--target %s",
			       word, target, target);
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

int backups_check(struct backups *backups, struct backup *one, struct err *err)
{
	scoped_fd int fd = backups_open(backups, one, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "read '%s': %s", one->file, strerror(errno));
	note_file(one, &st);
	/* As the disk has it, where it can be: a page in memory may be better than its sector. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	int r = stream_verify(fd, err);
	if (r == 0) {
		one->checked = (uint64_t)time(NULL);
		one->fault = BACKUP_SOUND;
		return 0;
	}
	one->checked = 0;
	/* A file that berth has written, and that does not begin as one, is damaged as well. */
	if (r == -EBADMSG || r == -EINVAL || r == -EIO)
		one->fault = BACKUP_DAMAGED;
	return err_wrap(err, "backup '%s' of machine '%s'", one->file, backups->name);
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
	if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
		err_set(err, errno, "make the folder '%s': %s", folder, strerror(errno));
		return target_remedy(target, err);
	}
	/* A child of a killed command holds the lock for a moment longer. */
	int lock = file_lock_within(path, WAIT_SECONDS);
	if (lock == -EWOULDBLOCK)
		return err_set(err, EBUSY,
			       "another command works on the backups of machine '%s' in '%s'; wait "
			       "for its end",
			       name, target);
	if (lock < 0) {
		err_set(err, -lock, "lock '%s': %s", path, strerror(-lock));
		return target_remedy(target, err);
	}
	clear_unfinished(folder);
	return lock;
}

int backups_remove(const struct backups *backups, const struct backup *one, struct err *err)
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
