/* A machine's folder: opening, listing, locking, and finishing off what a killed command left. */
#include "machine/state/machine.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/start/run.h"
#include "machine/state/parts.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { LOAD_TRIES = 10 };

int machine_paths(struct machine *machine, const struct site *site, const char *name,
		  struct err *err)
{
	const char *fault = text_label_fault(name);

	*machine = (struct machine){ .site = site };
	if (fault)
		return err_set(err, EINVAL, "name '%.80s' %s", name, fault);
	machine->name = strdup(name);
	machine->folder = site_state_path(site, "machines/%s", name);
	machine->run = site_run_path(site, "machines/%s", name);
	if (!machine->name || !machine->folder || !machine->run) {
		machine_close(machine);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

void machine_close(struct machine *machine)
{
	config_free(&machine_schema, &machine->config);
	free(machine->name);
	free(machine->folder);
	free(machine->run);
	*machine = (struct machine){ 0 };
}

static void name_lock(const struct machine *machine, char name[80], char what[80])
{
	snprintf(name, 80, "machine.%s", machine->name);
	snprintf(what, 80, "machine '%s'", machine->name);
}

struct unfinished machine_mark(const struct machine *machine)
{
	return (struct unfinished){
		.site = machine->site,
		.kind = "machines",
		.name = machine->name,
		.file = "machine.conf",
	};
}

int machine_lock(const struct machine *machine, unsigned seconds, struct err *err)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	return site_lock(machine->site, name, seconds, what, err);
}

void machine_lock_forget(const struct machine *machine)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	site_lock_forget(machine->site, name);
}

int machine_lock_shared(const struct machine *machine, unsigned seconds, struct err *err)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	return site_lock_shared(machine->site, name, seconds, what, err);
}

bool machine_busy(const struct machine *machine)
{
	scoped_free char *lock = site_run_path(machine->site, "locks/machine.%s", machine->name);
	scoped_fd int fd = lock ? file_lock(lock, FILE_LOCK_LOOK) : -1;

	return fd == -EWOULDBLOCK;
}

char *machine_path(const struct machine *machine, const char *file)
{
	return text_format("%s/%s", machine->folder, file);
}

char *machine_log_path(const struct machine *machine, bool older)
{
	return machine_path(machine, older ? "console.log.1" : "console.log");
}

struct names {
	char **list; /* owned, NULL-terminated */
	size_t count;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static int by_name(const void *a, const void *b)
{
	/* t2 before t10 */
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(const struct site *site, struct names *names, struct err *err)
{
	scoped_free char *folder = site_state_path(site, "machines");
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir)
		return errno == ENOENT ? 0
				       : err_set(err, errno, "list '%s': %s",
						 folder ? folder : "machines", strerror(errno));
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		char **list = realloc(names->list, (names->count + 2) * sizeof *list);
		if (!list)
			return err_set(err, ENOMEM, "out of memory");
		names->list = list;
		list[names->count] = strdup(e->d_name);
		if (!list[names->count])
			return err_set(err, ENOMEM, "out of memory");
		list[++names->count] = NULL;
	}
	if (names->count > 0)
		qsort(names->list, names->count, sizeof *names->list, by_name);
	return 0;
}

int machine_list(const struct site *site, int (*visit)(void *, const char *name), void *context,
		 struct err *err)
{
	__attribute__((cleanup(names_free))) struct names names = { 0 };
	int r = read_names(site, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = visit(context, names.list[i]);
	return r;
}

static int no_such_machine(const struct site *site, const char *name, struct err *err)
{
	__attribute__((cleanup(names_free))) struct names names = { 0 };
	struct err ignored = { 0 };
	const char *near = NULL;

	if (read_names(site, &names, &ignored) == 0 && names.count > 0)
		near = text_nearest(name, (const char *const *)names.list);
	/* One of that very name is just being made, or deleted. */
	if (near && strcmp(near, name) != 0)
		return err_set(err, ENOENT, "no machine '%s'; did you mean '%s'?", name, near);
	return err_set(err, ENOENT, "no machine '%s'; see: berth list", name);
}

int machine_load(struct machine *machine, struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&machine_schema, conf, &machine->config, err);
	if (r < 0 || *machine->config.pool)
		return r;
	/* Emptied, or cut off: with defaults for what makes it this machine it must not go on. */
	config_free(&machine_schema, &machine->config);
	return err_set(err, EUCLEAN,
		       "'%s' does not say in which pool the machine's root is: it was emptied or "
		       "cut off; bring it back from a backup, or delete the machine: berth delete "
		       "--force %s",
		       conf, machine->name);
}

int machine_read(struct machine *machine, const struct site *site, const char *name,
		 struct err *err)
{
	int r = machine_paths(machine, site, name, err);

	if (r == 0)
		r = machine_load(machine, err);
	if (r < 0)
		machine_close(machine);
	return r;
}

int machine_check(const struct machine *machine, struct err *err)
{
	if (machine->fault.code)
		*err = machine->fault;
	return -machine->fault.code;
}

/* Half made or half removed: whoever has the lock next finishes it off. */
static int finish_off(struct machine *machine, struct err *err)
{
	struct unfinished mark = machine_mark(machine);
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	return unfinished_is(&mark) ? machine_erase(machine, false, err) : 0;
}

/* Without settings: absent (-ENOENT), broken (0), or half removed for as long as its pool is away (1). */
static int load_rest(struct machine *machine, bool act, struct err *err)
{
	struct unfinished mark = machine_mark(machine);

	if (unfinished_is(&mark)) {
		struct err why = { 0 };
		if (!act || finish_off(machine, &why) == 0)
			return no_such_machine(machine->site, machine->name, err);
		/* So that it can be deleted by force, at least. */
		err_set(&machine->fault, why.code, "machine '%s' is half removed, and %s",
			machine->name, why.text);
		config_free(&machine_schema, &machine->config);
		return config_defaults(&machine_schema, &machine->config, err) < 0 ? -err->code : 1;
	}
	if (config_defaults(&machine_schema, &machine->config, err) < 0)
		return -err->code;
	if (!parts_find(machine, act))
		return no_such_machine(machine->site, machine->name, err);
	return 0;
}

/* Its settings have come, or it has become half made, since we found neither. */
static bool has_changed(const struct machine *machine)
{
	struct unfinished mark = machine_mark(machine);
	scoped_free char *conf = machine_path(machine, mark.file);

	return (conf && access(conf, F_OK) == 0) || unfinished_is(&mark);
}

/* Absent, half made, or there with settings that are missing or that somebody spoiled. */
static int load_anyway(struct machine *machine, bool act, struct err *err)
{
	for (int tries = 0; tries < LOAD_TRIES; tries++) {
		machine->fault = (struct err){ 0 };
		int r = machine_load(machine, &machine->fault);
		if (r == 0)
			return 0;
		if (r != -ENOENT) {
			err_wrap(&machine->fault, "machine '%s'", machine->name);
			return config_defaults(&machine_schema, &machine->config, err);
		}
		machine->fault = (struct err){ 0 };
		r = load_rest(machine, act, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (!has_changed(machine))
			return 0;
		config_free(&machine_schema, &machine->config);
	}
	return err_set(err, EAGAIN, "machine '%s' is being made and deleted; try again",
		       machine->name);
}

static int open_as(struct machine *machine, const struct site *site, const char *name, bool act,
		   struct err *err)
{
	int r = machine_paths(machine, site, name, err);

	if (r < 0)
		return r;
	r = load_anyway(machine, act, err);
	if (r == 0 && act)
		r = run_settle(machine, err);
	if (r < 0)
		machine_close(machine);
	return r;
}

int machine_open(struct machine *machine, const struct site *site, const char *name,
		 struct err *err)
{
	return open_as(machine, site, name, true, err);
}

int machine_look(struct machine *machine, const struct site *site, const char *name,
		 struct err *err)
{
	return open_as(machine, site, name, false, err);
}

static void sweep_marked(void *context, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };

	if (machine_paths(&machine, context, name, &ignored) < 0)
		return;
	struct unfinished mark = machine_mark(&machine);
	scoped_fd int lock = machine_lock(&machine, 0, &ignored);
	if (lock < 0)
		return;
	if (unfinished_is(&mark))
		machine_erase(&machine, false, &ignored);
	else
		unfinished_drop(&mark, &ignored);
}

void machine_sweep(const struct site *site)
{
	/* For the callback's context, which is not const. */
	unfinished_each(site, "machines", sweep_marked, (void *)(uintptr_t)site);
	run_sweep(site);
}
