/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of an object by PUT and PATCH: set and unset of its verb, against what they are now. */
#include "api/change.h"

#include "api/access.h"
#include "api/body.h"
#include "api/look.h"
#include "api/verb.h"
#include "base/scoped.h"
#include "base/text.h"
#include "config/config.h"
#include "config/schema.h"
#include "image/template/template.h"
#include "machine/state/machine.h"

#include <string.h>

enum { LOCK_SECONDS = 60 };

/* Whether a machine has the value of a key as a template's presets give it. */
static bool is_given(const struct machine_config *config, const struct machine_config *presets,
		     const char *name)
{
	scoped_text struct text now = { 0 }, given = { 0 };
	struct err unknown = { 0 };

	return config_get(&machine_schema, config, name, &now, &unknown) == 0 &&
	       config_get(&machine_schema, presets, name, &given, &unknown) == 0 &&
	       strcmp(text_str(&now), text_str(&given)) == 0;
}

/* Keys, as members of an object, whose values create has taken from the machine's template. */
static json_t *given_by_template(const struct exchange *exchange, const json_t *now)
{
	const struct dirs *dirs = &exchange->call->dirs;
	scoped_machine struct machine machine = { 0 };
	struct template_config template = { 0 };
	struct machine_config presets = { 0 };
	json_t *keys = json_object();
	struct err none = { 0 };
	const char *key;
	json_t *value;

	if (exchange->match.route->schema != &machine_schema ||
	    machine_look(&machine, dirs, exchange->match.names[0], &none) < 0 ||
	    !machine.config.template || !*machine.config.template ||
	    template_open(dirs, machine.config.template, &template, &none) < 0)
		return keys;
	bool known = config_defaults(&machine_schema, &presets, &none) == 0 &&
		     config_apply_presets(&template, &presets, &none) == 0;
	json_object_foreach((json_t *)(uintptr_t)now, key, value)
	{
		(void)value;
		if (known && is_given(&machine.config, &presets, key))
			json_object_set_new(keys, key, json_true());
	}
	config_free(&machine_schema, &presets);
	config_free(&template_schema, &template);
	return keys;
}

/* A key that berth has set, or that is chosen once, stays in a PUT that does not name it. */
static bool stays(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->count; i++) {
		if (strcmp(schema->keys[i].name, name) == 0)
			return schema->keys[i].flags & (KEY_FIXED | KEY_CHOSEN | KEY_DRAWN);
	}
	return false;
}

/* "network set" or "set", for an object of that schema. */
static void begin_line(const struct exchange *exchange, const char *verb, struct argv *argv)
{
	const char *what = exchange->match.route->schema->what;

	verb_begin(exchange->call, argv);
	if (strcmp(what, "machine") != 0)
		argv_add(argv, "%s", what);
	argv_add(argv, "%s", verb);
	argv_add(argv, "--");
	argv_add(argv, "%s", exchange->match.names[0]);
}

/* The words of set and of unset that make the settings those of the body. Numbers of words without changes stay. */
static void compare(const struct exchange *exchange, const json_t *now, json_t *wanted,
		    struct argv *set, struct argv *unset)
{
	bool whole = strcmp(exchange->request->method, "PUT") == 0;
	json_t *changed = json_object();
	const char *key;
	json_t *value;

	json_object_foreach(wanted, key, value)
	{
		if (json_is_null(value))
			argv_add(unset, "%s", key);
		else if (!json_equal(value, json_object_get(now, key)))
			json_object_set(changed, key, value);
	}
	body_pairs(changed, "", set);
	json_decref(changed);
	json_t *given = whole ? given_by_template(exchange, now) : NULL;
	json_object_foreach((json_t *)(uintptr_t)now, key, value)
	{
		if (whole && !json_object_get(wanted, key) && !json_object_get(given, key) &&
		    !stays(exchange->match.route->schema, key))
			argv_add(unset, "%s", key);
	}
	json_decref(given);
}

/* Asks the verb whether it would do it. 0; 1: the response tells why not; or -code. */
static int try(struct exchange *exchange, const struct argv *argv, struct err *err)
{
	scoped_argv struct argv dry = { 0 };

	for (size_t i = 0; i < argv->count; i++) {
		if (strcmp(argv->words[i], "--") == 0 && !dry.failed)
			argv_add(&dry, "--dry-run");
		argv_add(&dry, "%s", argv->words[i]);
	}
	if (dry.failed)
		return err_set(err, ENOMEM, "out of memory");
	int r = change_run(exchange, &dry, 0, err);
	/* The change itself says them again. */
	if (r == 0)
		json_array_clear(exchange->response->notes);
	return r;
}

/* Two verbs with something to do are both checked before the first begins; a template or a volume cannot be asked. */
static int try_both(struct exchange *exchange, const struct argv *set, const struct argv *unset,
		    struct err *err)
{
	const char *what = exchange->match.route->schema->what;

	if (strcmp(what, "machine") != 0 && strcmp(what, "network") != 0)
		return 0;
	int r = try(exchange, set, err);
	return r == 0 ? try(exchange, unset, err) : r;
}

/* Words from the first one on: "KEY=VALUE" and "KEY". */
static int check_rights(const struct exchange *exchange, const struct argv *argv, size_t first,
			struct err *err)
{
	for (size_t i = first; i < argv->count && !exchange->all; i++) {
		scoped_free char *key = strndup(argv->words[i], strcspn(argv->words[i], "="));
		if (!key || !access_may_set(key))
			return err_set(
				err, EPERM,
				"user '%.60s' may not change '%.60s': it is for root, and the "
				"members of the group api.group of berth.conf",
				exchange->request->user, key ? key : "");
	}
	return 0;
}

static int apply(struct exchange *exchange, const struct argv *set, const struct argv *unset,
		 size_t none, struct err *err)
{
	int r = 0;

	response_succeed(exchange->response, json_null());
	if (set->failed || unset->failed)
		return err_set(err, ENOMEM, "out of memory");
	if (check_rights(exchange, set, none, err) < 0 ||
	    check_rights(exchange, unset, none, err) < 0)
		return -err->code;
	if (set->count > none && unset->count > none)
		r = try_both(exchange, set, unset, err);
	if (r == 0 && set->count > none)
		r = change_run(exchange, set, 0, err);
	if (r == 0 && unset->count > none)
		r = change_run(exchange, unset, 0, err);
	return r < 0 ? r : 0;
}

static int check_config(const struct exchange *exchange, json_t **wanted, struct err *err)
{
	static const struct field fields[] = { { "config", FIELD_PAIRS, NULL, false }, { 0 } };
	json_t *body = exchange->request->body;
	const char *key;
	json_t *value;

	*wanted = json_object_get(body, "config");
	json_object_foreach(body, key, value)
	{
		(void)value;
		if (strcmp(key, fields[0].name) != 0)
			return err_set(err, EINVAL, "unknown field '%.60s'; there is 'config'",
				       key);
	}
	if (!*wanted)
		return err_set(err, EINVAL,
			       "the body needs a field 'config', an object of settings");
	return body_check_pairs("config", *wanted, true, err);
}

int change_settings(struct exchange *exchange, struct err *err)
{
	const char *match = exchange->request->headers.if_match;
	struct response *response = exchange->response;
	scoped_argv struct argv set = { 0 }, unset = { 0 };
	json_t *wanted;

	if (check_config(exchange, &wanted, err) < 0)
		return -err->code;
	/* Two requests with one ETag come one after the other, and the second one is refused. */
	scoped_fd int lock = dirs_lock(&exchange->call->dirs, "api.settings", LOCK_SECONDS,
				       "the settings of the API", err);
	if (lock < 0)
		return lock;
	json_t *now = look_verb(exchange, exchange->match.route->config, err);
	if (!now)
		return -err->code;
	response_set_etag(response, now);
	if (match && !response_etag_is_in(match, response->etag)) {
		json_decref(now);
		err_set(err, EBUSY,
			"the settings of '%s' have changed meanwhile: get them again, and see "
			"whether the change still fits",
			exchange->match.names[0]);
		response_fail(response, 412, err);
		return 0;
	}
	response->etag[0] = '\0';
	begin_line(exchange, "set", &set);
	begin_line(exchange, "unset", &unset);
	size_t none = set.count;
	compare(exchange, now, wanted, &set, &unset);
	json_decref(now);
	return apply(exchange, &set, &unset, none, err);
}
