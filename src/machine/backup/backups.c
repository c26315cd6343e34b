/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/backups.h"

#include "base/scoped.h"
#include "base/uuid.h"
#include "machine/backup/ledger.h"
#include "machine/backup/seal.h"
#include "machine/backup/target.h"

#include <string.h>
#include <time.h>

enum { WAIT_SECONDS = 5, CHECKED_SECONDS = 7 * 86400 };

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

/* Cuts the ending off that an encrypted one has. */
static bool is_sealed(char *rest)
{
	bool sealed = text_ends(rest, ".berth" SEAL_SUFFIX);

	if (sealed)
		rest[strlen(rest) - strlen(SEAL_SUFFIX)] = '\0';
	return sealed;
}

static bool parse_file(const char *file, struct backup *one)
{
	char rest[sizeof one->file];

	*one = (struct backup){ 0 };
	int n = stamp_parse(file, &one->date);
	if (n < 0 || text_print(one->file, sizeof one->file, "%s", file) < 0)
		return false;
	snprintf(rest, sizeof rest, "%s", file + n);
	one->sealed = is_sealed(rest);
	one->volumes = text_ends(rest, BACKUP_VOLUMES ".berth");
	const char *end = one->volumes ? BACKUP_VOLUMES ".berth" : ".berth";
	if (text_starts(rest, ".full"))
		return strcmp(rest + 5, end) == 0;
	return text_starts(rest, ".since-") && (n = stamp_parse(rest + 7, &one->base)) > 0 &&
	       one->base != one->date && strcmp(rest + 7 + n, end) == 0;
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

static bool counts(const struct backup *one, bool whole)
{
	return !whole || one->fault == BACKUP_SOUND;
}

static bool is_built_on(const struct backups *backups, const struct backup *one, bool whole)
{
	for (size_t i = 0; i < backups->count; i++) {
		if (backups->list[i].base == one->date && counts(&backups->list[i], whole))
			return true;
	}
	return false;
}

const struct backup *backups_newest(const struct backups *backups, uint64_t now, bool whole)
{
	const struct backup *best = NULL;

	for (size_t i = 0; i < backups->count; i++) {
		const struct backup *one = &backups->list[i];
		if (!counts(one, whole) || is_built_on(backups, one, whole))
			continue;
		/* They are sorted by date. */
		if (!best || one->date <= now || best->date > now)
			best = one;
	}
	/* In a circle, which is broken, each one is built on. */
	if (!best && !whole && backups->count)
		return &backups->list[backups->count - 1];
	return best;
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

static void note_file(struct backup *one, const struct store_file *file)
{
	one->size = file->size;
	one->changed = file->changed;
}

struct reading {
	struct backups *backups;
	struct err *err;
};

static int take_file(void *context, const struct store_file *file)
{
	struct reading *reading = context;
	struct backups *backups = reading->backups;
	struct backup one;

	if (file->folder || !parse_file(file->name, &one))
		return 0;
	note_file(&one, file);
	struct backup *list = reallocarray(backups->list, backups->count + 1, sizeof *list);
	if (!list)
		return no_memory(reading->err);
	backups->list = list;
	list[backups->count++] = one;
	return 0;
}

static int read_folder(struct backups *backups, struct err *err)
{
	struct reading reading = { .backups = backups, .err = err };

	int r = store_each(backups->store, backups->folder, take_file, &reading, err);
	if (r != -ENOENT)
		return r;
	*err = (struct err){ 0 };
	return 0;
}

int backups_list(struct store *store, const char *name, const char *uuid, struct backups *backups,
		 struct err *err)
{
	*backups = (struct backups){ .store = store, .folder = text_format("%s.%s", name, uuid) };
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

int backups_find(struct store *store, const char *word, struct backups *backups, struct err *err)
{
	struct search search = { .word = word };

	if (target_machines(store, match, &search, err) < 0)
		return -err->code;
	if (search.found == 0)
		return err_set(err, ENOENT,
			       "there is no backup of machine '%s' in '%s'; see: berth backup list "
			       "--target %s",
			       word, store->target, store->target);
	if (search.found > 1)
		return err_set(err, ENOTUNIQ,
			       "%u machines had the name '%s'; name one by its uuid: berth backup "
			       "list --json",
			       search.found, word);
	return backups_list(store, search.name, search.uuid, backups, err);
}

static char *path_of(const struct backups *backups, const struct backup *one)
{
	return text_format("%s/%s", backups->folder, one->file);
}

int backups_open(const struct backups *backups, const struct backup *one, struct pump *pump,
		 struct err *err)
{
	scoped_free char *path = path_of(backups, one);

	return path ? store_fetch(backups->store, path, pump, err) : no_memory(err);
}

int backups_content(const struct backups *backups, const struct backup *one,
		    char content[UUID_TEXT], struct err *err)
{
	scoped_free char *path = path_of(backups, one);
	struct seal seal;

	if (!path)
		return no_memory(err);
	if (!one->sealed)
		return store_content(backups->store, path, content, err);
	int r = seal_read(backups->store, path, &seal, err);
	if (r == 0)
		memcpy(content, seal.content, UUID_TEXT);
	return r;
}

static int check(struct backups *backups, struct backup *one, struct err *err)
{
	scoped_free char *path = path_of(backups, one);
	struct store_file file = { .size = 0 };
	struct seal seal = { .sum = "" };

	if (!path)
		return no_memory(err);
	int r = one->sealed ? seal_read(backups->store, path, &seal, err) : 0;
	if (r < 0)
		return r;
	r = store_check(backups->store, path, one->sealed ? seal.sum : NULL, &file, err);
	if (file.changed)
		note_file(one, &file);
	return r;
}

int backups_check(struct backups *backups, struct backup *one, struct err *err)
{
	int r = check(backups, one, err);

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

static bool is_checked(const struct backup *one)
{
	uint64_t now = (uint64_t)time(NULL);

	return one->checked && one->checked <= now && now - one->checked < CHECKED_SECONDS;
}

static bool is_in_chain(const struct backups *backups, const struct backup *last,
			const struct backup *one)
{
	size_t steps = 0;

	for (const struct backup *at = last; at && steps <= backups->count; steps++) {
		if (at == one)
			return true;
		at = at->base ? backups_of(backups, at->base) : NULL;
	}
	return false;
}

int backups_check_chain(struct backups *backups, const struct backup *last, bool all,
			struct err *err)
{
	bool found = false;

	for (size_t i = 0; i < backups->count; i++) {
		struct backup *one = &backups->list[i];
		struct err fault = { 0 };
		if (!is_in_chain(backups, last, one) || (!all && is_checked(one)) ||
		    backups_check(backups, one, &fault) == 0)
			continue;
		if (one->fault != BACKUP_DAMAGED) {
			*err = fault;
			return -err->code;
		}
		found = true;
	}
	backups_judge(backups);
	return found;
}

/* ---- Changes */

int backups_lock(struct store *store, const char *name, const char *uuid, struct err *err)
{
	scoped_free char *folder = text_format("%s.%s", name, uuid);

	if (!folder)
		return no_memory(err);
	int r = store_lock(store, folder, WAIT_SECONDS, err);
	if (r == 0)
		return 0;
	if (r != -EBUSY)
		return target_remedy(store->target, err);
	*err = (struct err){ 0 };
	return err_set(err, EBUSY,
		       "another command works on the backups of machine '%s' in '%s'; wait for its "
		       "end",
		       name, store->target);
}

int backups_remove(const struct backups *backups, const struct backup *one, struct err *err)
{
	scoped_free char *path = path_of(backups, one);

	if (!path)
		return no_memory(err);
	if (store_remove(backups->store, path, err) < 0)
		return -err->code;
	return one->sealed ? seal_remove(backups->store, path, err) : 0;
}
