/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image servers that berth.conf names. */
#include "image/source/remote.h"
#include "base/file.h"
#include "base/scoped.h"
#include "config/config.h"

#include <string.h>

/* Those that are there without berth.conf. An image's name of the second may begin with another registry. */
static const struct {
	const char *name, *url;
} built_in[] = {
	{ REMOTE_DEFAULT, "https://images.linuxcontainers.org" },
	{ REGISTRY_DEFAULT, "docker://docker.io" },
};

static const char *url_of(const struct section *section)
{
	return ((const struct remote_config *)section)->url;
}

int remote_list(const struct dirs *dirs,
		int (*visit)(void *, const char *name, const char *url, bool built_in),
		void *context, struct err *err)
{
	struct berth_config config;
	int r = config_load_berth(dirs, &config, err);

	if (r < 0)
		return r;
	for (const struct section *s = config.remotes; r == 0 && s; s = s->next)
		r = visit(context, s->name, url_of(s), false);
	for (size_t i = 0; r == 0 && i < sizeof built_in / sizeof *built_in; i++) {
		if (!config_section(config.remotes, built_in[i].name))
			r = visit(context, built_in[i].name, built_in[i].url, true);
	}
	config_free(&berth_schema, &config);
	return r;
}

struct search {
	const char *name;
	char *url;         /* owned */
	struct text names; /* of all, separated by commas, for a sentence */
};

static int compare(void *context, const char *name, const char *url, bool own)
{
	struct search *search = context;

	(void)own;
	if (strcmp(name, search->name) == 0)
		search->url = strdup(url);
	return text_add(&search->names, "%s'%s'", search->names.length ? ", " : "", name);
}

int remote_url(const struct dirs *dirs, const char *name, char **url, struct err *err)
{
	struct search search = { .name = name };
	int r = remote_list(dirs, compare, &search, err);

	if (r == 0 && search.names.failed)
		r = err_set(err, ENOMEM, "out of memory");
	if (r == 0 && !search.url)
		r = err_set(err, ENOENT,
			    "there is no remote '%s'; known are %s; add one: berth template remote "
			    "add %s URL",
			    name, text_str(&search.names), text_label_fault(name) ? "NAME" : name);
	text_free(&search.names);
	*url = search.url;
	return r;
}

/* berth.conf, under the lock of its changes; the path is the caller's. */
static int lock_config(const struct dirs *dirs, char **path, struct err *err)
{
	*path = text_format("%s/berth.conf", dirs->etc);
	if (!*path)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(dirs->etc, 0755, err) < 0)
		return -err->code;
	return dirs_lock(dirs, "berth.conf", 5, "berth.conf", err);
}

int remote_add(const struct dirs *dirs, const char *name, const char *url, struct err *err)
{
	struct remote_config remote = { .section.name = (char *)(uintptr_t)name,
					.url = (char *)(uintptr_t)url };
	const char *fault = config_url_fault(url);
	scoped_free char *path = NULL;

	if (fault)
		return err_set(err, EINVAL, "url '%s' %s", url, fault);
	scoped_fd int lock = lock_config(dirs, &path, err);
	if (lock < 0)
		return lock;
	if (config_add_section(&berth_schema, path, &remote_schema, &remote.section, err) == 0)
		return 0;
	/* The section's line is not one that a user has written. */
	if (err->code == EEXIST)
		err_set(err, EEXIST,
			"remote '%s' is there already; remove it first: berth template remote "
			"remove %s",
			name, name);
	return -err->code;
}

int remote_remove(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_free char *path = NULL, *url = NULL;
	struct berth_config config;

	if (remote_url(dirs, name, &url, err) < 0)
		return -err->code;
	scoped_fd int lock = lock_config(dirs, &path, err);
	if (lock < 0)
		return lock;
	if (config_load_berth(dirs, &config, err) < 0)
		return -err->code;
	bool written = config_section(config.remotes, name) != NULL;
	config_free(&berth_schema, &config);
	if (!written)
		return err_set(err, EPERM,
			       "remote '%s' is berth's own and stays; add one of its name to use "
			       "another server",
			       name);
	return config_remove_section(&berth_schema, path, &remote_schema, name, err);
}
