/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The base layer: errors, text, files, locks, children, sites. */
#include "base/backing_fs.h"
#include "base/child.h"
#include "base/dirs.h"
#include "base/err.h"
#include "base/file.h"
#include "base/install.h"
#include "base/log.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/unfinished.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[] = "/tmp/berth-test-base-XXXXXX";

static int make_folder(void)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void)
{
	return remove_tree(AT_FDCWD, folder);
}

static const char *path_to(const char *name)
{
	static char path[4][128];
	static unsigned n;
	char *out = path[n++ % 4];

	snprintf(out, sizeof path[0], "%s/%s", folder, name);
	return out;
}

static void test_err(void)
{
	struct err err = { 0 };
	char long_text[1000];

	CU_ASSERT_EQUAL(err_set(&err, ENOENT, "open '%s'", "x"), -ENOENT);
	CU_ASSERT_EQUAL(err_wrap(&err, "machine '%s'", "web"), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "machine 'web': open 'x'");
	CU_ASSERT_EQUAL(err_set(NULL, EPERM, "nobody listens"), -EPERM);
	CU_ASSERT_EQUAL(err_set(NULL, 0, "no code"), -EIO);
	memset(long_text, 'a', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	err_wrap(&err, "%s", long_text);
	CU_ASSERT_TRUE(strlen(err.text) < sizeof err.text);
}

static void test_paths_and_words(void)
{
	char command[] = " ssh \t-p 22  host ";
	const char *words[3];

	CU_ASSERT(text_is_within("/srv/data", "/srv"));
	CU_ASSERT(text_is_within("/srv", "/srv"));
	CU_ASSERT(text_is_within("/srv", "/"));
	CU_ASSERT_FALSE(text_is_within("/srvdata", "/srv"));
	CU_ASSERT_FALSE(text_is_within("/sr", "/srv"));
	CU_ASSERT_EQUAL(text_split_words(command, words, 3), 3);
	CU_ASSERT_STRING_EQUAL(words[0], "ssh");
	CU_ASSERT_STRING_EQUAL(words[1], "-p");
	CU_ASSERT_STRING_EQUAL(words[2], "22");
	CU_ASSERT_EQUAL(text_split_words((char[]){ " \t" }, words, 3), 0);
}

static void test_text_buffer(void)
{
	scoped_text struct text text = { 0 };

	CU_ASSERT_STRING_EQUAL(text_str(&text), "");
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(text_add(&text, "%03d,", i), 0);
	CU_ASSERT_EQUAL(text.length, 4000);
	CU_ASSERT_EQUAL(strncmp(text_str(&text) + 3996, "999,", 5), 0);
	text_add_bytes(&text, "a\0b", 3);
	CU_ASSERT_EQUAL(text.length, 4003);
}

static void test_mode(void)
{
	static const char *const bad[] = { "",     "8",    "0x1",   "-1",
					   " 640", "640 ", "10000", "7777777777777777777777777" };
	int mode = -1;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_EQUAL(text_to_mode(bad[i], &mode), -EINVAL);
	CU_ASSERT_EQUAL(mode, -1);
	CU_ASSERT_EQUAL(text_to_mode("640", &mode), 0);
	CU_ASSERT_EQUAL(mode, 0640);
	CU_ASSERT_EQUAL(text_to_mode("7777", &mode), 0);
	CU_ASSERT_EQUAL(mode, 07777);
}

static void test_numbers(void)
{
	uint64_t n = 7;

	CU_ASSERT_EQUAL(text_to_u64("42", 0, 100, &n), 0);
	CU_ASSERT_EQUAL(n, 42);
	CU_ASSERT_EQUAL(text_to_u64("101", 0, 100, &n), -ERANGE);
	CU_ASSERT_EQUAL(text_to_u64("-1", 0, 100, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_u64("", 0, 100, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_u64("4 ", 0, 100, &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_u64("99999999999999999999", 0, UINT64_MAX, &n), -ERANGE);
	CU_ASSERT_EQUAL(n, 42);
}

static void test_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 },
		     { "512", 512 },
		     { "1K", 1024 },
		     { "20G", 20ULL << 30 },
		     { "3MiB", 3ULL << 20 } };
	char text[32];
	uint64_t n;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		CU_ASSERT_EQUAL(text_to_size(good[i].text, &n), 0);
		CU_ASSERT_EQUAL(n, good[i].bytes);
	}
	CU_ASSERT_EQUAL(text_to_size("20X", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_size("20GG", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_to_size("99999999999T", &n), -ERANGE);
	for (uint64_t bytes = 1; bytes < 1ULL << 45; bytes = bytes * 3 + 512) {
		text_from_size(bytes, text, sizeof text);
		CU_ASSERT_EQUAL(text_to_size(text, &n), 0);
		CU_ASSERT_EQUAL(n, bytes);
	}
	text_human_size(1536ULL << 20, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "1.5 GiB");
}

static void test_labels(void)
{
	static const char *const good[] = { "a", "web-1", "0", "a23456789-123456789" };
	static const char *const bad[] = { "",    "..",  "a/b",      "Web", "-a", "a-",
					   "a.b", "a b", "\xc3\xa4", "a_b", "a\n" };
	char name[65];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CU_ASSERT_PTR_NULL(text_label_fault(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CU_ASSERT_PTR_NOT_NULL(text_label_fault(bad[i]));
	memset(name, 'x', 64);
	name[64] = '\0';
	CU_ASSERT_PTR_NOT_NULL(text_label_fault(name));
	name[63] = '\0';
	CU_ASSERT_PTR_NULL(text_label_fault(name));
}

static void test_nearest(void)
{
	static const char *const words[] = { "start", "stop", "snapshot", NULL };

	CU_ASSERT_STRING_EQUAL(text_nearest("strat", words), "start");
	CU_ASSERT_STRING_EQUAL(text_nearest("snapshto", words), "snapshot");
	CU_ASSERT_PTR_NULL(text_nearest("frobnicate", words));
	CU_ASSERT_PTR_NULL(text_nearest("tail", (const char *const[]){ "raw", "all", NULL }));
	static const char *const names[] = { "bb", "web", "", NULL };
	CU_ASSERT_STRING_EQUAL(text_nearest("wbe", names), "web");
	CU_ASSERT_STRING_EQUAL(text_nearest("wb", names), "bb");
	CU_ASSERT_PTR_NULL(text_nearest("x", (const char *const[]){ "m", NULL }));
}

static void test_seconds(void)
{
	static const char *const bad[] = { "", "m", "-1", "5x", "5mm", "1.5h", " 5", "5 m" };
	uint64_t seconds = 7;
	char text[32];

	CU_ASSERT_EQUAL(text_to_seconds("90", 0, 90, &seconds), 0);
	CU_ASSERT_EQUAL(seconds, 90);
	CU_ASSERT_EQUAL(text_to_seconds("2d", 0, UINT64_MAX, &seconds), 0);
	CU_ASSERT_EQUAL(seconds, 172800);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_EQUAL(text_to_seconds(bad[i], 0, UINT64_MAX, &seconds), -EINVAL);
	CU_ASSERT_EQUAL(text_to_seconds("2m", 0, 119, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(text_to_seconds("0s", 1, 119, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(text_to_seconds("99999999999999999999", 0, UINT64_MAX, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(text_to_seconds("9999999999999999999d", 0, UINT64_MAX, &seconds), -ERANGE);
	CU_ASSERT_EQUAL(seconds, 172800);
	text_from_seconds(90, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "90s");
	text_from_seconds(7200, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "2h");
	text_from_seconds(0, text, sizeof text);
	CU_ASSERT_STRING_EQUAL(text, "0s");
}

static void test_trim(void)
{
	char text[] = " \t a b \n";
	char blank[] = "   ";

	CU_ASSERT_STRING_EQUAL(text_trim(text), "a b");
	CU_ASSERT_STRING_EQUAL(text_trim(blank), "");
	CU_ASSERT_TRUE(text_ends("web.conf", ".conf"));
	CU_ASSERT_FALSE(text_ends("conf", ".conf"));
}

static void test_replace(void)
{
	struct err err = { 0 };
	scoped_free char *text = NULL;
	struct stat st;

	CU_ASSERT_EQUAL(file_replace(path_to("a"), "one", 3, 0640, &err), 0);
	CU_ASSERT_EQUAL(file_replace(path_to("a"), "two!", 4, 0600, &err), 0);
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, path_to("a"), 100, &text), 4);
	CU_ASSERT_STRING_EQUAL(text, "two!");
	CU_ASSERT_EQUAL(stat(path_to("a"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, path_to("a"), 3, &text), -EFBIG);
	/* The file that a killed writer has left aside is reused, and disappears. */
	CU_ASSERT_EQUAL(file_replace(path_to("a.new"), "longer than the next", 20, 0644, &err), 0);
	CU_ASSERT_EQUAL(file_replace(path_to("a"), "next", 4, 0600, &err), 0);
	CU_ASSERT_EQUAL(access(path_to("a.new"), F_OK), -1);
	free(take_ptr(&text));
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, path_to("a"), 100, &text), 4);
	CU_ASSERT_EQUAL(file_replace(path_to("none/a"), "x", 1, 0600, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "none/a"));
}

static void test_trees(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(file_make_dirs(path_to("t/u/v"), 0700, &err), 0);
	CU_ASSERT_EQUAL(file_make_dirs(path_to("t/u/v"), 0700, &err), 0);
	CU_ASSERT_EQUAL(file_replace(path_to("t/u/f"), "", 0, 0600, &err), 0);
	CU_ASSERT_EQUAL(symlink("/etc", path_to("t/u/link")), 0);
	CU_ASSERT_EQUAL(file_make_dirs(path_to("t/u/f"), 0700, &err), -ENOTDIR);
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, path_to("t")), 0);
	CU_ASSERT_EQUAL(access(path_to("t"), F_OK), -1);
	CU_ASSERT_EQUAL(access("/etc/passwd", F_OK), 0);
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, path_to("t")), 0);
}

/* A lock with two holders, and one whose name is removed while it is held. */
static void test_lock(void)
{
	int one = file_lock(path_to("lock"), FILE_LOCK_TRY);

	CU_ASSERT_TRUE(one >= 0);
	CU_ASSERT_EQUAL(file_lock(path_to("lock"), FILE_LOCK_TRY), -EWOULDBLOCK);
	unlink(path_to("lock"));
	int other = file_lock(path_to("lock"), FILE_LOCK_TRY);
	CU_ASSERT_TRUE(other >= 0);
	close(one);
	CU_ASSERT_EQUAL(file_lock(path_to("lock"), FILE_LOCK_TRY), -EWOULDBLOCK);
	CU_ASSERT_EQUAL(file_lock(path_to("lock"), FILE_LOCK_LOOK), -EWOULDBLOCK);
	close(other);
	/* Locks for looking do not exclude each other. */
	one = file_lock(path_to("lock"), FILE_LOCK_LOOK);
	other = file_lock(path_to("lock"), FILE_LOCK_LOOK);
	CU_ASSERT_TRUE(one >= 0 && other >= 0);
	close(one);
	close(other);
	unlink(path_to("lock"));
	CU_ASSERT_EQUAL(file_lock(path_to("lock"), FILE_LOCK_LOOK), -ENOENT);
}

static void test_open_in_root(void)
{
	struct err err = { 0 };
	struct stat inside, outside;

	CU_ASSERT_EQUAL(file_make_dirs(path_to("root/etc"), 0755, &err), 0);
	CU_ASSERT_EQUAL(file_replace(path_to("root/etc/passwd"), "guest", 5, 0644, &err), 0);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path_to("root/absolute")), 0);
	CU_ASSERT_EQUAL(symlink("../../../../../../etc/passwd", path_to("root/climbing")), 0);
	CU_ASSERT_EQUAL(symlink("/proc/self/root", path_to("root/magic")), 0);
	scoped_fd int root = open(path_to("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	static const char *const ways[] = { "etc/passwd", "/etc/passwd", "absolute", "climbing" };
	CU_ASSERT_EQUAL(stat("/etc/passwd", &outside), 0);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		scoped_fd int fd = file_open_in_root(root, ways[i], O_RDONLY, 0);
		CU_ASSERT_TRUE(fd >= 0 && fstat(fd, &inside) == 0 &&
			       inside.st_ino != outside.st_ino);
	}
	CU_ASSERT_TRUE(file_open_in_root(root, "magic/etc/passwd", O_RDONLY, 0) < 0);
}

static void test_child(void)
{
	const char *const said[] = { "sh", "-c", "echo out; echo err >&2; echo why >&2; exit 3",
				     NULL };
	const char *const missing[] = { "berth-no-such-program", NULL };
	const char *const killed[] = { "sh", "-c", "kill -TERM $$", NULL };
	const char *const fine[] = { "true", NULL };
	scoped_text struct text out = { 0 };
	scoped_text struct text errors = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(child_run(said, &(struct child_io){ .out = &out, .errors = &errors }, &err) <
		       0);
	CU_ASSERT_STRING_EQUAL(text_str(&out), "out\n");
	CU_ASSERT_STRING_EQUAL(err.text, "'sh' exited with 3: why");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(child_run(missing, &(struct child_io){ 0 }, &err), -ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_TRUE(child_run(killed, &(struct child_io){ 0 }, &err) < 0);
	CU_ASSERT_STRING_EQUAL(err.text, "'sh' was killed by SIGTERM");
	CU_ASSERT_EQUAL(child_run(fine, &(struct child_io){ 0 }, &(struct err){ 0 }), 0);
}

/* Root's folders count where PATH has not got them, and come after its own. */
static void test_child_find(void)
{
	scoped_free char *before = strdup(getenv("PATH"));
	const char *program = path_to("berth-a-program");

	CU_ASSERT_EQUAL(file_replace(program, "", 0, 0755, &(struct err){ 0 }), 0);
	scoped_free char *nowhere = child_find("berth-a-program");
	CU_ASSERT_PTR_NULL(nowhere);
	setenv("PATH", folder, 1);
	scoped_free char *found = child_find("berth-a-program");
	CU_ASSERT_STRING_EQUAL(found ? found : "", program);
	scoped_free char *of_root = child_find("chroot");
	CU_ASSERT_PTR_NOT_NULL(of_root);
	setenv("PATH", before, 1);
	unlink(program);
}

static void test_dirs(void)
{
	scoped_dirs struct dirs dirs = { 0 };
	scoped_dirs struct dirs same = { 0 };
	struct err err = { 0 };
	char name[32];

	CU_ASSERT_EQUAL(dirs_open(&dirs, path_to("dirs"), &err), 0);
	/* A look makes no folder. */
	CU_ASSERT_EQUAL(access(path_to("dirs"), F_OK), -1);
	CU_ASSERT_EQUAL(dirs_open(&same, path_to("nosuch/../dirs"), &err), -ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(dirs_open(&same, path_to("./dirs//"), &err), 0);
	CU_ASSERT_STRING_EQUAL(dirs.tag, same.tag);
	dirs_close(&same);
	CU_ASSERT_EQUAL(mkdir(path_to("dirs"), 0755), 0);
	CU_ASSERT_EQUAL(dirs_open(&same, path_to("./dirs/"), &err), 0);
	CU_ASSERT_STRING_EQUAL(dirs.tag, same.tag);
	CU_ASSERT_EQUAL(strlen(dirs.tag), 6);
	dirs_object_name(&dirs, name, sizeof name);
	CU_ASSERT_EQUAL(strncmp(name, "berth-", 6), 0);
	scoped_fd int lock = dirs_lock(&dirs, "machine.web", 0, "machine 'web'", &err);
	CU_ASSERT_TRUE(lock >= 0);
	CU_ASSERT_EQUAL(dirs_lock(&same, "machine.web", 0, "machine 'web'", &err), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "machine 'web' is in use"));
}

/* A sparse file, and one that has its blocks; then figures. */
static void test_backing_fs(void)
{
	enum { MIB = 1 << 20 };
	struct backing_fs backing;

	scoped_fd int fd = open(path_to("sparse"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL(ftruncate(fd, 8 * MIB), 0);
	CU_ASSERT_EQUAL(backing_fs_look(path_to("sparse"), &backing), 0);
	CU_ASSERT_EQUAL(backing.size, 8 * MIB);
	CU_ASSERT_TRUE(backing.holes > 7 * MIB && backing.free > 0);
	CU_ASSERT_EQUAL(posix_fallocate(fd, 0, 8 * MIB), 0);
	CU_ASSERT_EQUAL(backing_fs_look(path_to("sparse"), &backing), 0);
	CU_ASSERT_EQUAL(backing.holes, 0);
	CU_ASSERT_EQUAL(backing_fs_pause(&backing), -1);
	CU_ASSERT_EQUAL(backing_fs_look(path_to("none"), &backing), -ENOENT);
	CU_ASSERT_EQUAL(backing_fs_look("/dev/null", &backing), -EINVAL);
}

static void test_backing_fs_figures(void)
{
	const uint64_t gib = 1 << 30;

	/* The file cannot lack blocks: it has all of them, or there is room for them. */
	CU_ASSERT_EQUAL(backing_fs_limit(&(struct backing_fs){ 4 * gib, 0, 0 }, 4 * gib, gib),
			4 * gib);
	CU_ASSERT_EQUAL(backing_fs_limit(&(struct backing_fs){ 4 * gib, 3 * gib, 3 * gib }, 4 * gib,
					 gib),
			4 * gib);
	/* The used blocks, and the room for more. */
	CU_ASSERT_EQUAL(backing_fs_limit(&(struct backing_fs){ 4 * gib, 3 * gib, gib / 2 }, 4 * gib,
					 gib),
			gib + gib / 2);
	CU_ASSERT_EQUAL(backing_fs_limit(&(struct backing_fs){ 4 * gib, 3 * gib, 0 }, 4 * gib, gib),
			gib);
	CU_ASSERT_EQUAL(backing_fs_limit(&(struct backing_fs){ 4 * gib, 4 * gib, 0 }, 4 * gib, gib),
			gib);
	CU_ASSERT_EQUAL(backing_fs_limit(&(struct backing_fs){ 4 * gib, gib, 0 }, gib, gib), gib);
	CU_ASSERT_EQUAL(backing_fs_least(gib), gib / 20);
	CU_ASSERT_EQUAL(backing_fs_least(4096 * gib), 256 << 20);
	/* The more there is, the seldomer a look: seconds for a small disk, minutes for hundreds of GiB. */
	int near = backing_fs_pause(&(struct backing_fs){ 4 * gib, gib, 64 << 20 });
	int far = backing_fs_pause(&(struct backing_fs){ 4 * gib, gib, 10 * gib });
	int plenty = backing_fs_pause(&(struct backing_fs){ 4 * gib, gib, 400 * gib });
	CU_ASSERT_TRUE(near < far && far < plenty);
	CU_ASSERT_TRUE(near >= 100 && near <= 1000);
	CU_ASSERT_TRUE(far <= 10000 && plenty >= 120000);
	CU_ASSERT_EQUAL(backing_fs_pause(&(struct backing_fs){ 4 * gib, gib, 100000 * gib }),
			300000);
}

static void test_log(void)
{
	scoped_free char *text = NULL;
	scoped_fd int fd = open(path_to("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char longest[3000];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	log_to(fd);
	log_line("%s", "one");
	log_line("%s", longest);
	log_to(-1);
	log_line("nowhere");
	ssize_t n = file_read(AT_FDCWD, path_to("log"), 1 << 16, &text);
	CU_ASSERT_TRUE(n > 0 && text[n - 1] == '\n');
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z one\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "nowhere"));
}

/* Other objects in the place of a file: none blocks the reader, and none is read. */
static void test_read_only_files(void)
{
	char *text = NULL;

	CU_ASSERT_EQUAL(mkfifo(path_to("fifo"), 0600), 0);
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, path_to("fifo"), 100, &text), -EMEDIUMTYPE);
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, "/dev/zero", 100, &text), -EMEDIUMTYPE);
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, "/proc", 100, &text), -EISDIR);
	CU_ASSERT_EQUAL(symlink("fifo", path_to("link")), 0);
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, path_to("link"), 100, &text), -EMEDIUMTYPE);
	/* Files without a size are read to their end. */
	CU_ASSERT(file_read(AT_FDCWD, "/proc/self/maps", 1 << 20, &text) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "[stack]"));
	free(text);
}

static void count_mark(void *context, const char *name)
{
	unsigned *count = context;

	*count += strcmp(name, "one") == 0;
}

static void test_unfinished(void)
{
	scoped_dirs struct dirs dirs = { 0 };
	struct err err = { 0 };
	struct unfinished one = { &dirs, "machines", "one", "machine.conf" };
	unsigned count = 0;

	CU_ASSERT_EQUAL(dirs_open(&dirs, path_to("unfinished"), &err), 0);
	scoped_free char *mark = unfinished_path(&one);
	scoped_free char *one_folder = dirs_state_path(&dirs, "machines/one");
	scoped_free char *settings = dirs_state_path(&dirs, "machines/one/machine.conf");
	/* A one_folder without settings is no half-made object, nor is nothing at all. */
	CU_ASSERT_FALSE(unfinished_is(&one));
	CU_ASSERT_EQUAL(file_make_dirs(one_folder, 0700, &err), 0);
	CU_ASSERT_FALSE(unfinished_is(&one));
	/* The mark of before, which may be empty, is replaced. */
	CU_ASSERT_EQUAL(unfinished_begin(&one, "", 0, &err), 0);
	CU_ASSERT_EQUAL(unfinished_begin(&one, "a = b\n", 6, &err), 0);
	CU_ASSERT_TRUE(unfinished_is(&one));
	CU_ASSERT_EQUAL(file_create(mark, "c = d\n", 6, 0600), -EEXIST);
	scoped_free char *kept = NULL;
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, mark, 16, &kept), 6);
	CU_ASSERT_STRING_EQUAL(kept, "a = b\n");
	unfinished_each(&dirs, "machines", count_mark, &count);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(unfinished_finish(&one, &err), 0);
	CU_ASSERT_FALSE(unfinished_is(&one));
	CU_ASSERT_EQUAL(access(settings, F_OK), 0);
	/* Both, as a power cut may leave them: it is whole. */
	CU_ASSERT_EQUAL(file_replace(mark, "", 0, 0600, &err), 0);
	CU_ASSERT_FALSE(unfinished_is(&one));
	CU_ASSERT_EQUAL(unfinished_drop(&one, &err), 0);
	CU_ASSERT_EQUAL(unfinished_undo(&one, &err), 0);
	CU_ASSERT_TRUE(unfinished_is(&one));
	CU_ASSERT(access(settings, F_OK) < 0);
	CU_ASSERT_EQUAL(unfinished_undo(&one, &err), 0);
	CU_ASSERT_EQUAL(unfinished_drop(&one, &err), 0);
	/* The settings are gone, or are no file. */
	CU_ASSERT_EQUAL(unfinished_undo(&one, &err), 0);
	CU_ASSERT_TRUE(unfinished_is(&one));
	CU_ASSERT_EQUAL(file_make_dirs(settings, 0700, &err), 0);
	CU_ASSERT_EQUAL(unfinished_undo(&one, &err), 0);
	CU_ASSERT_TRUE(unfinished_is(&one));
	CU_ASSERT_EQUAL(unfinished_drop(&one, &err), 0);
	CU_ASSERT_FALSE(unfinished_is(&one));
}

/* A lock on a file that was removed, or replaced, locks nobody out who opens it by its name. */
static void test_names_of_files(void)
{
	const char *path = path_to("named");
	scoped_fd int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	struct stat held;

	CU_ASSERT_EQUAL_FATAL(fstat(fd, &held), 0);
	CU_ASSERT_TRUE(file_has_name(&held, AT_FDCWD, path));
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_FALSE(file_has_name(&held, AT_FDCWD, path));
	scoped_fd int other = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(other >= 0);
	CU_ASSERT_FALSE(file_has_name(&held, AT_FDCWD, path));
	CU_ASSERT_EQUAL(unlink(path), 0);
}

/* A failed allocation leaves the field unchanged. */
static void test_text_take(void)
{
	char *field = strdup("before");

	CU_ASSERT_EQUAL(text_take(&field, NULL), -ENOMEM);
	CU_ASSERT_STRING_EQUAL(field, "before");
	CU_ASSERT_EQUAL(text_take(&field, strdup("after")), 0);
	CU_ASSERT_STRING_EQUAL(field, "after");
	free(field);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "permission bits", test_mode },
		{ "errors", test_err },
		{ "a growing text", test_text_buffer },
		{ "paths and words", test_paths_and_words },
		{ "numbers", test_numbers },
		{ "sizes", test_sizes },
		{ "labels", test_labels },
		{ "the nearest word", test_nearest },
		{ "times", test_seconds },
		{ "trimming", test_trim },
		{ "files replaced as a whole", test_replace },
		{ "trees made and removed", test_trees },
		{ "locks", test_lock },
		{ "a walk stays in its root", test_open_in_root },
		{ "children", test_child },
		{ "where programs are", test_child_find },
		{ "sites", test_dirs },
		{ "the file system under a sparse file", test_backing_fs },
		{ "what that file system limits", test_backing_fs_figures },
		{ "the log", test_log },
		{ "only regular files are read", test_read_only_files },
		{ "what is half made is marked", test_unfinished },
		{ "a file and its name", test_names_of_files },
		{ "a text that is taken", test_text_take },
		CU_TEST_INFO_NULL,
	};

	return suite_run("base", make_folder, remove_folder, tests);
}
