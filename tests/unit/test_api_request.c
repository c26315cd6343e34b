/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of the API: targets, bodies and headers. */
#include "api/request.h"
#include "base/scoped.h"
#include "base/text.h"
#include "suite.h"

#include <string.h>
/* The fault of a target, or "" if it is taken. The request is for the caller to free. */
static const char *take(struct request *request, const char *target)
{
	static struct err err;

	request_free(request);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(request_line(request, "GET", target, &err), -err.code);
	return err.text;
}

static void test_target(void)
{
	scoped_request struct request request = { 0 };

	CU_ASSERT_STRING_EQUAL(take(&request, "/"), "");
	CU_ASSERT_EQUAL(request.segment_count, 0);
	CU_ASSERT_STRING_EQUAL(take(&request, "/1.0/machines/w%65b/?a=1&b=x+%2b%26&&c"), "");
	CU_ASSERT_EQUAL(request.segment_count, 3);
	CU_ASSERT_STRING_EQUAL(request.segments[2], "web");
	CU_ASSERT_EQUAL(request.query_count, 3);
	CU_ASSERT_STRING_EQUAL(request_query(&request, "a"), "1");
	CU_ASSERT_STRING_EQUAL(request_query(&request, "b"), "x +&");
	CU_ASSERT_STRING_EQUAL(request_query(&request, "c"), "");
	CU_ASSERT_PTR_NULL(request_query(&request, "d"));
	/* A slash that is encoded is no slash, and a plus in a path no blank. */
	CU_ASSERT_STRING_EQUAL(take(&request, "/a%2fb/c+d"), "");
	CU_ASSERT_STRING_EQUAL(request.segments[0], "a/b");
	CU_ASSERT_STRING_EQUAL(request.segments[1], "c+d");
}

static void test_methods(void)
{
	static const struct {
		const char *given, *taken;
		bool heads;
	} rows[] = { { "GET", "GET", false }, { "HEAD", "GET", true }, { "PUT", "PUT", false } };
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		scoped_request struct request request = { 0 };
		CU_ASSERT_EQUAL(request_line(&request, rows[i].given, "/1.0", &err), 0);
		CU_ASSERT_STRING_EQUAL(request.method, rows[i].taken);
		CU_ASSERT_EQUAL(request.heads, rows[i].heads);
	}
}

static void test_target_faults(void)
{
	static const char *const paths[] = { "/a//b", "/a%",    "/a%4",  "/a%4g",
					     "/a%00", "/a%1fb", "/a\nb", "//" };
	static const char *const queries[] = { "/?a=%", "/?a=%00", "/?%0a=1", "/?a=\x7f" };
	scoped_request struct request request = { 0 };
	scoped_free char *long_one = calloc(1, REQUEST_TARGET_MAX + 3);
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		CU_ASSERT_PTR_NOT_NULL(
			strstr(take(&request, paths[i]), "the path has an empty part"));
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		CU_ASSERT_PTR_NOT_NULL(
			strstr(take(&request, queries[i]), "the query has a control"));
	CU_ASSERT_STRING_EQUAL(take(&request, "/?a=1&a=2"), "query parameter 'a' is given twice");
	CU_ASSERT_STRING_EQUAL(take(&request, "1.0"), "path '1.0' does not begin with a slash");
	CU_ASSERT_STRING_EQUAL(take(&request, ""), "path '' does not begin with a slash");
	CU_ASSERT_PTR_NOT_NULL(strstr(take(&request, "/1/2/3/4/5/6/7/8/9"), "more than 8 parts"));
	CU_ASSERT_PTR_NOT_NULL(strstr(take(&request, "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"),
				      "more than 16 parameters"));
	memset(long_one, '/', 1);
	memset(long_one + 1, 'x', REQUEST_TARGET_MAX);
	CU_ASSERT_STRING_EQUAL(take(&request, long_one), "path or query is longer than 8192 bytes");
	long_one[REQUEST_TARGET_MAX] = '\0';
	CU_ASSERT_STRING_EQUAL(take(&request, long_one), "");
	request_free(&request);
	CU_ASSERT_EQUAL(request_line(&request, "get", "/", &err), -EINVAL);
	err = (struct err){ 0 };
	request_free(&request);
	CU_ASSERT_EQUAL(request_line(&request, "PROPFIND", "/", &err), -EINVAL);
}

static void test_decoded(void)
{
	scoped_request struct request request = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(request_target(&request, "GET", "/a%62", true, "x=%62", &err), 0);
	CU_ASSERT_STRING_EQUAL(request.segments[0], "a%62");
	CU_ASSERT_STRING_EQUAL(request_query(&request, "x"), "b");
}

static int body(struct request *request, const char *text, struct err *err)
{
	*err = (struct err){ 0 };
	return request_body(request, text, strlen(text), err);
}

static void test_body(void)
{
	scoped_request struct request request = { 0 };
	struct err err;

	CU_ASSERT_EQUAL(body(&request, "", &err), 0);
	CU_ASSERT_PTR_NULL(request.body);
	CU_ASSERT_EQUAL(body(&request, "{\"a\": 1}", &err), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(request.body, "a")), 1);
	CU_ASSERT_EQUAL(body(&request, "[1]", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "the body is no object of JSON");
	CU_ASSERT_EQUAL(body(&request, "{\"a\":1,\"a\":2}", &err), -EINVAL);
	CU_ASSERT_EQUAL(body(&request, "{\"a\":1} x", &err), -EINVAL);
	CU_ASSERT_EQUAL(body(&request, "{\"a\":\"\xff\"}", &err), -EINVAL);
	CU_ASSERT_EQUAL(body(&request, "{\"a\":\"\\u0000\"}", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "line 1 of the body: a string has a NUL character");
	/* A failure leaves the earlier body. */
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(request.body, "a")), 1);
	scoped_free char *large = calloc(1, REQUEST_BODY_MAX + 1);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(request_body(&request, large, REQUEST_BODY_MAX + 1, &err), -EFBIG);
}

/* Brackets in brackets do not fill the stack. */
static void test_deep_body(void)
{
	scoped_request struct request request = { 0 };
	scoped_text struct text deep = { 0 };
	struct err err = { 0 };

	text_add(&deep, "{\"a\":");
	for (int i = 0; i < 100000; i++)
		text_add(&deep, "[");
	CU_ASSERT_EQUAL(request_body(&request, text_str(&deep), deep.length, &err), -EINVAL);
}

static void test_headers(void)
{
	struct request request = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(request_header(&request.headers, "if-match: \"x\"", &err), 0);
	CU_ASSERT_STRING_EQUAL(request.headers.if_match, "\"x\"");
	CU_ASSERT_EQUAL(request_header(&request.headers, "Cookie: x", &err), -EINVAL);
	CU_ASSERT_EQUAL(request_prefers_wait(&request), 0);
	static const struct {
		const char *header;
		unsigned seconds;
	} rows[] = {
		{ "Prefer: wait=30", 30 },      { "Prefer: respond-async, WAIT=5", 5 },
		{ "Prefer:wait=999999", 3600 }, { "Prefer: wait=", 0 },
		{ "Prefer: wait=-1", 0 },       { "Prefer: waits=4;wait=7", 7 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		CU_ASSERT_EQUAL(request_header(&request.headers, rows[i].header,
					       &(struct err){ 0 }),
				0);
		CU_ASSERT_EQUAL(request_prefers_wait(&request), rows[i].seconds);
	}
}

static void test_switches(void)
{
	static const char *const wrong[] = { "", "yes", "no", "true", "01", "on" };
	scoped_request struct request request = { 0 };
	struct err err = { 0 };
	bool out;

	CU_ASSERT_STRING_EQUAL(take(&request, "/?a=1&b=0"), "");
	CU_ASSERT_EQUAL(request_switch(&request, "a", false, &out, &err), 0);
	CU_ASSERT(out);
	CU_ASSERT_EQUAL(request_switch(&request, "b", true, &out, &err), 0);
	CU_ASSERT(!out);
	CU_ASSERT_EQUAL(request_switch(&request, "c", true, &out, &err), 0);
	CU_ASSERT(out);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		scoped_free char *target = text_format("/?a=%s", wrong[i]);
		err = (struct err){ 0 };
		CU_ASSERT_STRING_EQUAL(take(&request, target), "");
		CU_ASSERT_EQUAL(request_switch(&request, "a", false, &out, &err), -EINVAL);
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "targets", test_target },
		{ "methods", test_methods },
		{ "targets that are wrong", test_target_faults },
		{ "a path that a server has decoded", test_decoded },
		{ "bodies", test_body },
		{ "a body that is deep", test_deep_body },
		{ "headers", test_headers },
		{ "switches", test_switches },
		CU_TEST_INFO_NULL,
	};

	return suite_run("api request", NULL, NULL, tests);
}
