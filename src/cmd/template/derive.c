/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * template build FILE: a machine of the template to begin with, the steps in it one after the other, and a template of
 * its root. Everything that can be checked is checked before the machine is made.
 */
#include "cmd/template/derive.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/machine/provision.h"
#include "cmd/machine/provision_options.h"
#include "config/file.h"
#include "image/template/template.h"
#include "image/template/template_cache.h"
#include "machine/manage/manage.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

enum { STEP_SECONDS = 3600, WAIT_SECONDS = 3600 };

const struct flag flag_derive_cache = { "no-cache", 0, false, NULL,
					"of a file: do all steps, and leave the cache as it is" };
const struct flag flag_derive_keep = {
	"keep", 0, false, NULL, "of a file: keep the machine if a step fails, to look into it"
};
const struct flag flag_derive_replace = { "replace", 0, false, NULL,
					  "of a file: replace a template of that name" };
const struct flag flag_derive_timeout = {
	"timeout", 't', false, "TIME",
	"of a file: how long a step may take, such as 90s or 5m; 1h if not given"
};
const struct flag flag_derive_verbose = { "verbose", 'v', false, NULL,
					  "of a file: show what the steps write" };

bool derive_is_file(const char *word)
{
	return strpbrk(word, "/.") != NULL;
}

/* ---- Checks */

/* "web" of ./images/web.template, if the name is not given otherwise. */
static int find_name(struct derive *derive, const char *given, struct err *err)
{
	const char *slash = strrchr(derive->path, '/');
	const char *base = slash ? slash + 1 : derive->path;
	const char *dot = strrchr(base, '.');
	scoped_free char *stem = dot ? strndup(base, (size_t)(dot - base)) : strdup(base);
	const char *name = given ? given : *derive->file.name ? derive->file.name : stem;

	if (!stem)
		return err_set(err, ENOMEM, "out of memory");
	int r = name_check(name, err);
	if (r != 0)
		return name == stem ? err_wrap(err, "%s", derive->path), EXIT_USAGE : r;
	snprintf(derive->name, sizeof derive->name, "%s", name);
	return 0;
}

/* A template of that name: refused, or the pool in which it is replaced. */
static int check_target(struct derive *derive, struct err *err)
{
	const char *pool = call_value(derive->call, &flag_pool);
	struct template_config old = { 0 };
	struct err why = { 0 };
	int r = template_open(&derive->call->dirs, derive->name, &old, &why);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		*err = why;
	else if (!derive->replace)
		err_set(err, EEXIST,
			"template '%s' is there already; replace it with --replace, or give "
			"another name: berth template build %s NAME",
			derive->name, derive->path);
	else if (pool && strcmp(pool, old.pool) != 0)
		err_set(err, EXDEV,
			"template '%s' is in pool '%s', and is replaced only there; leave out "
			"--pool, or delete it first: berth template delete %s",
			derive->name, old.pool, derive->name);
	else if (text_take(&derive->pool, strdup(old.pool)) < 0)
		err_set(err, ENOMEM, "out of memory");
	config_free(&template_schema, &old);
	return -err->code;
}

/* As launch does: an image of a server is pulled if no template was made of it yet. */
static int find_base(struct derive *derive, struct err *err)
{
	const char *words[] = { derive->file.from, NULL };
	struct call as_launch = *derive->call;
	scoped_free char *pulled = NULL;

	as_launch.words = words;
	as_launch.count = 1;
	int r = template_wanted(&as_launch, &pulled, err);
	if (r == 0)
		r = text_take(&derive->from, strdup(words[0]));
	if (r == 0)
		r = template_open(&derive->call->dirs, derive->from, &derive->base, err);
	if (r == 0)
		return 0;
	if (!err->code)
		return err_set(err, ENOMEM, "out of memory");
	err_wrap(err, "%s:%u", derive->path, derive->file.from_line);
	return r;
}

static int check_source(const struct derive *derive, const struct build_step *step, struct err *err)
{
	struct provision_file file;

	if (step->kind != BUILD_COPY && step->kind != BUILD_SCRIPT)
		return 0;
	if (step->kind == BUILD_COPY && provision_split_file(step->text, &file, err) != 0) {
		return err_wrap(err, "%s:%u", derive->path, step->line);
	}
	const char *source = step->kind == BUILD_COPY ? file.source : step->text;
	scoped_free char *path = derive_path(derive, source);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int fd = step->kind == BUILD_COPY ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
						    : file_open_regular(AT_FDCWD, path, 0);
	int code = step->kind == BUILD_COPY ? errno : -fd;
	return fd < 0 ? err_set(err, code, "%s:%u: read '%s': %s", derive->path, step->line, path,
				file_why(-code))
		      : 0;
}

/* user, cwd and env hold for the acts after them. */
static int gather_acts(struct derive *derive, struct err *err)
{
	const char *user = "", *cwd = "";
	scoped_text struct text env = { 0 };

	derive->acts = calloc(derive->file.count + 1, sizeof *derive->acts);
	if (!derive->acts)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < derive->file.count; i++) {
		const struct build_step *step = &derive->file.steps[i];
		if (check_source(derive, step, err) < 0)
			return -err->code;
		if (step->kind == BUILD_USER) {
			user = step->text;
		} else if (step->kind == BUILD_CWD) {
			cwd = step->text;
		} else if (step->kind == BUILD_ENV) {
			if (!*step->text)
				text_free(&env);
			text_add(&env, "%s%s", env.length ? " " : "", step->text);
		} else {
			struct derive_act *act = &derive->acts[derive->count++];
			*act = (struct derive_act){ .step = step, .user = user, .cwd = cwd };
			act->env = strdup(text_str(&env));
			if (!act->env)
				return err_set(err, ENOMEM, "out of memory");
		}
	}
	return env.failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Defaults of machines: those of the template to begin with, then those of the file. */
static int make_model(struct derive *derive, struct err *err)
{
	const struct template_config given = { .presets = derive->file.presets };
	struct template_config *model = &derive->model;
	char size[32];

	if (config_defaults(&template_schema, model, err) < 0 ||
	    config_copy_presets(model, &derive->base, err) < 0)
		return -err->code;
	text_from_size(derive->file.size, size, sizeof size);
	if ((derive->file.size &&
	     config_put(&template_schema, model, "default.disk.size", size, err) < 0) ||
	    (*derive->file.init &&
	     config_put(&template_schema, model, "default.init", derive->file.init, err) < 0))
		return -err->code;
	if (!config_label(given.presets, "app.command"))
		model->image_entrypoint = derive->base.image_entrypoint;
	if (config_copy_presets(model, &given, err) < 0)
		return -err->code;
	return config_check_presets(model, err) < 0 ? err_wrap(err, "%s", derive->path) : 0;
}

/* The network of the machine: of --network, of the template to begin with, or the default one. */
static int find_network(struct derive *derive, struct err *err)
{
	const char *given = call_value(derive->call, &flag_network);

	if (!given)
		return config_label(derive->base.presets, "network")
			       ? 0
			       : network_wanted(derive->call, err);
	derive->network = text_format("network=%s", given);
	return derive->network ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int prepare(struct derive *derive, const char *name, struct err *err)
{
	const char *slash = strrchr(derive->path, '/');
	int r = call_seconds(derive->call, &flag_derive_timeout, STEP_SECONDS, &derive->seconds,
			     err);

	if (r == 0)
		r = build_file_load(derive->path, &derive->file, err);
	if (r == 0)
		r = find_name(derive, name, err);
	if (r != 0)
		return r;
	derive->folder =
		slash ? strndup(derive->path, (size_t)(slash - derive->path)) : strdup(".");
	if (!derive->folder)
		return err_set(err, ENOMEM, "out of memory");
	r = gather_acts(derive, err);
	if (r == 0)
		r = provision_program(&derive->program, err);
	return r;
}

/* ---- The work */

static int lock_steps(const struct derive *derive, struct err *err)
{
	struct err busy = { 0 };
	char lock[80], what[128];

	snprintf(lock, sizeof lock, "build.%s", derive->name);
	snprintf(what, sizeof what, "the build of template '%s'", derive->name);
	int fd = dirs_lock(&derive->call->dirs, lock, 0, what, &busy);
	if (fd >= 0 || busy.code != EBUSY)
		return fd >= 0 ? fd : err_set(err, busy.code, "%s", busy.text);
	print_note("another command builds template '%s'; waiting for it", derive->name);
	return dirs_lock(&derive->call->dirs, lock, WAIT_SECONDS, what, err);
}

/* Under the lock: a waiter notices that the file has lost its name. */
static void forget_lock(const struct derive *derive)
{
	scoped_free char *lock = text_format("build.%s", derive->name);

	if (lock)
		dirs_lock_forget(&derive->call->dirs, lock);
}

/* A step of the cache may have gone since it was found; then an earlier one has to do. */
static int begin(struct derive *derive, struct err *err)
{
	for (;;) {
		size_t done = derive->cached;
		int r = derive_begin(derive, done ? derive->acts[done - 1].key : derive->from, err);
		if (done == 0 || (r != -ENOENT && r != -ENODATA))
			return r;
		derive_discard(derive, false);
		*err = (struct err){ 0 };
		derive->cached = done - 1;
	}
}

/* *kept: a step has failed, and --keep asks for its machine. */
static int do_steps(struct derive *derive, bool *kept, struct err *err)
{
	char label[160];

	for (size_t i = 0; i < derive->cached; i++) {
		derive_label(derive, i, label, sizeof label);
		print_note("%s: cached", label);
	}
	for (size_t i = derive->cached; i < derive->count; i++) {
		int r = derive_step(derive, i, err);
		if (r != 0) {
			*kept = derive->keep && r != -EINTR;
			return r;
		}
		/* The last one is kept when the machine has stopped. */
		if (i + 1 < derive->count)
			derive_store(derive, i);
	}
	return 0;
}

static int publish(struct derive *derive, struct err *err)
{
	const char *slash = strrchr(derive->path, '/');
	const char *file = slash ? slash + 1 : derive->path;
	scoped_free char *origin = text_format("file %s, from %s", file, derive->from);
	scoped_free char *made = text_format("%s by %s", derive->from, file);
	scoped_text struct text notes = { 0 };
	scoped_progress struct progress progress = { 0 };
	const struct publish_spec spec = {
		.replace = derive->replace,
		.description = *derive->file.description ? derive->file.description : made,
		.origin = origin,
		.model = &derive->model,
	};

	if (!origin || !made)
		return err_set(err, ENOMEM, "out of memory");
	if (derive_interrupted(derive, err) < 0)
		return -err->code;
	progress_begin(&progress, "making template '%s'", derive->name);
	int r = machine_publish(&derive->machine, derive->name, &spec, &notes, err);
	fault_point("derive-published");
	if (r == 0)
		print_notes(&notes);
	return r;
}

static int build(struct derive *derive, struct err *err)
{
	bool kept = false;
	size_t removed;

	derive->cached = derive_find(derive);
	int r = begin(derive, err);
	if (r == 0)
		r = do_steps(derive, &kept, err);
	if (r == 0)
		r = derive_stop(derive, err);
	if (r == 0 && derive->cached < derive->count)
		derive_store(derive, derive->count - 1);
	if (r == 0)
		r = publish(derive, err);
	derive_discard(derive, kept);
	template_cache_prune(&derive->call->dirs, TEMPLATE_CACHE_STEPS, TEMPLATE_CACHE_SECONDS,
			     &removed, &(struct err){ 0 });
	if (r == 0)
		print_note("template '%s' was made from '%s' in %zu step%s, %zu of them cached",
			   derive->name, derive->from, derive->count, derive->count == 1 ? "" : "s",
			   derive->cached);
	return r == -EINTR ? 128 + derive->caught : r;
}

/* From here on, signals come by a descriptor: nothing is left behind. */
static int catch_signals(struct derive *derive, sigset_t *before, struct err *err)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, before);
	derive->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	return derive->signals < 0 ? err_set(err, errno, "watch signals: %s", strerror(errno)) : 0;
}

/* Under the lock of the name. */
static int run_locked(struct derive *derive, struct err *err)
{
	sigset_t before;
	/* The template may have appeared while another build was waited for. */
	int r = check_target(derive, err);

	if (r == 0)
		r = find_base(derive, err);
	if (r == 0)
		r = make_model(derive, err);
	if (r == 0 && !derive->pool)
		r = pool_wanted(derive->call, &derive->pool, err);
	if (r == 0)
		r = find_network(derive, err);
	if (r == 0)
		r = derive_keys(derive, err);
	if (r == 0)
		r = catch_signals(derive, &before, err);
	if (r != 0)
		return r;
	r = build(derive, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int run(struct derive *derive, struct err *err)
{
	scoped_fd int lock = lock_steps(derive, err);

	if (lock < 0)
		return -err->code;
	int r = run_locked(derive, err);
	forget_lock(derive);
	return r;
}

static void derive_close(struct derive *derive)
{
	for (size_t i = 0; i < derive->count; i++)
		free(derive->acts[i].env);
	free(derive->acts);
	free(derive->folder);
	free(derive->from);
	free(derive->pool);
	free(derive->network);
	free(derive->program);
	config_free(&template_schema, &derive->base);
	config_free(&template_schema, &derive->model);
	build_file_free(&derive->file);
	scoped_close_fd(&derive->signals);
}

int derive_template(struct call *call, const char *path, const char *name, struct err *err)
{
	__attribute__((cleanup(derive_close))) struct derive derive = {
		.call = call,
		.path = path,
		.keep = call_has(call, &flag_derive_keep),
		.use_cache = !call_has(call, &flag_derive_cache),
		.verbose = call_has(call, &flag_derive_verbose),
		.replace = call_has(call, &flag_derive_replace),
		.signals = -1,
		.owner = -1,
		.owned = -1,
	};
	int r = prepare(&derive, name, err);

	if (r == 0)
		r = check_target(&derive, err);
	return r != 0 ? r : run(&derive, err);
}
