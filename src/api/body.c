/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/body.h"

#include "base/scoped.h"
#include "base/text.h"

#include <string.h>

enum { NAMES_MAX = 32 };

json_t *body_member(const json_t *body, const char *name)
{
	const char *dot = strchr(name, '.');
	char first[32];

	if (!dot)
		return json_object_get(body, name);
	if (text_print(first, sizeof first, "%.*s", (int)(dot - name), name) < 0)
		return NULL;
	return json_object_get(json_object_get(body, first), dot + 1);
}

char *body_text(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	if (json_is_integer(value))
		return text_format("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return json_is_real(value) ? text_format("%.15g", json_real_value(value)) : NULL;
}

/* The fields that a member of that name may be, below an object ("source.") or not, for the search of the nearest one. */
static bool is_known(const struct field *fields, const char *select, const char *prefix,
		     const char *name, const char **names)
{
	char full[128];
	size_t n = strlen(prefix), count = 0;
	bool known = false;

	if (text_print(full, sizeof full, "%s%s", prefix, name) < 0)
		full[0] = '\0';
	if (select && strncmp(select, prefix, n) == 0) {
		known = strcmp(select, full) == 0;
		names[count++] = select + n;
	}
	for (; fields && fields->name && count < NAMES_MAX; fields++) {
		if (strncmp(fields->name, prefix, n) != 0)
			continue;
		known |= strcmp(fields->name, full) == 0;
		names[count++] = fields->name + n;
	}
	names[count] = NULL;
	/* A dot stands for an object, and a name with one for nothing. */
	return known && !strchr(name, '.');
}

/* Whether there are fields below an object of that name. */
static bool is_object(const struct field *fields, const char *select, const char *name)
{
	size_t n = strlen(name);

	if (select && strncmp(select, name, n) == 0 && select[n] == '.')
		return true;
	for (; fields && fields->name; fields++) {
		if (strncmp(fields->name, name, n) == 0 && fields->name[n] == '.')
			return true;
	}
	return false;
}

/* Whether an earlier name is the same up to a dot: fields of one object. */
static bool is_told(const char **names, size_t i, size_t length)
{
	for (size_t j = 0; j < i; j++) {
		if (strcspn(names[j], ".") == length && strncmp(names[j], names[i], length) == 0)
			return true;
	}
	return false;
}

/* "'a', 'b', 'c'": the fields of a body; an object counts as one. Their number. */
static size_t add_names(const char **names, struct text *out)
{
	enum { TOLD_MAX = 20 };
	size_t told = 0;

	for (size_t i = 0; names[i]; i++) {
		size_t n = strcspn(names[i], ".");
		if (is_told(names, i, n) || told++ >= TOLD_MAX)
			continue;
		text_add(out, "%s'%.*s'", told > 1 ? ", " : "", (int)n, names[i]);
	}
	if (told > TOLD_MAX)
		text_add(out, " and others");
	return told;
}

static int tell_unknown(const char *prefix, const char *name, const char **names, struct err *err)
{
	const char *near = text_nearest(name, names);
	scoped_text struct text all = { 0 };
	size_t told = add_names(names, &all);

	if (near)
		return err_set(err, EINVAL, "unknown field '%s%.60s'; did you mean '%s'?", prefix,
			       name, near);
	return err_set(err, EINVAL, "unknown field '%s%.60s'; %s%s", prefix, name,
		       told == 0   ? "this body has none"
		       : told == 1 ? "there is "
				   : "there are ",
		       text_str(&all));
}

static int check_known(const json_t *body, const struct field *fields, const char *select,
		       const char *prefix, struct err *err)
{
	const char *names[NAMES_MAX + 1], *name;
	char below[64];
	json_t *value;
	void *iterator = json_object_iter((json_t *)(uintptr_t)body);

	for (; iterator; iterator = json_object_iter_next((json_t *)(uintptr_t)body, iterator)) {
		name = json_object_iter_key(iterator);
		value = json_object_iter_value(iterator);
		if (!*prefix && !json_is_object(value) && is_object(fields, select, name))
			return err_set(err, EINVAL, "field '%.60s' must be an object", name);
		if (!*prefix && json_is_object(value) && is_object(fields, select, name) &&
		    text_print(below, sizeof below, "%s.", name) == 0) {
			if (check_known(value, fields, select, below, err) < 0)
				return -err->code;
			continue;
		}
		if (is_known(fields, select, prefix, name, names))
			continue;
		return tell_unknown(prefix, name, names, err);
	}
	return 0;
}

int body_check_pairs(const char *name, const json_t *object, bool nulls, struct err *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return err_set(err, EINVAL, "field '%s' must be an object of %s", name,
			       strcmp(name, "env") == 0 ? "variables" : "settings");
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (!*key || strcspn(key, "= \t\n") != strlen(key) || *key == '-')
			return err_set(err, EINVAL, "'%.60s' in field '%s' is no key", key, name);
		if (json_is_object(value) || json_is_array(value) ||
		    (json_is_null(value) && !nulls))
			return err_set(
				err, EINVAL,
				"key '%.60s' in field '%s' needs a string, a number, true or "
				"false",
				key, name);
	}
	return 0;
}

static int check_list(const struct field *field, const json_t *value, struct err *err)
{
	bool good = json_array_size(value) > 0;
	json_t *word;
	size_t i;

	json_array_foreach(value, i, word)
	{
		good &= json_is_string(word);
	}
	return good ? 0
		    : err_set(err, EINVAL,
			      "field '%s' must be an array of strings, with at least one",
			      field->name);
}

static void add_list(const json_t *value, struct argv *argv)
{
	json_t *word;
	size_t i;

	json_array_foreach(value, i, word)
	{
		argv_add(argv, "%s", json_string_value(word));
	}
}

/* The flag of the word in a choice, which may be empty; NULL: there is no such word. Its length is in *length. */
static const char *find_choice(const struct field *field, const char *word, size_t *length)
{
	for (const char *at = field->flag; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
		size_t n = strcspn(at, "=");
		if (strlen(word) != n || strncmp(word, at, n) != 0)
			continue;
		*length = strcspn(at + n + 1, " ");
		return at + n + 1;
	}
	return NULL;
}

static int check_choice(const struct field *field, const json_t *value, struct err *err)
{
	const char *word = json_string_value(value);
	scoped_text struct text all = { 0 };
	size_t unused;

	if (word && find_choice(field, word, &unused))
		return 0;
	for (const char *at = field->flag; *at; at += strcspn(at, " "), at += strspn(at, " "))
		text_add(&all, "%s%.*s", all.length ? ", " : "", (int)strcspn(at, "="), at);
	return err_set(err, EINVAL, "field '%s' must be one of: %s", field->name, text_str(&all));
}

static void add_choice(const struct field *field, const json_t *value, struct argv *argv)
{
	size_t n = 0;
	const char *flag = find_choice(field, json_string_value(value), &n);

	if (flag && n > 0)
		argv_add(argv, "%.*s", (int)n, flag);
}

/* A time as options take it: from a second to a day. */
static int check_time(const struct field *field, const json_t *value, struct err *err)
{
	scoped_free char *text = json_is_boolean(value) ? NULL : body_text(value);
	uint64_t seconds;

	if (text && text_to_seconds(text, 1, 86400, &seconds) == 0)
		return 0;
	return err_set(err, EINVAL,
		       "field '%s' cannot be '%.60s': use a time such as 90s or 5m, from 1s to 1d",
		       field->name, text ? text : "");
}

static int check_value(const struct field *field, const json_t *value, struct err *err)
{
	const char *fault;

	switch (field->kind) {
	case FIELD_SWITCH:
		if (json_is_boolean(value))
			return 0;
		return err_set(err, EINVAL, "field '%s' must be true or false", field->name);
	case FIELD_SET:
	case FIELD_PAIRS:
		return body_check_pairs(field->name, value, false, err);
	case FIELD_LIST:
		return check_list(field, value, err);
	case FIELD_CHOICE:
		return check_choice(field, value, err);
	case FIELD_TIME:
		return check_time(field, value, err);
	case FIELD_TEXT:
		if (json_is_string(value) || json_is_number(value))
			return 0;
		return err_set(err, EINVAL, "field '%s' must be a string or a number", field->name);
	case FIELD_WORD:
	case FIELD_NAME:
	case FIELD_PATH:
		break;
	}
	if (!json_is_string(value))
		return err_set(err, EINVAL, "field '%s' must be a string", field->name);
	fault = field->kind == FIELD_NAME ? text_label_fault(json_string_value(value)) : NULL;
	if (fault)
		return err_set(err, EINVAL, "name '%.100s' %s", json_string_value(value), fault);
	if (field->kind == FIELD_PATH && *json_string_value(value) != '/')
		return err_set(err, EINVAL,
			       "field '%s' must be an absolute path of this host, and not '%.100s'",
			       field->name, json_string_value(value));
	return *json_string_value(value) ? 0
					 : err_set(err, EINVAL, "field '%s' is empty", field->name);
}

int body_check(const json_t *body, const struct field *fields, const char *select, struct err *err)
{
	if (check_known(body, fields, select, "", err) < 0)
		return -err->code;
	for (; fields && fields->name; fields++) {
		const json_t *value = body_member(body, fields->name);
		if (!value && fields->required)
			return err_set(err, EINVAL, "the body needs a field '%s'", fields->name);
		if (value && check_value(fields, value, err) < 0)
			return -err->code;
	}
	return 0;
}

void body_pairs(const json_t *object, const char *flag, struct argv *argv)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		scoped_free char *text = body_text(value);
		if (text)
			argv_add(argv, "%s%s=%s", flag, key, text);
		else if (!json_is_null(value))
			argv->failed = true;
	}
}

void body_flags(const json_t *body, const struct field *fields, bool pairs, struct argv *argv)
{
	for (; fields && fields->name; fields++) {
		const json_t *value = body_member(body, fields->name);
		scoped_free char *text = NULL;
		bool last = fields->kind == FIELD_PAIRS || fields->kind == FIELD_LIST;
		if (!value || last != pairs || (!pairs && !fields->flag))
			continue;
		if (fields->kind == FIELD_LIST) {
			add_list(value, argv);
		} else if (fields->kind == FIELD_CHOICE) {
			add_choice(fields, value, argv);
		} else if (fields->kind == FIELD_PAIRS || fields->kind == FIELD_SET) {
			body_pairs(value, pairs ? "" : fields->flag, argv);
		} else if (fields->kind == FIELD_SWITCH) {
			if (json_is_true(value))
				argv_add(argv, "%s", fields->flag);
		} else if ((text = body_text(value))) {
			argv_add(argv, "%s%s", fields->flag, text);
		}
	}
}
