/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of all machines. */
#include "machine/state/private.h"

#include "base/scoped.h"

#include <dirent.h>
#include <string.h>

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

static int read_names(const struct dirs *dirs, struct names *names, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "machines");
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

int machine_list(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
		 struct err *err)
{
	__attribute__((cleanup(names_free))) struct names names = { 0 };
	int r = read_names(dirs, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = visit(context, names.list[i]);
	return r;
}

struct search {
	const struct dirs *dirs;
	const char *uuid;
	char *name;
};

/* A machine that cannot be read has no uuid. */
static int has_uuid(void *context, const char *name)
{
	struct search *search = context;
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, search->dirs, name, &(struct err){ 0 }) < 0 ||
	    strcmp(machine.config.uuid, search->uuid) != 0)
		return 0;
	text_print(search->name, 64, "%s", name);
	return 1;
}

int machine_with_uuid(const struct dirs *dirs, const char *uuid, char name[64], struct err *err)
{
	struct search search = { dirs, uuid, name };

	*name = '\0';
	return machine_list(dirs, has_uuid, &search, err);
}

int machine_absent(const struct dirs *dirs, const char *name, struct err *err)
{
	__attribute__((cleanup(names_free))) struct names names = { 0 };
	scoped_free char *template = dirs_state_path(dirs, "templates/%s/template.conf", name);
	struct err ignored = { 0 };
	const char *near = NULL;

	if (template && access(template, F_OK) == 0)
		return err_set(err, ENOENT,
			       "no machine '%s'; there is a template of that name: berth launch %s",
			       name, name);
	if (template && read_names(dirs, &names, &ignored) == 0 && names.count > 0)
		near = text_nearest(name, (const char *const *)names.list);
	/* A machine of this name is being created or deleted. */
	if (near && strcmp(near, name) != 0)
		return err_set(err, ENOENT, "no machine '%s'; did you mean '%s'?", name, near);
	return err_set(err, ENOENT, "no machine '%s'; see: berth list", name);
}
