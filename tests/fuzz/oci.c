/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The documents of an image, and a layer that is laid over a root. The first letter tells which it is. A layer comes
 * over a root with files and links, and is the second one, so that its whiteouts count.
 */
#include "fuzz.h"

#include "base/scoped.h"
#include "config/config.h"
#include "image/template/app.h"
#include "image/unpack/layer.h"
#include "image/unpack/oci_json.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned count(int fd)
{
	scoped_fd int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(take_fd(&again));
	unsigned names = 0;

	while (dir && readdir(dir))
		names++;
	if (dir)
		closedir(dir);
	return names;
}

static void lay(const uint8_t *data, size_t size)
{
	struct unpack_report report = { 0 };

	int above, folder = fuzz_root_enter(&above);
	if (mkdir("/usr", 0755) < 0 || mkdir("/usr/lib", 0755) < 0 ||
	    symlink("usr/lib", "/lib") < 0 || symlink("../../outside", "/out") < 0 ||
	    symlink("/", "/up") < 0)
		abort();
	fuzz_file(folder, "file", (const uint8_t *)"x", 1);
	fuzz_file(folder, "layer", data, size);
	const struct layer layer = {
		.folder_fd = folder, .path = "layer", .size = UINT64_MAX, .raw = "", .number = 1
	};
	if (layer_apply(&layer, &report) < 0)
		fuzz_check(report.err.code > 0 && *report.err.text);
	fuzz_root_leave();
	/* Nothing has come to be beside it. */
	fuzz_check(count(above) == 4);
}

static void parse_index(const char *json, size_t size)
{
	struct oci_choice choice = { 0 };
	struct err err = { 0 };

	if (oci_index(json, size, "amd64", true, &choice, &err) < 0)
		fuzz_check(err.code > 0 && *err.text);
	else
		fuzz_check(strspn(choice.blob.sha256, "0123456789abcdef") == SHA256_HEX);
}

static void parse_manifest(const char *json, size_t size)
{
	struct oci_manifest manifest;
	struct err err = { 0 };

	if (oci_manifest(json, size, &manifest, &err) < 0) {
		fuzz_check(err.code > 0 && *err.text);
		return;
	}
	fuzz_check(manifest.count <= OCI_LAYERS_MAX);
	for (size_t i = 0; i < manifest.count; i++)
		fuzz_check(strlen(manifest.layers[i].sha256) == SHA256_HEX);
	free(manifest.layers);
}

static void parse_saved(const char *json, size_t size)
{
	struct oci_saved saved;
	struct err err = { 0 };

	if (oci_saved(json, size, &saved, &err) < 0) {
		fuzz_check(err.code > 0 && *err.text);
		return;
	}
	fuzz_check(*saved.config && *saved.config != '/' && strncmp(saved.config, "../", 3) != 0);
	oci_saved_free(&saved);
}

/* Its lines are those that berth takes, or they are refused in words. */
static void parse_config(const char *json, size_t size)
{
	struct template_config settings = { 0 };
	struct text facts = { 0 };
	struct oci_config config;
	struct err err = { 0 };

	if (oci_config(json, size, &config, &facts, &err) < 0) {
		fuzz_check(err.code > 0 && *err.text);
	} else {
		free(config.sums);
		if (app_parse(&facts, &settings, &err) < 0)
			fuzz_check(err.code > 0 && *err.text);
		config_free(&template_schema, &settings);
	}
	text_free(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const char *json = (const char *)data + 1;
	switch (*data) {
	case 'i':
		parse_index(json, size - 1);
		break;
	case 'm':
		parse_manifest(json, size - 1);
		break;
	case 's':
		parse_saved(json, size - 1);
		break;
	case 'c':
		parse_config(json, size - 1);
		break;
	default:
		lay(data + 1, size - 1);
	}
	return 0;
}
