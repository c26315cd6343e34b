/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/app.h"

#include "base/scoped.h"

#include <string.h>

int app_parse(const struct text *facts, struct template_config *config, struct err *err)
{
	const char *line = text_str(facts);

	while (*line) {
		if (!text_starts(line, "app."))
			return err_set(err, EINVAL,
				       "its settings are not as berth-unpack tells them");
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return config_parse(&template_schema, "settings of the image", text_str(facts),
			    facts->length, config, err);
}

static bool is_shell(const char *word)
{
	static const char *const shells[] = { "sh", "bash", "ash", "dash", "zsh", "ksh", "fish" };
	const char *slash = strrchr(word, '/');

	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
		if (strcmp(slash ? slash + 1 : word, shells[i]) == 0)
			return true;
	}
	return false;
}

/* The init of busybox is in every root of Alpine, also where nothing is there for it to start. */
static bool has_distribution_init(const struct root_facts *facts)
{
	return facts->init != INIT_NONE && facts->init != INIT_OTHER && facts->init != INIT_BUSYBOX;
}

static bool is_init(const char *word, int root_fd)
{
	struct root_facts facts;

	return *word == '/' && root_inspect(root_fd, word, &facts, &(struct err){ 0 }) == 0 &&
	       has_distribution_init(&facts);
}

bool app_is_run(const char *command, int root_fd, const struct root_facts *facts)
{
	char **words = NULL;

	if (!*command || config_words(command, &words, &(struct err){ 0 }) < 0)
		return false;
	bool runs = words[0] && !is_init(words[0], root_fd);
	if (runs && has_distribution_init(facts))
		runs = words[1] || !is_shell(words[0]);
	free(words);
	return runs;
}

struct pair {
	char **to;
	const char *from;
};

static int copy_pairs(const struct pair *pairs, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (text_take(pairs[i].to, strdup(pairs[i].from)) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

int app_copy(struct template_config *to, const struct template_config *from, struct err *err)
{
	const struct pair pairs[] = {
		{ &to->app_command, from->app_command },
		{ &to->app_directory, from->app_directory },
		{ &to->app_env, from->app_env },
		{ &to->app_signal, from->app_signal },
		{ &to->app_user, from->app_user },
	};

	return copy_pairs(pairs, sizeof pairs / sizeof *pairs, err);
}

int app_to_machine(struct machine_config *to, const struct template_config *from, struct err *err)
{
	const struct pair pairs[] = {
		{ &to->app_command, from->app_command },
		{ &to->app_directory, from->app_directory },
		{ &to->env, from->app_env },
		{ &to->app_signal, from->app_signal },
		{ &to->app_user, from->app_user },
	};

	return copy_pairs(pairs, sizeof pairs / sizeof *pairs, err);
}

int app_of_machine(struct template_config *to, const struct machine_config *from, struct err *err)
{
	const struct pair pairs[] = {
		{ &to->app_command, from->app_command },
		{ &to->app_directory, from->app_directory },
		{ &to->app_env, from->env },
		{ &to->app_signal, from->app_signal },
		{ &to->app_user, from->app_user },
	};

	return copy_pairs(pairs, sizeof pairs / sizeof *pairs, err);
}
