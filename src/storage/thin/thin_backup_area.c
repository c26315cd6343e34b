/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies of the host's knowledge of a thin pool, on the pool's first disk, for a host that is installed again. They lie
 * outside of the pool's own metadata, so that they can be read without the kernel. They cost a change nothing: a
 * command that has changed something leaves a process that writes them a moment later.
 */
#include "storage/thin/thin_backup_area.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "berth backup 1\n"

enum {
	HEAD_SIZE = 4096,
	/* Place in pools that were made without an area for copies: in the head, beside the labels, in sectors. */
	HEAD_FIRST = 128,
	HEAD_SECOND = 1152,
	HEAD_LENGTH = 896,
	BYTES_MAX = 1 << 24,
};

struct slot {
	off_t at; /* bytes */
	size_t room;
};

static void slots_of(const struct thin_layout *layout, struct slot out[2])
{
	const struct thin_place *backup = &layout->backup;
	uint64_t half = backup->length / 2;

	if (half > BYTES_MAX / DM_SECTOR)
		half = BYTES_MAX / DM_SECTOR;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t start = backup->length ? backup->start + i * half
				 : i == 0       ? HEAD_FIRST
						: HEAD_SECOND;
		out[i] = (struct slot){ (off_t)(start * DM_SECTOR),
					(size_t)(backup->length ? half : HEAD_LENGTH) * DM_SECTOR };
	}
}

struct head {
	uint64_t number, length, sum;
};

/* 0: there is none. */
static uint64_t read_head(int fd, const struct slot *slot, struct head *head)
{
	char text[HEAD_SIZE + 1] = "";

	*head = (struct head){ 0 };
	if (pread(fd, text, HEAD_SIZE, slot->at) != HEAD_SIZE || !text_starts(text, MAGIC) ||
	    sscanf(text + strlen(MAGIC), "number %" SCNu64 "\nlength %" SCNu64 "\nsum %" SCNx64,
		   &head->number, &head->length, &head->sum) != 3 ||
	    head->length > slot->room - HEAD_SIZE)
		return 0;
	return head->number;
}

/* The body, with a NUL after it; no record has a NUL in its head. The caller owns it. NULL: the body is damaged. */
static char *read_body(int fd, const struct slot *slot, const struct head *head)
{
	char *body = malloc(head->length + 1);

	if (body && pread(fd, body, head->length, slot->at + HEAD_SIZE) == (ssize_t)head->length) {
		body[head->length] = '\0';
		if (text_hash(body) == head->sum)
			return body;
	}
	free(body);
	return NULL;
}

/* The slot with the newer copy, its head and its text; -1: there is no copy. */
static int newest(int fd, const struct slot slots[2], struct head *found, char **body)
{
	struct head heads[2];
	int first =
		read_head(fd, &slots[0], &heads[0]) >= read_head(fd, &slots[1], &heads[1]) ? 0 : 1;

	for (int i = 0; i < 2; i++) {
		int slot = i == 0 ? first : !first;
		*body = heads[slot].number ? read_body(fd, &slots[slot], &heads[slot]) : NULL;
		*found = heads[slot];
		if (*body)
			return slot;
	}
	*found = (struct head){ 0 };
	return -1;
}

int thin_backup_area_write(int fd, const struct thin_layout *layout, const struct text *text)
{
	scoped_free char *is = NULL;
	struct slot slots[2];
	struct head head;

	slots_of(layout, slots);
	if (text->failed)
		return -ENOMEM;
	int have = newest(fd, slots, &head, &is);
	if (have >= 0 && strcmp(is, text_str(text)) == 0)
		return 0;
	const struct slot *slot = &slots[have == 0];
	if (text->length > slot->room - HEAD_SIZE)
		return -ENOSPC;
	scoped_free char *block = calloc(1, HEAD_SIZE + text->length);
	if (!block)
		return -ENOMEM;
	snprintf(block, HEAD_SIZE, MAGIC "number %" PRIu64 "\nlength %zu\nsum %016" PRIx64 "\n",
		 head.number + 1, text->length, text_hash(text_str(text)));
	memcpy(block + HEAD_SIZE, text_str(text), text->length);
	ssize_t n = (ssize_t)(HEAD_SIZE + text->length);
	if (pwrite(fd, block, (size_t)n, slot->at) != n)
		return errno ? -errno : -EIO;
	fault_point("thin-backup-written");
	return fsync(fd) < 0 ? -errno : 0;
}

int thin_backup_area_read(int fd, const struct thin_layout *layout, struct text *text)
{
	scoped_free char *body = NULL;
	struct slot slots[2];
	struct head head;

	slots_of(layout, slots);
	if (newest(fd, slots, &head, &body) < 0)
		return -ENOENT;
	return text_add(text, "%s", body);
}
