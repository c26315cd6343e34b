/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/request.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void request_free(struct request *request)
{
	free(request->memory);
	json_decref(request->body);
	*request = (struct request){ 0 };
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place; plus: '+' is a blank, as in a form. False: a sign is cut, or what it means is a control character. */
static bool decode(char *text, bool percent, bool plus)
{
	char *out = text;

	for (const char *in = text; *in; in++, out++) {
		unsigned char c = (unsigned char)*in;
		if (percent && c == '%') {
			int high = digit(in[1]), low = high < 0 ? -1 : digit(in[2]);
			if (low < 0)
				return false;
			c = (unsigned char)(high * 16 + low);
			in += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return false;
		*out = (char)c;
	}
	*out = '\0';
	return true;
}

/* A slash at the end means nothing. An empty segment elsewhere is a path that leads to nothing. */
static int split_path(struct request *request, char *path, bool decoded, struct err *err)
{
	while (path && *path) {
		char *slash = strchr(path, '/');
		if (slash)
			*slash = '\0';
		if (request->segment_count == REQUEST_SEGMENTS_MAX)
			return err_set(err, ENOENT,
				       "the path has more than %d parts; see berth-api(7)",
				       REQUEST_SEGMENTS_MAX);
		if (!*path || !decode(path, !decoded, false))
			return err_set(err, EINVAL,
				       "the path has an empty part, a control character, or a "
				       "percent sign without two hexadecimal digits");
		request->segments[request->segment_count++] = path;
		path = slash ? slash + 1 : NULL;
	}
	return 0;
}

static int split_query(struct request *request, char *query, struct err *err)
{
	for (char *word; (word = strsep(&query, "&"));) {
		if (!*word)
			continue;
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (!decode(word, true, true) || (value && !decode(value, true, true)))
			return err_set(
				err, EINVAL,
				"the query has a control character, or a percent sign without "
				"two hexadecimal digits");
		if (request->query_count == REQUEST_QUERY_MAX)
			return err_set(err, EINVAL, "the query has more than %d parameters",
				       REQUEST_QUERY_MAX);
		if (request_query(request, word))
			return err_set(err, EINVAL, "query parameter '%.60s' is given twice", word);
		request->query[request->query_count++] =
			(struct parameter){ word, value ? value : "" };
	}
	return 0;
}

int request_target(struct request *request, const char *method, const char *path, bool decoded,
		   const char *query, struct err *err)
{
	query = query ? query : "";
	size_t long_path = strnlen(path, REQUEST_TARGET_MAX + 1);
	size_t long_query = strnlen(query, REQUEST_TARGET_MAX + 1);

	if (text_print(request->method, sizeof request->method, "%s", method) < 0 ||
	    strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(method) || !*method)
		return err_set(err, EINVAL, "'%.20s' is no method", method);
	if (long_path > REQUEST_TARGET_MAX || long_query > REQUEST_TARGET_MAX)
		return err_set(err, ENAMETOOLONG, "path or query is longer than %d bytes",
			       REQUEST_TARGET_MAX);
	request->heads = strcmp(request->method, "HEAD") == 0;
	if (request->heads)
		memcpy(request->method, "GET", sizeof "GET");
	if (*path != '/')
		return err_set(err, EINVAL, "path '%.60s' does not begin with a slash", path);
	request->memory = malloc(long_path + long_query + 2);
	if (!request->memory)
		return err_set(err, ENOMEM, "out of memory");
	char *at = request->memory, *rest = at + long_path + 1;
	memcpy(at, path, long_path + 1);
	memcpy(rest, query, long_query + 1);
	int r = split_path(request, at + 1, decoded, err);
	return r < 0 ? r : split_query(request, rest, err);
}

int request_line(struct request *request, const char *method, const char *target, struct err *err)
{
	const char *query = strchr(target, '?');
	char path[REQUEST_TARGET_MAX + 1];

	if (!query)
		return request_target(request, method, target, false, NULL, err);
	if (text_print(path, sizeof path, "%.*s", (int)(query - target), target) < 0)
		return err_set(err, ENAMETOOLONG, "path or query is longer than %d bytes",
			       REQUEST_TARGET_MAX);
	return request_target(request, method, path, false, query + 1, err);
}

int request_body(struct request *request, const char *bytes, size_t length, struct err *err)
{
	json_error_t fault;

	if (length == 0)
		return 0;
	if (length > REQUEST_BODY_MAX)
		return err_set(err, EFBIG, "the body is larger than 1 MiB");
	json_t *body = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &fault);
	if (!body && json_error_code(&fault) == json_error_null_character)
		return err_set(err, EINVAL, "line %d of the body: a string has a NUL character",
			       fault.line);
	if (!body)
		return err_set(err, EINVAL, "the body is no JSON: line %d: %s", fault.line,
			       fault.text);
	if (!json_is_object(body)) {
		json_decref(body);
		return err_set(err, EINVAL, "the body is no object of JSON");
	}
	json_decref(request->body);
	request->body = body;
	return 0;
}

int request_header(struct headers *headers, const char *word, struct err *err)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = {
		{ "Accept", &headers->accept },
		{ "If-Match", &headers->if_match },
		{ "If-None-Match", &headers->if_none_match },
		{ "Last-Event-ID", &headers->last_event_id },
		{ "Prefer", &headers->prefer },
	};
	size_t n = strcspn(word, ":");

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (word[n] != ':' || strlen(known[i].name) != n ||
		    strncasecmp(known[i].name, word, n) != 0)
			continue;
		*known[i].value = word + n + 1 + strspn(word + n + 1, " \t");
		return 0;
	}
	return err_set(
		err, EINVAL,
		"header '%.60s' means nothing here; use 'NAME: VALUE' with Accept, If-Match, "
		"If-None-Match, Last-Event-ID or Prefer",
		word);
}

const char *request_query(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->query_count; i++) {
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	}
	return NULL;
}

int request_switch(const struct request *request, const char *name, bool fallback, bool *out,
		   struct err *err)
{
	const char *value = request_query(request, name);

	*out = value ? strcmp(value, "1") == 0 : fallback;
	if (!value || *out || strcmp(value, "0") == 0)
		return 0;
	return err_set(err, EINVAL, "query parameter '%s' cannot be '%.60s': use 1 or 0", name,
		       value);
}

unsigned request_prefers_wait(const struct request *request)
{
	enum { WAIT_MOST = 3600 };
	const char *at = request->headers.prefer;
	uint64_t seconds = 0;
	char number[12];

	for (; at && *at; at += strcspn(at, ",;"), at += strspn(at, ",; \t")) {
		if (strncasecmp(at, "wait=", 5) != 0)
			continue;
		size_t n = strspn(at + 5, "0123456789");
		if (n > 0 && text_print(number, sizeof number, "%.*s", (int)n, at + 5) == 0)
			text_to_u64(number, 0, UINT32_MAX, &seconds);
	}
	return seconds > WAIT_MOST ? WAIT_MOST : (unsigned)seconds;
}
