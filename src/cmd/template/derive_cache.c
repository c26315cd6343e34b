/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache of builds: names of its steps from sums, the search for the last one that is there, and new ones. */
#include "cmd/template/derive.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/machine/provision_options.h"
#include "image/shared/sha256.h"
#include "image/template/template_cache.h"
#include "machine/manage/manage.h"

#include <string.h>

static void add_text(struct sha256 *sum, const char *text)
{
	/* The NUL keeps "a" "b" apart from "ab" "". */
	sha256_add(sum, text, strlen(text) + 1);
}

/* The files of this host that a step brings in. */
static int add_sources(const struct derive *derive, struct sha256 *sum,
		       const struct build_step *step, struct err *err)
{
	struct provision_file file;
	char hex[SHA256_HEX + 1];

	if (step->kind != BUILD_COPY && step->kind != BUILD_SCRIPT)
		return 0;
	if (step->kind == BUILD_COPY && provision_split_file(step->text, &file, err) != 0)
		return -err->code;
	scoped_free char *path =
		derive_path(derive, step->kind == BUILD_COPY ? file.source : step->text);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (derive_sum(path, hex, err) < 0)
		return -err->code;
	add_text(sum, hex);
	return 0;
}

/* The name has 48 of the 64 digits, since a template's name has at most 63 characters. */
static int add_act(const struct derive *derive, struct derive_act *act, const char *before,
		   struct err *err)
{
	char hex[SHA256_HEX + 1];
	struct sha256 sum;

	if (sha256_begin(&sum, err) < 0)
		return -err->code;
	add_text(&sum, before);
	add_text(&sum, build_kind_name(act->step->kind));
	add_text(&sum, act->step->text);
	add_text(&sum, act->user);
	add_text(&sum, act->cwd);
	add_text(&sum, act->env);
	if (add_sources(derive, &sum, act->step, err) < 0)
		return -err->code;
	sha256_end(&sum, hex);
	snprintf(act->key, sizeof act->key, "cached-%.48s", hex);
	return 0;
}

int derive_keys(struct derive *derive, struct err *err)
{
	/* A step of another pool would be copied as a whole. */
	char size[32];
	text_from_size(derive->file.size, size, sizeof size);
	scoped_free char *first = text_format("1 %s %s %s %s", derive->base.uuid, derive->pool,
					      size, derive->file.init);
	const char *before = first;

	if (!first)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < derive->count; i++) {
		if (add_act(derive, &derive->acts[i], before, err) < 0)
			return err_wrap(err, "%s:%u", derive->path, derive->acts[i].step->line);
		before = derive->acts[i].key;
	}
	return 0;
}

size_t derive_find(struct derive *derive)
{
	for (size_t done = derive->count; done > 0 && derive->use_cache; done--) {
		if (template_cache_use(&derive->call->dirs, derive->acts[done - 1].key))
			return done;
	}
	return 0;
}

/* Another build of the same steps may keep the same root at this moment. */
void derive_store(struct derive *derive, size_t index)
{
	const struct derive_act *act = &derive->acts[index];
	scoped_progress struct progress progress = { 0 };
	struct err why = { 0 };
	char label[160];

	derive_label(derive, index, label, sizeof label);
	scoped_free char *description = text_format("%s", label);
	scoped_free char *origin = text_format("template %s", derive->from);
	const struct publish_spec spec = {
		.keep = true,
		.cached = true,
		.description = description,
		.origin = origin,
		.model = &derive->base,
	};

	if (!derive->use_cache || !description || !origin)
		return;
	progress_begin(&progress, "keeping the root after step %zu", index + 1);
	int r = machine_publish(&derive->machine, act->key, &spec, NULL, &why);
	fault_point("derive-stored");
	if (r < 0 && r != -EEXIST && r != -EBUSY)
		print_note("step %zu is not kept for the next build: %s", index + 1, why.text);
}
