/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backups on another host: a server before a client that asks for what it must not have, a client before a server that
 * says anything, the records of encrypted backups, and the places that users write.
 */
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "config/place.h"
#include "machine/backup/seal.h"
#include "machine/backup/store_ops.h"
#include "scratch.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE "web.0b1f2c3d-0004-4002-8003-0123456789ab"
#define HELLO   STORE_GREETING "\n"
#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"
#define END     "\0\0\0\0"

static bool has(const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	printf("'%s' does not have '%s'\n", text, part);
	return false;
}

/* ---- The server */

static char folder[128];

/* All that the server answers to n bytes; the caller frees it. */
static char *served(const char *bytes, size_t n)
{
	scoped_fd int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	scoped_fd int old_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	scoped_fd int old_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	struct err err = { 0 };
	char *text = NULL;

	CU_ASSERT_EQUAL(write(in, bytes, n), (ssize_t)n);
	lseek(in, 0, SEEK_SET);
	fflush(stdout);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	store_serve(folder, &err);
	fflush(stdout);
	if (old_in >= 0)
		dup2(old_in, STDIN_FILENO);
	dup2(old_out, STDOUT_FILENO);
	lseek(out, 0, SEEK_SET);
	CU_ASSERT_FATAL(file_read_opened(out, 1 << 20, &text) >= 0);
	return text;
}

static bool answers(const char *request, const char *part)
{
	scoped_free char *bytes = text_format(HELLO "%s", request);
	scoped_free char *text = served(bytes, strlen(bytes));

	return has(text, HELLO "done\n") && has(text, part);
}

static void test_server(void)
{
	CU_ASSERT(answers("each \n", "file folder "));
	CU_ASSERT(answers("each \n", " " MACHINE "\ndone\n"));
	CU_ASSERT(answers("fetch " MACHINE "/none\n", "fault ENOENT "));
	CU_ASSERT(answers("lock " MACHINE " 1\nunlock\n", "done\ndone\ndone\n"));
	/* The session goes on after a fault. */
	CU_ASSERT(answers("content " MACHINE "/none\nunlock\n", "\ndone\n"));
}

static void test_refusals(void)
{
	static const char *const requests[] = {
		"fetch ../beside\n", "fetch /etc/passwd\n", "fetch a/b/c\n",
		"fetch .a/b\n",      "fetch a b\n",         "fetch a\tb\n",
		"replace \n",        "remove \n",           "put \n",
		"lock  1\n",         "content \n",          "check  -\n",
		"lock a\n",          "lock a 1 1\n",        "unlock now\n",
		"erase a\n",         " fetch a\n",          "\n",
	};

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		CU_ASSERT(answers(requests[i], "fault EPROTO "));
	CU_ASSERT(answers("lock a 61\n", "fault EINVAL "));
	CU_ASSERT(answers("lock a -1\n", "fault EINVAL "));
	CU_ASSERT(answers("check a " ZEROS "0\n", "fault EINVAL "));
	CU_ASSERT(answers("keep -\n", "fault EINVAL "));
	scoped_free char *stranger = served("SSH-2.0\n", 8);
	CU_ASSERT(has(stranger, "fault EPROTO "));
	/* Nothing was made beside the folder, or in it. */
	CU_ASSERT_EQUAL(access(scratch_path("beside"), F_OK), -1);
	CU_ASSERT_EQUAL(access(scratch_path("far/a"), F_OK), -1);
}

static void test_cut(void)
{
	static const char cut[] = HELLO "put " MACHINE "/x.full.berth\n\x05\0\0\0byt";
	static const char wrong[] =
		HELLO "put " MACHINE "/x.full.berth\n\x05\0\0\0bytes" END "keep " ZEROS "\n";
	static const char huge[] = HELLO "replace " MACHINE "/.checked\n\xff\xff\xff\xff"
					 "bytes";
	scoped_free char *one = served(cut, sizeof cut - 1),
			 *other = served(wrong, sizeof wrong - 1),
			 *third = served(huge, sizeof huge - 1);

	CU_ASSERT(has(one, "fault ECONNABORTED "));
	CU_ASSERT(has(other, "damaged"));
	CU_ASSERT(has(third, "fault ECONNABORTED "));
	CU_ASSERT_EQUAL(access(scratch_path("far/" MACHINE "/x.full.berth"), F_OK), -1);
	CU_ASSERT_EQUAL(access(scratch_path("far/" MACHINE "/.checked"), F_OK), -1);
}

/* ---- The client */

static char host[] = "other", target[] = "ssh:other:/backups";

static void connect_to(struct store *store, const char *answer)
{
	*store = (struct store){
		.target = target,
		.host = host,
		.ops = &store_far,
		.lock = -1,
		.far = { .host = host,
			 .from = file_memory("answer", answer),
			 .to = open("/dev/null", O_WRONLY | O_CLOEXEC) },
	};
	store->far.wire = (struct wire){ .fd = store->far.from, .seconds = 60 };
}

static int note(void *context, const struct store_file *file)
{
	return text_add(context, "%s,", file->name);
}

static int listed(const char *answer, struct text *names, struct err *err)
{
	struct store store;

	connect_to(&store, answer);
	int r = store_each(&store, "", note, names, err);
	far_close(&store.far);
	return r;
}

static void test_client(void)
{
	scoped_text struct text names = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(listed("alive\nfile folder 0 1 a\nfile file 1 2 ../x\nfile file -1 2 b\n"
			       "file file 1\nfile file 7 8 c\ndone\n",
			       &names, &err),
			0);
	CU_ASSERT_STRING_EQUAL(text_str(&names), "a,c,");
	CU_ASSERT_EQUAL(listed("file folder 0 1 a\nfault ENOSPC it is full\n", &names, &err),
			-ENOSPC);
	CU_ASSERT(has(err.text, "host 'other': it is full"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(listed("fault NOSUCH it is odd\n", &names, &err), -EREMOTEIO);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(listed("file folder 0 1 a\n", &names, &err), -ECONNRESET);
	CU_ASSERT_STRING_EQUAL(text_str(&names), "a,c,");
}

/* A server that never comes to an end. */
static void test_endless(void)
{
	scoped_text struct text lines = { 0 };
	struct store_file file;
	struct store store;
	struct err err = { 0 };

	for (size_t i = 0; i < STORE_FILES_MAX + 86410; i++)
		text_add(&lines, "note\n");
	connect_to(&store, text_str(&lines));
	CU_ASSERT_EQUAL(store_remove(&store, "a", &err), -ETIMEDOUT);
	CU_ASSERT(has(err.text, "host 'other' does not come to the end of its answer"));
	far_close(&store.far);
	text_free(&lines);
	lines = (struct text){ 0 };
	for (size_t i = 0; i < STORE_FILES_MAX + 86410; i++)
		text_add(&lines, "alive\n");
	connect_to(&store, text_str(&lines));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(store_check(&store, "a", NULL, &file, &err), -ETIMEDOUT);
	far_close(&store.far);
}

/* ---- Texts */

static int sealed(const char *record, struct seal *seal)
{
	const struct store_spec spec = { .target = folder, .what = "look in" };
	struct store store;
	struct err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(store_open(&store, &spec, &err), 0);
	CU_ASSERT_EQUAL(store_replace(&store, "x" SEAL_RECORD, record, strlen(record), &err), 0);
	int r = seal_read(&store, "x", seal, &err);
	CU_ASSERT_EQUAL(store_remove(&store, "x" SEAL_RECORD, &(struct err){ 0 }), 0);
	store_close(&store);
	return r;
}

#define HEAD    "# berth-backup 1\n"
#define CONTENT "# content 0b1f2c3d-0004-4002-8003-0123456789ab\n"
static void test_seals(void)
{
	struct seal seal;

	CU_ASSERT_EQUAL(sealed(HEAD CONTENT ZEROS "  x\n", &seal), 0);
	CU_ASSERT_STRING_EQUAL(seal.sum, ZEROS);
	CU_ASSERT_STRING_EQUAL(seal.content, "0b1f2c3d-0004-4002-8003-0123456789ab");
	CU_ASSERT_EQUAL(sealed("", &seal), -EBADMSG);
	CU_ASSERT_EQUAL(sealed(HEAD, &seal), -EBADMSG);
	CU_ASSERT_EQUAL(sealed(HEAD CONTENT, &seal), -EBADMSG);
	CU_ASSERT_EQUAL(sealed(HEAD CONTENT ZEROS, &seal), -EBADMSG);
	CU_ASSERT_EQUAL(sealed(HEAD CONTENT ZEROS "0  x\n", &seal), -EBADMSG);
	CU_ASSERT_EQUAL(sealed(HEAD CONTENT "Z" ZEROS "  x\n", &seal), -EBADMSG);
	CU_ASSERT_EQUAL(sealed(HEAD "# content 0b1f\n" ZEROS "  x\n", &seal), -EBADMSG);
	CU_ASSERT_EQUAL(sealed("# berth-backup 2\n" CONTENT ZEROS "  x\n", &seal), -EBADMSG);
}

static bool splits(const char *place, const char *wanted_host, const char *wanted_folder)
{
	scoped_free char *found = NULL, *path = NULL;

	if (config_place_fault(place) || config_place_split(place, &found, &path) < 0)
		return false;
	return strcmp(path, wanted_folder) == 0 &&
	       (wanted_host ? found && strcmp(found, wanted_host) == 0 : !found);
}

static void test_places(void)
{
	static const char *const wrong[] = {
		"",           "here",         "ssh:",          "ssh::/x",     "ssh:a",
		"ssh:a:x",    "ssh:-oX=y:/x", "ssh:a b:/x",    "ssh:a;b:/x",  "ssh:$(a):/x",
		"ssh:a/b:/x", "ssh:a\nb:/x",  "ssh:\033[m:/x", "ssh:a:/x\ny", "ftp:a:/x",
	};

	CU_ASSERT(splits("/srv/backups", NULL, "/srv/backups"));
	CU_ASSERT(splits("ssh:a:/x", "a", "/x"));
	CU_ASSERT(splits("ssh:ann@a.example:/x:/y", "ann@a.example", "/x:/y"));
	CU_ASSERT(splits("ssh:[fe80::1%eth0]:/x", "[fe80::1%eth0]", "/x"));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		if (!config_place_fault(wrong[i]))
			printf("'%s' has no fault\n", wrong[i]);
		CU_ASSERT_PTR_NOT_NULL(config_place_fault(wrong[i]));
	}
}

static CU_TestInfo tests[] = {
	{ "a server and its client", test_server },
	{ "requests that are refused", test_refusals },
	{ "files that are cut off", test_cut },
	{ "a client and its server", test_client },
	{ "answers without an end", test_endless },
	{ "records of encrypted backups", test_seals },
	{ "places", test_places },
	CU_TEST_INFO_NULL,
};

static int begin(void)
{
	if (scratch_begin() == 0)
		return 1;
	snprintf(folder, sizeof folder, "%s", scratch_path("far"));
	return mkdir(folder, 0700) < 0 || mkdir(scratch_path("far/" MACHINE), 0700) < 0;
}

static int end(void)
{
	return scratch_end();
}

int main(void)
{
	int r = suite_needs_root();

	return r ? r : suite_run("store", begin, end, tests);
}
