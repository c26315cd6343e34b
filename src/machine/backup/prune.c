/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups that a policy does not keep are removed, the ends of chains first. */
#include "machine/backup/prune.h"

#include "base/scoped.h"

#include <errno.h>

struct pruning {
	struct backups *backups; /* borrowed */
	uint64_t *dates;
	bool *kept, *chosen, *gone;
};

/* Damaged ones take no place among those that are kept, and are not removed before their time either. */
static void choose(struct pruning *pruning, const struct keep *keep, uint64_t now)
{
	const struct backups *backups = pruning->backups;
	size_t sound = 0;

	for (size_t i = 0; i < backups->count; i++)
		pruning->dates[i] = backups->list[i].date;
	keep_choose(keep, now, pruning->dates, backups->count, pruning->kept);
	for (size_t i = 0; i < backups->count; i++) {
		if (backups->list[i].fault == BACKUP_SOUND)
			pruning->dates[sound++] = backups->list[i].date;
	}
	keep_choose(keep, now, pruning->dates, sound, pruning->chosen);
	for (size_t i = 0, n = 0; i < backups->count; i++) {
		if (backups->list[i].fault == BACKUP_SOUND && pruning->chosen[n++])
			pruning->kept[i] = true;
	}
}

static bool is_base_of_any(const struct pruning *pruning, uint64_t date)
{
	for (size_t i = 0; i < pruning->backups->count; i++) {
		if (!pruning->gone[i] && pruning->backups->list[i].base == date)
			return true;
	}
	return false;
}

/* Removes the newest that nobody needs: 1; 0: there is none; or -code. */
static int remove_next(struct pruning *pruning, bool dry, struct text *removed, struct err *err)
{
	for (size_t i = pruning->backups->count; i > 0; i--) {
		const struct backup *one = &pruning->backups->list[i - 1];
		if (pruning->kept[i - 1] || pruning->gone[i - 1] ||
		    is_base_of_any(pruning, one->date))
			continue;
		if (!dry && backups_remove(pruning->backups, one, err) < 0)
			return -err->code;
		pruning->gone[i - 1] = true;
		text_add(removed, "%s\n", one->file);
		return 1;
	}
	return 0;
}

int backups_prune(struct backups *backups, const struct pruning_spec *spec, struct text *removed,
		  struct err *err)
{
	scoped_free uint64_t *dates = calloc(backups->count + 1, sizeof *dates);
	scoped_free bool *flags = calloc(3 * (backups->count + 1), sizeof *flags);
	struct pruning pruning = { .backups = backups, .dates = dates, .kept = flags };
	int r;

	if (!dates || !flags)
		return err_set(err, ENOMEM, "out of memory");
	pruning.chosen = flags + backups->count + 1;
	pruning.gone = pruning.chosen + backups->count + 1;
	choose(&pruning, spec->keep, spec->now);
	while ((r = remove_next(&pruning, spec->dry, removed, err)) > 0)
		;
	return r;
}
