/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Responses of the API: statuses, envelopes, ETags, frames of events, sentences of verbs. */
#include "api/response.h"
#include "api/stream.h"
#include "api/verb.h"
#include "base/scoped.h"
#include "base/text.h"
#include "suite.h"

#include <errno.h>
#include <string.h>

static void test_statuses(void)
{
	static const struct {
		int code, status;
	} rows[] = { { ENOENT, 404 }, { EEXIST, 409 }, { EBUSY, 409 },  { EINVAL, 400 },
		     { EPERM, 403 },  { EACCES, 403 }, { ENOSPC, 507 }, { ETIMEDOUT, 504 },
		     { EIO, 500 },    { EFBIG, 413 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CU_ASSERT_EQUAL(response_status_of(rows[i].code), rows[i].status);
	CU_ASSERT_STRING_EQUAL(response_reason(404), "Not Found");
	CU_ASSERT_STRING_EQUAL(response_reason(599), "Internal Server Error");
}

static void expect_envelope(const struct response *response, const char *want)
{
	json_t *envelope = response_envelope(response);
	scoped_free char *text = json_dumps(envelope, JSON_COMPACT);

	CU_ASSERT_STRING_EQUAL(text, want);
	json_decref(envelope);
}

static void test_envelopes(void)
{
	scoped_response struct response response = { 0 };
	struct err err = { 0 };

	response_succeed(&response, json_pack("[s]", "x"));
	expect_envelope(&response, "{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200,"
				   "\"metadata\":[\"x\"]}");
	response.notes = json_pack("[s]", "beware");
	response.status = 202;
	snprintf(response.operation, sizeof response.operation, "/1.0/operations/1");
	expect_envelope(
		&response,
		"{\"type\":\"async\",\"status\":\"Operation created\",\"status_code\":202,"
		"\"metadata\":[\"x\"],\"operation\":\"/1.0/operations/1\",\"notes\":[\"beware\"]}");
	response_free(&response);
	err_set(&err, ENOENT, "there is no machine 'web'");
	response_fail(&response, 0, &err);
	CU_ASSERT_EQUAL(err.code, 0);
	expect_envelope(&response, "{\"type\":\"error\",\"error\":\"there is no machine 'web'\","
				   "\"error_code\":404,\"code\":\"ENOENT\"}");
	err_set(&err, ENOENT, "x");
	response_fail(&response, 400, &err);
	CU_ASSERT_EQUAL(response.status, 400);
	response_succeed(&response, NULL);
	CU_ASSERT_EQUAL(response.status, 500);
}

static void test_etags(void)
{
	struct response one = { 0 }, other = { 0 };
	json_t *value = json_pack("{s:i,s:i}", "a", 1, "b", 2);
	json_t *same = json_pack("{s:i,s:i}", "b", 2, "a", 1);
	json_t *changed = json_pack("{s:i,s:i}", "b", 2, "a", 2);

	response_set_etag(&one, value);
	response_set_etag(&other, same);
	CU_ASSERT_EQUAL(strlen(one.etag), 18);
	CU_ASSERT_STRING_EQUAL(one.etag, other.etag);
	response_set_etag(&other, changed);
	CU_ASSERT_STRING_NOT_EQUAL(one.etag, other.etag);
	json_decref(value);
	json_decref(same);
	json_decref(changed);
	CU_ASSERT(response_etag_is_in("\"a\"", "\"a\""));
	CU_ASSERT(response_etag_is_in("\"b\" , \"a\"", "\"a\""));
	CU_ASSERT(response_etag_is_in(" * ", "\"a\""));
	CU_ASSERT(!response_etag_is_in("", "\"a\""));
	CU_ASSERT(!response_etag_is_in("\"ab\", W/\"a\"", "\"a\""));
	CU_ASSERT(!response_etag_is_in(",,", ""));
}

static void test_frames(void)
{
	scoped_text struct text out = { 0 };

	stream_frame("{\"seq\":7,\"event\":\"started\"}", &out);
	stream_frame("no JSON", &out);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "id: 7\ndata: {\"seq\":7,\"event\":\"started\"}\n\n"
					       "data: no JSON\n\n");
}

static void test_sentences(void)
{
	char lines[] = "{\"note\":\"a\"}\n{\"error\":\"b\",\"code\":\"EBUSY\"}\n"
		       "{\"error\":\"c\",\"code\":\"ENOENT\"}\ntar: d\n\n{broken\n";
	json_t *notes = json_array();
	struct err err = { 0 };

	verb_take_sentences(lines, &err, notes);
	CU_ASSERT_EQUAL(err.code, EBUSY);
	CU_ASSERT_STRING_EQUAL(err.text, "b");
	scoped_free char *text = json_dumps(notes, JSON_COMPACT);
	CU_ASSERT_STRING_EQUAL(text, "[\"a\",\"c\",\"tar: d\",\"{broken\"]");
	json_decref(notes);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "statuses", test_statuses },
		{ "envelopes", test_envelopes },
		{ "ETags", test_etags },
		{ "frames of events", test_frames },
		{ "sentences of verbs", test_sentences },
		CU_TEST_INFO_NULL,
	};

	return suite_run("api response", NULL, NULL, tests);
}
