/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations as a resource: looked at, waited for, cancelled. */
#include "api/look.h"

#include "api/operation.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Seconds: the most that a client may wait, and how long a server has patience that does not say it. */
enum { WAIT_MOST = 3600, PATIENCE = 60 };

/* Another user's operation is not there. */
static bool is_ours(const struct exchange *exchange, const json_t *record)
{
	const char *user = json_string_value(json_object_get(record, "user"));

	return exchange->all ||
	       (user && exchange->request->user && strcmp(user, exchange->request->user) == 0);
}

static json_t *look_at(const struct exchange *exchange, struct err *err)
{
	const char *id = match_name(&exchange->match, "operation");
	json_t *record = operation_look(&exchange->call->dirs, id, err);

	if (record && !is_ours(exchange, record)) {
		json_decref(record);
		err_set(err, ENOENT, "there is no operation '%.60s'; an operation is kept an hour",
			id);
		return NULL;
	}
	return record;
}

static int list_operations(struct exchange *exchange, struct err *err)
{
	json_t *list = operation_list(&exchange->call->dirs, err);

	if (!list)
		return -err->code;
	for (size_t i = json_array_size(list); i-- > 0;) {
		if (!is_ours(exchange, json_array_get(list, i)))
			json_array_remove(list, i);
	}
	if (look_shape_list(exchange, list, &list, err) < 0)
		return -err->code;
	response_succeed(exchange->response, list);
	return 0;
}

static int show_operation(struct exchange *exchange, struct err *err)
{
	json_t *record = look_at(exchange, err);

	if (!record)
		return -err->code;
	response_succeed(exchange->response, record);
	return 0;
}

/* Seconds of a wait without timeout: it ends before the server's patience, which timeout would lengthen. */
static uint64_t usual_wait(void)
{
	const char *patience = getenv("BERTH_API_SECONDS");
	uint64_t seconds;

	if (!patience || text_to_u64(patience, 1, WAIT_MOST, &seconds) < 0)
		seconds = PATIENCE;
	return seconds / 2;
}

static int wait_operation(struct exchange *exchange, struct err *err)
{
	const char *value = request_query(exchange->request, "timeout");
	json_t *record = look_at(exchange, err);
	uint64_t seconds = usual_wait();

	json_decref(record);
	if (!record)
		return -err->code;
	if (value && text_to_u64(value, 0, UINT64_MAX, &seconds) < 0)
		return err_set(
			err, EINVAL,
			"query parameter 'timeout' cannot be '%.60s': use seconds, from 0 to %d",
			value, WAIT_MOST);
	seconds = seconds < WAIT_MOST ? seconds : WAIT_MOST;
	int r = operation_wait(&exchange->call->dirs, match_name(&exchange->match, "operation"),
			       (unsigned)seconds, err);
	return r < 0 ? r : show_operation(exchange, err);
}

static int cancel_operation(struct exchange *exchange, struct err *err)
{
	json_t *record = look_at(exchange, err);

	json_decref(record);
	if (!record || operation_cancel(&exchange->call->dirs,
					match_name(&exchange->match, "operation"), err) < 0)
		return -err->code;
	response_succeed(exchange->response, json_null());
	return 0;
}

static const struct query wait_queries[] = { { .name = "timeout" }, { 0 } };

const struct route operation_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/operations",
	  .needs = NEEDS_SIGHT,
	  .shape = SHAPE_LIST,
	  .run = list_operations },
	{ .method = "GET",
	  .path = "/1.0/operations/{operation}",
	  .needs = NEEDS_SIGHT,
	  .run = show_operation },
	{ .method = "DELETE",
	  .path = "/1.0/operations/{operation}",
	  .needs = NEEDS_SIGHT,
	  .run = cancel_operation },
	{ .method = "GET",
	  .path = "/1.0/operations/{operation}/wait",
	  .needs = NEEDS_SIGHT,
	  .queries = wait_queries,
	  .run = wait_operation },
	{ 0 },
};
