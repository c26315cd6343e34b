/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/seccomp.h"

#include "base/scoped.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A system call that a capability opens. */
struct opening {
	int cap, number;
};

#include "kern/seccomp_filters.h"

enum { OPENINGS = sizeof openings / sizeof *openings, PROLOGUE_MAX = 3 + 2 * OPENINGS };

#define FILTER(table)                                     \
	{                                                 \
		sizeof(table) / sizeof((table)[0]), table \
	}

static const struct {
	size_t length;
	const struct sock_filter *code;
} filters[SECCOMP_VARIANTS] = {
	FILTER(filter_0),
	FILTER(filter_1),
	FILTER(filter_2),
	FILTER(filter_3),
};

static void add(struct sock_filter *code, size_t *n, uint16_t op, uint8_t no, uint32_t k)
{
	code[(*n)++] = (struct sock_filter){ op, 0, no, k };
}

/*
 * A prefix of a filter, which allows the calls that these capabilities open. A filter cannot be undone by another one,
 * and the build cannot make one for each set of capabilities.
 */
static size_t prologue(struct sock_filter code[PROLOGUE_MAX], uint64_t caps)
{
	size_t n = 0;

	add(code, &n, BPF_LD | BPF_W | BPF_ABS, 0, offsetof(struct seccomp_data, arch));
	/* The numbers of another architecture mean other calls: they skip all of this. */
	size_t guard = n;
	add(code, &n, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint32_t)NATIVE_ARCH);
	add(code, &n, BPF_LD | BPF_W | BPF_ABS, 0, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < OPENINGS; i++) {
		if (!(caps & (uint64_t)1 << openings[i].cap))
			continue;
		add(code, &n, BPF_JMP | BPF_JEQ | BPF_K, 1, (uint32_t)openings[i].number);
		add(code, &n, BPF_RET | BPF_K, 0, SECCOMP_RET_ALLOW);
	}
	code[guard].jf = (uint8_t)(n - guard - 1);
	return n;
}

static int load(const struct sock_filter *code, size_t length)
{
	struct sock_fprog program = {
		.len = (unsigned short)length,
		/* The kernel only copies it, but its type is not const. */
		.filter = (struct sock_filter *)(uintptr_t)code,
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

int seccomp_files_only(void)
{
	return load(filter_files_only, sizeof filter_files_only / sizeof *filter_files_only);
}

int seccomp_sockets_only(void)
{
	return load(filter_sockets_only, sizeof filter_sockets_only / sizeof *filter_sockets_only);
}

int seccomp_raise(unsigned variant, uint64_t caps)
{
	const size_t length = filters[variant % SECCOMP_VARIANTS].length;
	const struct sock_filter *code = filters[variant % SECCOMP_VARIANTS].code;

	if (!caps)
		return load(code, length);
	scoped_free struct sock_filter *whole = calloc(length + PROLOGUE_MAX, sizeof *whole);
	if (!whole)
		return -ENOMEM;
	size_t n = prologue(whole, caps);
	memcpy(whole + n, code, length * sizeof *code);
	return load(whole, n + length);
}
