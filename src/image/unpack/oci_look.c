/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a folder is an image of OCI, for both sides of an import. */
#include "image/unpack/oci.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool has_file(int folder_fd, const char *name)
{
	struct stat st;

	return fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

bool oci_is_layout(int folder_fd)
{
	return has_file(folder_fd, "oci-layout") && has_file(folder_fd, "index.json");
}

bool oci_is_image(int folder_fd)
{
	struct stat st;

	if (oci_is_layout(folder_fd))
		return true;
	/* A root may have a file of that name. */
	return has_file(folder_fd, "manifest.json") &&
	       fstatat(folder_fd, "etc", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       fstatat(folder_fd, "usr", &st, AT_SYMLINK_NOFOLLOW) < 0;
}
