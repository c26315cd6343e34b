/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of the API's routes, and the words of verbs that requests and bodies become. */
#include "api/body.h"
#include "api/request.h"
#include "api/response.h"
#include "api/routes.h"
#include "api/stream.h"
#include "api/verb.h"
#include "base/scoped.h"
#include "base/text.h"
#include "machine/life/life.h"
#include "suite.h"

#include <string.h>

/* ---- Routes */

static int find(struct request *request, const char *method, const char *target,
		struct match *match, char allow[64], struct err *err)
{
	request_free(request);
	*err = (struct err){ 0 };
	*match = (struct match){ 0 };
	CU_ASSERT_EQUAL(request_line(request, method, target, err), 0);
	return route_find(request, match, allow, err);
}

static void test_find(void)
{
	scoped_request struct request request = { 0 };
	struct match match;
	struct err err;
	char allow[64];

	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/machines/web/snapshots/s1", &match, allow,
			     &err),
			0);
	CU_ASSERT_STRING_EQUAL(match_name(&match, "machine"), "web");
	CU_ASSERT_STRING_EQUAL(match_name(&match, "snapshot"), "s1");
	CU_ASSERT_PTR_NULL(match_name(&match, "mach"));
	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/templats", &match, allow, &err), 404);
	CU_ASSERT_STRING_EQUAL(
		err.text, "there is no '/1.0/templats'; did you mean 'templates' for 'templats'?");
	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/machines/web/snapshot", &match, allow, &err),
			404);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "did you mean 'snapshots' for 'snapshot'?"));
	CU_ASSERT_EQUAL(find(&request, "BREW", "/1.0", &match, allow, &err), 405);
	CU_ASSERT_STRING_EQUAL(allow, "GET");
	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/machines/-web", &match, allow, &err), 400);
	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/machines?recursion=1&state=held", &match, allow,
			     &err),
			0);
	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/machines?stat=x", &match, allow, &err), 400);
	CU_ASSERT_STRING_EQUAL(err.text, "unknown query parameter 'stat'; did you mean 'state'?");
	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/machines?state=runing", &match, allow, &err),
			400);
	CU_ASSERT_STRING_EQUAL(
		err.text, "query parameter 'state' cannot be 'runing'; did you mean 'running'?");
	CU_ASSERT_EQUAL(find(&request, "GET", "/1.0/machines?state=", &match, allow, &err), 400);
	CU_ASSERT_STRING_EQUAL(err.text,
			       "query parameter 'state' cannot be ''; there are: stopped, "
			       "failed, starting, running, paused, held, stopping, "
			       "broken");
}

/* Each state that a machine can have can be asked for. */
static void test_states(void)
{
	scoped_request struct request request = { 0 };
	struct match match;
	struct err err;
	char allow[64];

	for (int i = 0; strcmp(machine_state_name((enum machine_state)i), "unknown") != 0; i++) {
		scoped_free char *target = text_format("/1.0/machines?state=%s",
						       machine_state_name((enum machine_state)i));
		CU_ASSERT_EQUAL(find(&request, "GET", target, &match, allow, &err), 0);
		CU_ASSERT_STRING_EQUAL(err.text, "");
	}
}

static void expect_words(const char *target, const char *want)
{
	scoped_request struct request request = { 0 };
	scoped_argv struct argv argv = { 0 };
	scoped_text struct text got = { 0 };
	struct match match;
	struct err err;
	char allow[64];

	CU_ASSERT_EQUAL(find(&request, "GET", target, &match, allow, &err), 0);
	CU_ASSERT_EQUAL(match_verb(&match, &request, match.route->verb, NULL, &argv, &err), 0);
	for (size_t i = 0; i < argv.count; i++)
		text_add(&got, "%s|", argv.words[i]);
	CU_ASSERT_STRING_EQUAL(text_str(&got), want);
}

/* What a client says is a value of a flag, or stands behind "--". */
static void test_words(void)
{
	expect_words("/1.0/machines", "list|--json|");
	expect_words("/1.0/machines?label=--x", "list|--json|--label=--x|");
	expect_words("/1.0/machines/web?usage=1", "info|--json|--usage|--|web|");
	expect_words("/1.0/machines/web?usage=0", "info|--json|--|web|");
	expect_words("/1.0/machines/web/logs?lines=5&follow=1", "logs|--follow|--lines=5|--|web|");
}

/* Each name in braces is one of the path or of the body, and stands behind "--". */
static void expect_whole(const char *verb, const struct match *match, const struct field *fields)
{
	CU_ASSERT(!strchr(verb, '{') || strstr(verb, " -- ") != NULL);
	for (const char *at = verb; (at = strchr(at, '{')); at++) {
		char name[32];
		bool known = false;
		snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "}") - 1, at + 1);
		for (const struct field *f = fields; f && f->name; f++)
			known |= strcmp(f->name, name) == 0 &&
				 (f->kind == FIELD_NAME || f->kind == FIELD_WORD ||
				  f->kind == FIELD_PATH);
		CU_ASSERT(known || match_name(match, name));
	}
	/* A field that is neither a flag nor a word would be dropped. */
	for (const struct field *f = fields; f && f->name; f++) {
		scoped_free char *word = text_format("{%s}", f->name);
		CU_ASSERT(f->flag || f->kind == FIELD_PAIRS || strstr(verb, word));
		CU_ASSERT(!f->flag || (f->kind == FIELD_SWITCH) == !text_ends(f->flag, "="));
	}
}

/* Each row has a verb or a function, and no path has two rows of one method. */
static void expect_row(const struct route *route)
{
	scoped_text struct text path = { 0 };
	scoped_request struct request request = { 0 };
	struct match match;
	struct err err;
	char allow[64];

	CU_ASSERT(route->verb || route->run);
	/* The braces are taken out of the path: what is left is a name. */
	for (const char *s = route->path; *s; s++) {
		if (*s != '{' && *s != '}')
			text_add_bytes(&path, s, 1);
	}
	CU_ASSERT_EQUAL(find(&request, route->method, text_str(&path), &match, allow, &err), 0);
	CU_ASSERT_PTR_EQUAL(match.route, route);
	if (route->verb)
		expect_whole(route->verb, &match, route->fields);
	for (const struct variant *v = route->variants; v && v->value; v++)
		expect_whole(v->verb, &match, v->fields);
}

static void test_rows(void)
{
	for (const struct route *const *table = route_tables; *table; table++) {
		for (const struct route *route = *table; route->path; route++)
			expect_row(route);
	}
}

/* ---- Bodies */

static void expect_fault(const char *text, const struct field *fields, const char *want)
{
	json_t *body = json_loads(text, 0, NULL);
	struct err err = { 0 };

	CU_ASSERT_EQUAL(body_check(body, fields, "source.type", &err), -err.code);
	CU_ASSERT_STRING_EQUAL(err.text, want);
	json_decref(body);
}

static const struct field some_fields[] = {
	{ "name", FIELD_NAME, NULL, true },
	{ "config", FIELD_SET, "--set=", false },
	{ "force", FIELD_SWITCH, "--force", false },
	{ "source.pool", FIELD_TEXT, "--pool=", false },
	{ "word", FIELD_WORD, NULL, false },
	{ "pairs", FIELD_PAIRS, NULL, false },
	{ "env", FIELD_SET, "--env=", false },
	{ 0 },
};

static void test_fields(void)
{
	expect_fault("{\"name\":\"a\",\"source\":{\"type\":\"x\",\"pool\":\"p\"}}", some_fields,
		     "");
	expect_fault("{}", some_fields, "the body needs a field 'name'");
	expect_fault("{\"nmae\":\"a\"}", some_fields, "unknown field 'nmae'; did you mean 'name'?");
	expect_fault("{\"name\":\"a\",\"source\":{\"pol\":1}}", some_fields,
		     "unknown field 'source.pol'; did you mean 'pool'?");
	expect_fault("{\"name\":\"a\",\"source\":1}", some_fields,
		     "field 'source' must be an object");
	expect_fault("{\"name\":\"a\",\"archive\":1}", some_fields,
		     "unknown field 'archive'; there are 'source', 'name', 'config', 'force', "
		     "'word', 'pairs', 'env'");
	expect_fault("{\"name\":\"a\",\"source\":{\"archive\":1}}", some_fields,
		     "unknown field 'source.archive'; there are 'type', 'pool'");
	expect_fault("{\"name\":\"a\",\"env\":[]}", some_fields,
		     "field 'env' must be an object of variables");
	expect_fault("{\"name\":\"--x\"}", some_fields,
		     "name '--x' begins or ends with '-'; put a letter or a digit there");
	expect_fault("{\"name\":1}", some_fields, "field 'name' must be a string");
	expect_fault("{\"name\":\"a\",\"force\":1}", some_fields,
		     "field 'force' must be true or false");
	expect_fault("{\"name\":\"a\",\"word\":\"\"}", some_fields, "field 'word' is empty");
	expect_fault("{\"name\":\"a\",\"config\":{\"a=b\":1}}", some_fields,
		     "'a=b' in field 'config' is no key");
	expect_fault("{\"name\":\"a\",\"config\":{\"-a\":1}}", some_fields,
		     "'-a' in field 'config' is no key");
	expect_fault("{\"name\":\"a\",\"config\":{\"a\":null}}", some_fields,
		     "key 'a' in field 'config' needs a string, a number, true or false");
	expect_fault("{\"name\":\"a\",\"pairs\":[]}", some_fields,
		     "field 'pairs' must be an object of settings");
}

static void test_field_words(void)
{
	json_t *body =
		json_loads("{\"name\":\"a\",\"force\":true,\"config\":{\"x\":true,\"y\":2},"
			   "\"source\":{\"pool\":\"--p\"},\"pairs\":{\"k\":\"v=w\",\"r\":1.5}}",
			   0, NULL);
	scoped_argv struct argv argv = { 0 };
	scoped_text struct text got = { 0 };

	body_flags(body, some_fields, false, &argv);
	body_flags(body, some_fields, true, &argv);
	for (size_t i = 0; i < argv.count; i++)
		text_add(&got, "%s|", argv.words[i]);
	CU_ASSERT_STRING_EQUAL(text_str(&got),
			       "--set=x=yes|--set=y=2|--force|--pool=--p|k=v=w|r=1.5|");
	json_decref(body);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "rows found", test_find },
		{ "states", test_states },
		{ "words of verbs", test_words },
		{ "rows are whole", test_rows },
		{ "fields of a body", test_fields },
		{ "words of a body", test_field_words },
		CU_TEST_INFO_NULL,
	};

	return suite_run("api", NULL, NULL, tests);
}
