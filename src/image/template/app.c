/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/template/app.h"
#include "config/values.h"

#include "base/scoped.h"

#include <string.h>

/* No other key may come from an image. */
static bool is_allowed(const char *line)
{
	return text_starts(line, "default.app.") || text_starts(line, "default.env ") ||
	       text_starts(line, "image.entrypoint ");
}

int app_parse(const struct text *facts, struct template_config *config, struct err *err)
{
	const char *line = text_str(facts);

	while (*line) {
		if (!is_allowed(line))
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

	if (!command || !*command || config_words(command, &words, &(struct err){ 0 }) < 0)
		return false;
	bool runs = words[0] && !is_init(words[0], root_fd);
	if (runs && has_distribution_init(facts))
		runs = words[1] || !is_shell(words[0]);
	free(words);
	return runs;
}
