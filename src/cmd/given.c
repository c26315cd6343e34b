/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings from options: --set, and the options that stand for one setting. */
#include "base/scoped.h"
#include "cmd/common.h"

#include <string.h>

int settings_given(const struct call *call, bool ephemeral, struct words *words, struct err *err)
{
	const char *network = call_value(call, &flag_network);

	*words = (struct words){ .list = calloc(call->given_count + 2, sizeof *words->list) };
	if (network)
		words->network = text_format("network=%s", network);
	if (!words->list || (network && !words->network)) {
		settings_free(words);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < call->given_count; i++) {
		const struct given *given = &call->given[i];
		if (given->flag == &flag_set)
			words->list[words->count++] = given->value;
	}
	if (ephemeral)
		words->list[words->count++] = "ephemeral=yes";
	if (network)
		words->list[words->count++] = words->network;
	return 0;
}

int setting_check(const struct schema *schema, void *config, const char *name, const char *value,
		  struct err *err)
{
	if (config_flags(schema, name) & KEY_FIXED)
		config_refuse_fixed(schema, name, err);
	else
		config_put(schema, config, name, value, err);
	return err->code == ENOMEM ? -ENOMEM : err->code ? EXIT_USAGE : 0;
}

static int word_check(struct machine_config *config, const char *word, struct err *err)
{
	scoped_free char *name = strdup(word);
	char *equals = name ? strchr(name, '=') : NULL;

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	if (!equals) {
		err_set(err, EINVAL, "--set cannot be '%.100s': use KEY=VALUE", word);
		return EXIT_USAGE;
	}
	*equals = '\0';
	return setting_check(&machine_schema, config, name, equals + 1, err);
}

int settings_check(const struct words *words, struct err *err)
{
	struct machine_config config = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->count; i++)
		r = word_check(&config, words->list[i], err);
	config_free(&machine_schema, &config);
	return r;
}

void settings_free(struct words *words)
{
	free(words->list);
	free(words->network);
	*words = (struct words){ 0 };
}
