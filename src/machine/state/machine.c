/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's folder: opening, listing, locking, and completing the changes of killed commands. */

#include "base/file.h"
#include "base/scoped.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int machine_paths(struct machine *machine, const struct dirs *dirs, const char *name,
		  struct err *err)
{
	const char *fault = text_label_fault(name);

	*machine = (struct machine){ .dirs = dirs };
	if (fault)
		return err_set(err, EINVAL, "name '%.80s' %s", name, fault);
	machine->name = strdup(name);
	machine->folder = dirs_state_path(dirs, "machines/%s", name);
	machine->run = dirs_run_path(dirs, "machines/%s", name);
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
		.dirs = machine->dirs,
		.kind = "machines",
		.name = machine->name,
		.file = "machine.conf",
	};
}

int machine_lock(const struct machine *machine, unsigned seconds, struct err *err)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	return dirs_lock(machine->dirs, name, seconds, what, err);
}

void machine_lock_forget(const struct machine *machine)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	dirs_lock_forget(machine->dirs, name);
}

int machine_lock_shared(const struct machine *machine, unsigned seconds, struct err *err)
{
	char name[80], what[80];

	name_lock(machine, name, what);
	return dirs_lock_shared(machine->dirs, name, seconds, what, err);
}

bool machine_busy(const struct machine *machine)
{
	scoped_free char *lock = dirs_run_path(machine->dirs, "locks/machine.%s", machine->name);
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

int machine_load(struct machine *machine, struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&machine_schema, conf, &machine->config, err);
	if (r < 0 || *machine->config.pool)
		return r;
	/* An emptied or truncated file: the machine must not run with defaults for its identity. */
	config_free(&machine_schema, &machine->config);
	return err_set(
		err, EUCLEAN,
		"'%s' does not say in which pool the machine's root is: it was emptied or "
		"truncated; bring it back from a backup, or delete the machine: berth delete "
		"--force %s",
		conf, machine->name);
}

int machine_read(struct machine *machine, const struct dirs *dirs, const char *name,
		 struct err *err)
{
	int r = machine_paths(machine, dirs, name, err);

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

int machine_gone(const struct machine *machine, struct err *err)
{
	*err = (struct err){ 0 };
	return err_set(err, ENOENT, "no machine '%s': it has just been deleted", machine->name);
}
