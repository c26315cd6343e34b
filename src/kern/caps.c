/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/caps.h"

#include <errno.h>

static int drop_held(const cap_value_t *list, size_t count)
{
	static const cap_flag_t flags[] = { CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE };
	cap_t caps = cap_get_proc();
	int r = 0;

	if (!caps)
		return -errno;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		r |= cap_set_flag(caps, flags[i], (int)count, list, CAP_CLEAR);
	if (r < 0 || cap_set_proc(caps) < 0)
		r = -errno;
	cap_free(caps);
	return r;
}

int caps_drop(const cap_value_t *list, size_t count)
{
	cap_value_t known[64];
	size_t n = 0;

	for (size_t i = 0; i < count && n < sizeof known / sizeof *known; i++) {
		if (!CAP_IS_SUPPORTED(list[i]))
			continue;
		if (cap_drop_bound(list[i]) < 0)
			return -errno;
		known[n++] = list[i];
	}
	return drop_held(known, n);
}
