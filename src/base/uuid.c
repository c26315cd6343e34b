/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/uuid.h"

#include "base/file.h"
#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int uuid_draw(char out[UUID_TEXT])
{
	unsigned char b[16];

	if (getrandom(b, sizeof b, 0) != sizeof b)
		return errno ? -errno : -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(out, UUID_TEXT,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return 0;
}

void uuid_of_boot(char out[UUID_TEXT])
{
	scoped_free char *text = NULL;

	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", UUID_TEXT, &text) < 0)
		text = NULL;
	snprintf(out, UUID_TEXT, "%s", text ? text : "");
	out[strcspn(out, "\n")] = '\0';
}
