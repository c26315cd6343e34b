/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of WebSocket: the cases of Autobahn's published list that are about a server's reader, each whole, in single
 * bytes and in pieces; tickets; the JSON about children of sockets. Compression (12, 13) is not offered.
 */
#include "gateway/attach.h"
#include "gateway/ticket.h"
#include "gateway/websocket.h"
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 20 };

static unsigned char input[ROOM], said[ROOM];
static size_t length;

/* What a reader has made of the input. */
static struct {
	size_t said, messages, asks, answers;
	bool text;
	char asked[WEBSOCKET_CONTROL + 1];
	unsigned ends, fault; /* cause, or 0 */
} got;

static void begin_case(void)
{
	length = 0;
}

/* Adds a frame as a client sends it: first is the first byte. */
static void add(unsigned first, const void *bytes, size_t n)
{
	static const unsigned char mask[] = { 0x12, 0x34, 0x56, 0x78 };
	size_t more = n < 126 ? 0 : n < 65536 ? 2 : 8;

	input[length++] = (unsigned char)first;
	input[length++] = (unsigned char)(0x80 | (more == 0 ? n : more == 2 ? 126 : 127));
	for (size_t i = 0; i < more; i++)
		input[length++] = (unsigned char)(n >> (8 * (more - 1 - i)));
	memcpy(input + length, mask, sizeof mask);
	length += sizeof mask;
	for (size_t i = 0; i < n; i++)
		input[length++] = ((const unsigned char *)bytes)[i] ^ mask[i % 4];
}

static void add_text(unsigned first, const char *text)
{
	add(first, text, strlen(text));
}

static void note(const struct websocket_event *event)
{
	switch (event->kind) {
	case WEBSOCKET_NOTHING:
		break;
	case WEBSOCKET_DATA:
		memcpy(said + got.said, event->data, event->length);
		got.said += event->length;
		got.messages += event->last;
		got.text = event->text;
		break;
	case WEBSOCKET_ASKS:
		got.asks++;
		memcpy(got.asked, event->data, event->length);
		got.asked[event->length] = '\0';
		break;
	case WEBSOCKET_ANSWERS:
		got.answers++;
		break;
	case WEBSOCKET_ENDS:
		got.ends = event->cause;
		break;
	case WEBSOCKET_FAULT:
		got.fault = event->cause;
		break;
	}
}

static void read_in(size_t piece)
{
	static unsigned char copy[ROOM];
	struct websocket reader = { 0 };

	memset(&got, 0, sizeof got);
	memcpy(copy, input, length);
	for (size_t at = 0; at < length; at += piece) {
		size_t n = length - at < piece ? length - at : piece;
		for (size_t done = 0; done < n && !got.fault;) {
			struct websocket_event event;
			size_t taken = websocket_read(&reader, copy + at + done, n - done, &event);
			if (taken == 0) {
				CU_FAIL("nothing was taken");
				return;
			}
			done += taken;
			note(&event);
		}
	}
}

/* Whether whatever pieces the input comes in give so many messages with these bytes, and no fault. */
static bool gives(size_t messages, const void *bytes, size_t n)
{
	static const size_t pieces[] = { ROOM, 1, 7, 997 };

	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		read_in(pieces[i]);
		if (got.fault || got.messages != messages || got.said != n ||
		    memcmp(said, bytes, n) != 0)
			return false;
	}
	return true;
}

static bool faults(unsigned cause)
{
	read_in(1);
	bool one = got.fault == cause;
	read_in(ROOM);
	return one && got.fault == cause;
}

/* 1.1, 1.2, 9.1, 9.2: messages of any size. */
static void test_sizes(void)
{
	static const size_t sizes[] = { 0, 125, 126, 127, 128, 65535, 65536, 200000 };
	static unsigned char bytes[200000];

	memset(bytes, '*', sizeof bytes);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (unsigned opcode = WEBSOCKET_TEXT; opcode <= WEBSOCKET_BINARY; opcode++) {
			begin_case();
			add(0x80 | opcode, bytes, sizes[i]);
			CU_ASSERT(gives(1, bytes, sizes[i]));
			CU_ASSERT_EQUAL(got.text, opcode == WEBSOCKET_TEXT);
		}
	/* A length without bound. */
	static const unsigned char endless[] = { 0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						 0xff, 0xff, 0xff, 1,    2,    3,    4 };
	memcpy(input, endless, sizeof endless);
	length = sizeof endless;
	CU_ASSERT(faults(WEBSOCKET_TOO_BIG));
}

/* 2: pings and pongs. */
static void test_pings(void)
{
	char most[126];

	memset(most, 'p', sizeof most);
	begin_case();
	add(0x89, "", 0);
	add(0x89, "\x00\xff\xfe", 3);
	add(0x89, most, 125);
	CU_ASSERT(gives(0, "", 0));
	CU_ASSERT_EQUAL(got.asks, 3);
	CU_ASSERT_EQUAL(strlen(got.asked), 125);
	begin_case();
	add(0x89, most, 126);
	CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
	begin_case();
	add(0x8a, "unasked", 7);
	add(0x89, "x", 1);
	CU_ASSERT(gives(0, "", 0));
	CU_ASSERT_EQUAL(got.answers, 1);
}

/* 3, 4: reserved bits and opcodes; and frames that are not masked. */
static void test_reserved(void)
{
	static const unsigned opcodes[] = { 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 };

	for (unsigned bits = 0x10; bits <= 0x70; bits += 0x10) {
		begin_case();
		add_text(0x81, "before");
		add_text(0x81 | bits, "x");
		CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
		CU_ASSERT_EQUAL(got.messages, 1);
	}
	for (size_t i = 0; i < sizeof opcodes / sizeof opcodes[0]; i++) {
		begin_case();
		add_text(0x80 | opcodes[i], "");
		CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
	}
	begin_case();
	add_text(0x81, "x");
	input[1] = 1;
	CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
}

/* 5: messages in fragments. */
static void test_fragments(void)
{
	begin_case();
	add_text(0x01, "one");
	add_text(0x89, "ping");
	add_text(0x00, "two");
	add_text(0x80, "three");
	CU_ASSERT(gives(1, "onetwothree", 11));
	CU_ASSERT_EQUAL(got.asks, 1);
	begin_case();
	add_text(0x02, "");
	add_text(0x80, "");
	CU_ASSERT(gives(1, "", 0));
	static const unsigned wrong[][2] = { { 0x80, 0 },    { 0x00, 0 }, { 0x01, 0x81 },
					     { 0x01, 0x02 }, { 0x09, 0 }, { 0x0a, 0 },
					     { 0x08, 0 } };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		begin_case();
		add_text(wrong[i][0], "x");
		if (wrong[i][1])
			add_text(wrong[i][1], "y");
		CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
	}
	begin_case();
	add_text(0x01, "a");
	add_text(0x80, "b");
	add_text(0x80, "c");
	CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
}

/* 6: UTF-8. */
static void test_texts(void)
{
	static const char *const good[] = {
		"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4",
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
		"\xed\x9f\xbf",
		"\xee\x80\x80",
		"\xef\xbf\xbd",
		"\xef\xbf\xbf",
		"\xf4\x8f\xbf\xbf",
		"\xf0\x90\x80\x80",
		"\xc2\x80",
		"\xe0\xa0\x80",
	};
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xce",
		"\xe1\xbd",
		"\xf0\x90\x80",
		("\xce\xba\xed\xa0\x80"
		 "edited"),
		"\xc2\x41",
		"\xf4\x8f\xbf\x41",
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		begin_case();
		add_text(0x81, good[i]);
		CU_ASSERT(gives(1, good[i], strlen(good[i])));
		/* A character in fragments of a byte each. */
		begin_case();
		for (size_t j = 0; j < strlen(good[i]); j++)
			add(j == 0 ? 0x01 : 0x00, good[i] + j, 1);
		add_text(0x80, "");
		CU_ASSERT(gives(1, good[i], strlen(good[i])));
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		begin_case();
		add_text(0x81, bad[i]);
		CU_ASSERT(faults(WEBSOCKET_NO_TEXT));
		/* Of bytes nothing is asked. */
		begin_case();
		add_text(0x82, bad[i]);
		CU_ASSERT(gives(1, bad[i], strlen(bad[i])));
	}
	/* 6.4: before the message is over. */
	begin_case();
	add_text(0x01, "\xce\xba\xe1\xbd\xb9\xf4");
	add_text(0x00, "\x90");
	CU_ASSERT(faults(WEBSOCKET_NO_TEXT));
	CU_ASSERT_EQUAL(got.messages, 0);
}

static void close_with(unsigned cause, const char *text)
{
	unsigned char bytes[WEBSOCKET_CONTROL] = { (unsigned char)(cause >> 8),
						   (unsigned char)cause };

	begin_case();
	memcpy(bytes + 2, text, strlen(text));
	add(0x88, bytes, 2 + strlen(text));
}

/* 7: closes. */
static void test_closes(void)
{
	static const unsigned good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009,
					 1010, 1011, 3000, 3999, 4000, 4999 };
	static const unsigned bad[] = { 0,    999,  1004, 1005, 1006, 1016,
					1100, 2000, 2999, 5000, 65535 };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		close_with(good[i], "bye");
		CU_ASSERT(gives(0, "", 0));
		CU_ASSERT_EQUAL(got.ends, good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		close_with(bad[i], "");
		CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
	}
	begin_case();
	add_text(0x88, "");
	CU_ASSERT(gives(0, "", 0));
	CU_ASSERT_EQUAL(got.ends, WEBSOCKET_NO_CAUSE);
	begin_case();
	add_text(0x88, "x");
	CU_ASSERT(faults(WEBSOCKET_PROTOCOL));
	close_with(1000, "\xce\xba\xed\xa0\x80");
	CU_ASSERT(faults(WEBSOCKET_NO_TEXT));
	/* What follows is not looked at. */
	close_with(1000, "");
	add_text(0x81, "late");
	add_text(0x89, "late");
	CU_ASSERT(gives(0, "", 0));
	CU_ASSERT_EQUAL(got.asks, 0);
}

static void test_heads(void)
{
	unsigned char out[WEBSOCKET_HEAD];

	CU_ASSERT(websocket_head(out, WEBSOCKET_TEXT, 125) == 2 && out[0] == 0x81 && out[1] == 125);
	CU_ASSERT(websocket_head(out, WEBSOCKET_BINARY, 126) == 4 &&
		  memcmp(out, "\x82\x7e\x00\x7e", 4) == 0);
	CU_ASSERT(websocket_head(out, WEBSOCKET_BINARY, 65535) == 4);
	CU_ASSERT(websocket_head(out, WEBSOCKET_PONG, 65536) == 10 &&
		  memcmp(out, "\x8a\x7f\0\0\0\0\0\x01\0\0", 10) == 0);
}

static void test_accept(void)
{
	char out[WEBSOCKET_ACCEPT];

	/* The example of RFC 6455, 1.3. */
	CU_ASSERT_EQUAL(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", out), 0);
	CU_ASSERT_STRING_EQUAL(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	CU_ASSERT_EQUAL(websocket_accept("", out), -EINVAL);
	CU_ASSERT_EQUAL(websocket_accept("dGhlIHNhbXBsZSBub25jZQ", out), -EINVAL);
	CU_ASSERT_EQUAL(websocket_accept("dGhlIHNhbXBsZQ==", out), -EINVAL);
	CU_ASSERT_EQUAL(websocket_accept("!!hlIHNhbXBsZSBub25jZQ==", out), -EINVAL);
	CU_ASSERT_EQUAL(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==", out),
			-EINVAL);
}

#define ONE "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF_"
#define TWO "bbcdefghijklmnopqrstuvwxyz0123456789ABCDEF_"

static struct tickets tickets;

static bool is_taken(const char *id, const char *user, int64_t now, const char *attach)
{
	char *out = tickets_take(&tickets, id, user, now);
	bool good = attach ? out && strcmp(out, attach) == 0 : !out;

	free(out);
	return good;
}

static void test_tickets(void)
{
	CU_ASSERT(is_taken(ONE, "ann", 0, NULL));
	CU_ASSERT(is_taken("", "ann", 0, NULL));
	CU_ASSERT_EQUAL(tickets_keep(&tickets, ONE, "ann", "{1}", 0), 0);
	CU_ASSERT_EQUAL(tickets_keep(&tickets, TWO, "ann", "{2}", 0), 0);
	CU_ASSERT(is_taken(ONE, "ann", TICKET_MS - 1, "{1}"));
	CU_ASSERT(is_taken(ONE, "ann", TICKET_MS - 1, NULL));
	CU_ASSERT(is_taken(TWO, "ann", TICKET_MS, NULL));
	/* Another user, after whom it is of no use for its own. */
	CU_ASSERT_EQUAL(tickets_keep(&tickets, ONE, "ann", "{1}", 0), 0);
	CU_ASSERT(is_taken(ONE, "bob", 1, NULL));
	CU_ASSERT(is_taken(ONE, "ann", 1, NULL));
	CU_ASSERT_EQUAL(tickets_keep(&tickets, "short", "ann", "{}", 0), -EINVAL);
	CU_ASSERT_EQUAL(tickets_keep(&tickets, ONE TWO, "ann", "{}", 0), -EINVAL);
	char id[] = ONE;
	for (int i = 0; i < TICKETS; i++) {
		id[0] = (char)('0' + i % 10);
		id[1] = (char)('0' + i / 10);
		CU_ASSERT_EQUAL(tickets_keep(&tickets, id, "ann", "{}", 0), 0);
	}
	CU_ASSERT_EQUAL(tickets_keep(&tickets, TWO, "ann", "{}", 1), -ENOSPC);
	CU_ASSERT_EQUAL(tickets_keep(&tickets, TWO, "ann", "{3}", TICKET_MS), 0);
	CU_ASSERT(is_taken(TWO, "ann", TICKET_MS, "{3}"));
}

static int wish(struct attach_wish *out, const char *json)
{
	return attach_wish(out, json, strlen(json));
}

static void test_attach(void)
{
	struct attach attach;
	struct attach_wish out;

	CU_ASSERT_EQUAL(attach_read(&attach,
				    "{\"argv\":[\"berth\",\"exec\",\"web\"],\"terminal\":true,"
				    "\"as\":\"ann\"}"),
			0);
	CU_ASSERT_STRING_EQUAL(attach.words[2], "web");
	CU_ASSERT_PTR_NULL(attach.words[3]);
	CU_ASSERT(attach.terminal && !attach.raw && strcmp(attach.as, "ann") == 0);
	attach_free(&attach);
	CU_ASSERT_EQUAL(attach_read(&attach, "{\"argv\":[\"berth\",\"exec\"],\"as\":null}"), 0);
	CU_ASSERT(!attach.terminal && !attach.as);
	attach_free(&attach);
	CU_ASSERT_EQUAL(attach_read(&attach, "{\"argv\":[\"berth\"]}"), -EINVAL);
	CU_ASSERT_EQUAL(attach_read(&attach, "{\"argv\":[\"berth\",1]}"), -EINVAL);
	CU_ASSERT_EQUAL(attach_read(&attach, "no json"), -EINVAL);
	CU_ASSERT_EQUAL(wish(&out, "{\"resize\":{\"columns\":132,\"rows\":43}}"), 0);
	CU_ASSERT(out.columns == 132 && out.rows == 43 && !out.signal);
	CU_ASSERT_EQUAL(wish(&out, "{\"signal\":\"INT\"}"), 0);
	CU_ASSERT(!out.columns && out.signal == SIGINT);
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"signal\":\"STOP\"}",
		"{\"signal\":2}",
		"{\"resize\":{}}",
		"{\"resize\":1}",
		"{\"resize\":{\"columns\":0,\"rows\":1}}",
		"{\"resize\":{\"columns\":1,\"rows\":10001}}",
		"{\"resize\":{\"columns\":1,\"rows\":1},\"signal\":\"INT\"}",
		"{\"signal\":\"INT\",\"x\":1}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_EQUAL(wish(&out, bad[i]), -EINVAL);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "sizes", test_sizes },
		{ "pings and pongs", test_pings },
		{ "what is reserved", test_reserved },
		{ "fragments", test_fragments },
		{ "texts", test_texts },
		{ "closes", test_closes },
		{ "heads", test_heads },
		{ "the handshake's sum", test_accept },
		{ "tickets", test_tickets },
		{ "what the router and clients say", test_attach },
		CU_TEST_INFO_NULL,
	};

	return suite_run("websocket", NULL, NULL, tests);
}
