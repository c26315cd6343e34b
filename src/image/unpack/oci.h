/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of OCI and of 'docker save', made into a root. Inside berth-unpack only, but for oci_look.c. */
#ifndef BERTH_IMAGE_UNPACK_OCI_H
#define BERTH_IMAGE_UNPACK_OCI_H

#include "base/text.h"
#include "image/unpack/unpack.h"

#include <stdbool.h>

/* Whether the folder, an open one, is an OCI image layout or an unpacked archive of 'docker save'. */
bool oci_is_image(int folder_fd);

/* Whether it is an OCI image layout. */
bool oci_is_layout(int folder_fd);

/*
 * If the current folder is an image, or has nothing but a folder that is one, replaces it by the image's root. facts:
 * as of oci_apply. 1: it was one; 0: it was none; or -code in the report.
 */
int oci_settle(struct unpack_report *report, struct text *facts);

/*
 * Lays all layers of the image over the current folder, which is empty and the root of this process. facts gets the
 * lines of template.conf that its settings become. 0, or -code in the report.
 */
int oci_apply(int folder_fd, struct unpack_report *report, struct text *facts);

#endif
