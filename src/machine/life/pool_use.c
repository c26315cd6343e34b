/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/pool_use.h"

#include "machine/life/life.h"
#include "machine/life/volume_use.h"
#include "machine/state/private.h"

#include <errno.h>
#include <string.h>

struct search {
	const struct dirs *dirs;
	const char *pool;
	struct err *err;
};

static bool is_down(const struct machine *machine)
{
	struct machine_status status;

	machine_status(machine, NULL, &status);
	return machine_is_down(status.state);
}

static int look(void *context, const char *name)
{
	const struct search *search = context;
	scoped_machine struct machine machine = { 0 };
	char volume[64];

	/* Settings that cannot be read do not tell where the root of a machine is that still runs. */
	bool known = machine_read(&machine, search->dirs, name, &(struct err){ 0 }) == 0;
	if (!known && machine_paths(&machine, search->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	bool root = !known || strcmp(machine.config.pool, search->pool) == 0;
	bool data = volume_use_in_pool(&machine, search->pool, volume);
	if ((!root && !data) || is_down(&machine))
		return 0;
	return data ? err_set(search->err, EBUSY,
			      "pool '%s' cannot be deleted: machine '%s' runs with volume '%s' of "
			      "it; stop that first: berth stop %s",
			      search->pool, name, volume, name)
		    : err_set(search->err, EBUSY,
			      "pool '%s' cannot be deleted: machine '%s' runs, and its root is "
			      "%sin "
			      "it; stop that first: berth stop %s",
			      search->pool, name, known ? "" : "perhaps ", name);
}

int pool_check_unused(const struct dirs *dirs, const char *pool, struct err *err)
{
	struct search search = { dirs, pool, err };

	return machine_list(dirs, look, &search, err);
}
