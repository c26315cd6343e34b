/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of the bytes of a viewer that only looks, and the bytes between a viewer and a display. */
#include "machine/desktop/desktop.h"
#include "machine/desktop/rfb.h"
#include "suite.h"

#include "base/scoped.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "RFB 003.008\n"
#define OPENING  GREETING "\1\1"

struct bytes {
	const char *data;
	size_t size;
};
#define BYTES(text) ((struct bytes){ text, sizeof(text) - 1 })

/* Filters bytes in pieces of that size, after an opening. -errno, or whether what is left is what is expected. */
static int leaves(struct bytes in, struct bytes expected, size_t piece)
{
	struct rfb_filter filter = { 0 };
	unsigned char out[1024];
	long made = rfb_filter(&filter, (const unsigned char *)OPENING, sizeof OPENING - 1, out);

	CU_ASSERT_EQUAL(made, sizeof OPENING - 1);
	made = 0;
	for (size_t at = 0; at < in.size; at += piece) {
		size_t n = in.size - at < piece ? in.size - at : piece;
		long r = rfb_filter(&filter, (const unsigned char *)in.data + at, n, out + made);
		if (r < 0)
			return (int)r;
		made += r;
	}
	return (size_t)made == expected.size && memcmp(out, expected.data, expected.size) == 0;
}

static void expect(struct bytes in, struct bytes expected)
{
	for (size_t piece = 1; piece <= in.size; piece++)
		CU_ASSERT_EQUAL(leaves(in, expected, piece), 1);
}

#define UPDATE "\3\1\0\0\0\0\0\11\0\11"

static void test_messages(void)
{
	static const struct bytes acts[] = {
		BYTES("\4\1\0\0\0\0\0x"),                  /* a key */
		BYTES("\5\377\0\20\0\20"),                 /* the pointer, all buttons */
		BYTES("\6\0\0\0\0\0\0\3abc"),              /* the clipboard */
		BYTES("\6\0\0\0\0\0\0\0"),                 /* an empty one */
		BYTES("\6\0\0\0\377\377\377\374\1\0\0\0"), /* an extended one */
		BYTES("\372\0\1\2"),                       /* a shutdown */
		BYTES("\373\0\4\0\3\0\1\0"
		      "0123456789abcdef"),           /* a size, with a screen */
		BYTES("\377\0\0\1\0\0\0x\0\0\0\65"), /* a key of QEMU's */
		BYTES("\377\1\0\0"),                 /* its sound */
		BYTES("\377\1\0\2\3\2\0\0\254\104"), /* the format of that */
	};
	static const struct bytes looks[] = {
		BYTES("\0\0\0\0\40\30\0\1\0\377\0\377\0\377\20\10\0\0\0\0"),
		BYTES(UPDATE),
		BYTES("\226\1\0\0\0\0\0\11\0\11"),
		BYTES("\370\0\0\0\0\0\0\1\1A"),
		BYTES("\2\0\0\0"),
		BYTES("\2\0\0\2\0\0\0\0\377\377\376\314"),
	};
	char text[256];

	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		memcpy(text, acts[i].data, acts[i].size);
		memcpy(text + acts[i].size, UPDATE, sizeof UPDATE - 1);
		expect((struct bytes){ text, acts[i].size + sizeof UPDATE - 1 }, BYTES(UPDATE));
	}
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
		expect(looks[i], looks[i]);
	/* Extended pointer events, by which a message may be longer, are never agreed on. */
	expect(BYTES("\2\0\0\2\377\377\376\304\377\377\376\314"),
	       BYTES("\2\0\0\2\0\0\0\0\377\377\376\314"));
}

static const char *fault_of(struct bytes in)
{
	struct rfb_filter filter = { 0 };
	unsigned char out[256];

	return rfb_filter(&filter, (const unsigned char *)in.data, in.size, out) == -EPROTO
		       ? filter.fault
		       : "none";
}

static void test_refused(void)
{
	struct rfb_filter filter = { 0 };
	unsigned char out[64];

	CU_ASSERT_STRING_EQUAL(fault_of(BYTES("GET / HTTP/1.1\r\n")), "it does not speak RFB");
	CU_ASSERT_PTR_NOT_NULL(strstr(fault_of(BYTES("RFB 003.003\n")), "3.7 and 3.8"));
	CU_ASSERT_PTR_NOT_NULL(strstr(fault_of(BYTES(GREETING "\2")), "without a password"));
	CU_ASSERT_PTR_NOT_NULL(strstr(fault_of(BYTES(OPENING "w")), "not known"));
	CU_ASSERT_STRING_EQUAL(fault_of(BYTES("RFB 003.007\n\1\1")), "none");
	/* A viewer that asks for the display alone shares it. */
	CU_ASSERT_EQUAL(rfb_filter(&filter, (const unsigned char *)GREETING "\1\0", 14, out), 14);
	CU_ASSERT_EQUAL(out[13], 1);
	CU_ASSERT_TRUE(rfb_is_version((const unsigned char *)"RFB 003.889\n"));
	CU_ASSERT_FALSE(rfb_is_version((const unsigned char *)"RFB 003.88\n\n"));
}

static bool answer(void *context, bool press)
{
	const bool *may = context;

	(void)press;
	return *may;
}

#define KEY_DOWN  "\4\1\0\0\0\0\0x"
#define KEY_UP    "\4\0\0\0\0\0\0x"
#define QEMU_DOWN "\377\0\0\1\0\0\0x\0\0\0\65"
#define QEMU_UP   "\377\0\0\0\0\0\0x\0\0\0\65"

/* What was pressed by a viewer that may act no more is let go, once. */
static void test_let_go(void)
{
	bool may = true;
	struct rfb_filter filter = { .may_act = answer, .context = &may, .lenient = true };
	static const char acts[] = OPENING KEY_DOWN QEMU_DOWN "\5\1\0\20\0\20" KEY_DOWN
							      "\4\1\0\0\0\0\0y\4\0\0\0\0\0\0y";
	static const char gone[] = KEY_UP QEMU_UP "\5\0\0\20\0\20";
	unsigned char out[512];

	CU_ASSERT_EQUAL(rfb_filter(&filter, (const unsigned char *)acts, sizeof acts - 1, out),
			sizeof acts - 1);
	may = false;
	CU_ASSERT_EQUAL(rfb_filter(&filter, (const unsigned char *)KEY_DOWN, 8, out), 0);
	CU_ASSERT_EQUAL(rfb_let_go(&filter, out), sizeof gone - 1);
	CU_ASSERT_EQUAL(memcmp(out, gone, sizeof gone - 1), 0);
	CU_ASSERT_EQUAL(rfb_let_go(&filter, out), 0);
	/* Not within a message. */
	may = true;
	CU_ASSERT_EQUAL(rfb_filter(&filter, (const unsigned char *)KEY_DOWN "\6\0\0\0\0\0\0\3a", 17,
				   out),
			17);
	CU_ASSERT_EQUAL(rfb_let_go(&filter, out), 0);
	CU_ASSERT_EQUAL(rfb_filter(&filter, (const unsigned char *)"bc", 2, out), 2);
	CU_ASSERT_EQUAL(rfb_let_go(&filter, out), 8);
	/* What cannot be followed is passed on as it is. */
	CU_ASSERT_EQUAL(rfb_filter(&filter, (const unsigned char *)"wxyz", 4, out), 4);
	CU_ASSERT_TRUE(filter.opaque);
	CU_ASSERT_EQUAL(memcmp(out, "wxyz", 4), 0);
}

/* Both ends of a viewer and of a display, and a thread that carries. */
struct carried {
	int display[2], viewer[2];
	bool view_only;
	enum desktop_end end;
	int r;
	struct err err;
	pthread_t thread;
};

static void *carry(void *context)
{
	struct carried *carried = context;

	struct desktop_carriage carriage = {
		.display = carried->display[1],
		.in = carried->viewer[1],
		.out = carried->viewer[1],
		.view_only = carried->view_only,
		.signals = -1,
		.wishes = -1,
	};

	carried->r = desktop_carry(&carriage, &carried->end, &carried->err);
	return NULL;
}

static void set_up(struct carried *carried)
{
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, carried->display), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, carried->viewer), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&carried->thread, NULL, carry, carried), 0);
}

static void tear_down(struct carried *carried)
{
	CU_ASSERT_EQUAL(pthread_join(carried->thread, NULL), 0);
	for (int i = 0; i < 2; i++) {
		close(carried->display[i]);
		close(carried->viewer[i]);
	}
}

static void test_carried(void)
{
	struct carried carried = { .view_only = true };
	char got[64] = "";

	set_up(&carried);
	CU_ASSERT_EQUAL(send(carried.display[0], "RFB 003.008\n", 12, 0), 12);
	CU_ASSERT_EQUAL(recv(carried.viewer[0], got, 12, MSG_WAITALL), 12);
	CU_ASSERT_EQUAL(send(carried.viewer[0], OPENING "\4\1\0\0\0\0\0x" UPDATE, 32, 0), 32);
	CU_ASSERT_EQUAL(recv(carried.display[0], got, 24, MSG_WAITALL), 24);
	CU_ASSERT_EQUAL(memcmp(got + 14, UPDATE, 10), 0);
	/* What the display has said last reaches the viewer. */
	CU_ASSERT_EQUAL(send(carried.display[0], "last", 4, 0), 4);
	shutdown(carried.display[0], SHUT_RDWR);
	CU_ASSERT_EQUAL(recv(carried.viewer[0], got, 4, MSG_WAITALL), 4);
	tear_down(&carried);
	CU_ASSERT_EQUAL(carried.r, 0);
	CU_ASSERT_EQUAL(carried.end, DESKTOP_CLOSED);
}

/* A display that takes nothing does not keep us when its viewer has left. */
static void test_stuck(void)
{
	struct carried carried = { 0 };
	char block[4096] = "";

	set_up(&carried);
	while (send(carried.viewer[0], block, sizeof block, MSG_DONTWAIT) > 0)
		;
	close(carried.viewer[0]);
	carried.viewer[0] = -1;
	tear_down(&carried);
	CU_ASSERT_EQUAL(carried.r, 0);
	CU_ASSERT_EQUAL(carried.end, DESKTOP_LEFT);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "messages", test_messages }, { "refused", test_refused },
		{ "let go", test_let_go },     { "carried", test_carried },
		{ "stuck", test_stuck },       CU_TEST_INFO_NULL,
	};

	return suite_run("desktop", NULL, NULL, tests);
}
