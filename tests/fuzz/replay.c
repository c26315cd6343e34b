/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives a target each file that is named, or that is in a folder which is named: a corpus as a test. */
#include "fuzz.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static unsigned given;

static int give(const char *path)
{
	scoped_free char *data = NULL;
	ssize_t n = file_read(AT_FDCWD, path, 64 << 20, &data);

	if (n < 0) {
		fprintf(stderr, "%s cannot be read\n", path);
		return 1;
	}
	LLVMFuzzerTestOneInput((const uint8_t *)data, (size_t)n);
	given++;
	return 0;
}

static int give_all(const char *path)
{
	scoped_dir DIR *dir = opendir(path);
	int bad = 0;

	if (!dir)
		return give(path);
	for (struct dirent *e; (e = readdir(dir));) {
		scoped_free char *file = text_format("%s/%s", path, e->d_name);
		if (e->d_name[0] != '.' && file)
			bad |= give(file);
	}
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= give_all(argv[i]);
	printf("%u inputs\n", given);
	return bad || given == 0;
}
