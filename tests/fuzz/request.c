/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request to the API: METHOD, PATH?QUERY and a header, each up to a NUL, then the body. What is taken is bounded and
 * plain, and a name of it never becomes an option of a verb.
 */
#include "fuzz.h"

#include "api/request.h"
#include "api/response.h"
#include "api/routes.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void check_plain(const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++)
		fuzz_check(*s >= 0x20 && *s != 0x7f);
}

/* Behind "--" are names; before it stand the verb's own words, and flags with their values. */
static void check_words(const struct match *match, const struct request *request)
{
	scoped_argv struct argv argv = { 0 };
	struct err err = { 0 };
	bool behind = false;

	if (!match->route->verb ||
	    match_verb(match, request, match->route->verb, NULL, &argv, &err) < 0) {
		fuzz_check(!match->route->verb || err.code > 0);
		return;
	}
	for (size_t i = 0; i < argv.count; i++) {
		if (behind)
			fuzz_check(text_label_fault(argv.words[i]) == NULL);
		behind |= strcmp(argv.words[i], "--") == 0;
	}
}

static void check_target(const struct request *request)
{
	struct match match = { 0 };
	struct err err = { 0 };
	char allow[64];

	fuzz_check(request->segment_count <= REQUEST_SEGMENTS_MAX);
	fuzz_check(request->query_count <= REQUEST_QUERY_MAX);
	for (size_t i = 0; i < request->segment_count; i++)
		check_plain(request->segments[i]);
	for (size_t i = 0; i < request->query_count; i++) {
		check_plain(request->query[i].name);
		check_plain(request->query[i].value);
	}
	int status = route_find(request, &match, allow, &err);
	fuzz_check(status == 0 || (status >= 400 && status < 500 && err.code > 0));
	if (status == 0)
		check_words(&match, request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped_request struct request request = { 0 };
	struct err err = { 0 };
	char *method = fuzz_word(&data, &size);
	char *target = fuzz_word(&data, &size);
	char *header = fuzz_word(&data, &size);

	if (request_header(&request.headers, header, &err) == 0) {
		fuzz_check(request_prefers_wait(&request) <= 3600);
		if (request.headers.if_match)
			response_etag_is_in(request.headers.if_match, "\"0123456789abcdef\"");
	}
	err = (struct err){ 0 };
	if (request_line(&request, method, target, &err) == 0)
		check_target(&request);
	else
		fuzz_check(err.code > 0 && *err.text);
	err = (struct err){ 0 };
	if (request_body(&request, (const char *)data, size, &err) == 0)
		fuzz_check(!request.body || json_is_object(request.body));
	else
		fuzz_check(err.code > 0 && *err.text);
	free(method);
	free(target);
	free(header);
	return 0;
}
