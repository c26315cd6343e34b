/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of the bytes of a viewer that only looks, and the bytes between a viewer and a display. */
#include "machine/desktop/desktop.h"
#include "machine/desktop/picture.h"
#include "machine/desktop/rfb_shown.h"
#include "suite.h"

#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
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
	       BYTES("\2\0\0\2ber\177\377\377\376\314"));
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

/* ---- The clipboard */

#define ASKS_FOR(number) "\2\0\0\2" number "\0\0\0\0"
#define TEXTS            "\300\241\345\316"
#define UNUSED           "ber\177"

/* What is left of bytes of a viewer whose texts, or those of the machine, are not passed on. */
static void expect_clipboard(bool no_paste, bool no_copy, struct bytes in, struct bytes expected)
{
	bool may = true;

	for (size_t piece = 1; piece <= in.size; piece++) {
		struct rfb_filter filter = {
			.no_paste = no_paste, .no_copy = no_copy, .may_act = answer, .context = &may
		};
		unsigned char out[512];
		long made = rfb_filter(&filter, (const unsigned char *)OPENING, sizeof OPENING - 1,
				       out);
		CU_ASSERT_EQUAL_FATAL(made, sizeof OPENING - 1);
		made = 0;
		for (size_t at = 0; at < in.size; at += piece) {
			size_t n = in.size - at < piece ? in.size - at : piece;
			long r = rfb_filter(&filter, (const unsigned char *)in.data + at, n,
					    out + made);
			CU_ASSERT_FATAL(r >= 0);
			made += r;
		}
		CU_ASSERT_EQUAL(made, (long)expected.size);
		CU_ASSERT_EQUAL(memcmp(out, expected.data, expected.size), 0);
	}
}

static void test_texts_of_viewer(void)
{
	static const struct bytes texts[] = {
		BYTES("\6\0\0\0\0\0\0\3abc"),
		BYTES("\6\0\0\0\377\377\377\374\20\0\0\1"),   /* provides */
		BYTES("\6\0\0\0\377\377\377\372\10\0\0\1ab"), /* notifies */
		BYTES("\6\0\0\0\377\377\377\376ab"),          /* too short for flags */
	};
	static const struct bytes questions[] = {
		BYTES("\6\0\0\0\377\377\377\374\2\0\0\1"),      /* requests */
		BYTES("\6\0\0\0\377\377\377\370\37\0\0\1abcd"), /* what it can do */
	};
	char text[64];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		memcpy(text, texts[i].data, texts[i].size);
		memcpy(text + texts[i].size, KEY_DOWN, 8);
		expect_clipboard(true, false, (struct bytes){ text, texts[i].size + 8 },
				 BYTES(KEY_DOWN));
		expect_clipboard(false, true, texts[i], texts[i]);
	}
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		expect_clipboard(true, true, questions[i], questions[i]);
	/* Only what can be followed is agreed on, and texts if they go one way. */
	expect_clipboard(false, true, BYTES(ASKS_FOR("\0\0\0\7")), BYTES(ASKS_FOR(UNUSED)));
	expect_clipboard(false, true, BYTES(ASKS_FOR("\0\0\0\20")), BYTES(ASKS_FOR("\0\0\0\20")));
	expect_clipboard(false, true, BYTES(ASKS_FOR("\377\377\377\340")),
			 BYTES(ASKS_FOR("\377\377\377\340")));
	expect_clipboard(false, true, BYTES(ASKS_FOR(TEXTS)), BYTES(ASKS_FOR(TEXTS)));
	expect_clipboard(true, true, BYTES(ASKS_FOR(TEXTS)), BYTES(ASKS_FOR(UNUSED)));
	expect_clipboard(true, false, BYTES(ASKS_FOR("\0\0\0\7")), BYTES(ASKS_FOR("\0\0\0\7")));
}

/* A screen of 2 x 2 pixels of 4 bytes. */
#define SCREEN                                               \
	"\0\2\0\2\40\30\0\1\0\377\0\377\0\377\20\10\0\0\0\0" \
	"\0\0\0\1d"
#define BEGINNING GREETING "\1\1\0\0\0\0" SCREEN
#define PLACE     "\0\0\0\0\0\1\0\1"

/* Filters bytes of a display behind a beginning, in pieces. What it said, or whether what is left is what is expected. */
static int shows(const struct rfb_filter *viewer, struct bytes in, struct bytes expected,
		 size_t piece)
{
	struct rfb_shown shown = { .viewer = viewer };
	unsigned char out[512] = { 0 };
	long made = 0;

	for (size_t at = 0; at < in.size; at += piece) {
		size_t n = in.size - at < piece ? in.size - at : piece;
		long r = rfb_shown_filter(&shown, (const unsigned char *)in.data + at, n,
					  out + made);
		if (r < 0)
			return (int)r;
		made += r;
	}
	return (size_t)made == expected.size && memcmp(out, expected.data, expected.size) == 0;
}

static void expect_shown(struct bytes in, struct bytes expected)
{
	static const struct rfb_filter viewer = { .no_copy = true };

	for (size_t piece = 1; piece <= in.size; piece++)
		CU_ASSERT_EQUAL(shows(&viewer, in, expected, piece), 1);
}

static void test_texts_of_display(void)
{
	static const struct rfb_filter older = { .older = true, .pixel = 1 };
	static const struct rfb_filter neither = { .no_copy = true, .no_paste = true };
#define PICTURES                                                                               \
	"\0\0\0\11" PLACE "\0\0\0\0RGBA" PLACE "\0\0\0\1\0\1\0\1" PLACE "\0\0\0\20\0\0\0\3abc" \
	"\0\0\0\0\0\0\0\0\0\0\0\6\0\0\0\0" PLACE "\377\377\377\21RGBAm"                        \
	"\0\3\0\0\0\1\0\1\377\377\376\314\1\0\0\0"                                             \
	"0123456789abcdef" PLACE "\377\377\376\315\0\0\0\2de" PLACE "\377\377\376\373\1" PLACE \
	"\377\377\377\41"
#define UNTIL_LAST "\0\0\377\377" PLACE "\0\0\0\1\0\1\0\1" PLACE "\377\377\377\40"
#define OTHERS     "\2\1\0\0\0\0\1rrggbb\226\370\0\0\0\0\0\0\1\1A\372\0\1\0"
#define ASKED      "\3\0\0\0\377\377\377\374\2\0\0\1"
	expect_shown(BYTES(BEGINNING PICTURES UNTIL_LAST OTHERS ASKED PICTURES),
		     BYTES(BEGINNING PICTURES UNTIL_LAST OTHERS ASKED PICTURES));
	expect_shown(BYTES(BEGINNING
			   "\3\0\0\0\0\0\0\3abc\2\3\0\0\0\377\377\377\373\10\0\0\1a" PICTURES
			   "\3\0\0\0\377\377\377\373\20\0\0\1a\2"),
		     BYTES(BEGINNING "\2" PICTURES "\2"));
	/* Version 3.7 has no result; the viewer's pixels count. */
	CU_ASSERT_EQUAL(shows(&older, BYTES(GREETING "\1\1" SCREEN "\0\0\0\1" PLACE "\0\0\0\0R\2"),
			      BYTES(GREETING "\1\1" SCREEN "\0\0\0\1" PLACE "\0\0\0\0R\2"), 3),
			1);
	/* A viewer that sends no texts is not asked for them. */
	CU_ASSERT_EQUAL(shows(&neither, BYTES(BEGINNING ASKED "\2"), BYTES(BEGINNING "\2"), 5), 1);
	/* A refusal with its reason. */
	expect_shown(BYTES(GREETING "\0\0\0\0\2no"), BYTES(GREETING "\0\0\0\0\2no"));
	expect_shown(BYTES(GREETING "\1\1\0\0\0\1\0\0\0\2no"),
		     BYTES(GREETING "\1\1\0\0\0\1\0\0\0\2no"));
	CU_ASSERT_EQUAL(shows(&neither, BYTES(BEGINNING "w"), BYTES(""), 9), -EPROTO);
	CU_ASSERT_EQUAL(shows(&neither, BYTES("HTTP/1.1 400"), BYTES(""), 9), -EPROTO);
	/* Tight, on which nobody has agreed. */
	CU_ASSERT_EQUAL(shows(&neither, BYTES(BEGINNING "\0\0\0\1" PLACE "\0\0\0\7"), BYTES(""), 9),
			-EPROTO);
}

/* ---- Pictures */

static int draw(struct bytes in, struct picture *picture, struct err *err)
{
	scoped_fd int from = memfd_create("display", 0), to = open("/dev/null", O_WRONLY);

	*err = (struct err){ 0 };
	CU_ASSERT_FATAL(from >= 0 && to >= 0);
	CU_ASSERT_EQUAL(pwrite(from, in.data, in.size, 0), (ssize_t)in.size);
	return picture_draw(from, to, picture, err);
}

static void test_picture(void)
{
	static struct picture picture;
	static unsigned char png[PICTURE_MOST];
	struct err err;

	/* Two rectangles, after a bell, colours and a text. */
#define ROWS                                                                      \
	"\0\0\0\1\0\0\0\0\0\2\0\1\0\0\0\0"                                        \
	"\3\2\1\0\6\5\4\0"                                                        \
	"\2\1\0\0\0\0\1rrggbb\3\0\0\0\0\0\0\3abc\0\0\0\1\0\0\0\1\0\2\0\1\0\0\0\0" \
	"\11\10\7\0\14\13\12\0"
	CU_ASSERT_EQUAL(draw(BYTES(BEGINNING ROWS), &picture, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	size_t n = picture_write(&picture, png);
	CU_ASSERT_EQUAL(memcmp(png, "\211PNG\r\n\32\n\0\0\0\15IHDR\0\0\0\2\0\0\0\2\10\2\0\0\0", 29),
			0);
	CU_ASSERT_EQUAL(memcmp(png + 48, "\0\1\2\3\4\5\6\0\7\10\11\12\13\14", 14), 0);
	CU_ASSERT_EQUAL(n, 14 + 68);
	CU_ASSERT_EQUAL(memcmp(png + n - 12, "\0\0\0\0IEND\256B`\202", 12), 0);
	CU_ASSERT_EQUAL(draw(BYTES(GREETING "\1\2"), &picture, &err), -EPROTO);
	CU_ASSERT_STRING_EQUAL(err.text, "the display wants a password");
	CU_ASSERT_EQUAL(draw(BYTES("RFB 003.003\n"), &picture, &err), -EPROTO);
	CU_ASSERT_EQUAL(draw(BYTES(GREETING "\1\1\0\0\0\1"), &picture, &err), -EPROTO);
	CU_ASSERT_EQUAL(draw(BYTES(BEGINNING "\0\0\0\1\0\1\0\0\0\2\0\1\0\0\0\0"), &picture, &err),
			-EPROTO);
	CU_ASSERT_STRING_EQUAL(err.text, "the display draws what was not asked for");
	CU_ASSERT_EQUAL(draw(BYTES(BEGINNING "\0\0\0\1" PLACE "\0\0\0\7"), &picture, &err),
			-EPROTO);
	CU_ASSERT_EQUAL(draw(BYTES(BEGINNING "\11"), &picture, &err), -EPROTO);
	CU_ASSERT_EQUAL(draw(BYTES(BEGINNING "\0\0\0\1" PLACE "\0\0\0\0RG"), &picture, &err),
			-EPROTO);
	CU_ASSERT_STRING_EQUAL(err.text, "the display has closed the connection");
	/* A screen without pixels, and one that is larger than any. */
	CU_ASSERT_EQUAL(draw(BYTES(GREETING "\1\1\0\0\0\0\0\0\0\2" SCREEN), &picture, &err),
			-EPROTO);
	CU_ASSERT_EQUAL(draw(BYTES(GREETING "\1\1\0\0\0\0\377\377\0\2" SCREEN), &picture, &err),
			-EPROTO);
	CU_ASSERT_STRING_EQUAL(err.text, "the display has a size that no screen has");
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
		{ "messages", test_messages },
		{ "refused", test_refused },
		{ "let go", test_let_go },
		{ "texts of a viewer", test_texts_of_viewer },
		{ "stuck", test_stuck },
		{ "texts of a display", test_texts_of_display },
		{ "picture", test_picture },
		{ "carried", test_carried },
		CU_TEST_INFO_NULL,
	};

	return suite_run("desktop", NULL, NULL, tests);
}
