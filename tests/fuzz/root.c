/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A root that a stranger made: which distribution it is, and which init it has. */
#include "fuzz.h"

#include "base/scoped.h"
#include "image/template/root.h"

#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct root_facts facts = { 0 };
	struct err err = { 0 };
	int folder = fuzz_folder(NULL);

	if (size < 2)
		return -1;
	size_t release = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	if (release > size)
		release = size;
	mkdirat(folder, "etc", 0755);
	mkdirat(folder, "sbin", 0755);
	fuzz_file(folder, "etc/os-release", data, release);
	fuzz_file(folder, "sbin/init", data + release, size - release);
	if (root_inspect(folder, "", &facts, &err) == 0)
		root_runs_here(&facts);
	return 0;
}
