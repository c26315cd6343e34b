/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities, by libcap. */
#ifndef BERTH_KERN_CAPS_H
#define BERTH_KERN_CAPS_H

#include <stddef.h>
#include <sys/capability.h>

/*
 * Drops capabilities for good, from the bounding set and from this process. Capabilities that the kernel does not know
 * are skipped. 0 or -errno.
 */
int caps_drop(const cap_value_t *list, size_t count);

#endif
