/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recognises an init by its file. The table of inits is in root.h. */
#ifndef BERTH_IMAGE_TEMPLATE_INIT_H
#define BERTH_IMAGE_TEMPLATE_INIT_H

#include "image/template/root.h"

#include <stddef.h>

/* Recognises an init by its path with all links resolved, else by its content (NULL: not readable). */
enum init_kind init_identify(const char *path, const char *content, size_t length);

#endif
