/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings that a file wants for its machines, and what a machine differs in. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "image/template/template.h"

#include <string.h>

int action_add(struct apply_action *action, const char *key, const char *from, const char *to,
	       struct err *err)
{
	struct apply_change *list = realloc(action->changes, (action->count + 1) * sizeof *list);

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	action->changes = list;
	struct apply_change *change = &list[action->count++];
	*change = (struct apply_change){ .key = strdup(key),
					 .from = from ? strdup(from) : NULL,
					 .to = to ? strdup(to) : NULL };
	return change->key && (change->from || !from) && (change->to || !to)
		       ? 0
		       : err_set(err, ENOMEM, "out of memory");
}

/* Defaults of machine.conf and berth.conf, then those of the template, then the file. */
int wanted_make(const struct apply *apply, const struct apply_group *group, const char *made_of,
		struct apply_wanted *wanted, struct err *err)
{
	struct template_config template = { 0 };
	struct err gone = { 0 };

	*wanted = (struct apply_wanted){ .group = group };
	if (config_defaults(&machine_schema, &wanted->config, err) < 0)
		return -err->code;
	if (text_take(&wanted->config.network, strdup(apply->network)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	wanted->whole = template_open(&apply->call->dirs,
				      made_of ? made_of : group->settings.machine.template,
				      &template, &gone) == 0;
	if (wanted->whole) {
		config_apply_presets(&template, &wanted->config, err);
		config_free(&template_schema, &template);
	}
	for (size_t i = 0; !err->code && i < group->given_count; i++) {
		const char *name = group->given[i].name;
		scoped_text struct text value = { 0 };
		if (apply_is_kept_apart(name))
			continue;
		if (config_get(&machine_schema, &group->settings.machine, name, &value, err) == 0)
			config_put(&machine_schema, &wanted->config, name, text_str(&value), err);
	}
	return -err->code;
}

void wanted_free(struct apply_wanted *wanted)
{
	config_free(&machine_schema, &wanted->config);
}

static int compare_key(const struct apply_wanted *wanted, const struct machine *machine,
		       const struct key *key, struct apply_action *action, bool *restart,
		       struct err *err)
{
	const struct apply_group *group = wanted->group;
	scoped_text struct text from = { 0 }, to = { 0 };

	if ((key->flags & KEY_FIXED) ||
	    (!wanted->whole && !apply_line_of(group->given, group->given_count, key->name)))
		return 0;
	config_text(&machine->config, key, &from);
	config_text(&wanted->config, key, &to);
	if (from.failed || to.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (strcmp(text_str(&from), text_str(&to)) == 0)
		return 0;
	*restart = *restart || !(key->flags & KEY_LIVE);
	return action_add(action, key->name, text_str(&from), text_str(&to), err);
}

static int compare_label(const struct key_family *family, const struct label *from,
			 const struct label *to, struct apply_action *action, struct err *err)
{
	scoped_free char *key = text_format("%s%s", family->prefix, (from ? from : to)->name);

	if (!key)
		return err_set(err, ENOMEM, "out of memory");
	if (apply_is_own_label(key) || (from && to && strcmp(from->value, to->value) == 0))
		return 0;
	return action_add(action, key, from ? from->value : NULL, to ? to->value : NULL, err);
}

static const struct label *find_label(const struct label *first, const char *name)
{
	while (first && strcmp(first->name, name) != 0)
		first = first->next;
	return first;
}

/* The keys of a family whose names the user chose, such as labels. */
static int compare_family(const struct apply_wanted *wanted, const struct machine *machine,
			  const struct key_family *family, struct apply_action *action,
			  bool *restart, struct err *err)
{
	const struct label *now = config_family_first(family, &machine->config);
	const struct label *then = config_family_first(family, &wanted->config);
	size_t before = action->count;
	int r = 0;

	for (const struct label *at = then; at && r == 0; at = at->next)
		r = compare_label(family, find_label(now, at->name), at, action, err);
	for (const struct label *at = now; at && r == 0 && wanted->whole; at = at->next) {
		if (!find_label(then, at->name))
			r = compare_label(family, at, NULL, action, err);
	}
	*restart = *restart || (action->count > before && !(family->flags & KEY_LIVE));
	return r;
}

const char *section_of(const char *key, const struct schema **kind)
{
	for (size_t i = 0; machine_schema.sections[i]; i++) {
		const char *what = machine_schema.sections[i]->what;
		size_t n = strlen(what);
		if (strncmp(key, what, n) == 0 && key[n] == '.') {
			if (kind)
				*kind = machine_schema.sections[i];
			return key + n + 1;
		}
	}
	return NULL;
}

/* Whether berth has chosen the value of a key, because the file names none. */
static bool is_drawn(const struct key *key, const struct section *wanted)
{
	scoped_text struct text value = { 0 };

	if (!wanted || !(key->flags & KEY_DRAWN))
		return false;
	config_text(wanted, key, &value);
	return strcmp(text_str(&value), key->fallback) == 0;
}

void section_text(const struct schema *kind, const struct section *section,
		  const struct section *wanted, struct text *out)
{
	for (size_t i = 0; i < kind->count; i++) {
		scoped_text struct text value = { 0 };
		config_text(section, &kind->keys[i], &value);
		if (strcmp(text_str(&value), kind->keys[i].fallback) != 0 &&
		    !is_drawn(&kind->keys[i], wanted))
			text_add(out, "%s%s = %s", out->length ? ", " : "", kind->keys[i].name,
				 text_str(&value));
	}
}

static int compare_section(const struct schema *kind, const struct section *from,
			   const struct section *to, struct apply_action *action, struct err *err)
{
	scoped_text struct text before = { 0 }, after = { 0 };
	scoped_free char *key = text_format("%s.%s", kind->what, (from ? from : to)->name);

	if (from)
		section_text(kind, from, to, &before);
	if (to)
		section_text(kind, to, NULL, &after);
	if (!key || before.failed || after.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (from && to && strcmp(text_str(&before), text_str(&after)) == 0)
		return 0;
	return action_add(action, key, from ? text_str(&before) : NULL,
			  to ? text_str(&after) : NULL, err);
}

int sections_compare(const struct schema *kind, const struct section *now,
		     const struct section *then, struct apply_action *action, struct err *err)
{
	int r = 0;

	for (const struct section *at = then; at && r == 0; at = at->next)
		r = compare_section(kind, config_section(now, at->name), at, action, err);
	for (const struct section *at = now; at && r == 0; at = at->next) {
		if (!config_section(then, at->name))
			r = compare_section(kind, at, NULL, action, err);
	}
	return r;
}

int wanted_compare(const struct apply *apply, const struct apply_wanted *wanted,
		   const struct machine *machine, struct apply_action *action, bool *restart,
		   struct err *err)
{
	const struct machine_config *file = &wanted->group->settings.machine;
	int r = 0;

	(void)apply;
	for (size_t i = 0; r == 0 && i < machine_schema.count; i++)
		r = compare_key(wanted, machine, &machine_schema.keys[i], action, restart, err);
	for (const struct key_family *f = machine_schema.families; r == 0 && f->prefix; f++)
		r = compare_family(wanted, machine, f, action, restart, err);
	for (size_t i = 0; r == 0 && machine_schema.sections[i]; i++)
		r = sections_compare(machine_schema.sections[i],
				     config_sections(machine_schema.sections[i], &machine->config),
				     config_sections(machine_schema.sections[i], file), action,
				     err);
	return r;
}

static int add_word(struct apply_words *words, const char *key, const char *value, struct err *err)
{
	char **list = realloc(words->list, (words->count + 1) * sizeof *list);

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	words->list = list;
	list[words->count] = text_format("%s=%s", key, value);
	return list[words->count++] ? 0 : err_set(err, ENOMEM, "out of memory");
}

int wanted_words(const struct apply *apply, const struct apply_group *group, enum words_kept keep,
		 struct apply_words *words, struct err *err)
{
	for (size_t i = 0; i < group->given_count; i++) {
		const char *name = group->given[i].name;
		scoped_text struct text value = { 0 };
		bool left_out = text_starts(name, "network") && keep != WORDS_ALL &&
				(keep == WORDS_NO_NETWORK || strcmp(name, "network") != 0);
		if (apply_is_kept_apart(name) || left_out)
			continue;
		if (config_get(&machine_schema, &group->settings.machine, name, &value, err) < 0 ||
		    add_word(words, name, text_str(&value), err) < 0)
			return -err->code;
	}
	if (keep == WORDS_NO_NETWORK && add_word(words, "network", "", err) < 0)
		return -err->code;
	if (setup_is_wanted(group) && add_word(words, SETUP_LABEL, SETUP_NONE, err) < 0)
		return -err->code;
	return add_word(words, "label.applied", apply->id, err);
}

void words_free(struct apply_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
	free(words->list);
	*words = (struct apply_words){ 0 };
}
