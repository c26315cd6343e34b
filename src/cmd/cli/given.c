/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings from options: --set, --env, and the options that stand for one setting. */
#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "config/values.h"
#include "machine/manage/manage.h"

#include <fcntl.h>
#include <string.h>

const struct flag flag_init_env = {
	"env", 0, false, "NAME=VALUE",
	"add to the environment of its init; may be given several times"
};
const struct flag flag_load_credential = {
	"load-credential", 0, false, "ID:FILE",
	"give its systemd the contents of a file as a credential"
};

/* Adds a setting whose word belongs to words. */
static int add_made(struct words *words, char *word, struct err *err)
{
	if (!word)
		return err_set(err, ENOMEM, "out of memory");
	words->made[words->made_count++] = word;
	words->list[words->count++] = word;
	return 0;
}

/* The setting "credential.ID=VALUE" of ID:FILE. */
static int load_credential(struct words *words, const char *value, struct err *err)
{
	scoped_text struct text quoted = { 0 };
	scoped_free char *text = NULL;
	const char *path = strchr(value, ':');
	int id = (int)strcspn(value, ":");

	if (!path || !path[1] || id == 0) {
		err_set(err, EINVAL, "--load-credential cannot be '%.100s': use ID:FILE", value);
		return EXIT_USAGE;
	}
	ssize_t n = file_read(AT_FDCWD, ++path, CONFIG_LINE_MAX, &text);
	if (n < 0)
		err_set(err, (int)-n, "read '%.200s' of --load-credential: %s", path,
			file_why((int)n));
	else if (strlen(text) != (size_t)n || n == 0)
		err_set(err, EINVAL, "'%.200s' of --load-credential is %s", path,
			n == 0 ? "empty" : "no text");
	else if (config_credential_value(text, &quoted, err) < 0)
		err_wrap(err, "'%.200s' of --load-credential", path);
	else
		return add_made(words,
				text_format("credential.%.*s=%s", id, value, text_str(&quoted)),
				err);
	return EXIT_USAGE;
}

static int add_given(struct words *words, const struct given *given, struct err *err)
{
	if (given->flag == &flag_set)
		words->list[words->count++] = given->value;
	else if (given->flag == &flag_init_env)
		words->env[words->env_count++] = given->value;
	else if (given->flag == &flag_load_credential)
		return load_credential(words, given->value, err);
	else if (given->flag == &flag_network)
		return add_made(words, text_format("network=%s", given->value), err);
	return 0;
}

int settings_given(const struct call *call, bool ephemeral, struct words *words, struct err *err)
{
	size_t most = call->given_count + 1;
	int r = 0;

	*words = (struct words){ .list = calloc(most, sizeof *words->list),
				 .env = calloc(most, sizeof *words->env),
				 .made = calloc(most, sizeof *words->made) };
	if (!words->list || !words->env || !words->made)
		r = err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < call->given_count; i++)
		r = add_given(words, &call->given[i], err);
	if (r == 0 && ephemeral)
		words->list[words->count++] = "ephemeral=yes";
	return r;
}

struct settings settings_of(const struct words *words)
{
	return (struct settings){ .words = words->list,
				  .count = words->count,
				  .env = words->env,
				  .env_count = words->env_count };
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

static int env_check(const char *word, struct err *err)
{
	const char *fault = config_variable_fault(word);

	if (!fault)
		return 0;
	err_set(err, EINVAL, "--env cannot be '%.100s': it %s", word, fault);
	return EXIT_USAGE;
}

int settings_check(const struct words *words, struct err *err)
{
	struct machine_config config = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->count; i++)
		r = word_check(&config, words->list[i], err);
	for (size_t i = 0; r == 0 && i < words->env_count; i++)
		r = env_check(words->env[i], err);
	config_free(&machine_schema, &config);
	return r;
}

void settings_free(struct words *words)
{
	for (size_t i = 0; i < words->made_count; i++)
		free(words->made[i]);
	free(words->made);
	free(words->list);
	free(words->env);
	*words = (struct words){ 0 };
}
