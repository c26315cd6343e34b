/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of registries, which skopeo fetches as OCI image layouts. */
#ifndef BERTH_IMAGE_REGISTRY_H
#define BERTH_IMAGE_REGISTRY_H

#include "base/dirs.h"
#include "base/err.h"
#include "image/sha256.h"

#include <stdbool.h>

/* The registry that is there without berth.conf; an image's name there may begin with another registry. */
#define REGISTRY_DEFAULT     "docker"
#define REGISTRY_DEFAULT_URL "docker://docker.io"

/* Whether the URL of a remote is that of a registry: docker://, or docker+http:// without TLS. */
bool registry_is(const char *url);

/* The name of an image as skopeo takes it, docker://...; the caller frees it. NULL with err. */
char *registry_name(const char *url, const char *image, struct err *err);

/*
 * Fetches an image into a new folder below the cache, whose path the caller frees and which registry_forget removes;
 * sum gets that of its manifest. Under a lock of that image. 0 or -code with what skopeo said.
 */
int registry_fetch(const struct dirs *dirs, const char *url, const char *name, char **folder,
		   char sum[SHA256_HEX + 1], struct err *err);
/* Removes what registry_fetch has left for that image, also after a kill. Quiet. */
void registry_forget(const struct dirs *dirs, const char *name);

#endif
