/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/data/joint.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "joint."

enum { RECORD_MAX = 64 << 10 };

void joint_free(struct joint *joint)
{
	free(joint->parts);
	*joint = (struct joint){ 0 };
}

static char *record_path(const struct machine *machine, const char *snapshot)
{
	return text_format("%s/" PREFIX "%s", machine->folder, snapshot);
}

static int add(struct joint *joint, const struct joint_part *part)
{
	struct joint_part *parts = realloc(joint->parts, (joint->count + 1) * sizeof *parts);

	if (!parts)
		return -ENOMEM;
	joint->parts = parts;
	parts[joint->count++] = *part;
	return 0;
}

/* A line is "VOLUME UUID SNAPSHOT CREATED". */
static int parse_line(const char *line, struct joint *joint)
{
	struct joint_part part = { 0 };
	char uuid[UUID_TEXT + 1];

	if (sscanf(line, "%63s %37s %63s %" SCNu64, part.volume, uuid, part.snapshot,
		   &part.created) != 4 ||
	    text_label_fault(part.volume) || text_label_fault(part.snapshot) ||
	    strlen(uuid) >= sizeof part.uuid)
		return -EUCLEAN;
	text_print(part.uuid, sizeof part.uuid, "%s", uuid);
	return add(joint, &part);
}

int joint_read(const struct machine *machine, const char *snapshot, struct joint *joint,
	       struct err *err)
{
	scoped_free char *path = record_path(machine, snapshot);
	scoped_free char *data = NULL;
	int r = 0;

	*joint = (struct joint){ 0 };
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, RECORD_MAX, &data);
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	char *rest = data;
	for (char *line; r == 0 && (line = strsep(&rest, "\n"));) {
		if (*line)
			r = parse_line(line, joint);
	}
	if (r < 0)
		joint_free(joint);
	return r < 0 ? err_set(err, -r, "'%s' is damaged: %s", path,
			       r == -ENOMEM ? "out of memory" : "a line of it is no snapshot")
		     : 0;
}

int joint_write(const struct machine *machine, const char *snapshot, const struct joint *joint,
		struct err *err)
{
	scoped_free char *path = record_path(machine, snapshot);
	scoped_text struct text text = { 0 };

	for (size_t i = 0; i < joint->count; i++) {
		const struct joint_part *part = &joint->parts[i];
		text_add(&text, "%s %s %s %" PRIu64 "\n", part->volume, part->uuid, part->snapshot,
			 part->created);
	}
	return !path || text.failed ? err_set(err, ENOMEM, "out of memory")
				    : file_replace(path, text_str(&text), text.length, 0600, err);
}

int joint_copy(const struct machine *machine, const char *snapshot, const char *to, struct err *err)
{
	scoped_joint struct joint joint = { 0 };

	joint_forget(machine, to);
	if (joint_read(machine, snapshot, &joint, err) < 0)
		return -err->code;
	return joint.count ? joint_write(machine, to, &joint, err) : 0;
}

void joint_forget(const struct machine *machine, const char *snapshot)
{
	scoped_free char *path = record_path(machine, snapshot);

	if (path && unlink(path) == 0)
		file_sync_dir(machine->folder);
}

const char *joint_snapshot_of(const char *file)
{
	const char *name = file + strlen(PREFIX);

	return text_starts(file, PREFIX) && !text_label_fault(name) ? name : NULL;
}
