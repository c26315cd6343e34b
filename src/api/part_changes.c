/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of templates, networks and volumes. */
#include "api/change.h"

#include "config/config.h"

static const struct field no_fields[] = { { 0 } };
static const struct field name_fields[] = { { "name", FIELD_NAME, NULL, true }, { 0 } };
static const struct query force_queries[] = { { .name = "force", .flag = "--force" }, { 0 } };

/* ---- Templates */

static const struct field recipe_fields[] = {
	{ "name", FIELD_NAME, NULL, false },
	{ "pool", FIELD_TEXT, "--pool=", false },
	{ "source.recipe", FIELD_NAME, NULL, true },
	{ "source.init", FIELD_TEXT, "--init=", false },
	{ "source.mirror", FIELD_TEXT, "--mirror=", false },
	{ "source.packages", FIELD_TEXT, "--packages=", false },
	{ "source.release", FIELD_TEXT, "--release=", false },
	{ "source.variant", FIELD_TEXT, "--variant=", false },
	{ 0 },
};
static const struct field image_fields[] = {
	{ "name", FIELD_NAME, NULL, false },
	{ "pool", FIELD_TEXT, "--pool=", false },
	{ "source.image", FIELD_WORD, NULL, true },
	{ 0 },
};
static const struct field archive_fields[] = {
	{ "name", FIELD_NAME, NULL, true },
	{ "pool", FIELD_TEXT, "--pool=", false },
	{ "source.path", FIELD_PATH, NULL, true },
	{ 0 },
};
static const struct field publish_fields[] = {
	{ "name", FIELD_NAME, NULL, true },
	{ "pool", FIELD_TEXT, "--pool=", false },
	{ "source.machine", FIELD_WORD, NULL, true },
	{ "source.keep", FIELD_SWITCH, "--keep", false },
	{ 0 },
};
static const struct variant template_sources[] = {
	{ "recipe", "template build -- {source.recipe} {name}", recipe_fields },
	{ "image", "template pull -- {source.image} {name}", image_fields },
	{ "archive", "template import -- {source.path} {name}", archive_fields },
	{ "machine", "publish -- {source.machine} {name}", publish_fields },
	{ 0 },
};

/* ---- Networks */

static const struct field network_fields[] = {
	{ "name", FIELD_NAME, NULL, true },
	{ "config", FIELD_PAIRS, NULL, false },
	{ 0 },
};
static const struct variant network_actions[] = {
	{ "up", "network up -- {network}", no_fields },
	{ "down", "network down -- {network}", no_fields },
	{ 0 },
};

/* ---- Volumes */

static const struct field volume_fields[] = {
	{ "name", FIELD_NAME, NULL, true },
	{ "description", FIELD_TEXT, "--description=", false },
	{ "from", FIELD_TEXT, "--from=", false },
	{ "pool", FIELD_TEXT, "--pool=", false },
	{ "size", FIELD_TEXT, "--size=", false },
	{ 0 },
};
static const struct field resize_fields[] = { { "size", FIELD_WORD, NULL, true }, { 0 } };
static const struct field back_fields[] = { { "snapshot", FIELD_NAME, NULL, true }, { 0 } };
static const struct variant volume_actions[] = {
	{ "resize", "volume resize -- {volume} {size}", resize_fields },
	{ "restore", "volume restore -- {volume} {snapshot}", back_fields },
	{ 0 },
};

#define TEMPLATE            "/1.0/templates/{template}"
#define NETWORK             "/1.0/networks/{network}"
#define VOLUME              "/1.0/volumes/{volume}"
#define CHANGES(how, where) .method = how, .path = where, .run = change_by_verb
#define SETS(how, where, kind, what)                                                      \
	{                                                                                 \
		.method = how, .path = where, .config = kind " get --json -- {" kind "}", \
		.schema = what, .run = change_settings                                    \
	}

const struct route part_changes[] = {
	{ CHANGES("POST", "/1.0/templates"), .select = "source.type", .variants = template_sources,
	  .goes_on = true },
	SETS("PATCH", TEMPLATE, "template", &template_schema),
	{ CHANGES("POST", TEMPLATE), .verb = "template rename -- {template} {name}",
	  .fields = name_fields },
	{ CHANGES("DELETE", TEMPLATE), .verb = "template delete -- {template}",
	  .queries = force_queries, .goes_on = true },
	{ CHANGES("POST", "/1.0/networks"), .verb = "network create -- {name}",
	  .fields = network_fields },
	SETS("PUT", NETWORK, "network", &network_schema),
	SETS("PATCH", NETWORK, "network", &network_schema),
	{ CHANGES("PUT", NETWORK "/state"), .select = "action", .variants = network_actions },
	{ CHANGES("DELETE", NETWORK), .verb = "network delete -- {network}",
	  .queries = force_queries },
	{ CHANGES("POST", "/1.0/volumes"), .verb = "volume create -- {name}",
	  .fields = volume_fields, .goes_on = true },
	SETS("PATCH", VOLUME, "volume", &volume_schema),
	{ CHANGES("POST", VOLUME), .verb = "volume rename -- {volume} {name}",
	  .fields = name_fields },
	{ CHANGES("PUT", VOLUME "/state"), .select = "action", .variants = volume_actions,
	  .goes_on = true },
	{ CHANGES("POST", VOLUME "/snapshots"), .verb = "volume snapshot -- {volume} {name}",
	  .fields = name_fields, .goes_on = true },
	{ CHANGES("DELETE", VOLUME), .verb = "volume delete -- {volume}", .queries = force_queries,
	  .goes_on = true },
	{ 0 },
};
