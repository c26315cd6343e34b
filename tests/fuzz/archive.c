/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An archive, or the image of a disk, that is imported: unpacked into a root of its own, from which nothing may get
 * out.
 */
#include "fuzz.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "image/unpack/disk.h"
#include "image/unpack/unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack_report report = { 0 };
	int home, folder = fuzz_enter(&home);
	scoped_fd int archive = fuzz_memory(data, size);

	remove_tree(folder, "root");
	scoped_fd int root = mkdirat(folder, "root", 0755) < 0
				     ? -1
				     : openat(folder, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fchdir(root) < 0)
		abort();
	int r = disk_is(archive) ? disk_extract(archive, &report)
				 : extract_archive(archive, &report);
	if (r == 0)
		layout_settle(&report);
	else
		fuzz_check(report.err.code > 0 && *report.err.text);
	fuzz_check(fuzz_has_only_root(folder));
	return fchdir(home);
}
