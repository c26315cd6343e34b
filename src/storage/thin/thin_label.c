/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The label of a thin pool's disk: text, so that hexdump(1) shows a stranger what the disk is. It is in front twice,
 * where it is searched; for a front that was overwritten, also once where no partition table reaches, and once after
 * everything.
 */
#include "base/text.h"
#include "storage/thin/thin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POOL_MAGIC "berth thin pool 1\n"
#define DISK_MAGIC "berth thin disk 1\n"

enum { FRONT = 2, PLACES = 4, MIDDLE = THIN_HEAD / 2, BLOCK_MIN = 128, BLOCK_MAX = 2097152 };

/*
 * Possible places of labels on a disk of which `end` sectors are in use, in bytes: those in front, then the copies that
 * there is room for. Returns the number of places; out has room for PLACES.
 */
static unsigned places_of(int fd, uint64_t end, off_t *out)
{
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t sectors = size > 0 ? (uint64_t)size / DM_SECTOR : 0;
	uint64_t tail = thin_layout_tail(sectors);
	unsigned n = 0;

	for (; n < FRONT; n++)
		out[n] = (off_t)n * THIN_LABEL_SIZE;
	if (sectors >= THIN_HEAD)
		out[n++] = (off_t)MIDDLE * DM_SECTOR;
	if (tail >= THIN_HEAD && tail >= end)
		out[n++] = (off_t)(tail * DM_SECTOR);
	return n;
}

/* Places on the first disk at the time when a pool had only one. */
static void add_extents(struct text *text, const char *what, const struct thin_extents *extents)
{
	text_add(text, "%s", what);
	for (unsigned i = 0; i < extents->count; i++) {
		text_add(text, " ");
		if (extents->list[i].disk > 0)
			text_add(text, "%" PRIu64 ":", extents->list[i].disk);
		text_add(text, "%" PRIu64 "+%" PRIu64, extents->list[i].start,
			 extents->list[i].length);
	}
	text_add(text, "\n");
}

static int write_copies(int fd, struct text *text, uint64_t end)
{
	char label[THIN_LABEL_SIZE] = "";
	off_t places[PLACES];

	text_add(text, "sum %016" PRIx64 "\n", text_hash(text_str(text)));
	if (text->failed)
		return -ENOMEM;
	if (text_print(label, sizeof label, "%s", text->data) < 0)
		return -E2BIG;
	/* The place that is read first is written last, after all others are on the disk. */
	for (unsigned copy = places_of(fd, end, places); copy-- > 0;) {
		if (pwrite(fd, label, sizeof label, places[copy]) != (ssize_t)sizeof label)
			return errno ? -errno : -EIO;
		if (copy <= 1 && fsync(fd) < 0)
			return -errno;
	}
	return 0;
}

static void add_mark(struct text *text, const struct thin_mark *mark)
{
	if (mark->step)
		text_add(text, "step %" PRIu64 "\n", mark->step);
	if (*mark->kind)
		text_add(text, "kind %s\n", mark->kind);
	if (*mark->host)
		text_add(text, "host %s %s\n", mark->host,
			 *mark->host_name ? mark->host_name : "?");
}

int thin_label_write(int fd, const char *uuid, const struct thin_layout *layout)
{
	scoped_text struct text text = { 0 };

	text_add(&text, POOL_MAGIC "uuid %s\nblock %" PRIu64 "\n", uuid, layout->block);
	for (unsigned disk = 1; disk < layout->disks; disk++)
		text_add(&text, "disk %s\n", layout->uuids[disk]);
	add_extents(&text, "metadata", &layout->metadata);
	add_extents(&text, "spare", &layout->spare);
	add_extents(&text, "data", &layout->data);
	if (layout->backup.length)
		text_add(&text, "books %" PRIu64 "+%" PRIu64 "\n", layout->backup.start,
			 layout->backup.length);
	add_mark(&text, &layout->mark);
	return write_copies(fd, &text, thin_layout_end(layout, 0));
}

int thin_label_write_disk(int fd, const struct thin_disk_label *label, uint64_t end)
{
	struct thin_mark mark = { .step = label->step };
	scoped_text struct text text = { 0 };

	text_add(&text, DISK_MAGIC "pool %s\ndisk %s\nindex %" PRIu64 "\n", label->pool,
		 label->uuid, label->index);
	text_print(mark.kind, sizeof mark.kind, "%s", label->kind);
	add_mark(&text, &mark);
	return write_copies(fd, &text, end);
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
		char *place = strchr(word, ':');
		uint64_t n = extents->count;
		if (n == THIN_EXTENTS)
			return -EUCLEAN;
		if (place) {
			*place++ = '\0';
			if (text_to_u64(word, 1, THIN_DISKS - 1, &extents->list[n].disk) < 0)
				return -EUCLEAN;
		}
		if (sscanf(place ? place : word, "%" SCNu64 "+%" SCNu64, &extents->list[n].start,
			   &extents->list[n].length) != 2)
			return -EUCLEAN;
	}
	return 0;
}

/* A label with a text twice is refused: a second, shorter one would leave the end of the first. */
static int take_uuid(const char *value, char *uuid)
{
	return !*uuid && sscanf(value, "%36s", uuid) == 1 ? 0 : -EUCLEAN;
}

static int take_disk(const char *value, struct thin_layout *layout)
{
	return layout->disks == THIN_DISKS ? -EUCLEAN
					   : take_uuid(value, layout->uuids[layout->disks++]);
}

/* -ENOENT: no line has this form. */
static int take_mark(struct thin_mark *mark, const char *word, const char *value)
{
	if (strcmp(word, "step") == 0)
		return text_to_u64(value, 1, INT64_MAX, &mark->step) < 0 ? -EUCLEAN : 0;
	if (strcmp(word, "kind") == 0)
		return !*mark->kind && sscanf(value, "%15s", mark->kind) == 1 ? 0 : -EUCLEAN;
	if (strcmp(word, "host") == 0)
		return !*mark->host && sscanf(value, "%23s %63s", mark->host, mark->host_name) == 2
			       ? 0
			       : -EUCLEAN;
	return -ENOENT;
}

static int take_backup_area(const char *value, struct thin_place *area)
{
	return sscanf(value, "%" SCNu64 "+%" SCNu64, &area->start, &area->length) == 2 &&
			       area->length > 0
		       ? 0
		       : -EUCLEAN;
}

struct pool_label {
	char uuid[37];
	struct thin_layout layout;
};

static int take_pool_line(void *out, const char *word, char *value)
{
	struct pool_label *label = out;
	struct thin_layout *layout = &label->layout;

	if (strcmp(word, "uuid") == 0)
		return take_uuid(value, label->uuid);
	if (strcmp(word, "block") == 0)
		return text_to_u64(value, BLOCK_MIN, BLOCK_MAX, &layout->block) < 0 ? -EUCLEAN : 0;
	if (strcmp(word, "disk") == 0)
		return take_disk(value, layout);
	if (strcmp(word, "metadata") == 0)
		return take_extents(value, &layout->metadata);
	if (strcmp(word, "spare") == 0)
		return take_extents(value, &layout->spare);
	if (strcmp(word, "data") == 0)
		return take_extents(value, &layout->data);
	if (strcmp(word, "books") == 0)
		return take_backup_area(value, &layout->backup);
	return take_mark(&layout->mark, word, value) == 0 ? 0 : -EUCLEAN;
}

static int take_disk_line(void *out, const char *word, char *value)
{
	struct thin_disk_label *label = out;

	if (strcmp(word, "pool") == 0)
		return take_uuid(value, label->pool);
	if (strcmp(word, "disk") == 0)
		return take_uuid(value, label->uuid);
	if (strcmp(word, "index") == 0)
		return text_to_u64(value, 1, THIN_DISKS - 1, &label->index) < 0 ? -EUCLEAN : 0;
	struct thin_mark mark = { .step = label->step };
	if (take_mark(&mark, word, value) < 0)
		return -EUCLEAN;
	label->step = mark.step;
	if (*mark.kind)
		memcpy(label->kind, mark.kind, sizeof label->kind);
	return 0;
}

/* Parses all lines except the first and the last, which are checked elsewhere. */
static int take_lines(char *label, const char *magic,
		      int (*take)(void *out, const char *word, char *value), void *out)
{
	int r = check_sum(label);

	for (char *rest = label + strlen(magic), *line;
	     r == 0 && (line = strsep(&rest, "\n")) && *line;) {
		char *value = strchr(line, ' ');
		if (!value)
			return -EUCLEAN;
		*value++ = '\0';
		r = take(out, line, value);
	}
	return r;
}

/* Checks the pieces: none begins in a label, all are on existing disks, and no two share a sector. */
static bool extents_apart(const struct thin_layout *layout)
{
	struct thin_extents area = { .count = layout->backup.length > 0 };
	const struct thin_extents *const all[] = { &layout->metadata, &layout->spare, &layout->data,
						   &area };

	area.list[0].start = layout->backup.start;
	area.list[0].length = layout->backup.length;
	for (unsigned a = 0; a < 4 * THIN_EXTENTS; a++) {
		const struct thin_extents *one = all[a / THIN_EXTENTS];
		unsigned i = a % THIN_EXTENTS;
		if (i >= one->count)
			continue;
		uint64_t start = one->list[i].start, length = one->list[i].length;
		if (start < FRONT * THIN_LABEL_SIZE / DM_SECTOR || length == 0 ||
		    start > UINT64_MAX / DM_SECTOR || length > UINT64_MAX / DM_SECTOR - start ||
		    one->list[i].disk >= layout->disks)
			return false;
		for (unsigned b = 0; b < a; b++) {
			const struct thin_extents *other = all[b / THIN_EXTENTS];
			unsigned k = b % THIN_EXTENTS;
			if (k < other->count && other->list[k].disk == one->list[i].disk &&
			    other->list[k].start < start + length &&
			    start < other->list[k].start + other->list[k].length)
				return false;
		}
	}
	return true;
}

static int parse_pool(char *text, void *out)
{
	struct pool_label got = { .layout.disks = 1 }, *label = out;
	const struct thin_layout *layout = &got.layout;
	int r = take_lines(text, POOL_MAGIC, take_pool_line, &got);

	if (r < 0)
		return r;
	uint64_t metadata = thin_extents_size(&layout->metadata);
	uint64_t data = thin_extents_size(&layout->data);
	if (!*got.uuid || !layout->block || layout->block % BLOCK_MIN != 0 || metadata == 0 ||
	    metadata > DM_POOL_METADATA_MAX || thin_extents_size(&layout->spare) != metadata ||
	    data == 0 || data % layout->block != 0 || !extents_apart(layout))
		return -EUCLEAN;
	*label = got;
	return 0;
}

static int parse_disk(char *text, void *out)
{
	struct thin_disk_label got = { 0 }, *label = out;
	int r = take_lines(text, DISK_MAGIC, take_disk_line, &got);

	if (r < 0)
		return r;
	if (!*got.pool || !*got.uuid || !got.index)
		return -EUCLEAN;
	*label = got;
	return 0;
}

/* The places in front, or the others. */
static int read_copies(int fd, bool front, const char *magic, int (*parse)(char *text, void *out),
		       void *out)
{
	off_t places[PLACES];
	unsigned n_places = places_of(fd, 0, places);
	int found = -ENOENT;

	for (unsigned copy = front ? 0 : FRONT; copy < (front ? FRONT : n_places); copy++) {
		char label[THIN_LABEL_SIZE + 1] = "";
		ssize_t n = pread(fd, label, THIN_LABEL_SIZE, places[copy]);
		if (n < 0)
			return -errno;
		if (n < THIN_LABEL_SIZE || !text_starts(label, magic))
			continue;
		found = parse(label, out);
		if (found == 0)
			return 0;
	}
	return found;
}

static int read_pool(int fd, bool front, char *uuid, struct thin_layout *layout)
{
	struct pool_label label;
	int r = read_copies(fd, front, POOL_MAGIC, parse_pool, &label);

	if (r == 0) {
		memcpy(uuid, label.uuid, sizeof label.uuid);
		*layout = label.layout;
	}
	return r;
}

int thin_label_read(int fd, char *uuid, struct thin_layout *layout)
{
	return read_pool(fd, true, uuid, layout);
}

int thin_label_read_copy(int fd, char *uuid, struct thin_layout *layout)
{
	return read_pool(fd, false, uuid, layout);
}

int thin_label_read_disk(int fd, struct thin_disk_label *label)
{
	return read_copies(fd, true, DISK_MAGIC, parse_disk, label);
}

int thin_label_read_disk_copy(int fd, struct thin_disk_label *label)
{
	return read_copies(fd, false, DISK_MAGIC, parse_disk, label);
}

unsigned thin_label_copies(int fd, uint64_t end, off_t *places)
{
	off_t all[PLACES];
	unsigned n = places_of(fd, end, all);

	memcpy(places, all + FRONT, (n - FRONT) * sizeof *places);
	return n - FRONT;
}

int thin_label_wipe(int fd, const char *pool)
{
	static const char zeros[THIN_LABEL_SIZE];
	off_t places[PLACES];
	unsigned n = places_of(fd, 0, places);

	/* The first place is cleared last: it tells that there is something to clear. */
	while (n-- > 0) {
		char label[THIN_LABEL_SIZE + 1] = "";
		if (pread(fd, label, THIN_LABEL_SIZE, places[n]) != THIN_LABEL_SIZE ||
		    (!text_starts(label, POOL_MAGIC) && !text_starts(label, DISK_MAGIC)) ||
		    !strstr(label, pool))
			continue;
		if (pwrite(fd, zeros, sizeof zeros, places[n]) != (ssize_t)sizeof zeros)
			return errno ? -errno : -EIO;
	}
	return fsync(fd) < 0 ? -errno : 0;
}
