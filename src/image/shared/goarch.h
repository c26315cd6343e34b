/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BERTH_IMAGE_SHARED_GOARCH_H
#define BERTH_IMAGE_SHARED_GOARCH_H

/* An architecture of uname(2) as Go, and so OCI, names it; the same name if that is not known. */
const char *goarch_of(const char *machine);

#endif
