/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/tree_attributes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* A bound for the receiver's memory; no file system allows more for one file. */
enum { RECORDS_MAX = 4 << 20 };

static bool is_copied(const char *name)
{
	return text_starts(name, "user.") || strcmp(name, "security.capability") == 0 ||
	       strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

/* The value is sent in pieces, because it may be longer than an entry has room for. */
static int send_value(int socket, const char *name, const char *value, size_t size)
{
	static struct tree_entry entry;
	size_t at = 0;

	entry = (struct tree_entry){ .type = TREE_ATTRIBUTE };
	text_print(entry.path, sizeof entry.path, "%s", name);
	do {
		entry.size = size - at < PATH_MAX ? size - at : PATH_MAX - 1;
		memcpy(entry.target, value + at, entry.size);
		at += entry.size;
		entry.mode = at < size;
		int r = tree_entry_send(socket, &entry, -1);
		if (r < 0)
			return r;
	} while (at < size);
	return 0;
}

int tree_attributes_send(int socket, int fd)
{
	static char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
	ssize_t n = flistxattr(fd, names, sizeof names);
	int r = 0;

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *at = names; r == 0 && at < names + n; at += strlen(at) + 1) {
		if (!is_copied(at))
			continue;
		ssize_t size = fgetxattr(fd, at, value, sizeof value);
		if (size >= 0)
			r = send_value(socket, at, value, (size_t)size);
		else if (errno != ENODATA)
			r = -errno;
	}
	return r;
}

int tree_attributes_add(struct tree_attributes *attributes, const struct tree_entry *entry)
{
	struct text *records = &attributes->records;
	uint32_t size = 0;

	if (!is_copied(entry->path) || entry->size >= PATH_MAX || records->length > RECORDS_MAX)
		return -EPROTO;
	if (!attributes->more) {
		text_add_bytes(records, entry->path, strlen(entry->path) + 1);
		attributes->last = records->length;
		text_add_bytes(records, &size, sizeof size);
	}
	text_add_bytes(records, entry->target, entry->size);
	if (records->failed)
		return -ENOMEM;
	memcpy(&size, records->data + attributes->last, sizeof size);
	size += (uint32_t)entry->size;
	memcpy(records->data + attributes->last, &size, sizeof size);
	attributes->more = entry->mode;
	return 0;
}

int tree_attributes_set(const struct tree_attributes *attributes, int fd)
{
	const char *at = text_str(&attributes->records), *end = at + attributes->records.length;

	while (at < end) {
		const char *name = at;
		uint32_t size;
		at += strlen(at) + 1;
		memcpy(&size, at, sizeof size);
		at += sizeof size;
		if (fsetxattr(fd, name, at, size, 0) < 0)
			return -errno;
		at += size;
	}
	return 0;
}

void tree_attributes_clear(struct tree_attributes *attributes)
{
	text_free(&attributes->records);
	*attributes = (struct tree_attributes){ 0 };
}
