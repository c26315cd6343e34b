/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure parts of berth-api: heads of CGI, targets of requests, limits, room for children. */
#include "gateway/cgi_head.h"
#include "gateway/environment.h"
#include "gateway/limits.h"
#include "gateway/saying.h"
#include "gateway/slots.h"
#include "gateway/target.h"
#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char bytes[4096];
static struct cgi_head head;

static long parse(const char *text)
{
	size_t n = strlen(text);

	memcpy(bytes, text, n);
	return cgi_head_parse(bytes, n, &head);
}

static const char *field(const char *name)
{
	for (size_t i = 0; i < head.count; i++)
		if (strcmp(head.fields[i].name, name) == 0)
			return head.fields[i].value;
	return NULL;
}

static void test_head(void)
{
	static const char text[] =
		"Status: 404 Not Found\nContent-Type: application/json\n"
		"ETag:  \"7\" \r\nConnection: close\nTransfer-Encoding: chunked\n\r\n{}";

	CU_ASSERT_EQUAL(parse(text), (long)strlen(text) - 2);
	CU_ASSERT_EQUAL(head.status, 404);
	CU_ASSERT_STRING_EQUAL(head.type, "application/json");
	CU_ASSERT_STRING_EQUAL(field("ETag"), "\"7\"");
	CU_ASSERT_EQUAL(head.count, 2);
	CU_ASSERT_FALSE(head.has_length);
	CU_ASSERT_EQUAL(parse("\nbody"), 1);
	CU_ASSERT_EQUAL(head.status, 200);
	CU_ASSERT_EQUAL(parse("content-length: 12\n\n"), 20);
	CU_ASSERT_TRUE(head.has_length && head.length == 12);
	CU_ASSERT_EQUAL(head.count, 0);
}

static void test_head_of_a_ticket(void)
{
	CU_ASSERT_TRUE(
		parse("Status: 201\nberth-ticket: abc\nBerth-Attach: {\"a\":1}\nBerth-More: 1\n"
		      "Location: /1.0/sockets/abc\n\n") > 0);
	CU_ASSERT_STRING_EQUAL(head.ticket, "abc");
	CU_ASSERT_STRING_EQUAL(head.attach, "{\"a\":1}");
	CU_ASSERT_EQUAL(head.count, 1);
	CU_ASSERT_STRING_EQUAL(head.fields[0].name, "Location");
}

static void test_half_a_head(void)
{
	static const char text[] = "Status: 200 OK\r\nA: b\r\n\r\n";

	for (size_t n = 0; n < strlen(text); n++) {
		memcpy(bytes, text, n);
		CU_ASSERT_EQUAL(cgi_head_parse(bytes, n, &head), 0);
		CU_ASSERT_EQUAL(memcmp(bytes, text, n), 0);
	}
	CU_ASSERT_EQUAL(parse(text), (long)strlen(text));
}

static void test_no_head(void)
{
	static const char *const texts[] = {
		"no colon\n\n",
		"Status: 99\n\n",
		"Status: 600\n\n",
		"Status: 2000\n\n",
		"Status: \n\n",
		"Status: x\n\n",
		"Status: 200OK\n\n",
		"Status: 101 Switch\n\n",
		"Content-Length: -1\n\n",
		"Content-Length: 1x\n\n",
		": empty\n\n",
		"A B: c\n\n",
		" folded: c\n\n",
		"A: b\rSet-Cookie: c\n\n",
		"A: b\x01\n\n",
		"A: \x7f\n\n",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		CU_ASSERT_EQUAL(parse(texts[i]), -EPROTO);
	static const char nul[] = "A: b\0c\n\n";
	memcpy(bytes, nul, sizeof nul - 1);
	CU_ASSERT_EQUAL(cgi_head_parse(bytes, sizeof nul - 1, &head), -EPROTO);
	char many[CGI_FIELDS * 8 + 16] = "";
	for (int i = 0; i < CGI_FIELDS; i++)
		strcat(many, "A: b\n");
	strcat(many, "\n");
	CU_ASSERT_TRUE(parse(many) > 0);
	CU_ASSERT_EQUAL(head.count, CGI_FIELDS);
	strcpy(many + strlen(many) - 1, "A: b\n\n");
	CU_ASSERT_EQUAL(parse(many), -EPROTO);
}

static void check_target(const char *text, const char *path, const char *query)
{
	char target[256];
	const char *rest = NULL;

	strcpy(target, text);
	CU_ASSERT_EQUAL(target_split(target, &rest), path ? 0 : -EINVAL);
	if (path) {
		CU_ASSERT_STRING_EQUAL(target, path);
		CU_ASSERT_STRING_EQUAL(rest, query);
	}
}

static void test_target(void)
{
	check_target("/1.0/machines", "/1.0/machines", "");
	check_target("/a%20b%2Fc?d=%20&e=f?", "/a b/c", "d=%20&e=f?");
	check_target("/caf%C3%A9", "/caf\xc3\xa9", "");
	check_target("/?", "/", "");
	check_target("1.0", NULL, NULL);
	check_target("*", NULL, NULL);
	check_target("http://host/1.0", NULL, NULL);
	check_target("/a%0", NULL, NULL);
	check_target("/a%", NULL, NULL);
	check_target("/a%zz", NULL, NULL);
	check_target("/a%00b", NULL, NULL);
	check_target("/a%0Ab", NULL, NULL);
	check_target("/a\tb", NULL, NULL);
	check_target("/a?b\tc", NULL, NULL);
}

static void test_patience(void)
{
	CU_ASSERT_EQUAL(target_patience("", ""), 0);
	CU_ASSERT_EQUAL(target_patience("wait=20", ""), 20);
	CU_ASSERT_EQUAL(target_patience("respond-async, Wait=5", "timeout=7"), 7);
	CU_ASSERT_EQUAL(target_patience("", "a=b&timeout=30"), 30);
	CU_ASSERT_EQUAL(target_patience("await=20", "atimeout=30"), 0);
	CU_ASSERT_EQUAL(target_patience("wait=99999999999999", ""), 3600);
	CU_ASSERT_EQUAL(target_patience("wait=9999", ""), 3600);
	CU_ASSERT_EQUAL(target_patience("wait=", "timeout=x"), 0);
}

static void test_limits(void)
{
	struct limits limits;
	struct err err = { 0 };

	limits_default(&limits);
	CU_ASSERT_TRUE(limits.requests >= 4);
	CU_ASSERT_EQUAL(limits.head, 10);
	CU_ASSERT_EQUAL(limits_set(&limits, "head=3", &err), 0);
	CU_ASSERT_EQUAL(limits.head, 3);
	CU_ASSERT_EQUAL(limits_set(&limits, "haed=3", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "there is no limit 'haed'; did you mean 'head'?");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(limits_set(&limits, "head=0", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "limit 'head' is 1 to 3600, not '0'");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(limits_set(&limits, "head", &err), -EINVAL);
	CU_ASSERT_EQUAL(limits.head, 3);
}

static struct slot_waiter *served[4];
static size_t count;

static void serve(struct slot_waiter *waiter)
{
	served[count++] = waiter;
}

static void test_slots(void)
{
	struct slots slots = { .most = 2, .most_waiting = 3, .most_lasting = 1 };
	struct slot_waiter waiters[6] = { 0 };

	count = 0;
	for (int i = 0; i < 6; i++)
		waiters[i].ready = serve;
	CU_ASSERT_EQUAL(slots_take(&slots, &waiters[0]), SLOT_NOW);
	CU_ASSERT_EQUAL(slots_take(&slots, &waiters[1]), SLOT_NOW);
	for (int i = 2; i < 5; i++)
		CU_ASSERT_EQUAL(slots_take(&slots, &waiters[i]), SLOT_LATER);
	CU_ASSERT_EQUAL(slots_take(&slots, &waiters[5]), SLOT_NEVER);
	slots_forget(&slots, &waiters[3]);
	slots_forget(&slots, &waiters[3]);
	CU_ASSERT_EQUAL(slots.waiting, 2);
	slots_give_back(&slots);
	slots_give_back(&slots);
	CU_ASSERT_EQUAL(count, 2);
	CU_ASSERT_PTR_EQUAL(served[0], &waiters[2]);
	CU_ASSERT_PTR_EQUAL(served[1], &waiters[4]);
	CU_ASSERT_EQUAL(slots.running, 2);
	slots_give_back(&slots);
	slots_give_back(&slots);
	CU_ASSERT_EQUAL(slots.running, 0);
	CU_ASSERT_TRUE(slots_take_lasting(&slots));
	CU_ASSERT_FALSE(slots_take_lasting(&slots));
	slots_give_back_lasting(&slots);
	CU_ASSERT_TRUE(slots_take_lasting(&slots));
}

static void test_environment(void)
{
	scoped_environment struct environment env = { 0 };
	bool kept = false;

	setenv("BERTH_ROOT", "/somewhere", 1);
	setenv("LD_PRELOAD", "", 1);
	environment_begin(&env);
	environment_add(&env, "REMOTE_USER", "ann");
	environment_add(&env, "HTTP_PREFER", NULL);
	CU_ASSERT_FALSE(env.failed);
	for (size_t i = 0; i < env.count; i++) {
		kept |= strcmp(env.words[i], "BERTH_ROOT=/somewhere") == 0;
		CU_ASSERT_NOT_EQUAL(strncmp(env.words[i], "LD_", 3), 0);
		CU_ASSERT_NOT_EQUAL(strncmp(env.words[i], "HTTP_", 5), 0);
	}
	CU_ASSERT_TRUE(kept);
	CU_ASSERT_PTR_NULL(env.words[env.count]);
	CU_ASSERT_STRING_EQUAL(env.words[env.count - 1], "REMOTE_USER=ann");
}

/* In pieces of that size. */
static void add_in_pieces(struct saying *saying, const char *text, size_t size)
{
	for (size_t n = strlen(text), at = 0; at < n; at += size)
		saying_add(saying, text + at, n - at < size ? n - at : size);
}

static void check_saying(const char *said, int code, const char *wanted)
{
	for (size_t size = 1; size < 8; size++) {
		struct saying saying = { 0 };
		add_in_pieces(&saying, said, size);
		char *text = saying_end(&saying, code);
		CU_ASSERT_STRING_EQUAL_FATAL(text, wanted);
		free(text);
	}
}

static void test_saying(void)
{
	struct saying saying = { 0 };
	char *text;

	check_saying("", 1, "{\"exit\":1}");
	check_saying("berth: no machine 'a'\n", 0, "{\"exit\":0}");
	check_saying("berth: no machine 'a'\n", 1, "{\"exit\":1,\"error\":\"no machine 'a'\"}");
	check_saying("first\n\nlast \"one\"\r\n", 3, "{\"exit\":3,\"error\":\"last \\\"one\\\"\"}");
	check_saying("first\nno end", 3, "{\"exit\":3,\"error\":\"no end\"}");
	check_saying("no \xff text\n", 1, "{\"exit\":1}");
	for (int i = 0; i < 2000; i++)
		saying_add(&saying, "x", 1);
	text = saying_end(&saying, 1);
	CU_ASSERT_EQUAL(strlen(text), strlen("{\"exit\":1,\"error\":\"\"}") + SAYING - 1);
	free(text);
	saying_add(&saying, "\nshort\n", 7);
	text = saying_end(&saying, 1);
	CU_ASSERT_STRING_EQUAL(text, "{\"exit\":1,\"error\":\"short\"}");
	free(text);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "saying", test_saying },
		{ "heads", test_head },
		{ "a head with a ticket", test_head_of_a_ticket },
		{ "heads that are not whole", test_half_a_head },
		{ "what is no head", test_no_head },
		{ "targets", test_target },
		{ "how long a client waits", test_patience },
		{ "limits", test_limits },
		{ "room for children", test_slots },
		{ "environments of children", test_environment },
		CU_TEST_INFO_NULL,
	};

	return suite_run("gateway", NULL, NULL, tests);
}
