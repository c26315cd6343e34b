/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ownership that ends with the block: close and free at its end, and the take that passes it on. */
#ifndef BERTH_BASE_SCOPED_H
#define BERTH_BASE_SCOPED_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Closes an open descriptor and marks it closed; keeps errno for the caller's message. */
static inline void scoped_close_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
	*fd = -1;
}

static inline void scoped_free_ptr(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void scoped_close_file(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

static inline void scoped_close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

static inline int take_fd(int *fd)
{
	int out = *fd;
	*fd = -1;
	return out;
}

/* unused: clang warns of variables that only the cleanup uses */
#define scoped_fd   __attribute__((cleanup(scoped_close_fd), unused))
#define scoped_free __attribute__((cleanup(scoped_free_ptr), unused))
#define scoped_file __attribute__((cleanup(scoped_close_file), unused))
#define scoped_dir  __attribute__((cleanup(scoped_close_dir), unused))
#define take_ptr(pp)                              \
	({                                        \
		__typeof__(*(pp)) taken_ = *(pp); \
		*(pp) = NULL;                     \
		taken_;                           \
	})

#endif
