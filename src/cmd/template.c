/* template build, import, list, delete. */
#include "image/template.h"

#include "base/scoped.h"
#include "cmd/common.h"
#include "cmd/print.h"
#include "cmd/progress.h"
#include "cmd/verbs.h"

#include <string.h>

static const struct flag flag_release = { "release", 0, false, "RELEASE",
					  "such as bookworm; the recipe's own if not given" };
static const struct flag flag_mirror = { "mirror", 0, false, "URL",
					 "where packages come from; the distribution's own if not "
					 "given" };
static const struct flag flag_variant = {
	"variant", 0, false, "VARIANT", "how much is in it, such as minbase or standard of debian"
};
static const struct flag flag_init = {
	"init", 0, false, "INIT", "its init, such as sysvinit of debian or busybox of busybox"
};
static const struct flag flag_packages = { "packages", 0, false, "LIST",
					   "more packages, separated by commas" };

static const struct flag *const build_flags[] = { &flag_init, &flag_mirror,  &flag_packages,
						  &flag_pool, &flag_release, &flag_variant,
						  NULL };
static const struct flag *const import_flags[] = { &flag_pool, NULL };
static const struct flag *const list_flags[] = { &flag_json, NULL };

static int open_pool(const struct call *call, struct pool *pool, struct err *err)
{
	scoped_free char *name = NULL;
	int r = pool_wanted(call, &name, err);

	return r != 0 ? r : pool_open(pool, &call->site, name, err);
}

/* berth.conf's mirror, for when --mirror was not given; "" for none. The caller frees it. */
static int site_mirror(const struct call *call, char **mirror, struct err *err)
{
	struct site_config config;
	int r = config_load_site(&call->site, &config, err);

	if (r < 0)
		return r;
	*mirror = take_ptr(&config.mirror);
	config_free(&site_schema, &config);
	return 0;
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
	};
	const char *name = call->count > 1 ? call->words[1] : build.recipe;
	scoped_pool struct pool pool = { 0 };
	scoped_free char *mirror = NULL;

	int r = name_check(build.recipe, err);
	if (r == 0)
		r = name_check(name, err);
	if (r == 0)
		r = site_mirror(call, &mirror, err);
	if (r == 0)
		r = open_pool(call, &pool, err);
	if (r != 0)
		return r;
	if (!build.mirror && *mirror)
		build.mirror = mirror;
	return template_build(&call->site, name, &pool, &build, err);
}

static int import_shown(const struct call *call, const char *name, struct pool *pool,
			const char *archive, struct text *notes, struct err *err)
{
	scoped_progress struct progress progress;

	progress_begin(&progress, "importing '%s'", name);
	return template_import(&call->site, name, pool, archive, notes, err);
}

static int run_import(struct call *call, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	scoped_text struct text notes = { 0 };
	const char *archive = call->words[0], *name = call->words[1];

	int r = name_check(name, err);
	if (r != 0)
		return r;
	if (strcmp(archive, "-") != 0 && access(archive, R_OK) < 0)
		return err_set(err, errno, "read '%s': %s", archive, strerror(errno));
	r = open_pool(call, &pool, err);
	if (r == 0)
		r = import_shown(call, name, &pool, archive, &notes, err);
	char *rest = notes.data;
	for (char *line; r == 0 && (line = strsep(&rest, "\n"));) {
		if (*line)
			print_note("%s", line);
	}
	return r;
}

struct listing {
	struct table table;
	json_t *array;
};

static json_t *template_object(const char *name, const struct template_config *config)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", name,
			 "description", json_text(config->description), "distribution",
			 json_text(config->distribution), "release", json_text(config->release),
			 "arch", json_text(config->arch), "init", json_text(config->init), "pool",
			 json_text(config->pool), "created", json_count(config->created), "uuid",
			 json_text(config->uuid));
}

static int visit_template(void *context, const char *name, const struct template_config *config)
{
	struct listing *listing = context;
	struct table *table = &listing->table;
	char when[32];

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
	table_add(table, when);
	return 0;
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "NAME", "DISTRIBUTION", "RELEASE", "ARCH",
					     "INIT", "POOL",         "CREATED", NULL };
	struct listing listing = { 0 };
	bool json = call_has(call, &flag_json);

	if (json)
		listing.array = json_array();
	table_begin(&listing.table, heads);
	int r = template_list(&call->site, visit_template, &listing, err);
	if (r == 0 && json)
		r = print_json(take_ptr(&listing.array), err);
	else if (r == 0 && listing.table.count == 0)
		print_note("no templates yet; 'berth template build debian' makes one");
	else if (r == 0)
		r = table_print(&listing.table, err);
	json_decref(listing.array);
	text_free(&listing.table.cells);
	return r;
}

static int delete_one(struct call *call, const char *name, struct err *err)
{
	return template_delete(&call->site, name, err);
}

static int run_delete(struct call *call, struct err *err)
{
	return for_each_name(call, delete_one, err);
}

static const struct command build = {
	.group = "template",
	.name = "build",
	.aliases = "create",
	.args = "RECIPE [NAME]",
	.help = "Build a template by a recipe, such as debian or busybox",
	.flags = build_flags,
	.min = 1,
	.max = 2,
	.first = WORD_RECIPE,
	.run = run_build,
};

static const struct command import = {
	.group = "template",
	.name = "import",
	.args = "TAR NAME",
	.help = "Make a template of a root in a tar file, of any compression; - is standard input",
	.flags = import_flags,
	.min = 2,
	.max = 2,
	.first = WORD_FILE,
	.run = run_import,
};

static const struct command list = {
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
	.min = 1,
	.max = -1,
	.first = WORD_TEMPLATE,
	.rest = WORD_TEMPLATE,
	.run = run_delete,
};

static const struct command *const members[] = { &build, &import, &list, &delete, NULL };

const struct command command_template = {
	.name = "template",
	.aliases = "image",
	.args = "",
	.help = "What machines are made from: build, import, list, delete",
	.max = -1,
	.members = members,
};
