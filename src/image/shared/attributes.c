/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/shared/attributes.h"

#include "base/text.h"

#include <archive.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* An ACL in the form of the kernel's attribute (linux/posix_acl_xattr.h): a version, then these entries. */
struct raw_entry {
	uint16_t tag, permissions;
	uint32_t id;
};

enum { RAW_VERSION = 2, RAW_HEAD = 4 };

static const struct {
	uint16_t raw;
	int tag;
	bool named;
} tags[] = {
	{ 0x01, ARCHIVE_ENTRY_ACL_USER_OBJ, false },  { 0x02, ARCHIVE_ENTRY_ACL_USER, true },
	{ 0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ, false }, { 0x08, ARCHIVE_ENTRY_ACL_GROUP, true },
	{ 0x10, ARCHIVE_ENTRY_ACL_MASK, false },      { 0x20, ARCHIVE_ENTRY_ACL_OTHER, false },
};

/* The type of ACL in an attribute, or 0. */
static int list_type(const char *name)
{
	if (strcmp(name, "system.posix_acl_access") == 0)
		return ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	if (strcmp(name, "system.posix_acl_default") == 0)
		return ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
	return 0;
}

static bool is_kept(const char *name)
{
	return text_starts(name, "user.") || strcmp(name, "security.capability") == 0;
}

static void add_raw(struct archive_entry *entry, int type, const struct raw_entry *raw)
{
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		if (le16toh(raw->tag) != tags[i].raw)
			continue;
		archive_entry_acl_add_entry(entry, type, le16toh(raw->permissions) & 7, tags[i].tag,
					    tags[i].named ? (int)le32toh(raw->id) : -1, NULL);
	}
}

/* The attribute has numeric ids; the text form of GNU tar only has names. */
static void add_list(struct archive_entry *entry, int type, const char *value, size_t size)
{
	struct raw_entry raw;
	uint32_t version;

	if (size < RAW_HEAD)
		return;
	memcpy(&version, value, sizeof version);
	if (le32toh(version) != RAW_VERSION)
		return;
	for (size_t at = RAW_HEAD; at + sizeof raw <= size; at += sizeof raw) {
		memcpy(&raw, value + at, sizeof raw);
		add_raw(entry, type, &raw);
	}
}

/* Attributes of `from`: the kept ones are added to `to`, ACLs become its ACLs. */
static int64_t copy_attributes(struct archive_entry *from, struct archive_entry *to)
{
	const char *name;
	const void *value;
	size_t size;
	int64_t lost = 0;
	bool lists = false;

	archive_entry_xattr_reset(from);
	while (archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
		int type = list_type(name);
		if (type && !lists)
			archive_entry_acl_clear(to);
		lists |= type != 0;
		if (type)
			add_list(to, type, value, size);
		else if (is_kept(name))
			archive_entry_xattr_add_entry(to, name, value, size);
		else
			lost++;
	}
	return lost;
}

static bool id_usable(int tag, int id)
{
	if (tag != ARCHIVE_ENTRY_ACL_USER && tag != ARCHIVE_ENTRY_ACL_GROUP)
		return true;
	return id >= 0 && id <= ATTRIBUTES_ID_MAX;
}

static int64_t copy_lists(struct archive_entry *from, struct archive_entry *to)
{
	int type, permissions, tag, id;
	const char *name;
	int64_t lost = 0;

	archive_entry_acl_reset(from, ARCHIVE_ENTRY_ACL_TYPE_POSIX1E);
	while (archive_entry_acl_next(from, ARCHIVE_ENTRY_ACL_TYPE_POSIX1E, &type, &permissions,
				      &tag, &id, &name) == ARCHIVE_OK) {
		if (id_usable(tag, id))
			archive_entry_acl_add_entry(to, type, permissions, tag, id, NULL);
		else
			lost++;
	}
	return lost;
}

int64_t attributes_settle(struct archive_entry *entry)
{
	int64_t lost = 0;

	if (archive_entry_xattr_count(entry) > 0) {
		struct archive_entry *copy = archive_entry_clone(entry);
		if (!copy)
			return -ENOMEM;
		archive_entry_xattr_clear(entry);
		lost += copy_attributes(copy, entry);
		archive_entry_free(copy);
	}
	if (archive_entry_acl_types(entry) != 0) {
		struct archive_entry *copy = archive_entry_clone(entry);
		if (!copy)
			return -ENOMEM;
		archive_entry_acl_clear(entry);
		lost += copy_lists(copy, entry);
		archive_entry_free(copy);
	}
	return lost;
}
