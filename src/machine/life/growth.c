#include "machine/life/growth.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_MS =
		5000, /* growth is that of so long, so that who has stopped growing is no grower */
	NOTE_MS = 500,
	LITTLE = 8, /* a share of so small a part of an even one is none */
};

/* ---- Looking */

static struct grower *find(const struct growth *growth, const char *volume)
{
	for (size_t i = 0; i < growth->count; i++) {
		if (strcmp(growth->list[i]->volume, volume) == 0)
			return growth->list[i];
	}
	return NULL;
}

/* All that one had before we first looked is no growth. */
static struct grower *add(struct growth *growth, const struct volume_use *use)
{
	static const char kind[] = "machine.";
	struct grower **list = reallocarray(growth->list, growth->count + 1, sizeof *growth->list);

	if (!list)
		return NULL;
	growth->list = list;
	struct grower *grower = calloc(1, sizeof *grower);
	if (!grower)
		return NULL;
	snprintf(grower->volume, sizeof grower->volume, "%s", use->name);
	grower->machine = text_starts(grower->volume, kind) ? grower->volume + strlen(kind) : NULL;
	grower->used = grower->used_before = use->used;
	grower->written = use->written;
	growth->unclear = true;
	return list[growth->count++] = grower;
}

static int note_use(void *context, const struct volume_use *use)
{
	struct growth *growth = context;
	struct grower *grower = find(growth, use->name);

	if (!grower)
		grower = add(growth, use);
	if (!grower)
		return -ENOMEM;
	double gained = (double)use->used - (double)grower->used;
	double wrote =
		use->written > grower->written ? (double)(use->written - grower->written) : 0;
	double over = wrote > gained ? wrote - gained : 0;
	if (gained < 0) {
		growth->unclear = true;
		over = wrote;
	}
	growth->gained += gained;
	grower->writer.since += over;
	grower->over += over;
	grower->used = use->used;
	grower->written = use->written;
	grower->seen = true;
	return 0;
}

static void gather(const struct growth *growth, struct copied_writer **writers)
{
	for (size_t i = 0; i < growth->count; i++)
		writers[i] = &growth->list[i]->writer;
}

static void forget_unseen(struct growth *growth, struct copied_writer **writers)
{
	size_t kept = 0;

	for (size_t i = 0; i < growth->count; i++) {
		if (growth->list[i]->seen)
			growth->list[kept++] = growth->list[i];
		else
			free(growth->list[i]);
	}
	bool gone = kept < growth->count;
	growth->count = kept;
	for (size_t i = 0; i < kept; i++)
		growth->list[i]->seen = false;
	gather(growth, writers);
	if (gone)
		copied_forget(&growth->copied, writers, kept);
	growth->unclear = growth->unclear || gone;
}

/* What the pool has lost beyond what the mappings have gained. */
static void note_copied(struct growth *growth, struct copied_writer **writers, uint64_t used)
{
	double copied = (double)used - (double)growth->pool_used - growth->gained;
	int64_t now = clock_ms();

	growth->pool_used = used;
	growth->gained = 0;
	if (growth->unclear || copied < 0) {
		growth->unclear = false;
		growth->unnoted = 0;
		for (size_t i = 0; i < growth->count; i++)
			writers[i]->since = 0;
		return;
	}
	growth->unnoted += copied;
	growth->in_window += copied;
	if (now - growth->noted < NOTE_MS)
		return;
	copied_note(&growth->copied, growth->unnoted, writers, growth->count);
	growth->unnoted = 0;
	growth->noted = now;
}

/* ---- Judging */

static bool is_little(double part, double sum, size_t count)
{
	return part * LITTLE * (double)count < sum;
}

static void judge(struct growth *growth, struct copied_writer *const *writers)
{
	double sum = 0;

	copied_judge(&growth->copied, writers, growth->count);
	for (size_t i = 0; i < growth->count; i++)
		sum += writers[i]->ratio * growth->list[i]->over;
	for (size_t i = 0; i < growth->count; i++) {
		struct grower *grower = growth->list[i];
		double part = grower->writer.ratio * grower->over;
		double copied = sum > 0 && !is_little(part, sum, growth->count)
					? growth->in_window * part / sum
					: 0;
		uint64_t gained =
			grower->used > grower->used_before ? grower->used - grower->used_before : 0;
		grower->growth = gained + (uint64_t)copied;
		grower->cleared =
			grower->held && grower->held_copied > 0 &&
			grower->writer.ratio * grower->held_over * LITTLE < grower->held_copied;
	}
}

static void move_window(struct growth *growth)
{
	int64_t now = clock_ms();

	if (now - growth->began < WINDOW_MS)
		return;
	growth->began = now;
	growth->in_window = 0;
	for (size_t i = 0; i < growth->count; i++) {
		growth->list[i]->used_before = growth->list[i]->used;
		growth->list[i]->over = 0;
	}
}

int growth_look(struct growth *growth, struct pool *pool, uint64_t used, struct err *err)
{
	if (!growth->pool_used) {
		growth->began = growth->noted = clock_ms();
		growth->unclear = true;
	}
	move_window(growth);
	if (pool_each_use(pool, note_use, growth, err) < 0)
		return -err->code;
	struct copied_writer **writers = calloc(growth->count + 1, sizeof(void *));
	if (!writers)
		return err_set(err, ENOMEM, "out of memory");
	forget_unseen(growth, writers);
	note_copied(growth, writers, used);
	judge(growth, writers);
	free(writers);
	return 0;
}

/* What it gained is known, and for that it stays held. */
void growth_held(struct grower *grower)
{
	uint64_t gained =
		grower->used > grower->used_before ? grower->used - grower->used_before : 0;
	double copied = (double)(grower->growth - gained);

	grower->held_over = grower->over;
	grower->held_copied = (double)gained * LITTLE < copied ? copied : 0;
}

void growth_free(struct growth *growth)
{
	for (size_t i = 0; i < growth->count; i++)
		free(growth->list[i]);
	free(growth->list);
	*growth = (struct growth){ 0 };
}
