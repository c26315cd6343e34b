/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The change to another IPv6 subnet, or to other static routes, as a mark in the network's folder: the file
 * "renumbering" has the subnets that machines may still have addresses of. It is there before the settings change, and
 * goes when all machines were looked at, so that the next command completes what a killed one has begun.
 */
#include "network/renumber.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *mark_path(const struct network *network)
{
	return text_format("%s/renumbering", network->folder);
}

int renumber_begin(const struct network *network, struct err *err)
{
	scoped_free char *path = mark_path(network);
	scoped_free char *before = NULL;
	scoped_text struct text text = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, sizeof network->earlier6, &before);
	if (n < 0 && n != -ENOENT)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	/* The latest ones first: those that do not fit are the oldest. */
	text_add(&text, "%s %s", network->config.subnet6, n < 0 ? "" : before);
	return text.failed ? err_set(err, ENOMEM, "out of memory")
			   : file_replace(path, text_str(&text), text.length, 0600, err);
}

void renumber_read(struct network *network)
{
	scoped_free char *path = mark_path(network);
	scoped_free char *text = NULL;

	network->renumbered =
		path && file_read(AT_FDCWD, path, sizeof network->earlier6 - 1, &text) >= 0;
	if (network->renumbered)
		text_print(network->earlier6, sizeof network->earlier6, "%s", text);
}

bool renumber_is_begun(const struct network *network)
{
	scoped_free char *path = mark_path(network);

	return path && access(path, F_OK) == 0;
}

void network_renumbered(const struct network *network)
{
	scoped_free char *path = mark_path(network);

	if (path)
		unlink(path);
}

bool renumber_each(const struct network *network, char **rest, struct subnet6 *subnet)
{
	for (char *word; (word = strsep(rest, " \n"));) {
		if (subnet6_parse(word, subnet) == 0 && strcmp(word, network->config.subnet6) != 0)
			return true;
	}
	return false;
}
