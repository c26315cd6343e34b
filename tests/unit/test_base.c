/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The base layer: files, locks, children, sites. */
#include "base/backing_fs.h"
#include "base/child.h"
#include "base/dirs.h"
#include "base/err.h"
#include "base/file.h"
#include "base/install.h"
#include "base/log.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/stamp.h"
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

/* The stamp of a file some seconds after its last change. */
static struct stamp later(const char *path)
{
	return stamp_look(AT_FDCWD, path, time(NULL) + 2 * STAMP_SECONDS);
}

static void write_in_place(const char *path, const char *text, const struct timespec times[2])
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(file_write_all(fd, text, strlen(text), 0), 0);
	CU_ASSERT_EQUAL(futimens(fd, times), 0);
}

static void test_stamps(void)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	const char *path = path_to("stamped"), *place = path_to("place");
	time_t now = time(NULL);

	CU_ASSERT_EQUAL(later(path).value, STAMP_NONE);
	write_in_place(path, "one", old);
	struct stamp one = later(path);
	CU_ASSERT(one.settled);
	CU_ASSERT(stamp_is_same(later(path), stamp_keep(one)));
	/* It has just changed, or the clock has gone back since. */
	CU_ASSERT_EQUAL(stamp_keep(stamp_look(AT_FDCWD, path, now)), STAMP_UNKNOWN);
	CU_ASSERT_EQUAL(stamp_keep(stamp_look(AT_FDCWD, path, now - 3600)), STAMP_UNKNOWN);
	CU_ASSERT_EQUAL(stamp_look(AT_FDCWD, path, now).value, one.value);
	CU_ASSERT_FALSE(stamp_is_same((struct stamp){ 0 }, STAMP_UNKNOWN));
	/* The kernel's clock of files may stand still for 10 ms. */
	usleep(20000);
	write_in_place(path, "two", old);
	CU_ASSERT_FALSE(stamp_is_same(later(path), one.value));
	/* A folder, and the same file by another name. */
	CU_ASSERT_EQUAL(mkdir(place, 0700), 0);
	struct stamp empty = later(place);
	usleep(20000);
	CU_ASSERT_EQUAL(rename(path, path_to("place/stamped")), 0);
	CU_ASSERT_FALSE(stamp_is_same(later(place), empty.value));
	CU_ASSERT_NOT_EQUAL(stamp_join(one, empty).value, stamp_join(empty, one).value);
	CU_ASSERT_EQUAL(stamp_join(one, (struct stamp){ 0 }).value, STAMP_UNKNOWN);
	CU_ASSERT_NOT_EQUAL(stamp_sum("abcdefghi", 9), stamp_sum("abcdefghj", 9));
	CU_ASSERT_NOT_EQUAL(stamp_sum("\0", 1), stamp_sum("\0", 2));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "stamps of files", test_stamps },
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
		CU_TEST_INFO_NULL,
	};

	return suite_run("files", make_folder, remove_folder, tests);
}
