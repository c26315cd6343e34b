/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/growth.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Growth is that of one to two periods: a volume that has stopped growing then counts as such, and a volume that took
 * one block is compared with what others took in the same time.
 */
enum { WINDOW_MS = 5000 };

static struct grower *find(const struct growth *growth, const char *volume)
{
	for (size_t i = 0; i < growth->count; i++) {
		if (strcmp(growth->list[i]->volume, volume) == 0)
			return growth->list[i];
	}
	return NULL;
}

/* Blocks from before the first look are no growth. */
static void begin(struct grower *grower, const struct volume_use *use)
{
	grower->taken = (struct volume_taken){ .id = use->id };
	for (int i = 0; i < 2; i++)
		grower->before[i] =
			(struct grower_before){ .used = use->used, .written = use->written };
}

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
	begin(grower, use);
	return list[growth->count++] = grower;
}

int growth_note(struct growth *growth, const struct volume_use *use)
{
	struct grower *grower = find(growth, use->name);

	if (!grower)
		grower = add(growth, use);
	if (!grower)
		return -ENOMEM;
	/* Another volume of that name, or another device, without any writes so far. */
	if (use->id != grower->taken.id || use->written < grower->written)
		begin(grower, use);
	grower->used = use->used;
	grower->written = use->written;
	grower->seen = true;
	return 0;
}

void growth_forget(struct growth *growth)
{
	size_t kept = 0;

	for (size_t i = 0; i < growth->count; i++) {
		if (growth->list[i]->seen)
			growth->list[kept++] = growth->list[i];
		else
			free(growth->list[i]);
	}
	growth->count = kept;
	for (size_t i = 0; i < kept; i++)
		growth->list[i]->seen = false;
}

static uint64_t more(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* Blocks that a volume had at the first look are no growth. With a snapshot in the pool, counting begins anew. */
static uint64_t took(struct grower *grower)
{
	const struct volume_taken *now = &grower->taken;
	struct volume_taken *last = &grower->before[1].taken, *before = &grower->before[0].taken;

	if (now->told != TAKEN_COUNTED)
		return 0;
	if (last->told != TAKEN_COUNTED)
		*last = *now;
	if (before->told != TAKEN_COUNTED)
		*before = *last;
	return now->since == before->since ? more(now->bytes, before->bytes) : now->bytes;
}

static uint64_t wrote_over(const struct grower *grower)
{
	const struct grower_before *before = &grower->before[0];

	return more(more(grower->written, before->written), more(grower->used, before->used));
}

static void share_out(struct growth *growth, uint64_t lost)
{
	double sum = 0;

	for (size_t i = 0; i < growth->count; i++) {
		if (growth->list[i]->taken.told == TAKEN_UNKNOWN)
			sum += (double)wrote_over(growth->list[i]);
	}
	for (size_t i = 0; sum > 0 && i < growth->count; i++) {
		struct grower *grower = growth->list[i];
		if (grower->taken.told == TAKEN_UNKNOWN)
			grower->growth +=
				(uint64_t)((double)lost * (double)wrote_over(grower) / sum);
	}
}

static void move_window(struct growth *growth, uint64_t used, int64_t now)
{
	if (now - growth->began < WINDOW_MS)
		return;
	growth->began = now;
	growth->pool_before[0] = growth->pool_before[1];
	growth->pool_before[1] = used;
	for (size_t i = 0; i < growth->count; i++) {
		struct grower *grower = growth->list[i];
		grower->before[0] = grower->before[1];
		grower->before[1] =
			(struct grower_before){ grower->used, grower->written, grower->taken };
	}
}

void growth_judge(struct growth *growth, uint64_t used, int64_t now)
{
	uint64_t sum = 0;

	if (!growth->began) {
		growth->began = now;
		growth->pool_before[0] = growth->pool_before[1] = used;
	}
	for (size_t i = 0; i < growth->count; i++) {
		struct grower *grower = growth->list[i];
		uint64_t gained = more(grower->used, grower->before[0].used);
		uint64_t taken = took(grower);
		/*
		 * A new mapping shows at once, the metadata only at the next commit; the metadata include the mapping.
		 */
		grower->growth = gained > taken ? gained : taken;
		sum += grower->growth;
	}
	share_out(growth, more(more(used, growth->pool_before[0]), sum));
	move_window(growth, used, now);
}

void growth_free(struct growth *growth)
{
	for (size_t i = 0; i < growth->count; i++)
		free(growth->list[i]);
	free(growth->list);
	*growth = (struct growth){ 0 };
}
