/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/index.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/stamp.h"
#include "base/uuid.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* INDEX_FORMAT is stepped whenever a field of an entry comes to mean something else. */
enum { INDEX_FORMAT = 1, INDEX_MAX = 256 << 20 };

struct head {
	char magic[8];
	uint32_t format, entry_size;
	char version[24]; /* of the berth that wrote it */
	char boot[40];    /* uuid_of_boot */
	uint64_t length;  /* of the file */
	uint64_t machines, count;
	uint64_t sum; /* of the file, this field being 0 */
};

static struct head head_of(void)
{
	struct head head = { .magic = "berthidx",
			     .format = INDEX_FORMAT,
			     .entry_size = sizeof(struct entry) };
	char boot[UUID_TEXT];

	snprintf(head.version, sizeof head.version, "%s", BERTH_VERSION);
	uuid_of_boot(boot);
	memcpy(head.boot, boot, sizeof boot);
	return head;
}

/* Whether the file is what this berth has written in this boot, whole. */
static bool is_good(char *data, size_t length)
{
	const struct head wanted = head_of();
	struct head head;

	if (length < sizeof head)
		return false;
	memcpy(&head, data, sizeof head);
	if (memcmp(&head, &wanted, offsetof(struct head, length)) != 0 || head.length != length)
		return false;
	memset(data + offsetof(struct head, sum), 0, sizeof head.sum);
	return stamp_sum(data, length) == head.sum;
}

/* Others must not be able to write what root believes. */
static bool is_ours(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & 077) == 0;
}

static char *read_whole(const char *path, size_t *length)
{
	scoped_fd int fd = file_open_regular(AT_FDCWD, path, O_NOFOLLOW);
	scoped_free char *data = NULL;
	struct stat st;
	size_t done = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || !is_ours(&st) || st.st_size > INDEX_MAX)
		return NULL;
	data = malloc((size_t)st.st_size + 1);
	while (data && done < (size_t)st.st_size) {
		ssize_t n = read(fd, data + done, (size_t)st.st_size - done);
		if (n <= 0)
			return NULL;
		done += (size_t)n;
	}
	*length = done;
	return take_ptr(&data);
}

void index_open(struct index *index, const struct dirs *dirs)
{
	scoped_free char *path = dirs_run_path(dirs, "list.index");
	scoped_free char *data = NULL;
	struct head head;
	size_t length;

	*index = (struct index){ 0 };
	data = path ? read_whole(path, &length) : NULL;
	if (!data || !is_good(data, length))
		return;
	memcpy(&head, data, sizeof head);
	*index = (struct index){ .data = take_ptr(&data),
				 .length = length,
				 .machines = head.machines,
				 .count = head.count };
}

void index_close(struct index *index)
{
	free(index->data);
	*index = (struct index){ 0 };
}

const struct entry *index_next(const struct index *index, const struct entry *entry)
{
	if (!index->data)
		return NULL;
	const char *at =
		entry ? (const char *)entry + entry->length : index->data + sizeof(struct head);
	if (at >= index->data + index->length)
		return NULL;
	/* The data is malloc's, and all lengths are multiples of 8. */
	return (const struct entry *)(const void *)at;
}

void entry_add(struct text *entries, struct entry entry, const char *const *texts)
{
	static const char zeros[8];
	size_t length = sizeof entry;

	for (entry.texts = 0; texts[entry.texts]; entry.texts++)
		length += strlen(texts[entry.texts]) + 1;
	size_t pad = -length % sizeof zeros;
	entry.length = (uint32_t)(length + pad);
	text_add_bytes(entries, &entry, sizeof entry);
	for (size_t i = 0; texts[i]; i++)
		text_add_bytes(entries, texts[i], strlen(texts[i]) + 1);
	text_add_bytes(entries, zeros, pad);
}

const char *entry_text(const struct entry *entry, size_t number)
{
	const char *at = (const char *)(entry + 1);

	for (; number > 0; number--)
		at += strlen(at) + 1;
	return at;
}

/* Under the lock. */
static int write_aside(const char *aside, const struct text *whole)
{
	scoped_fd int fd =
		open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		     0600);
	size_t half = whole->length / 2;

	fault_point("index_begun");
	int r = fd < 0 ? -errno : file_write_all(fd, whole->data, half, -1);
	fault_point("index_half");
	return r < 0 ? r : file_write_all(fd, whole->data + half, whole->length - half, -1);
}

void index_write(const struct dirs *dirs, uint64_t machines, size_t count,
		 const struct text *entries)
{
	scoped_free char *path = dirs_run_path(dirs, "list.index");
	scoped_free char *aside = dirs_run_path(dirs, "list.index.new");
	scoped_text struct text whole = { 0 };
	struct head head = head_of();

	head.length = sizeof head + entries->length;
	head.machines = machines;
	head.count = count;
	text_add_bytes(&whole, &head, sizeof head);
	text_add_bytes(&whole, entries->data, entries->length);
	if (!path || !aside || whole.failed || entries->failed)
		return;
	head.sum = stamp_sum(whole.data, whole.length);
	memcpy(whole.data + offsetof(struct head, sum), &head.sum, sizeof head.sum);
	scoped_fd int lock = dirs_lock(dirs, "list", 0, "the index", &(struct err){ 0 });
	if (lock < 0)
		return;
	int r = write_aside(aside, &whole);
	fault_point("index_written");
	if (r < 0 || rename(aside, path) < 0)
		unlink(aside);
	fault_point("index_renamed");
}
