/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The paths of a transfer, compared with the volumes of machines that do not run. */
#include "machine/transfer/transfer_volumes.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct looking {
	const struct transfer *transfer;
	const struct side *side;
	struct tree_report *report;
	const char *source; /* of this host */
	struct err *err;
};

static int leave_out(void *context, const struct attached_config *attached, const char *below)
{
	const struct looking *looking = context;
	const struct tree_place place = { .root_fd = -1, .machine = looking->side->machine->name };
	char why[160];

	(void)below;
	snprintf(why, sizeof why, "is volume '%s', which is not mounted there",
		 attached->section.name);
	tree_leave_out(looking->report, &place, attached->target, why);
	return 0;
}

int transfer_check_sources(const struct transfer *transfer, const struct side *from,
			   struct tree_report *report, struct err *err)
{
	struct looking looking = { .side = from, .report = report };

	for (size_t i = 0; i < transfer->count; i++) {
		if (side_check_volumes(from, transfer->sources[i], err) < 0)
			return -err->code;
	}
	for (size_t i = 0; i < transfer->count; i++)
		side_each_below(from, transfer->sources[i], leave_out, &looking);
	return 0;
}

/* A tree of this host that has files for the place below which the volume is to be. */
static int refuse_below(void *context, const struct attached_config *attached, const char *below)
{
	const struct looking *looking = context;
	scoped_free char *path = text_format("%s%s", looking->source, below);
	struct stat st;

	if (!path || lstat(path, &st) < 0)
		return 0;
	return err_set(looking->err, EBUSY,
		       "'%s' is volume '%s' of machine '%s', and '%s' would go into it: start the "
		       "machine first: berth start %s",
		       attached->target, attached->section.name, looking->side->machine->name, path,
		       looking->side->machine->name);
}

static bool is_folder(const struct side *side, const char *path)
{
	const struct tree_place place = { .root_fd = side->root_fd };
	scoped_fd int fd = tree_open(&place, path, O_PATH | O_DIRECTORY, 0);

	return fd >= 0;
}

/* A source goes into a folder under its own name. */
static int check_one(const struct transfer *transfer, const struct side *to, const char *source,
		     struct err *err)
{
	struct looking looking = { .side = to, .source = source, .err = err };
	scoped_free char *copy = strdup(source);
	const char *name = "";

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	name = strrchr(copy, '/') ? strrchr(copy, '/') + 1 : copy;
	if (!is_folder(to, transfer->target) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		name = "";
	scoped_free char *target = text_format("%s/%s", transfer->target, name);
	if (!target)
		return err_set(err, ENOMEM, "out of memory");
	if (side_check_volumes(to, target, err) < 0)
		return -err->code;
	return transfer->from ? 0 : side_each_below(to, target, refuse_below, &looking);
}

int transfer_check_target(const struct transfer *transfer, const struct side *to, struct err *err)
{
	if (to->root_fd < 0)
		return 0;
	for (size_t i = 0; i < transfer->count; i++) {
		if (check_one(transfer, to, transfer->sources[i], err) < 0)
			return -err->code;
	}
	return 0;
}
