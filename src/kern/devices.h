/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices that processes of a cgroup may use: a BPF program of type cgroup/dev, loaded and attached by bpf(2)
 * alone.
 */
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
 * Allows processes in the cgroup and below to open and make only these device nodes; the rules of the cgroups above
 * still apply. Holds as long as the cgroup exists, or until the next call for it, which replaces the program
 * atomically. 0 or -errno: -EINVAL or -EPERM if the kernel has no such programs or loads none.
 */
int devices_confine(int cgroup_fd, const struct device *rows, size_t count);

#endif
