/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/pack/layout_out.h"

#include "base/scoped.h"
#include "base/text.h"
#include "image/pack/writer.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

static const char config_type[] = "application/vnd.oci.image.config.v1+json";
static const char manifest_type[] = "application/vnd.oci.image.manifest.v1+json";

/* A document, and its sum as OCI writes it. */
struct document {
	char *json; /* owned */
	char sum[SHA256_HEX + 1];
};

static int finish(struct document *document, json_t *json, struct err *err)
{
	struct sha256 sum;

	document->json = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!document->json)
		return err_set(err, ENOMEM, "out of memory");
	if (sha256_begin(&sum, err) < 0)
		return -err->code;
	sha256_add(&sum, document->json, strlen(document->json));
	sha256_end(&sum, document->sum);
	return 0;
}

static json_t *digest(const char *sum)
{
	char text[7 + SHA256_HEX + 1];

	snprintf(text, sizeof text, "sha256:%s", sum);
	return json_string(text);
}

static json_t *descriptor(const char *type, const char *sum, uint64_t size)
{
	json_t *object = json_object();

	json_object_set_new(object, "mediaType", json_string(type));
	json_object_set_new(object, "digest", digest(sum));
	json_object_set_new(object, "size", json_integer((json_int_t)size));
	return object;
}

static json_t *one(json_t *element)
{
	json_t *array = json_array();

	json_array_append_new(array, element);
	return array;
}

/* The settings, with the layer. name gets the member of that name, which is none of OCI. */
static int make_config(struct document *config, const char *settings, size_t length,
		       const struct layer_out *layer, char name[128], struct err *err)
{
	json_t *json = json_loadb(settings, length, 0, NULL);
	json_t *rootfs = json_object(), *step = json_object();
	const char *called = json_string_value(json_object_get(json, "name"));

	snprintf(name, 128, "%s", called ? called : "latest");
	json_object_del(json, "name");
	json_object_set_new(rootfs, "type", json_string("layers"));
	json_object_set_new(rootfs, "diff_ids", one(digest(layer->plain)));
	json_object_set_new(json, "rootfs", rootfs);
	json_object_set(step, "created", json_object_get(json, "created"));
	json_object_set_new(step, "created_by", json_string("berth template export"));
	json_object_set_new(json, "history", one(step));
	return finish(config, json, err);
}

static int make_manifest(struct document *manifest, const struct document *config,
			 const struct layer_out *layer, struct err *err)
{
	bool plain = strcmp(layer->compression, "none") == 0;
	json_t *json = json_object();
	char type[64];

	snprintf(type, sizeof type, "application/vnd.oci.image.layer.v1.tar%s%s", plain ? "" : "+",
		 plain ? "" : layer->compression);
	json_object_set_new(json, "schemaVersion", json_integer(2));
	json_object_set_new(json, "mediaType", json_string(manifest_type));
	json_object_set_new(json, "config",
			    descriptor(config_type, config->sum, strlen(config->json)));
	json_object_set_new(json, "layers", one(descriptor(type, layer->packed, layer->size)));
	return finish(manifest, json, err);
}

static int make_index(struct document *index, const struct document *manifest, const char *name,
		      struct err *err)
{
	json_t *json = json_object(), *names = json_object();
	json_t *image = descriptor(manifest_type, manifest->sum, strlen(manifest->json));

	json_object_set_new(names, "org.opencontainers.image.ref.name", json_string(name));
	json_object_set_new(image, "annotations", names);
	json_object_set_new(json, "schemaVersion", json_integer(2));
	json_object_set_new(json, "manifests", one(image));
	return finish(index, json, err);
}

static int add_layer(struct writer *writer, const char *path, const struct layer_out *layer,
		     struct err *err)
{
	scoped_free char *chunk = malloc(CHUNK);
	struct archive_entry *entry = archive_entry_new();

	if (!chunk || !entry) {
		archive_entry_free(entry);
		return err_set(err, ENOMEM, "out of memory");
	}
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)layer->size);
	archive_entry_set_mtime(entry, 0, 0);
	int r = writer_header(writer, entry, err);
	archive_entry_free(entry);
	for (uint64_t at = 0; r == 0 && at < layer->size;) {
		ssize_t n = pread(layer->fd, chunk, CHUNK, (off_t)at);
		if (n <= 0)
			return err_set(err, n < 0 ? errno : EIO, "read the layer: %s",
				       strerror(n < 0 ? errno : EIO));
		r = writer_data(writer, chunk, (size_t)n, err);
		at += (uint64_t)n;
	}
	return r;
}

static int add_blob(struct writer *writer, const struct document *document, struct err *err)
{
	char path[96];

	snprintf(path, sizeof path, "blobs/sha256/%s", document->sum);
	return writer_add(writer, path, document->json, strlen(document->json), err);
}

static int write_all(struct writer *writer, const struct document *documents,
		     const struct layer_out *layer, struct err *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	char path[96];

	snprintf(path, sizeof path, "blobs/sha256/%s", layer->packed);
	if (writer_add(writer, "oci-layout", version, strlen(version), err) < 0 ||
	    writer_add(writer, "index.json", documents[2].json, strlen(documents[2].json), err) <
		    0 ||
	    writer_add(writer, "blobs/", NULL, 0, err) < 0 ||
	    writer_add(writer, "blobs/sha256/", NULL, 0, err) < 0 ||
	    add_blob(writer, &documents[0], err) < 0 || add_blob(writer, &documents[1], err) < 0 ||
	    add_layer(writer, path, layer, err) < 0)
		return -err->code;
	return writer_finish(writer, err);
}

int layout_write(int fd, const char *settings, size_t length, const struct layer_out *layer,
		 struct err *err)
{
	struct document documents[3] = { 0 }; /* config, manifest, index */
	struct writer writer;
	char name[128];
	int r = make_config(&documents[0], settings, length, layer, name, err);

	if (r == 0)
		r = make_manifest(&documents[1], &documents[0], layer, err);
	if (r == 0)
		r = make_index(&documents[2], &documents[1], name, err);
	if (r == 0) {
		r = writer_begin(&writer, fd, "none", false, err);
		if (r == 0)
			r = write_all(&writer, documents, layer, err);
		writer_end(&writer);
	}
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
		free(documents[i].json);
	return r;
}
