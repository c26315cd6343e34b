/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work that the confined process which fills a volume has no right to do: device nodes, and the flags of chattr(1). It
 * writes requests into a file in memory, and the process of the host fulfils them when the other has ended. The
 * requests are not trusted: they name no more than files of the volume, which no machine can use as devices. Inside
 * berth-stream only.
 */
#ifndef BERTH_STREAM_LATER_H
#define BERTH_STREAM_LATER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum later_kind { LATER_END, LATER_NODE, LATER_LINK, LATER_FLAGS };

struct later {
	uint32_t kind; /* enum later_kind */
	uint32_t mode, uid, gid, major, minor;
	uint32_t flags; /* of chattr(1) */
	uint32_t nanoseconds[2];
	int64_t seconds[2]; /* times of access and change */
	uint32_t path,
		target; /* lengths of what follows: its path, and that of the other name of a link */
};

/* A file in memory of LATER_SIZE bytes, which cannot grow. A descriptor or -errno. */
int later_open(void);

/* Adds a request at the file's offset. 0 or -errno; -ENOSPC: there are too many. target: of LATER_LINK, else "". */
int later_ask(int fd, struct later *later, const char *path, const char *target);

/*
 * Fulfils all requests in the mounted volume. flags_fd: a file in memory that takes the flags of files until the last
 * part sets them, behind those before at its offset; -1: they are set now. 0, or -code with the file in err.
 */
int later_fulfil(int fd, int flags_fd, bool last, int mount_fd, struct err *err);

#endif
