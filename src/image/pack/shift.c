/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/pack/shift.h"

#include "base/text.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* An ACL as attribute (linux/posix_acl_xattr.h): a version, then entries with an id at byte 4. */
enum { ACL_HEAD = 4, ACL_ENTRY = 8, ACL_USER = 0x02, ACL_GROUP = 0x08 };
/* A capability (linux/capability.h): revision 3 has 4 bytes more than revision 2, the root's id. */
enum { CAP_SIZE_2 = 20, CAP_SIZE_3 = 24 };
#define CAP_REVISION   UINT32_C(0xff000000)
#define CAP_REVISION_2 UINT32_C(0x02000000)

static int take_line(struct shift *shift, char *line)
{
	uint64_t numbers[3];
	char kind = *line;

	if ((kind != 'u' && kind != 'g') || line[1] != ' ' || shift->count == SHIFT_RANGES)
		return -EINVAL;
	line += 2;
	for (size_t i = 0; i < 3; i++) {
		const char *word = strsep(&line, " ");
		if (!word || text_to_u64(word, 0, UINT32_MAX, &numbers[i]) < 0)
			return -EINVAL;
	}
	shift->ranges[shift->count].kind = kind;
	shift->ranges[shift->count].inside = (uint32_t)numbers[0];
	shift->ranges[shift->count].outside = (uint32_t)numbers[1];
	shift->ranges[shift->count].count = (uint32_t)numbers[2];
	shift->count++;
	return 0;
}

int shift_parse(struct shift *shift, char *lines, struct err *err)
{
	*shift = (struct shift){ 0 };
	for (char *line; (line = strsep(&lines, "\n")) && *line;) {
		if (take_line(shift, line) < 0)
			return err_set(err, EINVAL, "its id map is not as it should be");
	}
	return 0;
}

bool shift_id(const struct shift *shift, char kind, int64_t outside, int64_t *inside)
{
	*inside = outside;
	for (size_t i = 0; i < shift->count; i++) {
		int64_t at = outside - shift->ranges[i].outside;
		if (shift->ranges[i].kind != kind || at < 0 || at >= shift->ranges[i].count)
			continue;
		*inside = shift->ranges[i].inside + at;
		return true;
	}
	return shift->count == 0;
}

static bool shift_list(const struct shift *shift, unsigned char *list, size_t size)
{
	uint16_t tag;
	uint32_t id;
	int64_t inside;

	for (size_t at = ACL_HEAD; at + ACL_ENTRY <= size; at += ACL_ENTRY) {
		memcpy(&tag, list + at, sizeof tag);
		memcpy(&id, list + at + 4, sizeof id);
		char kind = le16toh(tag) == ACL_USER ? 'u' : le16toh(tag) == ACL_GROUP ? 'g' : 0;
		if (!kind)
			continue;
		if (!shift_id(shift, kind, le32toh(id), &inside))
			return false;
		id = htole32((uint32_t)inside);
		memcpy(list + at + 4, &id, sizeof id);
	}
	return true;
}

static bool shift_capability(const struct shift *shift, unsigned char *value, size_t *size)
{
	uint32_t magic, root;
	int64_t inside;

	if (*size != CAP_SIZE_3)
		return true;
	memcpy(&magic, value, sizeof magic);
	memcpy(&root, value + CAP_SIZE_2, sizeof root);
	if (!shift_id(shift, 'u', le32toh(root), &inside) || inside != 0)
		return false;
	magic = htole32((le32toh(magic) & ~CAP_REVISION) | CAP_REVISION_2);
	memcpy(value, &magic, sizeof magic);
	*size = CAP_SIZE_2;
	return true;
}

bool shift_attribute(const struct shift *shift, const char *name, void *value, size_t *size)
{
	if (shift->count == 0)
		return true;
	if (text_starts(name, "system.posix_acl_"))
		return shift_list(shift, value, *size);
	return strcmp(name, "security.capability") != 0 || shift_capability(shift, value, size);
}
