/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates in a real pool: whole or not there, whatever fails, is killed, or is done twice at once. */
#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/template/template.h"
#include "suite.h"
#include "tarball.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { PATIENCE_MS = 120000 };

static char folder[64];
static struct dirs dirs;
static struct pool pool;

/* A recipe is a shell script; $2 is the root. */
static void put_recipe(const char *name, const char *body)
{
	scoped_free char *path = text_format("%s/recipes/%s", folder, name);
	scoped_file FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "#!/bin/sh\nset -eu\n%s", body) < 0 || fchmod(fileno(f), 0755) < 0)
		CU_FAIL("cannot write a recipe");
}

static int make_folders(void)
{
	scoped_free char *recipes = text_format("%s/recipes", folder);
	scoped_free char *identity = text_format("%s/identity.d", recipes);
	scoped_free char *root = text_format("%s/dirs", folder);
	struct pool_spec spec = { .driver = "dir" };
	struct err err = { 0 };

	setenv("BERTH_LIBEXEC", TEST_LIBEXEC, 1);
	setenv("BERTH_TEMPLATES", recipes, 1);
	if (file_make_dirs(identity, 0755, &err) < 0 || dirs_open(&dirs, root, &err) < 0 ||
	    pool_create(&dirs, "default", &spec, &err) < 0 ||
	    pool_open(&pool, &dirs, "default", &err) < 0)
		fprintf(stderr, "set up: %s\n", err.text);
	return err.code;
}

static int begin(void)
{
	snprintf(folder, sizeof folder, "/var/tmp/berth-test-template-%d", (int)getpid());
	if (mkdir(folder, 0755) < 0 || chdir(folder) < 0 || make_folders() != 0)
		return -1;
	put_recipe("good", "mkdir \"$2/bin\"; cp /bin/sh \"$2/bin/sh\"\n"
			   "mkdir \"$2/etc\"; echo ID=testix >\"$2/etc/os-release\"\n"
			   "chmod 4755 \"$2/bin/sh\"; echo \"$@\" >\"$2/etc/words\"\n"
			   "echo \"$BERTH_CACHE\" >\"$2/etc/cache\"\n");
	put_recipe("bad", "echo first >&2; echo 'the mirror is down'; echo; exit 3\n");
	put_recipe("hollow", "mkdir \"$2/etc\"\n");
	put_recipe("daemon", "mkdir \"$2/bin\"; cp /bin/sh \"$2/bin/sh\"; sleep 1000 &\n");
	put_recipe("slow", "mkdir \"$2/bin\"; : >\"$BERTH_CACHE/started\"; sleep 1000\n");
	put_recipe("lib.sh", "exit 1\n");
	return 0;
}

static int end(void)
{
	pool_close(&pool);
	dirs_close(&dirs);
	return chdir("/") < 0 || remove_tree(AT_FDCWD, folder) < 0;
}

static int count_one(void *context, const struct volume_info *info)
{
	(void)info;
	(*(int *)context)++;
	return 0;
}

static int count_volumes(const char *prefix)
{
	struct err err = { 0 };
	int n = 0;

	CU_ASSERT_EQUAL(volume_list(&pool, prefix, count_one, &n, &err), 0);
	return n;
}

/* The pool has only the listed volumes, and nothing is mounted. */
static void check_nothing_left(int templates)
{
	scoped_free char *mounts = NULL;

	CU_ASSERT_EQUAL(count_volumes(""), templates);
	CU_ASSERT_EQUAL(count_volumes("template."), templates);
	CU_ASSERT_TRUE(file_read(AT_FDCWD, "/proc/self/mounts", 1 << 20, &mounts) > 0);
	CU_ASSERT_PTR_NULL(strstr(mounts, folder));
}

static int build(const char *name, const char *recipe, struct err *err)
{
	struct template_build spec = { .recipe = recipe };

	*err = (struct err){ 0 };
	return template_build(&dirs, name, &pool, &spec, err);
}

static ssize_t read_from(const char *name, const char *path, char **out)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct err err = { 0 };
	int fd = -1;

	template_volume(name, volume);
	CU_ASSERT_EQUAL(volume_mount(&pool, volume, MOUNT_ATTR_NODEV, &fd, &err), 0);
	scoped_fd int mount_fd = fd;
	return file_read(mount_fd, path, 4096, out);
}

static void test_build(void)
{
	struct template_build spec = { .recipe = "good", .release = "r1", .packages = "a,b" };
	struct template_config config = { 0 };
	scoped_free char *words = NULL, *cache = NULL;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(template_build(&dirs, "one", &pool, &spec, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_EQUAL(template_open(&dirs, "one", &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.distribution, "testix");
	CU_ASSERT_STRING_EQUAL(config.init, "none");
	CU_ASSERT_STRING_EQUAL(config.pool, "default");
	CU_ASSERT_EQUAL(strlen(config.uuid), 36);
	CU_ASSERT_TRUE(config.created > 1700000000);
	config_free(&template_schema, &config);
	CU_ASSERT_TRUE(read_from("one", "etc/words", &words) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(words, "/build --release r1 --packages a,b"));
	CU_ASSERT_TRUE(read_from("one", "etc/cache", &cache) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(cache, "/lib/cache/good"));
	check_nothing_left(1);

	CU_ASSERT_EQUAL(build("one", "good", &err), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "template 'one' is there already"));
	check_nothing_left(1);
}

static void test_build_fails(void)
{
	struct err err;

	CU_ASSERT_TRUE(build("two", "bad", &err) < 0);
	CU_ASSERT_STRING_EQUAL(err.text,
			       "template 'two': recipe 'bad' exited with 3: the mirror is down");
	check_nothing_left(1);
	CU_ASSERT_TRUE(build("two", "hollow", &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "neither /sbin/init nor /bin/sh"));
	check_nothing_left(1);
	CU_ASSERT_EQUAL(build("two", "godo", &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(err.text, "no recipe 'godo' and no file of that name; recipes: bad, daemon, "
				 "good, hollow, slow;"));
	CU_ASSERT_EQUAL(build("two", "../good", &err), -ENOENT);
	CU_ASSERT_EQUAL(build("Two", "good", &err), -EINVAL);
	CU_ASSERT_EQUAL(build("", "good", &err), -EINVAL);
	CU_ASSERT_EQUAL(build("..", "good", &err), -EINVAL);
	check_nothing_left(1);
}

/* A process that a recipe leaves running is ended, and does not delay the build. */
static void test_build_daemon(void)
{
	struct err err;

	CU_ASSERT_EQUAL(build("two", "daemon", &err), 0);
	CU_ASSERT_EQUAL(template_delete(&dirs, "two", false, &err), 0);
	check_nothing_left(1);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool appears(const char *path)
{
	struct timespec pause = { .tv_nsec = 5000000 };
	long end = now_ms() + PATIENCE_MS;

	while (access(path, F_OK) < 0) {
		if (now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* A build that is under way in another process, and has started its recipe. */
static pid_t start_slow(const char *name)
{
	scoped_free char *started = dirs_state_path(&dirs, "cache/slow/started");
	struct err err;

	unlink(started);
	pid_t pid = fork();
	if (pid == 0)
		_exit(build(name, "slow", &err) < 0);
	CU_ASSERT_TRUE(appears(started));
	return pid;
}

static void test_killed(void)
{
	struct err err = { 0 };
	struct template_config config = { 0 };
	pid_t pid = start_slow("three");

	/* Meanwhile the name is taken, and others are not. */
	CU_ASSERT_EQUAL(build("three", "good", &err), -EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "template 'three' is in use"));
	CU_ASSERT_EQUAL(build("four", "good", &err), 0);
	CU_ASSERT_EQUAL(count_volumes("incoming.template.three"), 1);
	CU_ASSERT_EQUAL(template_open(&dirs, "three", &config, &err), -ENOENT);

	kill(pid, SIGKILL);
	CU_ASSERT_TRUE(WIFSIGNALED(child_wait(pid)));
	CU_ASSERT_EQUAL(count_volumes("incoming."), 1);
	/* The next command of this kind, about something else, clears it away, once all is dead. */
	long end = now_ms() + PATIENCE_MS;
	do {
		CU_ASSERT_TRUE(build("five", "bad", &err) < 0);
	} while (count_volumes("incoming.") > 0 && now_ms() < end);
	CU_ASSERT_EQUAL(count_volumes("incoming."), 0);
	CU_ASSERT_EQUAL(build("three", "good", &err), 0);
	CU_ASSERT_EQUAL(template_delete(&dirs, "three", false, &err), 0);
	CU_ASSERT_EQUAL(template_delete(&dirs, "four", false, &err), 0);
	check_nothing_left(1);
}

/* Missing settings do not mean that a root is useless. */
static void test_volume_without_settings(void)
{
	scoped_free char *conf = dirs_state_path(&dirs, "templates/six/template.conf");
	struct template_config config = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(volume_create(&pool, "template.lost", 0, &err), 0);
	CU_ASSERT_TRUE(build("five", "bad", &err) < 0);
	CU_ASSERT_EQUAL(count_volumes("template.lost"), 1);
	CU_ASSERT_EQUAL(build("lost", "good", &err), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "berth template adopt lost"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_delete(&dirs, "lost", false, &err), -ENODATA);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_delete(&dirs, "lost", true, &err), 0);
	check_nothing_left(1);
	CU_ASSERT_EQUAL(build("six", "good", &err), 0);
	CU_ASSERT_EQUAL(unlink(conf), 0);
	CU_ASSERT_EQUAL(template_open(&dirs, "six", &config, &err), -ENODATA);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_adopt(&dirs, "six", NULL, &err), 0);
	CU_ASSERT_EQUAL(template_open(&dirs, "six", &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.pool, pool.name);
	config_free(&template_schema, &config);
	CU_ASSERT_EQUAL(template_adopt(&dirs, "six", NULL, &err), -EEXIST);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_delete(&dirs, "six", false, &err), 0);
	check_nothing_left(1);
}

/* Killed between the mark and the settings, or in a delete: the next that builds clears it away. */
static void test_half_made(void)
{
	scoped_free char *conf = dirs_state_path(&dirs, "templates/half/template.conf");
	scoped_free char *mark = dirs_state_path(&dirs, "templates/.unfinished/half");
	struct template_config config = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(build("half", "good", &err), 0);
	CU_ASSERT_EQUAL(rename(conf, mark), 0);
	CU_ASSERT_EQUAL(template_open(&dirs, "half", &config, &err), -ENOENT);
	CU_ASSERT_EQUAL(count_volumes("template.half"), 1);
	CU_ASSERT_TRUE(build("five", "bad", &err) < 0);
	CU_ASSERT_EQUAL(count_volumes("template.half"), 0);
	check_nothing_left(1);
}

static void write_archive(const char *path, bool whole)
{
	static const struct member members[] = {
		{ .name = "./bin/sh", .type = '0', .mode = 0755, .data = "#!/no/shell\n" },
		{ .name = "./dev/null", .type = '3', .mode = 0666 },
		{ .name = "./sbin/init", .type = '2', .link = "/lib/systemd/systemd" },
		{ .name = "./lib/systemd/systemd",
		  .type = '0',
		  .mode = 0755,
		  .data = "systemd 241\n" },
	};
	FILE *f = fopen(path, "w");

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		tarball_add(f, &members[i]);
	if (whole)
		tarball_end(f);
	fclose(f);
}

static void test_import(void)
{
	scoped_text struct text notes = { 0 };
	struct template_config config = { 0 };
	struct err err = { 0 };

	write_archive("good.tar", true);
	CU_ASSERT_EQUAL(template_import(&dirs, "seven", &pool,
					&(struct template_image){ .archive = "good.tar" }, &notes,
					&err),
			0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(text_str(&notes), "1 device nodes were left out"));
	CU_ASSERT_EQUAL(template_open(&dirs, "seven", &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.init, "systemd");
	CU_ASSERT_STRING_EQUAL(config.description, "good.tar");
	config_free(&template_schema, &config);
	check_nothing_left(2);
	CU_ASSERT_EQUAL(template_import(&dirs, "seven", &pool,
					&(struct template_image){ .archive = "good.tar" }, NULL,
					&err),
			-EEXIST);
	CU_ASSERT_EQUAL(template_delete(&dirs, "seven", false, &(struct err){ 0 }), 0);
}

static void test_import_fails(void)
{
	struct err err = { 0 };

	write_archive("cut.tar", false);
	CU_ASSERT_TRUE(template_import(&dirs, "eight", &pool,
				       &(struct template_image){ .archive = "cut.tar" }, NULL,
				       &err) < 0);
	CU_ASSERT_STRING_EQUAL(err.text, "archive 'cut.tar': it ends without an end mark: the "
					 "archive is not complete");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_import(&dirs, "eight", &pool,
					&(struct template_image){ .archive = "none.tar" }, NULL,
					&err),
			-ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "none.tar"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL_FATAL(mkdir("empty", 0755), 0);
	CU_ASSERT_EQUAL(template_import(&dirs, "eight", &pool,
					&(struct template_image){ .archive = "empty" }, NULL, &err),
			-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "it has neither /sbin/init nor /bin/sh"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_import(&dirs, "eight", &pool,
					&(struct template_image){ .archive = "/bin/sh" }, NULL,
					&err),
			-EINVAL);
	CU_ASSERT_TRUE(text_starts(err.text, "archive '/bin/sh': it is not a tar archive;"));
	check_nothing_left(1);
}

static int add_name(void *context, const char *name, const struct template_config *config,
		    const struct err *fault)
{
	(void)fault;
	CU_ASSERT_PTR_NOT_NULL(config);
	return text_add(context, "%s ", name);
}

static void test_list(void)
{
	scoped_text struct text names = { 0 };
	struct template_config config = { 0 };
	struct err err = { 0 };

	CU_ASSERT_EQUAL(build("zoo", "good", &err), 0);
	CU_ASSERT_EQUAL(build("ape", "good", &err), 0);
	CU_ASSERT_EQUAL(template_list(&dirs, add_name, &names, &err), 0);
	CU_ASSERT_STRING_EQUAL(text_str(&names), "ape one zoo ");
	CU_ASSERT_EQUAL(template_open(&dirs, "zo", &config, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "did you mean 'zoo'?"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_delete(&dirs, "nowhere", false, &err), -ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(template_delete(&dirs, "zoo", false, &err), 0);
	CU_ASSERT_EQUAL(template_delete(&dirs, "ape", false, &err), 0);
	CU_ASSERT_EQUAL(template_delete(&dirs, "one", false, &err), 0);
	check_nothing_left(0);
}

static CU_TestInfo tests[] = {
	{ "built by a recipe", test_build },
	{ "recipes that fail", test_build_fails },
	{ "a recipe that leaves a daemon", test_build_daemon },
	{ "a build that is killed", test_killed },
	{ "a volume without settings", test_volume_without_settings },
	{ "half made", test_half_made },
	{ "imported", test_import },
	{ "imports that fail", test_import_fails },
	{ "listed and deleted", test_list },
	CU_TEST_INFO_NULL,
};

int main(void)
{
	int skip = suite_needs_root();

	return skip ? skip : suite_run("template", begin, end, tests);
}
