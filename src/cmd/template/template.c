/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template build, import, list, delete. */
#include "image/template/template.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/table.h"
#include "cmd/cli/verbs.h"
#include "cmd/template/derive.h"
#include "cmd/template/template.h"
#include "storage/inventory.h"

#include <string.h>

static const struct flag flag_release = { "release", 0, false, "RELEASE",
					  "such as bookworm; the recipe's own if not given" };
static const struct flag flag_mirror = { "mirror", 0, false, "URL",
					 "where packages come from; the distribution's own if not "
					 "given" };
static const struct flag flag_keyring = {
	"keyring", 0, false, "FILE",
	"keys that sign what the mirror has; the distribution's own if not given"
};
static const struct flag flag_variant = {
	"variant", 0, false, "VARIANT", "how much is in it, such as minbase or standard of debian"
};
static const struct flag flag_init = {
	"init", 0, false, "INIT", "its init, such as sysvinit of debian or busybox of busybox"
};
static const struct flag flag_packages = { "packages", 0, false, "LIST",
					   "more packages, separated by commas" };

static const struct flag *const build_flags[] = { &flag_init,           &flag_derive_keep,
						  &flag_keyring,        &flag_mirror,
						  &flag_network,        &flag_derive_cache,
						  &flag_packages,       &flag_pool,
						  &flag_release,        &flag_derive_replace,
						  &flag_derive_timeout, &flag_variant,
						  &flag_derive_verbose, NULL };
/* Flags of build that only a recipe has, or only a file. */
static const struct flag *const recipe_flags[] = {
	&flag_init, &flag_keyring, &flag_mirror, &flag_packages, &flag_release, &flag_variant, NULL
};
static const struct flag *const file_flags[] = { &flag_derive_keep,
						 &flag_network,
						 &flag_derive_cache,
						 &flag_derive_replace,
						 &flag_derive_timeout,
						 &flag_derive_verbose,
						 NULL };
static const struct flag *const import_flags[] = { &flag_pool, NULL };
static const struct flag flag_broken = { "force", 'f', false, NULL,
					 "also one that has lost a part, with what is left" };
static const struct flag *const adopt_flags[] = { &flag_pool, NULL };
static const struct flag *const delete_flags[] = { &flag_broken, NULL };
static const struct flag flag_cache = { "cache", 0, false, NULL,
					"steps of builds that are kept for the next build" };
static const struct flag *const list_flags[] = { &flag_cache, &flag_json, NULL };

static int open_pool(const struct call *call, struct pool *pool, struct err *err)
{
	scoped_free char *name = NULL;
	int r = pool_wanted(call, &name, err);

	return r != 0 ? r : pool_open(pool, &call->dirs, name, err);
}

/* Settings of the recipe in berth.conf, for options that were not given. `config` stays the owner of the texts. */
static void apply_berth_conf(const struct berth_config *config, struct template_build *build)
{
	const struct recipe_config *recipe =
		(const struct recipe_config *)config_section(config->recipes, build->recipe);

	if (!build->mirror && recipe && *recipe->mirror)
		build->mirror = recipe->mirror;
	if (!build->mirror && *config->mirror && strcmp(build->recipe, "debian") == 0)
		build->mirror = config->mirror;
	if (!build->keyring && recipe && *recipe->keyring)
		build->keyring = recipe->keyring;
}

/* The recipe has another working folder. */
static int find_keyring(struct template_build *build, char **path, struct err *err)
{
	if (!build->keyring)
		return 0;
	*path = realpath(build->keyring, NULL);
	if (!*path)
		return err_set(err, errno, "read the keys '%s': %s", build->keyring,
			       strerror(errno));
	build->keyring = *path;
	return 0;
}

/* All that can be refused is refused before a pool is made for the template. */
static int build_with(const struct call *call, const struct berth_config *config,
		      struct template_build *build, const char *name, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	scoped_free char *keyring = NULL;

	apply_berth_conf(config, build);
	int r = template_recipe_check(build->recipe, err);
	if (r == 0)
		r = find_keyring(build, &keyring, err);
	if (r == 0)
		r = open_pool(call, &pool, err);
	return r != 0 ? r : template_build(&call->dirs, name, &pool, build, err);
}

/* EXIT_USAGE if one of the flags was given. */
static int refuse_flags(const struct call *call, const struct flag *const *flags, const char *why,
			struct err *err)
{
	for (; *flags; flags++) {
		if (!call_has(call, *flags))
			continue;
		err_set(err, EINVAL, "--%s %s", (*flags)->name, why);
		return EXIT_USAGE;
	}
	return 0;
}

static int build_file(struct call *call, struct err *err)
{
	int r = refuse_flags(call, recipe_flags,
			     "is for a recipe; a file has keys instead, see berth.template(5)",
			     err);

	return r != 0 ? r
		      : derive_template(call, call->words[0],
					call->count > 1 ? call->words[1] : NULL, err);
}

static int run_build(struct call *call, struct err *err)
{
	struct template_build build = {
		.recipe = call->words[0],
		.release = call_value(call, &flag_release),
		.mirror = call_value(call, &flag_mirror),
		.variant = call_value(call, &flag_variant),
		.packages = call_value(call, &flag_packages),
		.init = call_value(call, &flag_init),
		.keyring = call_value(call, &flag_keyring),
	};
	const char *name = call->count > 1 ? call->words[1] : build.recipe;
	struct berth_config config;

	if (derive_is_file(build.recipe))
		return build_file(call, err);
	int r = refuse_flags(call, file_flags, "is for a file of steps, such as ./web.template",
			     err);
	if (r == 0)
		r = name_check(build.recipe, err);
	if (r == 0)
		r = name_check(name, err);
	if (r == 0)
		r = config_load_berth(&call->dirs, &config, err);
	if (r != 0)
		return r;
	r = build_with(call, &config, &build, name, err);
	config_free(&berth_schema, &config);
	return r;
}

static int import_shown(const struct call *call, const char *name, struct pool *pool,
			const struct template_image *image, struct text *notes, struct err *err)
{
	scoped_progress struct progress progress = { 0 };

	progress_begin(&progress, "importing '%s'", name);
	return template_import(&call->dirs, name, pool, image, notes, err);
}

/* The file is checked before a pool is created for the template. */
static int check_readable(const char *file, struct err *err)
{
	if (strcmp(file, "-") != 0 && access(file, R_OK) < 0)
		return err_set(err, errno, "read '%s': %s", file, strerror(errno));
	return 0;
}

static int run_import(struct call *call, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	scoped_text struct text notes = { 0 };
	bool split = call->count == 3;
	const char *name = call->words[call->count - 1];
	struct template_image image = {
		.archive = call->words[split ? 1 : 0],
		.metadata = split ? call->words[0] : NULL,
	};

	int r = name_check(name, err);
	if (r == 0 && split)
		r = check_readable(image.metadata, err);
	if (r == 0)
		r = check_readable(image.archive, err);
	if (r == 0)
		r = open_pool(call, &pool, err);
	if (r == 0)
		r = import_shown(call, name, &pool, &image, &notes, err);
	if (r == 0)
		print_notes(&notes);
	return r;
}

struct listing {
	struct table table;
	json_t *array;
	struct inventory inventory; /* volumes of the pools, of those that are not attached too */
	struct text seen;           /* names of templates that have a folder, each with its NUL */
	int broken;
};

/* Lists a template with a missing part as broken. It must neither hide the others nor itself be hidden. */
static void add_broken(struct listing *listing, const char *name, const char *missing,
		       const struct err *fault)
{
	listing->broken++;
	table_add_broken(&listing->table, listing->array, 1, name, missing, fault);
}

/* Whether the template's volume or pool is gone. */
static bool is_broken(struct listing *listing, const char *name,
		      const struct template_config *config)
{
	struct err why = { 0 }, fault = { 0 };
	int r = template_has_volume(&listing->inventory, name, config, &why);

	if (r == 0)
		return false;
	err_set(&fault, why.code,
		"template '%s' has lost its root: %s; bring it back, or delete the template: berth "
		"template delete --force %s",
		name, why.text, name);
	add_broken(listing, name, r == -ENOENT ? "volume" : "pool", &fault);
	return true;
}

static int visit_template(void *context, const char *name, const struct template_config *config,
			  const struct err *fault)
{
	struct listing *listing = context;
	struct table *table = &listing->table;
	char when[32], size[32];

	text_add_bytes(&listing->seen, name, strlen(name) + 1);
	if (!config) {
		add_broken(listing, name, "template.conf", fault);
		return 0;
	}
	if (config->cached || is_broken(listing, name, config))
		return 0;

	if (listing->array) {
		json_array_append_new(listing->array, template_object(name, config));
		return 0;
	}
	print_time(config->created, when, sizeof when);
	table_add(table, name);
	table_add(table, config->distribution);
	table_add(table, config->release);
	table_add(table, config->arch);
	table_add(table, config->init);
	table_add(table, config->pool);
	template_size_text(config, size, sizeof size);
	table_add(table, size);
	table_add(table, when);
	return 0;
}

/* Lists a root whose template has no folder. */
static int visit_volume(void *context, const char *pool, const char *volume)
{
	struct listing *listing = context;
	struct template_config config = { 0 };
	struct err fault = { 0 };

	(void)pool;
	if (!text_starts(volume, "template."))
		return 0;
	const char *name = volume + strlen("template.");
	const struct text *seen = &listing->seen;
	for (size_t at = 0; at < seen->length; at += strlen(seen->data + at) + 1) {
		if (strcmp(seen->data + at, name) == 0)
			return 0;
	}
	if (template_open(listing->inventory.dirs, name, &config, &fault) == -ENODATA)
		add_broken(listing, name, "template.conf", &fault);
	config_free(&template_schema, &config);
	return 0;
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME", "DISTRIBUTION", "RELEASE", "ARCH", "INIT",
					     "POOL", "SIZE",         "CREATED", NULL };
	struct listing listing = { .inventory = { .dirs = &call->dirs } };
	bool json = call_has(call, &flag_json);

	if (call_has(call, &flag_cache))
		return template_cache_show(call, json, err);
	if (json)
		listing.array = json_array();
	table_begin(&listing.table, heads);
	int r = template_list(&call->dirs, visit_template, &listing, err);
	if (r == 0)
		r = inventory_each(&listing.inventory, visit_volume, &listing, err);
	if (r == 0 && json)
		r = print_json(take_ptr(&listing.array), err);
	else if (r == 0 && listing.table.count == 0)
		print_note("no templates yet; 'berth template build debian' makes one");
	else if (r == 0)
		r = table_print(&listing.table, err);
	json_decref(listing.array);
	text_free(&listing.table.cells);
	text_free(&listing.seen);
	inventory_free(&listing.inventory);
	return r == 0 && listing.broken ? EXIT_FAILED : r;
}

/* The template's machines do not need it, but cannot be reset to it any more. */
static void tell_users(const char *name, const struct text *users)
{
	scoped_text struct text list = { 0 };
	size_t count = 0;

	for (size_t at = 0; at < users->length; at += strlen(users->data + at) + 1, count++) {
		if (count < 10)
			text_add(&list, "%s%s", count ? ", " : "", users->data + at);
	}
	if (count > 10)
		text_add(&list, " and %zu more", count - 10);
	if (count == 1)
		print_note("machine %s was made from template '%s' and keeps its root, but can no "
			   "longer be reset to it",
			   text_str(&list), name);
	else if (count > 1)
		print_note("machines %s were made from template '%s' and keep their roots, but can "
			   "no longer be reset to it",
			   text_str(&list), name);
}

static int delete_one(struct call *call, const char *name, struct err *err)
{
	scoped_text struct text users = { 0 };
	int r = template_delete(&call->dirs, name, call_has(call, &flag_broken), err);

	if (r == 0) {
		template_users(&call->dirs, name, &users);
		tell_users(name, &users);
	}
	return r;
}

static int adopt_one(struct call *call, const char *name, struct err *err)
{
	return template_adopt(&call->dirs, name, call_value(call, &flag_pool), err);
}

static int run_adopt(struct call *call, struct err *err)
{
	return for_each_name(call, adopt_one, err);
}

static int run_delete(struct call *call, struct err *err)
{
	return for_each_name(call, delete_one, err);
}

static const struct command build = {
	.group = "template",
	.name = "build",
	.aliases = "create",
	.args = "RECIPE|FILE [NAME]",
	.help = "Build a template by a recipe, such as debian, or by the steps of a file",
	.flags = build_flags,
	.min = 1,
	.max = 2,
	.first = WORD_RECIPE,
	.run = run_build,
};

static const struct command import = {
	.group = "template",
	.name = "import",
	.args = "IMAGE [ROOT] NAME",
	.help = "Make a template of a tar (-: standard input), a squashfs, a disk, an OCI image, a "
		"folder, "
		"or a container of LXC",
	.flags = import_flags,
	.min = 2,
	.max = 3,
	.first = WORD_FILE,
	.rest = WORD_FILE,
	.run = run_import,
};

static const struct command list = {
	.traits = COMMAND_LOOKS,
	.group = "template",
	.name = "list",
	.aliases = "ls",
	.args = "",
	.help = "List templates",
	.flags = list_flags,
	.run = run_list,
};

static const struct command delete = {
	.group = "template",
	.name = "delete",
	.aliases = "rm",
	.args = "TEMPLATE...",
	.help = "Delete templates; machines made from them stay",
	.flags = delete_flags,
	.min = 1,
	.max = -1,
	.first = WORD_TEMPLATE,
	.rest = WORD_TEMPLATE,
	.run = run_delete,
};

static const struct command adopt = {
	.group = "template",
	.name = "adopt",
	.args = "TEMPLATE...",
	.help = "Make roots that have lost their template's settings templates again",
	.flags = adopt_flags,
	.min = 1,
	.max = -1,
	.first = WORD_TEMPLATE,
	.rest = WORD_TEMPLATE,
	.run = run_adopt,
};

static const struct command *const members[] = {
	&build,
	&import,
	&template_export_verb,
	&command_template_search,
	&command_template_pull,
	&command_template_update,
	&list,
	&template_info,
	&template_set_verb,
	&template_get_verb,
	&template_unset_verb,
	&adopt,
	&template_rename_verb,
	&delete,
	&template_prune,
	&command_template_remote,
	NULL,
};

const struct command command_template = {
	.name = "template",
	.aliases = "image",
	.args = "",
	.help = "What machines are made from: build, import, export, search, pull, update, list, "
		"info, set, get, unset, adopt, rename, delete, prune, remote",
	.max = -1,
	.members = members,
};
