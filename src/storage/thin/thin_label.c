/* What a disk of a thin pool says of itself: text, so that hexdump(1) tells a stranger what it is. */
#include "base/text.h"
#include "storage/thin/thin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "berth thin pool 1\n"

enum { COPIES = 2, BLOCK_MIN = 128, BLOCK_MAX = 2097152 };

static void add_extents(struct text *text, const char *what, const struct thin_extents *extents)
{
	text_add(text, "%s", what);
	for (unsigned i = 0; i < extents->count; i++)
		text_add(text, " %" PRIu64 "+%" PRIu64, extents->list[i].start,
			 extents->list[i].length);
	text_add(text, "\n");
}

int thin_label_write(int fd, const char *uuid, const struct thin_layout *layout)
{
	scoped_text struct text text = { 0 };
	char label[THIN_LABEL_SIZE] = "";

	text_add(&text, MAGIC "uuid %s\nblock %" PRIu64 "\n", uuid, layout->block);
	add_extents(&text, "metadata", &layout->metadata);
	add_extents(&text, "spare", &layout->spare);
	add_extents(&text, "data", &layout->data);
	text_add(&text, "sum %016" PRIx64 "\n", text_hash(text_str(&text)));
	if (text.failed)
		return -ENOMEM;
	if (text_print(label, sizeof label, "%s", text.data) < 0)
		return -E2BIG;
	for (int copy = COPIES - 1; copy >= 0; copy--) {
		if (pwrite(fd, label, sizeof label, (off_t)copy * THIN_LABEL_SIZE) !=
		    (ssize_t)sizeof label)
			return errno ? -errno : -EIO;
		if (fsync(fd) < 0)
			return -errno;
	}
	return 0;
}

/* ---- Reading */

static int check_sum(char *label)
{
	char *line = strstr(label, "\nsum ");
	uint64_t sum = 0;

	if (!line || sscanf(line, "\nsum %" SCNx64, &sum) != 1)
		return -EUCLEAN;
	line[1] = '\0';
	return text_hash(label) == sum ? 0 : -EUCLEAN;
}

static int take_extents(char *line, struct thin_extents *extents)
{
	char *rest = line;

	for (char *word; (word = strsep(&rest, " ")); extents->count++) {
		if (extents->count == THIN_EXTENTS ||
		    sscanf(word, "%" SCNu64 "+%" SCNu64, &extents->list[extents->count].start,
			   &extents->list[extents->count].length) != 2)
			return -EUCLEAN;
	}
	return 0;
}

static int take_line(char *line, char *uuid, struct thin_layout *layout)
{
	char *value = strchr(line, ' ');

	if (!value)
		return -EUCLEAN;
	*value++ = '\0';
	if (strcmp(line, "uuid") == 0)
		return sscanf(value, "%36s", uuid) == 1 ? 0 : -EUCLEAN;
	if (strcmp(line, "block") == 0)
		return text_to_u64(value, BLOCK_MIN, BLOCK_MAX, &layout->block) < 0 ? -EUCLEAN : 0;
	if (strcmp(line, "metadata") == 0)
		return take_extents(value, &layout->metadata);
	if (strcmp(line, "spare") == 0)
		return take_extents(value, &layout->spare);
	if (strcmp(line, "data") == 0)
		return take_extents(value, &layout->data);
	return -EUCLEAN;
}

/* None begins in the label, and no sector is in two of them. */
static bool extents_apart(const struct thin_layout *layout)
{
	const struct thin_extents *const all[] = { &layout->metadata, &layout->spare,
						   &layout->data };
	struct thin_extents seen[3] = { *all[0], *all[1], *all[2] };

	for (unsigned a = 0; a < 3 * THIN_EXTENTS; a++) {
		const struct thin_extents *one = &seen[a / THIN_EXTENTS];
		unsigned i = a % THIN_EXTENTS;
		if (i >= one->count)
			continue;
		uint64_t start = one->list[i].start, length = one->list[i].length;
		if (start < COPIES * THIN_LABEL_SIZE / DM_SECTOR || length == 0 ||
		    length > UINT64_MAX / DM_SECTOR - start)
			return false;
		for (unsigned b = 0; b < a; b++) {
			const struct thin_extents *other = &seen[b / THIN_EXTENTS];
			unsigned k = b % THIN_EXTENTS;
			if (k < other->count && other->list[k].start < start + length &&
			    start < other->list[k].start + other->list[k].length)
				return false;
		}
	}
	return true;
}

static int parse(char *label, char *uuid, struct thin_layout *layout)
{
	struct thin_layout got = { 0 };
	char id[37] = "";
	int r = check_sum(label);

	for (char *rest = label + strlen(MAGIC), *line;
	     r == 0 && (line = strsep(&rest, "\n")) && *line;)
		r = take_line(line, id, &got);
	if (r < 0)
		return r;
	uint64_t metadata = thin_extents_size(&got.metadata);
	uint64_t data = thin_extents_size(&got.data);
	if (!*id || !got.block || got.block % BLOCK_MIN != 0 || metadata == 0 ||
	    metadata > DM_POOL_METADATA_MAX || thin_extents_size(&got.spare) != metadata ||
	    data == 0 || data % got.block != 0 || !extents_apart(&got))
		return -EUCLEAN;
	memcpy(uuid, id, sizeof id);
	*layout = got;
	return 0;
}

int thin_label_read(int fd, char *uuid, struct thin_layout *layout)
{
	int found = -ENOENT;

	for (int copy = 0; copy < COPIES; copy++) {
		char label[THIN_LABEL_SIZE + 1] = "";
		ssize_t n = pread(fd, label, THIN_LABEL_SIZE, (off_t)copy * THIN_LABEL_SIZE);
		if (n < 0)
			return -errno;
		if (n < THIN_LABEL_SIZE || !text_starts(label, MAGIC))
			continue;
		found = parse(label, uuid, layout);
		if (found == 0)
			return 0;
	}
	return found;
}
