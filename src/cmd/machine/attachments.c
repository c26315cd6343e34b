/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/attachments.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "machine/state/machine.h"

#include <string.h>

static int note_machine(void *context, const char *name)
{
	struct attachments *all = context;
	scoped_machine struct machine machine = { 0 };

	/* `list` tells of a machine that cannot be read. */
	if (machine_read(&machine, all->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	for (const struct section *at = machine.config.volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		struct attachment *list = realloc(all->list, (all->count + 1) * sizeof *list);
		if (!list)
			return -ENOMEM;
		all->list = list;
		struct attachment *one = &list[all->count++];
		text_print(one->volume, sizeof one->volume, "%s", at->name);
		text_print(one->machine, sizeof one->machine, "%s", name);
		text_print(one->target, sizeof one->target, "%s", attached->target);
		one->readonly = attached->readonly;
	}
	return 0;
}

int attachments_gather(struct attachments *all, const struct dirs *dirs, struct err *err)
{
	*all = (struct attachments){ .dirs = dirs };
	int r = machine_list(all->dirs, note_machine, all, err);

	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

void attachments_free(struct attachments *all)
{
	free(all->list);
	*all = (struct attachments){ 0 };
}

json_t *attachments_array(const struct attachments *all, const char *volume)
{
	json_t *array = json_array();

	for (size_t i = 0; i < all->count; i++) {
		const struct attachment *one = &all->list[i];
		if (strcmp(one->volume, volume) == 0)
			json_array_append_new(array,
					      json_members((const struct json_member[]){
						      { "name", json_string(one->machine) },
						      { "target", json_text(one->target) },
						      { "readonly", json_boolean(one->readonly) },
						      { 0 },
					      }));
	}
	return array;
}

void attachments_text(const struct attachments *all, const char *volume, struct text *out)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct attachment *one = &all->list[i];
		if (strcmp(one->volume, volume) == 0)
			text_add(out, "%s%s:%s%s", out->length ? ", " : "", one->machine,
				 one->target, one->readonly ? " (read-only)" : "");
	}
}
