/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON of OCI images and of archives of 'docker save'. All of it is untrusted. Pure. */
#ifndef BERTH_IMAGE_UNPACK_OCI_JSON_H
#define BERTH_IMAGE_UNPACK_OCI_JSON_H

#include "base/text.h"
#include "image/shared/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	OCI_JSON_MAX =
		4 << 20, /* bytes of a document; documented in berth-template(7), as the next */
	OCI_LAYERS_MAX = 512,
	OCI_INDEXES_MAX = 4, /* indexes within indexes */
	OCI_FACTS_MAX = 64 << 10,
};

/* A file of blobs/sha256. */
struct oci_blob {
	char sha256[SHA256_HEX + 1];
	uint64_t size;
};

/* The manifest, or a further index, that an index leads to. */
struct oci_choice {
	struct oci_blob blob;
	bool is_index;
};

/*
 * The image for that architecture (as Go names it, "amd64") of an index. Of several in an index that an index leads to,
 * it is the first; the top one has names, so that several there are refused with them. 0 or -code.
 */
int oci_index(const char *json, size_t length, const char *arch, bool top,
	      struct oci_choice *choice, struct err *err);

struct oci_manifest {
	struct oci_blob config;
	struct oci_blob *layers; /* owned */
	size_t count;
};
int oci_manifest(const char *json, size_t length, struct oci_manifest *manifest, struct err *err);

/* manifest.json of 'docker save': paths in the archive. */
struct oci_saved {
	char *config;  /* owned */
	char **layers; /* owned, as each */
	size_t count;
};
/* -EINVAL with what it is instead. */
int oci_saved(const char *json, size_t length, struct oci_saved *saved, struct err *err);
void oci_saved_free(struct oci_saved *saved);

struct oci_config {
	char arch[32];
	char (*sums)[SHA256_HEX + 1]; /* owned: of the layers' tars */
	size_t count;
	uint64_t left; /* variables of its environment that no machine can have */
};
/*
 * The settings of an image; facts gets the lines of template.conf that they become (default.app.command and so on). 0
 * or -code.
 */
int oci_config(const char *json, size_t length, struct oci_config *config, struct text *facts,
	       struct err *err);

/* The architecture of this machine as Go names it, or as uname(2) does if that is not known. Static. */
const char *oci_arch(void);

#endif
