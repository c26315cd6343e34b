/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A template from a machine: a copy of its root, without its identity and its past. */
#include "machine/life/rootfile.h"
#include "machine/manage/manage.h"
#include "machine/manage/quiesce.h"
#include "machine/start/resolver.h"
#include "machine/state/parts.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "image/template/incoming.h"
#include "image/template/strip.h"

#include <string.h>
#include <sys/mount.h>

/* Removes from the copy what only the machine may have. */
static int anonymize(const struct incoming *incoming, struct err *err)
{
	char uuid[UUID_TEXT], hostname[80];
	const struct strip_identity identity = { incoming->name, uuid };
	int fd = -1;
	int r = uuid_draw(uuid);

	if (r < 0)
		return err_set(err, -r, "draw a uuid: %s", strerror(-r));
	if (volume_mount(incoming->pool, incoming->volume,
			 MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &fd, err) < 0)
		return -err->code;
	scoped_fd int root_fd = fd;
	snprintf(hostname, sizeof hostname, "%s\n", incoming->name);
	if (strip_root(incoming->dirs, root_fd, true, &identity, err) < 0 ||
	    rootfile_replace(root_fd, "etc/hostname", hostname, err) < 0)
		return -err->code;
	return resolver_write(incoming->name, root_fd, NULL, "", true, err);
}

/* The copy shows one moment: the root is held unchanged meanwhile. */
static int copy_still(struct incoming *incoming, struct machine *machine, struct pool *pool,
		      struct err *err)
{
	char origin[VOLUME_NAME_MAX + 1];
	struct err moved = { 0 };
	struct quiesce still;

	machine_volume(machine->name, origin);
	bool at_once = strcmp(pool->name, incoming->pool->name) == 0;
	if (quiesce_begin(&still, machine, at_once ? pool : NULL, -1, err) < 0)
		return -err->code;
	int r = incoming_copy(incoming, pool, origin, err);
	if (quiesce_end(&still, machine, &moved) < 0 && r == 0) {
		*err = moved;
		r = -err->code;
	}
	return r == -ENOENT ? parts_lost_volume(machine, err) : r;
}

static int copy_root(struct incoming *incoming, struct machine *machine, struct pool *pool,
		     const char *snapshot, struct err *err)
{
	char origin[VOLUME_NAME_MAX + 1];

	if (!snapshot)
		return copy_still(incoming, machine, pool, err);
	snapshot_volume(machine->name, snapshot, origin);
	return incoming_copy(incoming, pool, origin, err);
}

static int publish(struct machine *machine, const char *template, const struct publish_spec *spec,
		   struct pool *pool, struct text *notes, struct err *err)
{
	scoped_incoming struct incoming incoming = { .lock_fd = -1 };
	scoped_pool struct pool other = { 0 };
	struct template_config model = { 0 };
	bool elsewhere = spec->pool && strcmp(spec->pool, machine->config.pool) != 0;
	scoped_free char *origin =
		text_format("machine %s%s%s", machine->name, spec->snapshot ? "@" : "",
			    spec->snapshot ? spec->snapshot : "");

	if (!origin)
		return err_set(err, ENOMEM, "out of memory");
	if ((elsewhere && pool_open(&other, machine->dirs, spec->pool, err) < 0) ||
	    incoming_claim(&incoming, machine->dirs, elsewhere ? &other : pool, template,
			   spec->replace, err) < 0)
		return -err->code;
	incoming.origin = spec->origin ? spec->origin : origin;
	incoming.cached = spec->cached;
	incoming.model = spec->model ? spec->model : &model;
	fault_point("publish-begun");
	if (copy_root(&incoming, machine, pool, spec->snapshot, err) < 0 ||
	    (!spec->keep && anonymize(&incoming, err) < 0))
		return -err->code;
	int r = spec->model ? 0 : config_keep_presets(&machine->config, &model, err);
	if (r == 0)
		r = incoming_commit(&incoming, spec->description ? spec->description : origin,
				    notes, err);
	config_free(&template_schema, &model);
	return r;
}

int machine_publish(struct machine *machine, const char *template, const struct publish_spec *spec,
		    struct text *notes, struct err *err)
{
	scoped_pool struct pool pool = { 0 };

	if (machine_check(machine, err) < 0 ||
	    (spec->snapshot && snapshot_exists(machine, spec->snapshot, err) < 0) ||
	    pool_open(&pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	return publish(machine, template, spec, &pool, notes, err) < 0
		       ? err_wrap(err, "publish machine '%s'", machine->name)
		       : 0;
}
