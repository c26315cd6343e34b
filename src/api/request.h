/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request: method, path, query and body, parsed, bounded and checked. Pure: what it names need not exist. */
#ifndef BERTH_API_REQUEST_H
#define BERTH_API_REQUEST_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	REQUEST_TARGET_MAX = 8192, /* bytes of the path, and of the query */
	REQUEST_BODY_MAX = 1 << 20,
	REQUEST_SEGMENTS_MAX = 8,
	REQUEST_QUERY_MAX = 16,
};

/* A header, by its name in CGI without HTTP_; all values are borrowed, NULL: there is none. */
struct headers {
	const char *accept;
	const char *if_match, *if_none_match;
	const char *last_event_id;
	const char *prefer;
};

struct parameter {
	const char *name, *value; /* borrowed from the memory of the request */
};

struct request {
	char method[8];
	bool heads;   /* HEAD was asked, which is GET without the body */
	char *memory; /* owned: path and query, decoded and cut to pieces */
	const char *segments[REQUEST_SEGMENTS_MAX];
	size_t segment_count;
	struct parameter query[REQUEST_QUERY_MAX];
	size_t query_count;
	struct headers headers;
	const char *user; /* borrowed; NULL: root */
	json_t *body;     /* owned; an object, or NULL: there is none */
};

/*
 * Takes method, path and query ("" or NULL: none). decoded: the path has no percent signs that mean anything, because a
 * server has decoded it. Refuses what is too long or has control characters: -EINVAL, -ENAMETOOLONG.
 */
int request_target(struct request *request, const char *method, const char *path, bool decoded,
		   const char *query, struct err *err);
/* Splits "PATH?QUERY", as it stands in a request line, and takes both. */
int request_line(struct request *request, const char *method, const char *target, struct err *err);
/* Takes a body, which must be an object of JSON without double names; no bytes are no body. 0 or -EINVAL. */
int request_body(struct request *request, const char *bytes, size_t length, struct err *err);
/* Takes a header "Name: value"; the word is borrowed. -EINVAL for one that means nothing here. */
int request_header(struct headers *headers, const char *word, struct err *err);

/* The value of a query parameter, or NULL. */
const char *request_query(const struct request *request, const char *name);
/* A query parameter as yes or no, 1 or 0; fallback: it is not given. -EINVAL. */
int request_switch(const struct request *request, const char *name, bool fallback, bool *out,
		   struct err *err);
/* The seconds of "Prefer: wait=SECONDS" (RFC 7240); 0: none. */
unsigned request_prefers_wait(const struct request *request);

void request_free(struct request *request);
#define scoped_request __attribute__((cleanup(request_free)))

#endif
