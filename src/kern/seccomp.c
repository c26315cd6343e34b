#include "kern/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kern/filters.h"

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

int seccomp_raise(unsigned variant)
{
	struct sock_fprog program = {
		.len = (unsigned short)filters[variant % SECCOMP_VARIANTS].length,
		/* The kernel copies it; its type only has no word for that. */
		.filter = (struct sock_filter *)(uintptr_t)filters[variant % SECCOMP_VARIANTS].code,
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
