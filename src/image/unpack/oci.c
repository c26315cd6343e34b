/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image of OCI or of 'docker save' that lies in a folder: its manifest is found, and its layers are laid one over
 * the other. Every file of it is compared with its sum and size, as far as the image tells them: an image layout does
 * for all files; 'docker save' did so only for the tars of layers, until version 25.
 */
#include "image/unpack/oci.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "image/unpack/layer.h"
#include "image/unpack/oci_json.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char aside[] = ".berth-image";

/* ---- Documents */

/* Makes the name of a file the subject of what is wrong with it. Returns -code. */
static int tell_of(const char *path, struct err *err)
{
	struct err what = *err;

	*err = (struct err){ 0 };
	return err_set(err, what.code, "'%s' %s", path, what.text);
}

/* Reads a document into json, which the caller frees; with its length, or -code. */
static ssize_t read_file(int folder_fd, const char *path, char **json, struct err *err)
{
	uint64_t size;
	scoped_fd int fd = layer_open_file(folder_fd, path, &size, err);

	if (fd < 0)
		return fd;
	ssize_t n = file_read_opened(fd, OCI_JSON_MAX, json);
	if (n == -EFBIG)
		return err_set(err, EFBIG, "'%s' is larger than 4 MiB", path);
	return n < 0 ? err_set(err, (int)-n, "read '%s': %s", path, file_why((int)-n)) : n;
}

static int check_sum(const char *path, const char *json, size_t length, const char *wanted,
		     struct err *err)
{
	char is[SHA256_HEX + 1];
	struct sha256 sum;

	if (sha256_begin(&sum, err) < 0)
		return -err->code;
	sha256_add(&sum, json, length);
	sha256_end(&sum, is);
	return strcmp(is, wanted) == 0
		       ? 0
		       : err_set(err, EBADMSG, "'%s' has SHA-256 %.16s...: it is damaged", path,
				 is);
}

static void blob_path(const struct oci_blob *blob, char path[96])
{
	snprintf(path, 96, "blobs/sha256/%s", blob->sha256);
}

static ssize_t read_blob(int folder_fd, const struct oci_blob *blob, char **json, struct err *err)
{
	char path[96];

	blob_path(blob, path);
	if (blob->size > OCI_JSON_MAX)
		return err_set(err, EFBIG, "'%s' is larger than 4 MiB", path);
	ssize_t n = read_file(folder_fd, path, json, err);
	if (n < 0)
		return n;
	if ((uint64_t)n != blob->size)
		return err_set(err, EBADMSG,
			       "'%s' has %zd bytes, and its image promises %llu: it is damaged",
			       path, n, (unsigned long long)blob->size);
	return check_sum(path, *json, (size_t)n, blob->sha256, err) < 0 ? -err->code : n;
}

/* ---- Layers */

struct image {
	int folder_fd; /* borrowed */
	struct unpack_report *report;
	struct text *facts;
};

/* Takes the settings of an image with that many layers. */
static int take_config(const struct image *image, const char *path, const char *json, size_t length,
		       size_t layers, struct oci_config *config)
{
	struct err *err = &image->report->err;

	if (oci_config(json, length, config, image->facts, err) < 0)
		return tell_of(path, err);
	image->report->variables = config->left;
	int r = 0;
	if (config->count != layers)
		r = err_set(err, EINVAL, "it has %zu layers, and its settings tell of %zu", layers,
			    config->count);
	else if (*config->arch && strcmp(config->arch, oci_arch()) != 0)
		r = err_set(err, ENOEXEC, "it is for %s, and this host is %s", config->arch,
			    oci_arch());
	if (r < 0)
		free(take_ptr(&config->sums));
	return r;
}

static int apply_layout_layers(const struct image *image, const struct oci_manifest *manifest,
			       const struct oci_config *config)
{
	char path[96];

	for (size_t i = 0; i < manifest->count; i++) {
		const struct oci_blob *blob = &manifest->layers[i];
		struct layer layer = { .folder_fd = image->folder_fd,
				       .path = path,
				       .size = blob->size,
				       .raw = blob->sha256,
				       .number = i };
		blob_path(blob, path);
		memcpy(layer.plain, config->sums[i], sizeof layer.plain);
		if (layer_apply(&layer, image->report) < 0)
			return -image->report->err.code;
	}
	return 0;
}

static int apply_manifest(const struct image *image, const struct oci_blob *blob)
{
	struct err *err = &image->report->err;
	scoped_free char *json = NULL, *settings = NULL;
	struct oci_manifest manifest;
	struct oci_config config = { 0 };
	char path[96];

	ssize_t n = read_blob(image->folder_fd, blob, &json, err);
	if (n < 0)
		return (int)n;
	blob_path(blob, path);
	if (oci_manifest(json, (size_t)n, &manifest, err) < 0)
		return tell_of(path, err);
	n = read_blob(image->folder_fd, &manifest.config, &settings, err);
	blob_path(&manifest.config, path);
	int r = n < 0 ? (int)n
		      : take_config(image, path, settings, (size_t)n, manifest.count, &config);
	if (r == 0)
		r = apply_layout_layers(image, &manifest, &config);
	free(config.sums);
	free(manifest.layers);
	return r;
}

static int apply_layout(const struct image *image)
{
	struct err *err = &image->report->err;
	struct oci_choice choice = { 0 };
	char path[96] = "index.json";

	for (unsigned level = 0; level <= OCI_INDEXES_MAX; level++) {
		scoped_free char *json = NULL;
		ssize_t n = level == 0 ? read_file(image->folder_fd, path, &json, err)
				       : read_blob(image->folder_fd, &choice.blob, &json, err);
		if (n < 0)
			return (int)n;
		if (oci_index(json, (size_t)n, oci_arch(), level == 0, &choice, err) < 0)
			return tell_of(path, err);
		if (!choice.is_index)
			return apply_manifest(image, &choice.blob);
		blob_path(&choice.blob, path);
	}
	return err_set(err, ELOOP, "its indexes lead from one to another, more than %d times",
		       OCI_INDEXES_MAX);
}

/* ---- docker save, until version 25 */

/* A file that is named by its sum, in any of the ways that tools have: NULL, it is not. */
static const char *sum_in(const char *path, char sum[SHA256_HEX + 1])
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	name += strncmp(name, "sha256:", 7) == 0 ? 7 : 0;
	if (strspn(name, "0123456789abcdef") != SHA256_HEX)
		return NULL;
	memcpy(sum, name, SHA256_HEX);
	sum[SHA256_HEX] = '\0';
	return sum;
}

static int apply_saved_layers(const struct image *image, const struct oci_saved *saved,
			      const struct oci_config *config)
{
	for (size_t i = 0; i < saved->count; i++) {
		struct layer layer = { .folder_fd = image->folder_fd,
				       .path = saved->layers[i],
				       .size = UINT64_MAX,
				       .raw = "",
				       .number = i };
		memcpy(layer.plain, config->sums[i], sizeof layer.plain);
		if (layer_apply(&layer, image->report) < 0)
			return -image->report->err.code;
	}
	return 0;
}

static int apply_saved(const struct image *image)
{
	static const char path[] = "manifest.json";
	struct err *err = &image->report->err;
	scoped_free char *json = NULL, *settings = NULL;
	struct oci_config config = { 0 };
	struct oci_saved saved;
	char sum[SHA256_HEX + 1];
	ssize_t n = read_file(image->folder_fd, path, &json, err);

	if (n < 0)
		return (int)n;
	if (oci_saved(json, (size_t)n, &saved, err) < 0)
		return tell_of(path, err);
	n = read_file(image->folder_fd, saved.config, &settings, err);
	int r = n < 0 ? (int)n : 0;
	if (r == 0 && sum_in(saved.config, sum))
		r = check_sum(saved.config, settings, (size_t)n, sum, err);
	if (r == 0)
		r = take_config(image, saved.config, settings, (size_t)n, saved.count, &config);
	if (r == 0)
		r = apply_saved_layers(image, &saved, &config);
	free(config.sums);
	oci_saved_free(&saved);
	return r;
}

int oci_apply(int folder_fd, struct unpack_report *report, struct text *facts)
{
	const struct image image = { folder_fd, report, facts };
	int r = oci_is_layout(folder_fd) ? apply_layout(&image) : apply_saved(&image);

	if (r < 0)
		return r;
	if (chown(".", 0, 0) < 0 || chmod(".", 0755) < 0)
		return err_set(&report->err, errno, "set up the root folder: %s", strerror(errno));
	return 0;
}

/* ---- An archive of one, in the place where the root will be */

/* The only entry of the current folder, if that is a folder that is an image; the caller frees it. */
static char *only_folder(void)
{
	scoped_dir DIR *dir = opendir(".");
	char *name = NULL;
	unsigned count = 0;

	for (struct dirent *e; dir && count < 2 && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (count++ == 0)
			name = strdup(e->d_name);
	}
	scoped_fd int fd = count == 1 && name ? file_open_below(AT_FDCWD, name) : -1;
	if (fd < 0 || !oci_is_image(fd))
		free(take_ptr(&name));
	return name;
}

/* All entries of the current folder go into a new one. */
static int move_all(void)
{
	scoped_dir DIR *dir = opendir(".");

	if (!dir || mkdir(aside, 0700) < 0)
		return -errno;
	scoped_fd int to = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, aside) == 0)
			continue;
		if (renameat(AT_FDCWD, e->d_name, to, e->d_name) < 0)
			return -errno;
	}
	return 0;
}

static int move_aside(bool whole, const char *folder)
{
	if (whole)
		return move_all();
	return rename(folder, aside) < 0 ? -errno : 0;
}

int oci_settle(struct unpack_report *report, struct text *facts)
{
	struct err *err = &report->err;
	scoped_fd int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool whole = here >= 0 && oci_is_image(here);
	scoped_free char *folder = whole ? NULL : only_folder();

	if (!whole && !folder)
		return 0;
	int r = move_aside(whole, folder);
	scoped_fd int fd = r < 0 ? -1 : open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, r < 0 ? -r : errno, "move the image aside: %s",
			       strerror(r < 0 ? -r : errno));
	report->entries = report->nodes = report->attributes = 0;
	if (oci_apply(fd, report, facts) < 0)
		return -err->code;
	r = remove_tree(AT_FDCWD, aside);
	return r < 0 ? err_set(err, -r, "remove what was unpacked: %s", strerror(-r)) : 1;
}
