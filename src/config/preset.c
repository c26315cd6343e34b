/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Presets, "default.KEY = VALUE" in template.conf: settings that a machine gets when it is made of the template. KEY is
 * a key of machine.conf, and is checked as there.
 */
#include "config/file.h"

#include "base/scoped.h"

#include <assert.h>
#include <string.h>

#define PREFIX "default."

static struct label **head_of(const struct schema *schema, void *config)
{
	return (struct label **)(void *)((char *)config + schema->presets);
}

const struct label *presets_of(const struct schema *schema, const void *config)
{
	return *(struct label *const *)(const void *)((const char *)config + schema->presets);
}

const char *config_preset_name(const struct schema *schema, const char *key)
{
	return schema->presets_of && text_starts(key, PREFIX) ? key + strlen(PREFIX) : NULL;
}

bool config_preset_is_known(const struct schema *schema, const char *preset, struct err *err)
{
	const struct schema *of = schema->presets_of;

	return config_family(of, preset, NULL) || config_find(of, preset, err);
}

const char *config_old_preset(const struct schema *schema, const char *name)
{
	for (const struct old_key *old = schema->old; old && old->name; old++) {
		if (strcmp(old->name, name) == 0)
			return old->preset;
	}
	return NULL;
}

/* An address belongs to one machine. */
static int check_key(const struct key *key, struct err *err)
{
	if (key->flags & KEY_FIXED)
		return err_set(err, EPERM, "%s is made by berth and cannot be set", key->name);
	if (text_starts(key->name, "network.address"))
		return err_set(err, EINVAL, "%s belongs to one machine and cannot be a default",
			       key->name);
	return 0;
}

/* Sets a key of a machine; out, unless NULL, gets its canonical form. */
static int put(const struct schema *of, void *config, const char *name, const char *value,
	       struct text *out, struct err *err)
{
	const char *rest;
	const struct key_family *family = config_family(of, name, &rest);
	const struct key *key = family ? NULL : config_find(of, name, &(struct err){ 0 });

	if (!key && !family)
		fields_tell_unknown(of, PREFIX, name, err);
	if (family && out)
		text_add(out, "%s", value);
	if (family)
		return family_set(family, config, rest, value, err);
	if (!key || check_key(key, err) < 0 || config_set(of, config, key, value, err) < 0)
		return -err->code;
	if (out)
		config_text(config, key, out);
	return 0;
}

int preset_set(const struct schema *schema, void *config, const char *name, const char *value,
	       struct err *err)
{
	const struct schema *of = schema->presets_of;
	struct machine_config scratch = { 0 };
	scoped_text struct text good = { 0 };

	assert(of->size == sizeof scratch);
	int r = put(of, &scratch, name, value, &good, err);
	families_free(of, &scratch);
	keys_free(of, &scratch);
	if (r < 0)
		return r;
	if (labels_put(head_of(schema, config), name, text_str(&good)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

void presets_print(const struct schema *schema, const void *config, struct text *out)
{
	const struct label *preset = schema->presets_of ? presets_of(schema, config) : NULL;

	for (; preset; preset = preset->next)
		text_add(out, PREFIX "%s = %s\n", preset->name, preset->value);
}

void presets_free(const struct schema *schema, void *config)
{
	if (schema->presets_of)
		labels_clear(head_of(schema, config));
}

int presets_apply(const struct schema *of, const struct label *preset, void *config,
		  struct err *err)
{
	for (; preset; preset = preset->next) {
		if (put(of, config, preset->name, preset->value, NULL, err) < 0)
			return -err->code;
	}
	return 0;
}

int config_copy_presets(struct template_config *to, const struct template_config *from,
			struct err *err)
{
	for (const struct label *preset = from->presets; preset; preset = preset->next) {
		if (labels_put(&to->presets, preset->name, preset->value) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}
