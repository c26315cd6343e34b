/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The description of the API and the table of routes, held against each other, both ways. */
#include "api/routes.h"
#include "base/scoped.h"
#include "base/text.h"
#include "suite.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

static json_t *description;

static void complain(const char *what, const char *method, const char *path, const char *name)
{
	fprintf(stderr, "%s: %s %s %s\n", what, method, path, name);
	CU_FAIL("the description and the routes differ");
}

/* The object that a "$ref" leads to, or the one that is given. */
static json_t *resolved(json_t *object)
{
	const char *ref = json_string_value(json_object_get(object, "$ref"));
	scoped_free char *copy = ref && text_starts(ref, "#/") ? strdup(ref + 2) : NULL;
	char *rest = copy;

	if (!ref)
		return object;
	json_t *at = description;
	for (char *word; rest && (word = strsep(&rest, "/"));)
		at = json_object_get(at, word);
	return at;
}

static json_t *find_operation(const char *path, const char *method)
{
	char small[16];

	snprintf(small, sizeof small, "%s", method);
	for (char *c = small; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return json_object_get(json_object_get(json_object_get(description, "paths"), path), small);
}

static const struct route *find_route(const char *path, const char *method)
{
	for (const struct route *const *table = route_tables; *table; table++) {
		for (const struct route *route = *table; route->method; route++) {
			if (strcmp(route->path, path) == 0 &&
			    strcasecmp(route->method, method) == 0)
				return route;
		}
	}
	return NULL;
}

/* Whether an operation has a parameter of that name, in the path or in the query. */
static bool has_parameter(json_t *operation, const char *where, const char *name)
{
	json_t *parameters = json_object_get(operation, "parameters"), *one;
	size_t i;

	json_array_foreach(parameters, i, one)
	{
		json_t *parameter = resolved(one);
		const char *in = json_string_value(json_object_get(parameter, "in"));
		const char *its = json_string_value(json_object_get(parameter, "name"));
		if (in && its && strcmp(in, where) == 0 && strcmp(its, name) == 0)
			return true;
	}
	return false;
}

static bool takes_query(const struct route *route, const char *name)
{
	for (const struct query *query = route->queries; query && query->name; query++) {
		if (strcmp(query->name, name) == 0)
			return true;
	}
	return route->shape == SHAPE_LIST && strcmp(name, "recursion") == 0;
}

static void check_route(const struct route *route)
{
	json_t *operation = find_operation(route->path, route->method);
	const char *at = route->path;
	char name[32];

	if (!operation) {
		complain("not described", route->method, route->path, "");
		return;
	}
	for (const struct query *query = route->queries; query && query->name; query++) {
		if (!has_parameter(operation, "query", query->name))
			complain("not described", route->method, route->path, query->name);
	}
	if (route->shape == SHAPE_LIST && !has_parameter(operation, "query", "recursion"))
		complain("not described", route->method, route->path, "recursion");
	while ((at = strchr(at, '{'))) {
		snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
		if (!has_parameter(operation, "path", name))
			complain("not described", route->method, route->path, name);
		at++;
	}
}

static void test_routes_are_described(void)
{
	for (const struct route *const *table = route_tables; *table; table++) {
		for (const struct route *route = *table; route->method; route++)
			check_route(route);
	}
}

static void check_operation(const char *path, const char *method, json_t *operation)
{
	json_t *parameters = json_object_get(operation, "parameters"), *one;
	const struct route *route = find_route(path, method);
	size_t i;

	if (!route) {
		complain("no route", method, path, "");
		return;
	}
	json_array_foreach(parameters, i, one)
	{
		json_t *parameter = resolved(one);
		const char *in = json_string_value(json_object_get(parameter, "in"));
		const char *name = json_string_value(json_object_get(parameter, "name"));
		scoped_free char *part = text_format("{%s}", name ? name : "?");
		if (!in || !name ||
		    (strcmp(in, "path") == 0 ? !part || !strstr(path, part)
					     : !takes_query(route, name)))
			complain("no parameter", method, path, name ? name : "?");
	}
}

static void test_described_is_routed(void)
{
	const char *path, *method;
	json_t *item, *operation;

	json_object_foreach(json_object_get(description, "paths"), path, item)
	{
		json_object_foreach(item, method, operation)
		{
			check_operation(path, method, operation);
		}
	}
}

/* Each "$ref" leads to something. */
static void check_refs(json_t *value)
{
	const char *name;
	json_t *one;
	size_t i;

	if (json_is_object(value) && json_object_get(value, "$ref") && !resolved(value))
		complain("leads nowhere", "", "",
			 json_string_value(json_object_get(value, "$ref")));
	json_object_foreach(value, name, one)
	{
		check_refs(one);
	}
	json_array_foreach(value, i, one)
	{
		check_refs(one);
	}
}

static void test_refs(void)
{
	check_refs(description);
}

static int open_description(void)
{
	description =
		json_load_file(SOURCE_FOLDER "/doc/openapi.json", JSON_REJECT_DUPLICATES, NULL);
	return description ? 0 : -1;
}

static int close_description(void)
{
	json_decref(description);
	return 0;
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "each route is described", test_routes_are_described },
		{ "what is described has a route", test_described_is_routed },
		{ "references lead somewhere", test_refs },
		CU_TEST_INFO_NULL,
	};

	return suite_run("api description", open_description, close_description, tests);
}
