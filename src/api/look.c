/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/look.h"

#include "api/access.h"
#include "api/verb.h"
#include "base/text.h"
#include "cmd/cli/print.h"

#include <errno.h>
#include <string.h>

void look_add_notes(struct response *response, const struct verb_result *result)
{
	if (!response->notes)
		response->notes = json_array();
	if (result->err.code && response->status < 400 && response->notes)
		json_array_append_new(response->notes, json_text(result->err.text));
	if (response->notes)
		json_array_extend(response->notes, result->notes);
}

json_t *look_words(struct exchange *exchange, const struct argv *argv, struct err *err)
{
	scoped_result struct verb_result result = { 0 };
	struct err fault = { 0 };

	if (verb_run(exchange->call, argv, 0, &result, err) < 0)
		return NULL;
	json_t *value = verb_json(&result);
	if (!value) {
		int status = verb_fault(&result, &fault);
		response_fail(exchange->response, status, &fault);
	}
	look_add_notes(exchange->response, &result);
	return value;
}

json_t *look_verb(struct exchange *exchange, const char *verb, struct err *err)
{
	scoped_argv struct argv argv = { 0 };

	verb_begin(exchange->call, &argv);
	if (match_verb(&exchange->match, exchange->request, verb, NULL, &argv, err) < 0)
		return NULL;
	return look_words(exchange, &argv, err);
}

/* Takes out of an array the objects whose member has another value than a query parameter. */
static void filter(const struct exchange *exchange, json_t *array)
{
	for (const struct query *q = exchange->match.route->queries; q && q->name; q++) {
		const char *wanted = request_query(exchange->request, q->name);
		for (size_t i = json_array_size(array); wanted && q->member && i-- > 0;) {
			json_t *object = json_array_get(array, i);
			const char *value = json_string_value(json_object_get(object, q->member));
			if (!value || strcmp(value, wanted) != 0)
				json_array_remove(array, i);
		}
	}
}

/* Adds a path with names in place of braces; those that the request does not have are members of the object. */
static void fill_place(const struct exchange *exchange, const char *place, const json_t *object,
		       struct text *out)
{
	char name[32];

	while (*place) {
		size_t n = strcspn(place, "{");
		text_add_bytes(out, place, n);
		place += n;
		if (!*place)
			break;
		n = strcspn(place, "}");
		snprintf(name, sizeof name, "%.*s", (int)n - 1, place + 1);
		const char *value = match_name(&exchange->match, name);
		if (!value)
			value = json_string_value(json_object_get(object, name));
		text_add(out, "%s", value ? value : "");
		place += n + (place[n] == '}');
	}
}

/* The path of each object, in place of the object. */
static json_t *places_of(const struct exchange *exchange, const json_t *array)
{
	const struct route *route = exchange->match.route;
	json_t *places = json_array();
	size_t i;
	json_t *object;

	json_array_foreach(array, i, object)
	{
		scoped_text struct text place = { 0 };
		const char *name = json_string_value(json_object_get(object, "name"));
		fill_place(exchange, route->place ? route->place : route->path, object, &place);
		if (name)
			text_add(&place, "/%s", name);
		json_array_append_new(places, json_string(text_str(&place)));
	}
	return places;
}

int look_shape_list(struct exchange *exchange, json_t *array, json_t **value, struct err *err)
{
	const char *recursion = request_query(exchange->request, "recursion");

	*value = NULL;
	if (recursion && strcmp(recursion, "0") != 0 && strcmp(recursion, "1") != 0) {
		json_decref(array);
		return err_set(
			err, EINVAL,
			"query parameter 'recursion' cannot be '%.60s': use 0 for paths, 1 for "
			"objects",
			recursion);
	}
	filter(exchange, array);
	if (recursion && *recursion == '1') {
		*value = array;
		return 0;
	}
	*value = places_of(exchange, array);
	json_decref(array);
	return 0;
}

/* Only some members of an object, which it frees. */
static json_t *some_members(json_t *object, const char *const *members)
{
	json_t *some = json_object();

	for (; *members; members++) {
		json_t *value = json_object_get(object, *members);
		if (value)
			json_object_set(some, *members, value);
	}
	json_decref(object);
	return some;
}

static json_t *shape_value(const struct route *route, json_t *value)
{
	json_t *first;

	if (route->shape == SHAPE_FIRST && json_is_array(value)) {
		first = json_array_get(value, 0);
		json_incref(first);
		json_decref(value);
		value = first;
	}
	return route->members && value ? some_members(value, route->members) : value;
}

/* The object of an array that has the last name of the path, in place of the array. */
static int pick_named(const struct exchange *exchange, json_t **value, struct err *err)
{
	const char *wanted = NULL, *names[256] = { NULL };
	json_t *object, *found = NULL;
	size_t i, known = 0;

	for (i = 0; i < ROUTE_NAMES_MAX && exchange->match.names[i]; i++)
		wanted = exchange->match.names[i];
	json_array_foreach(*value, i, object)
	{
		const char *name = json_string_value(json_object_get(object, "name"));
		if (name && strcmp(name, wanted) == 0)
			found = object;
		if (name && known < sizeof names / sizeof *names - 1)
			names[known++] = name;
	}
	if (!found) {
		const char *near = text_nearest(wanted, names);
		const char *kind =
			exchange->request->segments[exchange->request->segment_count - 2];
		err_set(err, ENOENT, "'%s' is not among the %s of '%s'%s%s%s", wanted, kind,
			exchange->match.names[0], near ? "; did you mean '" : "", near ? near : "",
			near ? "'?" : "");
	}
	json_incref(found);
	json_decref(*value);
	*value = found;
	return -err->code;
}

/* Adds the settings, which are what an ETag stands for. Those that cannot be read are null, and have no ETag. */
static int add_config(struct exchange *exchange, json_t *object, struct err *err)
{
	const char *verb = exchange->match.route->config;

	if (!verb || !json_is_object(object))
		return 0;
	json_t *config = look_verb(exchange, verb, err);
	if (err->code)
		return -err->code;
	if (!config && exchange->response->notes)
		json_array_append_new(exchange->response->notes,
				      json_text(exchange->response->error.text));
	response_set_etag(exchange->response, config);
	json_object_set_new(object, "config", config ? config : json_null());
	return 0;
}

int look_value(struct exchange *exchange, struct err *err)
{
	const struct route *route = exchange->match.route;
	struct response *response = exchange->response;

	json_t *value = look_verb(exchange, route->verb, err);
	if (!value)
		return -err->code;
	if (route->needs == NEEDS_SIGHT && !exchange->all) {
		access_filter(exchange, value);
		/* A note may name a machine that the user may not see. */
		json_array_clear(response->notes);
	}
	if (route->shape == SHAPE_LIST && look_shape_list(exchange, value, &value, err) < 0)
		return -err->code;
	if (route->shape == SHAPE_NAMED && pick_named(exchange, &value, err) < 0)
		return -err->code;
	if (route->shape != SHAPE_LIST)
		value = shape_value(route, value);
	if (add_config(exchange, value, err) < 0) {
		json_decref(value);
		return -err->code;
	}
	if (!route->config) {
		response_set_etag(response, value);
		response->etag_whole = true;
	}
	response_succeed(response, value);
	return 0;
}

int look_stream(struct exchange *exchange, struct err *err)
{
	struct stream *stream = &exchange->response->stream;

	verb_begin(exchange->call, &stream->argv);
	if (match_verb(&exchange->match, exchange->request, exchange->match.route->verb, NULL,
		       &stream->argv, err) < 0)
		return -err->code;
	stream->type = exchange->match.route->type;
	exchange->response->status = 200;
	return 0;
}
