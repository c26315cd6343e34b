#include "storage/copied.h"

#include <string.h>

/*
 * Each look is an equation: the bytes copied are the sum of ratio times bytes written. They are solved by
 * least squares, one ratio after the other, again and again. FADE: a write is counted when it is through, its
 * block when it begins, which may be a look earlier; so both sides keep some of the looks before.
 */
static const double FADE = 0.6;
/* How much weight it has that all are alike, against what was seen. */
static const double ALIKE = 0.002;
static const double RATIO_MAX = 128; /* a sector that takes a block of 64 KiB */
enum { SWEEPS = 200 };

static double within(double value, double most)
{
	return value < 0 ? 0 : value > most ? most : value;
}

void copied_note(struct copied *copied, double bytes, struct copied_writer *const *writers,
		 size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += writers[i]->since;
	if (sum <= 0 && bytes <= 0)
		return;
	copied->recent = FADE * copied->recent + bytes;
	copied->bytes[copied->next] = copied->recent;
	for (size_t i = 0; i < count; i++) {
		writers[i]->recent = FADE * writers[i]->recent + writers[i]->since;
		writers[i]->wrote[copied->next] = writers[i]->recent;
		writers[i]->since = 0;
	}
	copied->next = (copied->next + 1) % COPIED_LOOKS;
	if (copied->count < COPIED_LOOKS)
		copied->count++;
}

void copied_forget(struct copied *copied, struct copied_writer *const *writers, size_t count)
{
	*copied = (struct copied){ 0 };
	for (size_t i = 0; i < count; i++)
		*writers[i] = (struct copied_writer){ 0 };
}

/* As if all were alike. */
static double common_ratio(const struct copied *copied, struct copied_writer *const *writers,
			   size_t count)
{
	double bytes = 0, wrote = 0;

	for (size_t look = 0; look < copied->count; look++) {
		bytes += copied->bytes[look];
		for (size_t i = 0; i < count; i++)
			wrote += writers[i]->wrote[look];
	}
	return wrote > 0 ? within(bytes / wrote, RATIO_MAX) : 0;
}

/* The best ratio of one while the others' stay; missing: what they do not explain. Returns its change. */
static double improve(struct copied_writer *writer, double alike, double *missing, size_t looks)
{
	double square = 0, product = 0;

	for (size_t look = 0; look < looks; look++) {
		square += writer->wrote[look] * writer->wrote[look];
		product += writer->wrote[look] * missing[look];
	}
	if (square <= 0)
		return 0;
	double weight = ALIKE * square;
	double ratio = (product + writer->ratio * square + weight * alike) / (square + weight);
	ratio = within(ratio, RATIO_MAX);
	double change = ratio - writer->ratio;
	for (size_t look = 0; look < looks; look++)
		missing[look] -= change * writer->wrote[look];
	writer->ratio = ratio;
	return change < 0 ? -change : change;
}

void copied_judge(const struct copied *copied, struct copied_writer *const *writers, size_t count)
{
	double alike = common_ratio(copied, writers, count);
	double missing[COPIED_LOOKS];
	double most = 1;

	memcpy(missing, copied->bytes, sizeof missing);
	for (size_t i = 0; i < count; i++) {
		writers[i]->ratio = alike;
		for (size_t look = 0; look < copied->count; look++)
			missing[look] -= alike * writers[i]->wrote[look];
	}
	for (int sweep = 0; sweep < SWEEPS && most > 1e-4; sweep++) {
		most = 0;
		for (size_t i = 0; i < count; i++) {
			double change = improve(writers[i], alike, missing, copied->count);
			most = change > most ? change : most;
		}
	}
}
