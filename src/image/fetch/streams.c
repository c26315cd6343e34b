/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/fetch/streams.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Printable, for a sentence. */
static void show(const char *s, char *out, size_t room)
{
	size_t n = 0;

	for (; *s && n + 1 < room; s++)
		out[n++] = *s < ' ' || *s > '~' ? '?' : *s;
	out[n] = '\0';
}

/* The caller releases it; NULL with err. */
static json_t *load(const char *json, size_t length, struct err *err)
{
	json_error_t fault;
	char why[JSON_ERROR_TEXT_LENGTH];
	json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &fault);

	if (!root) {
		show(fault.text, why, sizeof why);
		err_set(err, EINVAL, "the index is not the JSON of simplestreams: line %d: %s",
			fault.line, why);
		return NULL;
	}
	if (json_is_object(root))
		return root;
	json_decref(root);
	err_set(err, EINVAL, "the index is not the JSON of simplestreams: it is no object");
	return NULL;
}

/* A string of an object, "" if it has no such one. */
static const char *string_of(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* The same into an array; what has no room becomes a text that no check lets pass. */
static void copy_string(const json_t *object, const char *name, char *out, size_t room)
{
	if (text_print(out, room, "%s", string_of(object, name)) < 0)
		snprintf(out, room, "?");
}

/* ---- streams/v1/index.json */

/* Whether a path is fit: it is checked as that of a file of an image. */
static bool is_path(const char *path)
{
	struct offer offer = {
		.product = "p",
		.os = "o",
		.release = "r",
		.variant = "v",
		.serial = "s",
		.root = { .size = 1 },
	};

	memset(offer.root.sha256, '0', SHA256_HEX);
	return text_print(offer.root.path, sizeof offer.root.path, "%s", path) == 0 &&
	       !offer_fault(&offer);
}

int streams_index(const char *json, size_t length, struct streams_files *files, struct err *err)
{
	json_t *root = load(json, length, err);
	json_t *index = json_object_get(root, "index"), *stream;
	const char *name;
	int r = 0;

	*files = (struct streams_files){ 0 };
	if (!root)
		return -err->code;
	json_object_foreach(index, name, stream)
	{
		const char *path = string_of(stream, "path");
		if (strcmp(string_of(stream, "datatype"), "image-downloads") != 0 ||
		    strcmp(string_of(stream, "format"), "products:1.0") != 0)
			continue;
		if (files->count == STREAMS_FILES_MAX) {
			r = err_set(err, E2BIG, "the index names more than %d lists of images",
				    STREAMS_FILES_MAX);
			break;
		}
		if (!is_path(path) ||
		    text_print(files->path[files->count], sizeof files->path[0], "%s", path) < 0) {
			r = err_set(err, EINVAL,
				    "the index names a list of images by a path that leads "
				    "elsewhere, or has characters that are not allowed");
			break;
		}
		files->count++;
	}
	if (r == 0 && files->count == 0)
		r = err_set(err, EINVAL,
			    "the index names no list of images: is it the URL of an image server?");
	json_decref(root);
	return r;
}

/* ---- Lists of images */

static void copy_file(const json_t *item, struct offer_file *file)
{
	json_int_t size = json_integer_value(json_object_get(item, "size"));

	copy_string(item, "path", file->path, sizeof file->path);
	copy_string(item, "sha256", file->sha256, sizeof file->sha256);
	file->size = size > 0 ? (uint64_t)size : 0;
	if (!file->path[0])
		snprintf(file->path, sizeof file->path, "?");
}

static const json_t *item_of(const json_t *items, const char *const *types)
{
	const char *name;
	json_t *item;

	for (; *types; types++) {
		json_object_foreach((json_t *)(uintptr_t)items, name, item)
		{
			if (strcmp(string_of(item, "ftype"), *types) == 0)
				return item;
		}
	}
	return NULL;
}

/* The files of a version; false if it has none that berth can take. A tar's checks are those proven longest. */
static bool take_items(const json_t *items, struct offer *offer)
{
	static const char *const one[] = { "incus_combined.tar.gz", "lxd_combined.tar.gz", NULL };
	static const char *const metadata[] = { "incus.tar.xz", "lxd.tar.xz", NULL };
	static const char *const tars[] = { "root.tar.xz", NULL };
	static const char *const squashes[] = { "squashfs", NULL };
	const json_t *root = item_of(items, tars);
	const json_t *meta = item_of(items, metadata);
	bool squash = !root;

	if (squash)
		root = item_of(items, squashes);
	if (!root || !meta) {
		root = item_of(items, one);
		if (root)
			copy_file(root, &offer->root);
		return root;
	}
	copy_file(meta, &offer->metadata);
	copy_file(root, &offer->root);
	copy_string(meta, squash ? "combined_squashfs_sha256" : "combined_rootxz_sha256",
		    offer->combined, sizeof offer->combined);
	if (!squash && !offer->combined[0])
		copy_string(meta, "combined_sha256", offer->combined, sizeof offer->combined);
	return true;
}

/* The newest version that berth can take. */
static bool take_newest(const json_t *versions, struct offer *offer)
{
	const char *serial;
	json_t *version;
	bool found = false;

	json_object_foreach((json_t *)(uintptr_t)versions, serial, version)
	{
		struct offer other = { 0 };
		if (found && strcmp(serial, offer->serial) <= 0)
			continue;
		if (!take_items(json_object_get(version, "items"), &other))
			continue;
		offer->metadata = other.metadata;
		offer->root = other.root;
		memcpy(offer->combined, other.combined, sizeof other.combined);
		if (text_print(offer->serial, sizeof offer->serial, "%s", serial) < 0)
			snprintf(offer->serial, sizeof offer->serial, "?");
		found = true;
	}
	return found;
}

static void skip(struct streams_result *result, const char *product, const char *fault)
{
	char shown[80];

	show(product, shown, sizeof shown);
	if (result->skipped++ == 0)
		snprintf(result->why, sizeof result->why, "'%s' %s", shown, fault);
}

static void take_product(const char *name, const json_t *product, struct streams_result *result)
{
	struct offer offer = { 0 };

	copy_string(product, "os", offer.os, sizeof offer.os);
	copy_string(product, "release", offer.release, sizeof offer.release);
	copy_string(product, "variant", offer.variant, sizeof offer.variant);
	copy_string(product, "aliases", offer.aliases, sizeof offer.aliases);
	if (!offer.variant[0])
		snprintf(offer.variant, sizeof offer.variant, "default");
	if (text_print(offer.product, sizeof offer.product, "%s", name) < 0)
		snprintf(offer.product, sizeof offer.product, "?");
	if (!take_newest(json_object_get(product, "versions"), &offer))
		return;
	const char *fault = offer_fault(&offer);
	if (fault) {
		skip(result, name, fault);
		return;
	}
	offer_print(&offer, &result->lines);
	result->count++;
}

int streams_products(const char *json, size_t length, const char *arch,
		     struct streams_result *result, struct err *err)
{
	json_t *root = load(json, length, err);
	json_t *products = json_object_get(root, "products"), *product;
	const char *name;
	int r = 0;

	if (!root)
		return -err->code;
	if (!json_is_object(products))
		r = err_set(err, EINVAL, "the list of images has no products");
	if (r == 0) {
		json_object_foreach(products, name, product)
		{
			if (strcmp(string_of(product, "arch"), arch) == 0)
				take_product(name, product, result);
			if (result->count > OFFERS_MAX || result->lines.length > OFFERS_SIZE_MAX)
				break;
		}
	}
	if (result->lines.failed)
		r = err_set(err, ENOMEM, "out of memory");
	else if (result->count > OFFERS_MAX || result->lines.length > OFFERS_SIZE_MAX)
		r = err_set(err, E2BIG, "the list of images is too long: at most %d are taken",
			    OFFERS_MAX);
	json_decref(root);
	return r;
}
