/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random UUIDs. */
#ifndef BERTH_BASE_UUID_H
#define BERTH_BASE_UUID_H

enum { UUID_TEXT = 37 };

/* RFC 4122, version 4, in lower case, NUL-terminated. 0 or -errno. */
int uuid_draw(char out[UUID_TEXT]);
/* The one that the kernel drew when the host booted; "": it cannot be read. */
void uuid_of_boot(char out[UUID_TEXT]);

#endif
