/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates from recipes: a script fills the new volume, in namespaces of its own that show it nothing else. */
#include "base/child.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "image/template/incoming.h"
#include "image/template/strip.h"
#include "image/template/template.h"
#include "kern/mount.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ARGUMENTS_MAX = 20, LINE_MAX_HELD = 4096 };

/* The call of the recipe: the path of the script, and its arguments. */
struct recipe {
	char path[PATH_MAX];
	char *folder; /* owned; mount point of the volume in the recipe's namespace */
	char *cache;  /* owned; for its downloads */
	const char *argv[ARGUMENTS_MAX];
};

static void recipe_free(struct recipe *recipe)
{
	free(recipe->folder);
	free(recipe->cache);
	*recipe = (struct recipe){ 0 };
}

static int add_name(void *context, const char *name)
{
	struct text *names = context;

	return text_add(names, "%s%s", names->length ? ", " : "", name);
}

/* path: of PATH_MAX bytes, or NULL. */
static int find_recipe(const char *name, char *path, struct err *err)
{
	scoped_text struct text names = { 0 };
	char found[PATH_MAX];

	if (!text_label_fault(name) && install_recipe(name, found, sizeof found) == 0 &&
	    access(found, X_OK) == 0) {
		if (path)
			text_print(path, PATH_MAX, "%s", found);
		return 0;
	}
	struct err ignored = { 0 };
	template_recipes(add_name, &names, &ignored);
	if (access(name, F_OK) == 0)
		return err_set(err, ENOENT,
			       "there is no recipe '%s'; to build by the steps of the file of that "
			       "name, write ./%s",
			       name, name);
	return err_set(err, ENOENT,
		       "there is no recipe '%s' and no file of that name; recipes: %s; a file of "
		       "steps is named with its path, such as ./%s.template",
		       name, names.length ? text_str(&names) : "none; is berth installed?", name);
}

int template_recipe_check(const char *name, struct err *err)
{
	return find_recipe(name, NULL, err);
}

static int prepare(struct recipe *recipe, const struct dirs *dirs,
		   const struct template_build *build, struct err *err)
{
	const char *const options[][2] = {
		{ "--release", build->release }, { "--mirror", build->mirror },
		{ "--variant", build->variant }, { "--packages", build->packages },
		{ "--init", build->init },       { "--keyring", build->keyring },
	};
	size_t n = 0;

	if (find_recipe(build->recipe, recipe->path, err) < 0)
		return -err->code;
	recipe->folder = dirs_run_path(dirs, "build");
	recipe->cache = dirs_state_path(dirs, "cache/%s", build->recipe);
	if (!recipe->folder || !recipe->cache)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(recipe->folder, 0711, err) < 0 ||
	    file_make_dirs(recipe->cache, 0755, err) < 0)
		return -err->code;
	recipe->argv[n++] = recipe->path;
	recipe->argv[n++] = "build";
	recipe->argv[n++] = recipe->folder;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!options[i][1])
			continue;
		recipe->argv[n++] = options[i][0];
		recipe->argv[n++] = options[i][1];
	}
	return 0;
}

/* Executes the recipe. An error is a line on its output, as the recipe's own are. */
static __attribute__((noreturn)) void exec_recipe(const struct recipe *recipe)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("BERTH_CACHE", recipe->cache, 1);
	execv(recipe->path, (char *const *)(uintptr_t)recipe->argv);
	dprintf(2, "run '%s': %s\n", recipe->path, strerror(errno));
	_exit(127);
}

static __attribute__((noreturn)) void fail_inside(const char *what, const char *why)
{
	dprintf(2, "%s: %s\n", what, why);
	_exit(126);
}

/* Process 1 of the recipe's namespaces. When it ends, all processes of the recipe end, and the mounts are gone. */
static __attribute__((noreturn)) void run_inside(const struct recipe *recipe, int parent,
						 int mount_fd, int output)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int status;

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(126);
	if (child_tie(parent, SIGKILL) < 0)
		_exit(126);
	umask(022);
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		fail_inside("make mounts private", strerror(errno));
	int r = mount_attach(mount_fd, AT_FDCWD, recipe->folder);
	if (r < 0)
		fail_inside("mount the volume", mount_why(r));
	pid_t pid = fork();
	if (pid == 0)
		exec_recipe(recipe);
	if (pid < 0)
		fail_inside("start the recipe", strerror(errno));
	for (;;) {
		pid_t one = wait(&status);
		if (one == pid)
			break;
		if (one < 0 && errno != EINTR)
			_exit(126);
	}
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Where the last line that is not empty begins. */
static size_t last_line(const char *output, size_t length)
{
	while (length && strchr(" \t\r\n", output[length - 1]))
		length--;
	while (length && output[length - 1] != '\n')
		length--;
	return length;
}

/* Failures do not matter: if nobody reads any more, the build goes on. */
static void show(struct text *output, size_t length)
{
	for (size_t shown = 0; shown < length;) {
		ssize_t n = write(STDERR_FILENO, output->data + shown, length - shown);
		if (n < 0 && errno != EINTR)
			break;
		shown += n > 0 ? (size_t)n : 0;
	}
	if (length) {
		memmove(output->data, output->data + length, output->length - length);
		output->length -= length;
	}
}

/*
 * Passes the recipe's output to standard error, except its last line, which tells the reason if the recipe fails: it
 * stays in `output`.
 */
static void pass_on(int fd, struct text *output)
{
	char chunk[4096];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		/* Without memory the output is lost, and the build goes on. */
		if (text_add_bytes(output, chunk, (size_t)n) < 0)
			continue;
		size_t begin = last_line(output->data, output->length);
		show(output, output->length - begin > LINE_MAX_HELD ? output->length : begin);
	}
}

/* The last line of the output, as one line of an error. */
static const char *reason_of(struct text *output)
{
	char *line;

	if (!output->data)
		return "";
	output->data[output->length] = '\0';
	line = text_trim(output->data);
	for (char *c = line; *c; c++)
		if (*c < ' ' && *c >= 0)
			*c = ' ';
	return line;
}

static int run_recipe(const struct recipe *recipe, const char *name, int mount_fd, struct err *err)
{
	struct spawn spawn = {
		.namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
		.cgroup_fd = -1,
	};
	scoped_text struct text output = { 0 };
	char how[64];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	scoped_fd int reading = ends[0];
	scoped_fd int writing = ends[1];
	scoped_fd int ourselves = child_parent();
	pid_t pid = ourselves < 0 ? ourselves : spawn_process(&spawn);
	if (pid == 0)
		run_inside(recipe, ourselves, mount_fd, writing);
	scoped_fd int pidfd = spawn.pidfd;
	if (pid < 0)
		return err_set(err, -pid, "make namespaces to build in: %s", strerror(-pid));
	scoped_close_fd(&writing);
	pass_on(reading, &output);
	int status = spawn_wait(pidfd);
	if (status == 0) {
		show(&output, output.length);
		return 0;
	}
	child_status_text(status, how, sizeof how);
	const char *reason = reason_of(&output);
	return err_set(err, EIO, "recipe '%s' %s%s%.250s", name, how, *reason ? ": " : "", reason);
}

/* Packages make keys and ids when they are installed. */
static int forget_identity(const struct incoming *incoming, int mount_fd, struct err *err)
{
	char uuid[UUID_TEXT];
	const struct strip_identity identity = { incoming->name, uuid };
	int r = uuid_draw(uuid);

	return r < 0 ? err_set(err, -r, "draw a uuid: %s", strerror(-r))
		     : strip_root(incoming->dirs, mount_fd, false, &identity, err);
}

static int fill(struct incoming *incoming, const struct template_build *build, struct err *err)
{
	struct recipe recipe = { 0 };
	int fd = -1;
	int r = prepare(&recipe, incoming->dirs, build, err);

	if (r == 0)
		r = volume_mount(incoming->pool, incoming->volume, 0, &fd, err);
	scoped_fd int mount_fd = fd;
	if (r == 0)
		r = run_recipe(&recipe, build->recipe, mount_fd, err);
	recipe_free(&recipe);
	return r == 0 ? forget_identity(incoming, mount_fd, err) : r;
}

int template_build(const struct dirs *dirs, const char *name, struct pool *pool,
		   const struct template_build *build, struct err *err)
{
	scoped_incoming struct incoming incoming = { .lock_fd = -1 };
	char description[128], origin[128];

	snprintf(origin, sizeof origin, "recipe %s%s%s", build->recipe, build->release ? " " : "",
		 build->release ? build->release : "");
	snprintf(description, sizeof description, "%s%s%s, built by recipe", build->recipe,
		 build->release ? " " : "", build->release ? build->release : "");
	int r = incoming_begin(&incoming, dirs, pool, name, err);
	incoming.origin = origin;
	if (r == 0)
		r = fill(&incoming, build, err);
	if (r == 0)
		r = incoming_commit(&incoming, description, NULL, err);
	return r < 0 ? err_wrap(err, "template '%s'", name) : 0;
}
