/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telling one init from another by its file. The table that others read is in root.h. */
#ifndef BERTH_IMAGE_INIT_H
#define BERTH_IMAGE_INIT_H

#include "image/root.h"

#include <stddef.h>

/* By the path that remains when every link is followed, else by content (NULL: not readable). */
enum init_kind init_identify(const char *path, const char *content, size_t length);

#endif
