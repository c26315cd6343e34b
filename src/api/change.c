/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/change.h"

#include "api/ahead.h"
#include "api/body.h"
#include "api/look.h"
#include "api/operation.h"
#include "api/verb.h"
#include "base/scoped.h"
#include "base/text.h"

#include <string.h>

/* A member "source.type" is one of an object. */
static int check_object(const json_t *body, const char *select, struct err *err)
{
	const char *dot = strchr(select, '.');
	char name[32];

	if (!dot || text_print(name, sizeof name, "%.*s", (int)(dot - select), select) < 0)
		return 0;
	const json_t *object = json_object_get(body, name);
	if (!object || json_is_object(object))
		return 0;
	return err_set(err, EINVAL, "field '%s' must be an object, with '%s'", name, dot + 1);
}

/* The field of the body whose name is nearly that of the chosen object, which is not there; or NULL. */
static const char *misspelt(const json_t *body, const char *select)
{
	char name[32];
	const char *names[] = { name, NULL }, *key;
	json_t *value;

	if (text_print(name, sizeof name, "%.*s", (int)strcspn(select, "."), select) < 0 ||
	    json_object_get(body, name))
		return NULL;
	json_object_foreach((json_t *)(uintptr_t)body, key, value)
	{
		if (text_nearest(key, names))
			return key;
	}
	return NULL;
}

/* The verb and the fields of the variant that the body chooses. */
static int choose(const struct exchange *exchange, const char **verb, const struct field **fields,
		  struct err *err)
{
	const struct route *route = exchange->match.route;
	const char *names[16] = { NULL };
	const char *chosen;
	size_t count = 0;

	*verb = route->verb;
	*fields = route->fields;
	if (!route->select)
		return 0;
	if (check_object(exchange->request->body, route->select, err) < 0)
		return -err->code;
	chosen = json_string_value(body_member(exchange->request->body, route->select));
	for (const struct variant *v = route->variants; v->value; v++) {
		*verb = v->verb;
		*fields = v->fields;
		if (chosen && strcmp(chosen, v->value) == 0)
			return 0;
		names[count++] = v->value;
	}
	const char *wrong = misspelt(exchange->request->body, route->select);
	if (wrong)
		return err_set(err, EINVAL, "unknown field '%.60s'; did you mean '%.*s'?", wrong,
			       (int)strcspn(route->select, "."), route->select);
	scoped_text struct text all = { 0 };
	for (size_t i = 0; i < count; i++)
		text_add(&all, "%s%s", i ? ", " : "", names[i]);
	const char *near = chosen ? text_nearest(chosen, names) : NULL;
	if (near)
		return err_set(err, EINVAL, "field '%s' cannot be '%.60s'; did you mean '%s'?",
			       route->select, chosen, near);
	return err_set(err, EINVAL, "field '%s' must be one of: %s", route->select, text_str(&all));
}

/* The place of what a POST has made, or given another name. */
static void set_location(struct exchange *exchange)
{
	const char *name = json_string_value(body_member(exchange->request->body, "name"));
	struct response *response = exchange->response;
	scoped_text struct text path = { 0 };

	/* A name that was made up is in what the verb has printed. */
	if (!name)
		name = json_string_value(json_object_get(response->metadata, "name"));
	if (!name || strcmp(exchange->request->method, "POST") != 0)
		return;
	/* POST to an object renames it. */
	const char *row = exchange->match.route->path;
	size_t count = exchange->request->segment_count - (row[strlen(row) - 1] == '}');
	for (size_t i = 0; i < count; i++)
		text_add(&path, "/%s", exchange->request->segments[i]);
	text_print(response->location, sizeof response->location, "%s/%s", text_str(&path), name);
}

int change_run(struct exchange *exchange, const struct argv *argv, int input, struct err *err)
{
	scoped_result struct verb_result result = { 0 };
	struct err fault = { 0 };

	if (verb_run(exchange->call, argv, input, &result, err) < 0)
		return -err->code;
	if (result.code != 0) {
		int status = verb_fault(&result, &fault);
		response_fail(exchange->response, status, &fault);
	} else {
		json_t *value = verb_json(&result);
		response_succeed(exchange->response, value ? value : json_null());
	}
	look_add_notes(exchange->response, &result);
	return result.code != 0;
}

/* The operation as it is now: one that has failed meanwhile is a failure of the request. */
static int answer_operation(struct exchange *exchange, const char *id, bool ended, struct err *err)
{
	struct response *response = exchange->response;
	json_t *record = operation_look(&exchange->call->dirs, id, err);
	const char *error = json_string_value(json_object_get(record, "error"));
	int status = (int)json_integer_value(json_object_get(record, "error_code"));

	if (!record)
		return -err->code;
	response_succeed(response, record);
	text_print(response->operation, sizeof response->operation, "/1.0/operations/%s", id);
	if (!ended) {
		response->status = 202;
		text_print(response->location, sizeof response->location, "%s",
			   response->operation);
	} else if (error) {
		struct err fault = { 0 };
		const char *name = json_string_value(json_object_get(record, "code"));
		err_set(&fault, verb_code_of(name), "%s", error);
		response_fail(response, status, &fault);
		response->notes = json_incref(json_object_get(record, "notes"));
	}
	return 0;
}

static int begin(struct exchange *exchange, const struct argv *argv, struct err *err)
{
	const struct request *request = exchange->request;
	unsigned seconds = request_prefers_wait(request);
	char id[UUID_TEXT];

	if (ahead_check(exchange, err) < 0 ||
	    operation_begin(exchange->call, argv, request->user, id, err) < 0)
		return -err->code;
	int r = seconds ? operation_wait(&exchange->call->dirs, id, seconds, err) : 0;
	return r < 0 ? r : answer_operation(exchange, id, r == 1, err);
}

int change_by_verb(struct exchange *exchange, struct err *err)
{
	const struct route *route = exchange->match.route;
	scoped_argv struct argv argv = { 0 };
	const struct field *fields;
	const char *verb;

	if (exchange->request->headers.if_match)
		return err_set(
			err, EINVAL,
			"If-Match is for PUT and PATCH of settings alone: leave it out here");
	if (choose(exchange, &verb, &fields, err) < 0 ||
	    body_check(exchange->request->body, fields, route->select, err) < 0)
		return -err->code;
	if (!exchange->all && json_is_true(body_member(exchange->request->body, "volumes")))
		return err_set(
			err, EPERM,
			"user '%.60s' may not put volumes back: other machines may have them; "
			"leave out 'volumes'",
			exchange->request->user);
	verb_begin(exchange->call, &argv);
	if (match_verb(&exchange->match, exchange->request, verb, fields, &argv, err) < 0)
		return -err->code;
	if (route->goes_on)
		return begin(exchange, &argv, err);
	if (ahead_check(exchange, err) < 0)
		return -err->code;
	int r = change_run(exchange, &argv, 0, err);
	if (r == 0)
		set_location(exchange);
	return r < 0 ? r : 0;
}
