/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A key, of a family or not, or a preset by its name: set, printed, and its flags; and presets from and for machines.
 */
#include "config/file.h"

#include <errno.h>
#include <string.h>

int config_put(const struct schema *schema, void *config, const char *name, const char *value,
	       struct err *err)
{
	const char *rest, *preset = config_preset_name(schema, name);
	const struct key_family *family = config_family(schema, name, &rest);
	const struct key *key = family || preset ? NULL : config_find(schema, name, err);

	if (family)
		return family_set(family, config, rest, value, err);
	if (preset)
		return preset_set(schema, config, preset, value, err);
	return key ? config_set(schema, config, key, value, err) : -err->code;
}

unsigned config_flags(const struct schema *schema, const char *name)
{
	const struct key *key = config_find(schema, name, &(struct err){ 0 });
	const struct key_family *family = config_family(schema, name, NULL);

	return key ? key->flags : family ? family->flags : 0;
}

int config_get(const struct schema *schema, const void *config, const char *name, struct text *out,
	       struct err *err)
{
	const char *rest, *preset = config_preset_name(schema, name);
	const struct key_family *family = config_family(schema, name, &rest);
	const struct key *key = family || preset ? NULL : config_find(schema, name, err);

	if (preset) {
		const char *value = config_label(presets_of(schema, config), preset);
		text_add(out, "%s", value ? value : "");
	} else if (family) {
		const char *value = config_label(config_family_first(family, config), rest);
		if (family_check_name(family, rest, err) < 0)
			return -err->code;
		text_add(out, "%s", value ? value : "");
	} else if (key) {
		config_text(config, key, out);
	} else {
		return -err->code;
	}
	return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* The init of a template is what its root has, and default.init what its machines run. */
int config_refuse_fixed(const struct schema *schema, const char *name, struct err *err)
{
	const struct schema *of = schema->presets_of;
	bool preset = of && config_find(of, name, &(struct err){ 0 }) &&
		      !(config_flags(of, name) & KEY_FIXED);

	if (config_find(schema, name, &(struct err){ 0 }) &&
	    (config_flags(schema, name) & KEY_CHOSEN))
		return err_set(err, EPERM,
			       "%s is chosen when the %s is made and cannot change; make another: "
			       "berth %s create NAME %s=VALUE",
			       name, schema->what, schema->what, name);
	return err_set(err, EPERM, "%s is made by berth and cannot be set%s%s%s", name,
		       preset ? "; the setting of its machines is 'default." : "",
		       preset ? name : "", preset ? "'" : "");
}

int config_apply_presets(const struct template_config *template, struct machine_config *config,
			 struct err *err)
{
	return presets_apply(&machine_schema, template->presets, config, err);
}

int config_keep_presets(const struct machine_config *config, struct template_config *template,
			struct err *err)
{
	for (size_t i = 0; i < machine_schema.count; i++) {
		const struct key *key = &machine_schema.keys[i];
		scoped_text struct text value = { 0 };
		if (!(key->flags & KEY_KEPT))
			continue;
		config_text(config, key, &value);
		if (value.failed)
			return err_set(err, ENOMEM, "out of memory");
		if (strcmp(text_str(&value), key->fallback) != 0 &&
		    preset_set(&template_schema, template, key->name, text_str(&value), err) < 0)
			return -err->code;
	}
	return 0;
}

int config_check_presets(const struct template_config *template, struct err *err)
{
	struct machine_config machine = { 0 };
	int r = config_defaults(&machine_schema, &machine, err);

	if (r == 0)
		r = config_apply_presets(template, &machine, err);
	if (r == 0)
		r = config_check_machine(&machine, err);
	config_free(&machine_schema, &machine);
	return r;
}
