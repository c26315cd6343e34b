/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A control group's devices: a BPF program of type cgroup/dev, made and attached by bpf(2) alone. */
#ifndef BERTH_KERN_DEVICES_H
#define BERTH_KERN_DEVICES_H

#include <stddef.h>
#include <stdint.h>

struct device {
	uint32_t major, first, last; /* a range of minor numbers */
	uint32_t block;              /* else a character device */
};

enum { DEVICES_MAX = 80 };

/*
 * Processes in the group and below may open, and make nodes of, these and no other devices; what the
 * groups above allow is still asked. For as long as the group lives, or until the next call for it,
 * which is never met by an access in between. 0 or -errno: -EINVAL and -EPERM from kernels that have
 * no such programs or let none be loaded.
 */
int devices_confine(int cgroup_fd, const struct device *rows, size_t count);

#endif
