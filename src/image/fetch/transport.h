/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files by HTTP and HTTPS. Runs only inside berth-fetch. */
#ifndef BERTH_IMAGE_FETCH_TRANSPORT_H
#define BERTH_IMAGE_FETCH_TRANSPORT_H

#include "base/err.h"
#include "base/text.h"

#include <stdint.h>

/* Called once, before any other function here. */
int transport_begin(struct err *err);

/* Reads the whole of a URL into text; -EFBIG if it is larger than max bytes. */
int transport_read(const char *url, size_t max, struct text *text, struct err *err);

/*
 * Writes a URL of exactly size bytes into a file, going on where the file ends. A transfer that breaks off is tried
 * again, from there on, a few times.
 */
int transport_save(const char *url, int fd, uint64_t size, struct err *err);

#endif
