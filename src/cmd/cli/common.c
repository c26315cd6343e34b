/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of words, and the pool and the network of a new machine: the named ones, or the default ones. */
#include "cmd/cli/common.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "network/network.h"
#include "storage/space.h"
#include "storage/storage.h"

#include <string.h>

int name_check(const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	if (!fault)
		return 0;
	err_set(err, EINVAL, "name '%.80s' %s", name, fault);
	return EXIT_USAGE;
}

int network_named(struct network *network, const struct call *call, const char *name,
		  struct err *err)
{
	int r = name_check(name, err);

	return r != 0 ? r : network_open(network, &call->dirs, name, err);
}

/* Whether STATE/KIND/NAME/KIND.conf exists. This is cheaper than opening the object, which may attach a disk. */
static bool is_there(const struct call *call, const char *folder, const char *name,
		     const char *file)
{
	scoped_free char *path = dirs_state_path(&call->dirs, "%s/%s/%s", folder, name, file);

	return path && access(path, F_OK) == 0;
}

/* A pool that berth.conf names must exist, because an unknown name there is probably a typing error. */
static int make_default_pool(const struct call *call, const char *name, struct err *err)
{
	const struct key *key = config_find(&berth_schema, "pool", err);
	struct pool_spec spec = { 0 };
	char why[256] = "";

	if (!key)
		return -err->code;
	if (strcmp(name, key->fallback) != 0)
		return err_set(err, ENOENT,
			       "there is no pool '%s', which '%s/berth.conf' names; make it with: "
			       "berth pool create %s",
			       name, call->dirs.etc, name);
	const char *driver = pool_default_driver(&call->dirs, why, sizeof why);
	int r = pool_create(&call->dirs, name, &spec, err);
	if (r == -EEXIST) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (r == 0)
		print_note("made pool '%s' with driver %s: %s", name, driver, why);
	return r;
}

int pool_named(const struct call *call, char **name, struct err *err)
{
	const char *given = call_value(call, &flag_pool);
	struct berth_config config;

	if (given) {
		int r = name_check(given, err);
		if (r != 0)
			return r;
		*name = strdup(given);
		return *name ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	int r = config_load_berth(&call->dirs, &config, err);
	if (r < 0)
		return r;
	*name = take_ptr(&config.pool);
	config_free(&berth_schema, &config);
	return 0;
}

int pool_wanted(const struct call *call, char **name, struct err *err)
{
	scoped_free char *pool = NULL;
	int r = pool_named(call, &pool, err);

	if (r == 0 && !call_has(call, &flag_pool) && !is_there(call, "pools", pool, "pool.conf"))
		r = make_default_pool(call, pool, err);
	if (r == 0)
		*name = take_ptr(&pool);
	return r;
}

int network_wanted(const struct call *call, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct berth_config config;

	int r = config_load_berth(&call->dirs, &config, err);
	if (r < 0)
		return r;
	scoped_free char *name = take_ptr(&config.network);
	config_free(&berth_schema, &config);
	if (!*name || is_there(call, "networks", name, "network.conf"))
		return 0;
	r = network_create(&call->dirs, name, NULL, 0, err);
	if (r == -EEXIST) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (r == 0 && network_open(&network, &call->dirs, name, err) == 0)
		print_note("made network '%s': bridge %s, subnet %s", name, network.config.bridge,
			   network.config.subnet);
	return -err->code;
}

void note_pool_room(const char *name, const struct pool_usage *usage, bool holds)
{
	const struct space space = { .total = usage->total,
				     .used = usage->used,
				     .metadata_total = usage->metadata_total,
				     .metadata_used = usage->metadata_used,
				     .least = usage->least };
	enum space_level level = space_level(&space);
	const char *next = level < SPACE_SCARCE ? ""
			   : holds              ? ", and machines that fill it will be held still"
				   : ", and writes in its machines will fail when it is full";
	char left[32];

	text_human_size(usage->total - usage->used, left, sizeof left);
	if (level >= SPACE_LOW && space_lacks_metadata(&space))
		print_note("the metadata of pool '%s' is %u%% full%s; make it larger: berth pool "
			   "grow --metadata %lluM %s",
			   name, space_percent(&space), next,
			   (unsigned long long)space_metadata_to(&space), name);
	else if (level >= SPACE_LOW && *usage->backing_file)
		print_note(
			"pool '%s' has room for %s, by the file system of '%s'%s; make room there",
			name, left, usage->backing_file, next);
	else if (level >= SPACE_LOW)
		print_note(
			"pool '%s' is %u%% full%s; delete something, or enlarge it; what fills it: "
			"berth pool usage %s",
			name, space_percent(&space), next, name);
}
