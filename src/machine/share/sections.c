/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sections of mounts, devices and volumes in a machine's settings, opened together. */
#include "machine/share/share.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Order by target: a folder comes before what is mounted in it. */
static int by_target(const void *a, const void *b)
{
	return strcmp(((const struct share *)a)->target, ((const struct share *)b)->target);
}

static int skip(bool optional, const char *name, struct text *skipped, struct err *err)
{
	if (!optional || err->code != ENOENT)
		return -err->code;
	text_add(skipped, "%s%s; it was left out, as '%s' is optional", skipped->length ? "; " : "",
		 err->text, name);
	*err = (struct err){ 0 };
	return 0;
}

int share_all(struct shares *shares, const struct share_owner *to, struct text *skipped,
	      struct err *err)
{
	const struct machine_config *config = &to->machine->config;

	if (config_check_sections(config, err) < 0)
		return -err->code;
	for (const struct section *at = config->mounts; at; at = at->next) {
		const struct mount_config *mount = (const struct mount_config *)at;
		if (share_folder(shares, to, mount, err) < 0 &&
		    skip(mount->optional, at->name, skipped, err) < 0)
			return -err->code;
	}
	for (const struct section *at = config->devices; at; at = at->next) {
		const struct device_config *device = (const struct device_config *)at;
		if (share_device(shares, to, device, err) < 0 &&
		    skip(device->optional, at->name, skipped, err) < 0)
			return -err->code;
	}
	for (const struct section *at = config->volumes; at; at = at->next) {
		if (share_volume(shares, to, (const struct attached_config *)at, err) < 0)
			return -err->code;
	}
	if (shares->count > 0)
		qsort(shares->list, shares->count, sizeof *shares->list, by_target);
	return 0;
}
