/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/routes.h"

#include "base/scoped.h"
#include "base/text.h"

#include <string.h>

const struct route *const route_tables[] = { host_routes,      machine_routes,
					     template_routes,  pool_routes,
					     network_routes,   volume_routes,
					     backup_routes,    event_routes,
					     operation_routes, machine_changes,
					     part_changes,     attach_routes,
					     file_routes,      NULL };

/* Parts that paths have in place of one that none has, for the search of the nearest. */
enum { NEAR_MAX = 64 };
struct nearby {
	char room[NEAR_MAX][24];
	const char *list[NEAR_MAX + 1];
	size_t count;
	const char *word; /* the part that no path has */
	size_t place;
};

/* "{machine}" */
static bool is_name(const char *part, size_t length)
{
	return length > 2 && part[0] == '{';
}

static void remember(struct nearby *near, const char *part, size_t length, const char *word,
		     size_t place)
{
	if (place < near->place || near->count == NEAR_MAX || is_name(part, length))
		return;
	if (place > near->place)
		near->count = 0;
	near->place = place;
	near->word = word;
	snprintf(near->room[near->count], sizeof near->room[0], "%.*s", (int)length, part);
	near->list[near->count] = near->room[near->count];
	near->list[++near->count] = NULL;
}

/* Whether the path is that of the row; fills in its names. */
static bool has_path(const struct request *request, const struct route *route, struct match *match,
		     struct nearby *near)
{
	const char *part = route->path + 1;
	size_t i = 0, names = 0;

	for (; *part; i++) {
		size_t n = strcspn(part, "/");
		if (i == request->segment_count)
			return false;
		const char *segment = request->segments[i];
		if (is_name(part, n)) {
			match->names[names++] = segment;
		} else if (strlen(segment) != n || strncmp(segment, part, n) != 0) {
			remember(near, part, n, segment, i);
			return false;
		}
		part += n + (part[n] == '/');
	}
	match->route = route;
	return i == request->segment_count;
}

static int check_names(const struct match *match, struct err *err)
{
	for (size_t i = 0; i < ROUTE_NAMES_MAX && match->names[i]; i++) {
		const char *fault = text_label_fault(match->names[i]);
		if (fault) {
			err_set(err, EINVAL, "name '%.100s' %s", match->names[i], fault);
			return 400;
		}
	}
	return 0;
}

static int check_query(const struct request *request, const struct route *route, struct err *err)
{
	const char *names[REQUEST_QUERY_MAX + 2];

	for (size_t i = 0; i < request->query_count; i++) {
		size_t known = 0;
		const char *name = request->query[i].name;
		if (route->shape == SHAPE_LIST)
			names[known++] = "recursion";
		for (const struct query *q = route->queries; q && q->name; q++)
			names[known++] = q->name;
		names[known] = NULL;
		while (known > 0 && strcmp(names[known - 1], name) != 0)
			known--;
		if (known > 0)
			continue;
		const char *near = text_nearest(name, names);
		err_set(err, EINVAL, "unknown query parameter '%.60s'%s%s%s", name,
			near       ? "; did you mean '"
			: names[0] ? "; there is '"
				   : "; this path has none",
			near       ? near
			: names[0] ? names[0]
				   : "",
			near       ? "'?"
			: names[0] ? "'"
				   : "");
		return 400;
	}
	return 0;
}

/* 400: a parameter of words has none of them. */
static int check_words(const struct request *request, const struct route *route, struct err *err)
{
	for (const struct query *q = route->queries; q && q->name; q++) {
		const char *value = request_query(request, q->name);
		scoped_text struct text all = { 0 };
		size_t i = 0;
		if (!value || !q->words)
			continue;
		while (q->words[i] && strcmp(q->words[i], value) != 0)
			i++;
		if (q->words[i])
			continue;
		const char *near = text_nearest(value, q->words);
		for (i = 0; q->words[i] && !near; i++)
			text_add(&all, "%s%s", i ? ", " : "", q->words[i]);
		err_set(err, EINVAL, "query parameter '%s' cannot be '%.60s'; %s%s%s", q->name,
			value,
			near ? "did you mean '" : "there are: ", near ? near : text_str(&all),
			near ? "'?" : "");
		return 400;
	}
	return 0;
}

static int tell_unknown(const struct request *request, const struct nearby *near, struct err *err)
{
	const char *nearest = near->word ? text_nearest(near->word, near->list) : NULL;
	scoped_text struct text path = { 0 };

	for (size_t i = 0; i < request->segment_count; i++)
		text_add(&path, "/%s", request->segments[i]);
	if (nearest)
		err_set(err, ENOENT, "there is no '%.200s'; did you mean '%s' for '%.60s'?",
			text_str(&path), nearest, near->word);
	else
		err_set(err, ENOENT, "there is no '%.200s'; %ssee berth-api(7) for what there is",
			text_str(&path),
			request->segment_count && strcmp(request->segments[0], "1.0") != 0
				? "paths begin with /1.0, "
				: "");
	return 404;
}

int route_find(const struct request *request, struct match *match, char allow[64], struct err *err)
{
	struct nearby near = { .count = 0 };
	bool has_read = false;
	size_t used = 0;

	*allow = '\0';
	for (const struct route *const *table = route_tables; *table; table++) {
		for (const struct route *route = *table; route->path; route++) {
			struct match found = { 0 };
			if (!has_path(request, route, &found, &near))
				continue;
			if (strcmp(route->method, request->method) == 0) {
				*match = found;
				int r = check_names(match, err);
				if (!r)
					r = check_query(request, route, err);
				return r ? r : check_words(request, route, err);
			}
			has_read = true;
			used += (size_t)snprintf(allow + used, used < 48 ? 64 - used : 0, "%s%s",
						 used ? ", " : "", route->method);
		}
	}
	if (!has_read)
		return tell_unknown(request, &near, err);
	err_set(err, EOPNOTSUPP, "there is no %s here; there is %s", request->method, allow);
	return 405;
}
