/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words NAME=VALUE. */
#include "gateway/environment.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_word(struct environment *env, char *word)
{
	char **words = word ? realloc(env->words, (env->count + 2) * sizeof *words) : NULL;

	if (!words) {
		free(word);
		env->failed = true;
		return;
	}
	env->words = words;
	words[env->count++] = word;
	words[env->count] = NULL;
}

void environment_add(struct environment *env, const char *name, const char *value)
{
	if (value)
		add_word(env, text_format("%s=%s", name, value));
}

void environment_begin(struct environment *env)
{
	static const char *const kept[] = { "BERTH_",
					    "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=" };

	environment_add(env, "PATH",
			"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	environment_add(env, "LANG", "C.UTF-8");
	environment_add(env, "HOME", "/root");
	for (char **word = environ; *word; word++)
		for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
			if (text_starts(*word, kept[i]))
				add_word(env, strdup(*word));
}

void environment_free(struct environment *env)
{
	for (size_t i = 0; i < env->count; i++)
		free(env->words[i]);
	free(env->words);
	*env = (struct environment){ 0 };
}
