/* A machine's folder: opening, listing, locking, and finishing off what a killed command left. */
#include "machine/machine.h"

#include "base/scoped.h"
#include "machine/private.h"
#include "machine/run.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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

int machine_lock(const struct machine *machine, unsigned seconds, struct err *err)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	return site_lock(machine->site, name, seconds, what, err);
}

int machine_lock_shared(const struct machine *machine, unsigned seconds, struct err *err)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	return site_lock_shared(machine->site, name, seconds, what, err);
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
		if (!list || !(list[names->count] = strdup(e->d_name)))
			return err_set(err, ENOMEM, "out of memory");
		names->list = list;
		names->list[++names->count] = NULL;
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

/* Half made or half deleted: whoever has the lock next finishes it off. */
static int clear_pending(struct machine *machine, struct err *err)
{
	struct stat st;
	scoped_free char *conf = machine_path(machine, "machine.conf");

	if (stat(machine->folder, &st) < 0)
		return 0;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	if (lock < 0)
		return lock;
	return conf && access(conf, F_OK) < 0 ? machine_erase(machine, err) : 0;
}

int machine_load(struct machine *machine, struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	return config_load(&machine_schema, conf, &machine->config, err);
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

int machine_clear(const struct site *site, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	if (machine_paths(&machine, site, name, err) < 0)
		return -err->code;
	scoped_free char *conf = machine_path(&machine, "machine.conf");
	if (access(machine.folder, F_OK) < 0)
		return 0;
	scoped_fd int lock = machine_lock(&machine, 0, &(struct err){ 0 });
	if (lock < 0 || !conf || access(conf, F_OK) == 0)
		return 0;
	return machine_erase(&machine, err);
}

/* Absent, half made, or there with settings that somebody spoiled. */
static int load_anyway(struct machine *machine, struct err *err)
{
	int r = machine_load(machine, &machine->fault);

	if (r == -ENOENT) {
		machine->fault = (struct err){ 0 };
		r = clear_pending(machine, err);
		/* What was erased may have left its settings. */
		config_free(&machine_schema, &machine->config);
		if (r < 0)
			return r;
		r = machine_load(machine, &machine->fault);
	}
	if (r == -ENOENT)
		return no_such_machine(machine->site, machine->name, err);
	return r < 0 ? config_defaults(&machine_schema, &machine->config, err) : 0;
}

int machine_open(struct machine *machine, const struct site *site, const char *name,
		 struct err *err)
{
	int r = machine_paths(machine, site, name, err);

	if (r < 0)
		return r;
	r = load_anyway(machine, err);
	if (r == 0)
		r = run_settle(machine, err);
	if (r < 0)
		machine_close(machine);
	return r;
}
