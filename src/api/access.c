/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/access.h"

#include "base/scoped.h"
#include "base/text.h"
#include "config/config.h"
#include "machine/state/machine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static bool is_root(const char *user)
{
	return !user || strcmp(user, "root") == 0;
}

/* A name that was a user's when a session began, or that somebody has put into access.users, has no rights by itself. */
static bool is_there(const char *user)
{
	return getpwnam(user) != NULL;
}

static bool is_in_group(const char *user, const char *name)
{
	const struct group *group = *name ? getgrnam(name) : NULL;
	gid_t wanted = group ? group->gr_gid : 0;
	const struct passwd *entry = group ? getpwnam(user) : NULL;
	int count = 0;

	if (!entry)
		return false;
	gid_t primary = entry->pw_gid;
	getgrouplist(user, primary, NULL, &count);
	scoped_free gid_t *groups = calloc((size_t)count + 1, sizeof *groups);
	if (!groups || getgrouplist(user, primary, groups, &count) < 0)
		return primary == wanted;
	for (int i = 0; i < count; i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}

/* The right that a machine's settings in force give. -ENOENT: it is not there; one that cannot be read gives none. */
static int read_right(const struct dirs *dirs, const char *user, const char *name,
		      enum access_right *right)
{
	scoped_machine struct machine machine = { 0 };
	struct err none = { 0 };
	int r = machine_look(&machine, dirs, name, &none);

	*right = ACCESS_NONE;
	if (r == 0 && machine_check(&machine, &none) == 0)
		*right = config_access(machine.config.access_users, user);
	return r;
}

static enum access_right right_on(const struct exchange *exchange, const char *name)
{
	enum access_right right = ACCESS_MANAGE;

	if (!exchange->all)
		read_right(&exchange->call->dirs, exchange->request->user, name, &right);
	return right;
}

/* Whether a user may do all. 0 or -code. */
static int may_all(const struct dirs *dirs, const char *user, bool *all, struct err *err)
{
	struct berth_config config = { 0 };

	*all = is_root(user);
	if (*all)
		return 0;
	int r = config_load_berth(dirs, &config, err);
	*all = r == 0 && is_in_group(user, config.api_group);
	config_free(&berth_schema, &config);
	return r;
}

bool access_lasts(const struct dirs *dirs, const char *user, const char *machine)
{
	enum access_right right;
	bool all;

	if (may_all(dirs, user, &all, &(struct err){ 0 }) == 0 && all)
		return true;
	/* The end of a machine is news for those who had a right on it. */
	return *machine && is_there(user) &&
	       (read_right(dirs, user, machine, &right) == -ENOENT || right != ACCESS_NONE);
}

struct search {
	const struct dirs *dirs;
	const char *user;
	bool found;
};

static int search_one(void *context, const char *name)
{
	struct search *search = context;
	enum access_right right;

	search->found =
		read_right(search->dirs, search->user, name, &right) == 0 && right != ACCESS_NONE;
	return search->found;
}

bool access_any(const struct dirs *dirs, const char *user)
{
	struct search search = { .dirs = dirs, .user = user };
	struct err none = { 0 };
	bool all;

	if (may_all(dirs, user, &all, &none) == 0 && all)
		return true;
	if (is_there(user))
		machine_list(dirs, search_one, &search, &none);
	return search.found;
}

struct seen {
	const struct exchange *exchange;
	struct argv *names; /* NULL: the first one is enough */
	bool any;
};

static int see(void *context, const char *name)
{
	struct seen *seen = context;

	if (right_on(seen->exchange, name) == ACCESS_NONE)
		return 0;
	seen->any = true;
	if (seen->names)
		argv_add(seen->names, "%s", name);
	return !seen->names;
}

int access_begin(struct exchange *exchange, struct err *err)
{
	const char *user = exchange->request->user;
	const struct dirs *dirs = &exchange->call->dirs;
	struct seen seen = { .exchange = exchange };

	if (may_all(dirs, user, &exchange->all, err) < 0)
		return 500;
	if (exchange->all)
		return 0;
	if (is_there(user) && machine_list(dirs, see, &seen, err) < 0)
		return 500;
	if (seen.any)
		return 0;
	err_set(err, EPERM,
		"user '%.60s' may not use the API: it is for root, the members of the group "
		"api.group of berth.conf, and the users in access.users of machines",
		user);
	return 403;
}

int access_machine(const struct exchange *exchange, const char *name, enum access_right *right,
		   struct err *err)
{
	*right = right_on(exchange, name);
	if (*right != ACCESS_NONE)
		return 0;
	/* The same sentence for one that is not there. */
	err_set(err, ENOENT, "machine '%.60s' does not exist", name);
	return 404;
}

static int refuse(const struct exchange *exchange, const char *machine, struct err *err)
{
	const char *user = exchange->request->user;

	if (exchange->match.route->needs == NEEDS_MANAGE)
		err_set(err, EPERM,
			"user '%.60s' may use machine '%s', but not change it: that needs "
			"%.60s:manage in its access.users",
			user, machine, user);
	else
		err_set(err, EPERM,
			"user '%.60s' may not do this: it is for root, and the members of the "
			"group api.group of berth.conf",
			user);
	return 403;
}

int access_check(struct exchange *exchange, struct err *err)
{
	const char *machine = match_name(&exchange->match, "machine");

	exchange->right = exchange->all ? ACCESS_MANAGE : ACCESS_NONE;
	if (exchange->all)
		return 0;
	/* A machine that the user may not see is not there, whatever is asked of it. */
	int status = machine ? access_machine(exchange, machine, &exchange->right, err) : 0;
	if (status)
		return status;
	switch (exchange->match.route->needs) {
	case NEEDS_SIGHT:
		return 0;
	case NEEDS_USE:
		return machine ? 0 : refuse(exchange, machine, err);
	case NEEDS_MANAGE:
		return exchange->right == ACCESS_MANAGE ? 0 : refuse(exchange, machine, err);
	case NEEDS_ALL:
		break;
	}
	return refuse(exchange, machine, err);
}

struct rights {
	const struct exchange *exchange;
	json_t *object;
};

static int add_right(void *context, const char *name)
{
	const struct rights *rights = context;
	enum access_right right = right_on(rights->exchange, name);

	if (right != ACCESS_NONE)
		json_object_set_new(rights->object, name,
				    json_string(right == ACCESS_MANAGE ? "manage" : "use"));
	return 0;
}

json_t *access_rights(const struct exchange *exchange)
{
	struct rights rights = { .exchange = exchange, .object = json_object() };

	if (exchange->all) {
		json_decref(rights.object);
		return json_null();
	}
	machine_list(&exchange->call->dirs, add_right, &rights, &(struct err){ 0 });
	return rights.object;
}

void access_filter(const struct exchange *exchange, json_t *array)
{
	if (exchange->all)
		return;
	for (size_t i = json_array_size(array); i-- > 0;) {
		const json_t *object = json_array_get(array, i);
		const char *name = json_string_value(json_object_get(object, "machine"));
		if (!name)
			name = json_string_value(json_object_get(object, "name"));
		if (!name || right_on(exchange, name) == ACCESS_NONE)
			json_array_remove(array, i);
	}
}

int access_add_names(const struct exchange *exchange, struct argv *argv, struct err *err)
{
	struct seen seen = { .exchange = exchange, .names = argv };

	return machine_list(&exchange->call->dirs, see, &seen, err);
}

void access_follow(const struct exchange *exchange, struct stream *stream)
{
	const char *user = exchange->request->user;
	const char *machine = match_name(&exchange->match, "machine");

	stream->user = is_root(user) ? NULL : user;
	text_print(stream->machine, sizeof stream->machine, "%s", machine ? machine : "");
}

bool access_may_set(const char *key)
{
	/* Keys of what a program inside could do as well, and of notes. A dot at the end stands for all behind it. */
	static const char *const keys[] = { "app.",        "boot.autostart", "console.escape",
					    "description", "desktop.",       "env",
					    "init",        "label.",         "shell.user",
					    "snapshots.",  "stop." };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		size_t n = strlen(keys[i]);
		if (keys[i][n - 1] == '.' ? text_starts(key, keys[i]) : strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}
