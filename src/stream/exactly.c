/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/exactly.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int stream_read_exactly(int fd, void *out, size_t n, struct err *err)
{
	char *at = out;

	while (n > 0) {
		ssize_t got = read(fd, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, errno, "read it: %s", strerror(errno));
		if (got == 0)
			return err_set(err, EBADMSG, "it is not complete: its end is missing");
		at += got;
		n -= (size_t)got;
	}
	return 0;
}
