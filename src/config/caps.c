/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of capabilities: "sys_time -net_raw" adds one to the default set and removes another. */
#include "base/scoped.h"
#include "config/types.h"
#include "config/values.h"

#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>

/* cap_from_name(3) also takes numbers, which are refused here. */
static int find(const char *word, cap_value_t *number)
{
	char name[32];

	if (strncasecmp(word, "cap_", 4) == 0)
		word += 4;
	if ((*word >= '0' && *word <= '9') || text_print(name, sizeof name, "cap_%s", word) < 0 ||
	    cap_from_name(name, number) < 0)
		return -EINVAL;
	return *number < 64 ? 0 : -EINVAL;
}

static int add_word(const char *word, struct config_caps *caps, struct err *err)
{
	bool drop = *word == '-';
	cap_value_t number;

	if (find(word + (drop || *word == '+'), &number) < 0)
		return err_set(err, EINVAL,
			       "there is no capability '%.60s'; use names of capabilities(7) such "
			       "as sys_time, with '-' in front to take one away",
			       word);
	uint64_t bit = (uint64_t)1 << number;
	if ((drop ? caps->add : caps->drop) & bit)
		return err_set(err, EINVAL, "'%.60s' is both given and taken away", word);
	*(drop ? &caps->drop : &caps->add) |= bit;
	return 0;
}

int config_caps(const char *value, struct config_caps *caps, struct err *err)
{
	scoped_free char *copy = strdup(value);
	char *rest = copy;

	*caps = (struct config_caps){ 0 };
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (char *word; (word = strsep(&rest, " ,"));) {
		if (*word && add_word(word, caps, err) < 0)
			return -err->code;
	}
	return 0;
}

static void print_set(uint64_t set, const char *sign, struct text *out)
{
	for (int number = 0; number < 64; number++) {
		if (!(set & (uint64_t)1 << number))
			continue;
		char *name = cap_to_name(number);
		text_add(out, "%s%s%s", out->length ? " " : "", sign, name ? name + 4 : "?");
		cap_free(name);
	}
}

void caps_print(const struct config_caps *caps, struct text *out)
{
	print_set(caps->add, "", out);
	print_set(caps->drop, "-", out);
}
