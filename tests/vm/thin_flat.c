/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a clone takes, while a pool fills with volumes and for sizes of volume, beside the message that
 * it comes down to with two fsyncs, in turns, in one run: thin_flat VOLUMES. It prints and never judges.
 */
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/thin/thin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

enum { TIMES = 21, BARE_ORIGIN = 9000000 };

static struct pool pool = { .use_fd = -1 };
static char folder[] = "/var/tmp/thin-flat.XXXXXX";
static unsigned made;

static void give_up(const char *what, const struct err *err)
{
	fprintf(stderr, "thin_flat: %s: %s\n", what, err->text);
	exit(1);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void clone_one(const char *from)
{
	struct err err = { 0 };
	char name[32];

	snprintf(name, sizeof name, "machine.m%u", made++);
	if (volume_snapshot(&pool, from, name, &err) < 0)
		give_up(name, &err);
}

/* The least that any manager does: the message, and a record of it before and after. */
static void bare_one(int fd)
{
	static unsigned id = BARE_ORIGIN;

	if (write(fd, "intent\n", 7) != 7 || fsync(fd) < 0 ||
	    thin_message(&pool, "create_snap %u %u", ++id, BARE_ORIGIN) < 0 ||
	    write(fd, "done\n", 5) != 5 || fsync(fd) < 0)
		give_up("a bare snapshot", &(struct err){ .text = "failed" });
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double middle(double *times)
{
	qsort(times, TIMES, sizeof *times, compare);
	return times[TIMES / 2];
}

static void measure(const char *from, const char *what, int fd)
{
	double clones[TIMES], bare[TIMES];

	for (unsigned i = 0; i < TIMES; i++) {
		double began = now_ms();
		clone_one(from);
		clones[i] = now_ms() - began;
		began = now_ms();
		bare_one(fd);
		bare[i] = now_ms() - began;
	}
	double own = middle(clones), least = middle(bare);
	printf("%-24s clone %7.2f ms [%.2f %.2f], bare message and two fsyncs %7.2f ms: %.2f x\n",
	       what, own, clones[0], clones[TIMES - 1], least, own / least);
	fflush(stdout);
}

static void fill(unsigned volumes, int fd)
{
	char what[32];

	for (unsigned wanted = 10; wanted <= volumes; wanted *= 10) {
		while (made < wanted)
			clone_one("machine.base");
		snprintf(what, sizeof what, "%u volumes", made);
		measure("machine.base", what, fd);
	}
}

static void create(const char *name, uint64_t size)
{
	struct err err = { 0 };

	if (volume_create(&pool, name, size, &err) < 0)
		give_up(name, &err);
}

int main(int argc, char **argv)
{
	struct pool_spec spec = { .driver = "thin", .size = 4ULL << 30, .sparse = true };
	struct dirs dirs;
	struct err err = { 0 };

	if (argc != 2 || !mkdtemp(folder)) {
		fprintf(stderr, "usage: thin_flat VOLUMES\n");
		return 2;
	}
	scoped_free char *path = text_format("%s/record", folder);
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || dirs_open(&dirs, folder, &err) < 0 ||
	    pool_create(&dirs, "flat", &spec, &err) < 0 ||
	    pool_open(&pool, &dirs, "flat", &err) < 0)
		give_up("begin", &err);
	create("machine.base", 1ULL << 30);
	create("machine.large", 1ULL << 40);
	thin_message(&pool, "create_thin %u", BARE_ORIGIN);
	measure("machine.base", "of 1 GiB", fd);
	measure("machine.large", "of 1 TiB", fd);
	fill((unsigned)atoi(argv[1]), fd);
	pool_close(&pool);
	if (pool_delete(&dirs, "flat", true, NULL, &err) < 0)
		give_up("end", &err);
	return remove_tree(AT_FDCWD, folder) < 0;
}
