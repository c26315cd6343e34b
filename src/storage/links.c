/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/links.h"

#include "base/protection.h"
#include "base/remove.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <search.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

struct known {
	uint32_t major, minor;
	uint64_t inode;
	unsigned number; /* its temporary name in the folder */
	unsigned seen;   /* number of names of its copy besides that one */
	int protection; /* flags that its copy gets with its last name, because they allow no further one */
};

static int compare(const void *one, const void *other)
{
	const struct known *a = one, *b = other;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	return a->major < b->major ? -1 : a->major > b->major;
}

static struct known key_of(const struct statx *st)
{
	return (struct known){ .major = st->stx_dev_major,
			       .minor = st->stx_dev_minor,
			       .inode = st->stx_ino };
}

static void number_name(unsigned number, char out[16])
{
	snprintf(out, 16, "%x", number);
}

void links_open(struct links *links, int top_fd)
{
	*links = (struct links){ .top_fd = top_fd, .fd = -1 };
}

/* A random name, which no entry of the tree can have. */
static int make_folder(struct links *links)
{
	uint64_t drawn;

	if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
		return -EIO;
	snprintf(links->name, sizeof links->name, ".links.%016llx", (unsigned long long)drawn);
	if (mkdirat(links->top_fd, links->name, 0700) < 0)
		return -errno;
	links->fd = openat(links->top_fd, links->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return links->fd < 0 ? -errno : 0;
}

static int protect(int folder, const char *name, int flags)
{
	scoped_fd int fd = protection_open(folder, name);

	return fd < 0 ? fd : protection_set(fd, flags);
}

int links_repeat(struct links *links, const struct statx *st, int to, const char *name)
{
	struct known key = key_of(st), *known;
	char number[16];

	struct known **node = tfind(&key, &links->known, compare);
	if (!node)
		return 0;
	known = *node;
	number_name(known->number, number);
	if (known->seen + 1 < st->stx_nlink) {
		if (linkat(links->fd, number, to, name, 0) < 0)
			return -errno;
		known->seen++;
		return 1;
	}
	/* The last name replaces the temporary one. */
	if (renameat(links->fd, number, to, name) < 0)
		return -errno;
	int r = known->protection ? protect(to, name, known->protection) : 0;
	tdelete(known, &links->known, compare);
	free(known);
	return r < 0 ? r : 1;
}

int links_remember(struct links *links, const struct statx *st, int to, const char *name)
{
	int r = links->fd < 0 ? make_folder(links) : 0;
	char number[16];

	if (r < 0)
		return r;
	struct known *known = malloc(sizeof *known);
	if (!known)
		return -ENOMEM;
	*known = key_of(st);
	known->number = links->count++;
	known->seen = 1;
	known->protection = protection_of(st);
	number_name(known->number, number);
	if (linkat(to, name, links->fd, number, 0) < 0) {
		int code = errno;
		free(known);
		return code == ENOENT ? 0 : -code; /* the origin was gone: no copy was made */
	}
	if (!tsearch(known, &links->known, compare)) {
		free(known);
		return -ENOMEM;
	}
	return 0;
}

struct late {
	const struct links *links;
	int failure;
};

/* A file with a further name outside of the tree: its copy has all of its own names. */
static void protect_late(const void *node, VISIT visit, void *context)
{
	const struct known *known = *(struct known *const *)node;
	struct late *late = context;
	char number[16];

	if ((visit != postorder && visit != leaf) || !known->protection || late->failure < 0)
		return;
	number_name(known->number, number);
	late->failure = protect(late->links->fd, number, known->protection);
}

int links_protect(struct links *links)
{
	struct late late = { .links = links };

	if (links->fd >= 0)
		twalk_r(links->known, protect_late, &late);
	return late.failure;
}

int links_close(struct links *links)
{
	tdestroy(links->known, free);
	links->known = NULL;
	if (links->fd < 0)
		return 0;
	scoped_close_fd(&links->fd);
	return remove_tree(links->top_fd, links->name);
}
