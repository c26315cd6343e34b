/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parser of the thin targets' status lines; doc: the kernel's thin-provisioning.rst. */
#include "kern/dm_thin.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

/* The words of a line, taken one after the other. */
struct words {
	char text[DM_PARAMS_MAX];
	char *rest;
};

static int words_begin(struct words *words, const char *params)
{
	words->rest = words->text;
	return text_print(words->text, sizeof words->text, "%s", params) < 0 ? -EINVAL : 0;
}

/* NULL at the end. */
static char *words_next(struct words *words)
{
	return strtok_r(NULL, " \n", &words->rest);
}

static int to_number(const char *word, uint64_t *out)
{
	return word && text_to_u64(word, 0, UINT64_MAX, out) == 0 ? 0 : -EINVAL;
}

/* "-" for none. */
static int to_optional(const char *word, uint64_t *out)
{
	if (word && strcmp(word, "-") == 0) {
		*out = 0;
		return 0;
	}
	return to_number(word, out);
}

/* "used/total". */
static int to_share(char *word, uint64_t *used, uint64_t *total)
{
	char *slash = word ? strchr(word, '/') : NULL;

	if (!slash)
		return -EINVAL;
	*slash = 0;
	if (to_number(word, used) < 0 || to_number(slash + 1, total) < 0 || *used > *total)
		return -EINVAL;
	return 0;
}

/* The index of a word in a list that ends with NULL. */
static int to_choice(const char *word, const char *const *choices)
{
	for (int i = 0; word && choices[i]; i++) {
		if (strcmp(word, choices[i]) == 0)
			return i;
	}
	return -EINVAL;
}

static const char *const mode_words[] = { "rw", "ro", "out_of_data_space", NULL };
static const char *const discard_words[] = { "discard_passdown", "no_discard_passdown",
					     "ignore_discard", NULL };
static const char *const space_words[] = { "queue_if_no_space", "error_if_no_space", NULL };
static const char *const check_words[] = { "-", "needs_check", NULL };

/* Whether the kernel gives one word in place of the figures. */
static bool is_word(const char *params, const char *word)
{
	size_t length = strlen(word);

	return strncmp(params, word, length) == 0 &&
	       params[length + strspn(params + length, " \n")] == 0;
}

int dm_pool_parse(const char *params, struct dm_pool_status *status)
{
	struct dm_pool_status s = { 0 };
	struct words words;
	int mode, discard, space, check;

	if (is_word(params, "Fail") || is_word(params, "Error")) {
		*status = (struct dm_pool_status){
			.mode = *params == 'F' ? DM_POOL_FAIL : DM_POOL_ERROR,
		};
		return 0;
	}
	if (words_begin(&words, params) < 0 || to_number(words_next(&words), &s.transaction) < 0 ||
	    to_share(words_next(&words), &s.metadata_used, &s.metadata_total) < 0 ||
	    to_share(words_next(&words), &s.data_used, &s.data_total) < 0 ||
	    to_optional(words_next(&words), &s.held_root) < 0 ||
	    (mode = to_choice(words_next(&words), mode_words)) < 0 ||
	    (discard = to_choice(words_next(&words), discard_words)) < 0 ||
	    (space = to_choice(words_next(&words), space_words)) < 0)
		return -EINVAL;
	/* Words that 4.3 and 4.20 have added; those of later kernels follow and are ignored. */
	char *word = words_next(&words);
	check = word ? to_choice(word, check_words) : 0;
	word = words_next(&words);
	if (check < 0 || (word && to_number(word, &s.metadata_low_water) < 0))
		return -EINVAL;
	s.mode = (enum dm_pool_mode)mode;
	s.discard = (enum dm_discard)discard;
	s.error_if_no_space = space == 1;
	s.needs_check = check == 1;
	*status = s;
	return 0;
}

enum {
	RESERVE_PART = 10,  /* of the metadata, which the kernel keeps, and counts as used... */
	RESERVE_MAX = 4096, /* ...but no more blocks than that */
	METADATA_FASTEST = 1024, /* blocks a second: copies all over a clone's tree */
	PAUSE_MIN = 1000,
	PAUSE_MAX = 300000,
};

/*
 * The kernel's low-water mark counts the reserve as free. So in a pool of some GiB it is reached only after the
 * reserve, whose use makes the pool read-only.
 */
int dm_pool_metadata_pause(const struct dm_pool_status *status, unsigned percent)
{
	uint64_t total = status->metadata_total, reserve = total / RESERVE_PART;
	uint64_t low = total * percent / 100;

	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	if (status->metadata_low_water >= reserve + (total - low) / 2)
		return -1;
	uint64_t left = low > status->metadata_used ? low - status->metadata_used : 0;
	uint64_t pause = left * 1000 / (2 * METADATA_FASTEST);
	return pause < PAUSE_MIN ? PAUSE_MIN : pause > PAUSE_MAX ? PAUSE_MAX : (int)pause;
}

int dm_thin_parse(const char *params, struct dm_thin_status *status)
{
	struct dm_thin_status s = { 0 };
	struct words words;

	if (is_word(params, "Fail") || is_word(params, "Error") || is_word(params, "-")) {
		*status = (struct dm_thin_status){ .fail = true };
		return 0;
	}
	if (words_begin(&words, params) < 0 || to_number(words_next(&words), &s.mapped) < 0 ||
	    to_optional(words_next(&words), &s.highest) < 0)
		return -EINVAL;
	*status = s;
	return 0;
}

static int status_of(struct dm *dm, const char *name, unsigned flags, const char *type,
		     struct dm_line *line)
{
	int r = dm_status(dm, name, flags, line);

	return r == 0 && strcmp(line->type, type) != 0 ? -EINVAL : r;
}

int dm_pool_status(struct dm *dm, const char *name, unsigned flags, struct dm_pool_status *status)
{
	struct dm_line line;
	int r = status_of(dm, name, flags, "thin-pool", &line);

	return r < 0 ? r : dm_pool_parse(line.params, status);
}

int dm_thin_status(struct dm *dm, const char *name, unsigned flags, struct dm_thin_status *status)
{
	struct dm_line line;
	int r = status_of(dm, name, flags, "thin", &line);

	return r < 0 ? r : dm_thin_parse(line.params, status);
}

const char *dm_pool_mode_name(enum dm_pool_mode mode)
{
	switch (mode) {
	case DM_POOL_WRITE:
		return "read-write";
	case DM_POOL_READ_ONLY:
		return "read-only";
	case DM_POOL_OUT_OF_DATA:
		return "out of space";
	case DM_POOL_FAIL:
		return "failed";
	case DM_POOL_ERROR:
		return "unreadable";
	}
	return "unknown";
}
