/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/source/export.h"

#include "base/file.h"
#include "base/scoped.h"
#include "image/pack/pack.h"
#include "image/template/template.h"
#include "storage/storage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct {
	const char *suffix, *compression;
} suffixes[] = {
	{ ".gz", "gzip" }, { ".tgz", "gzip" }, { ".xz", "xz" },
	{ ".txz", "xz" },  { ".zst", "zstd" }, { ".tzst", "zstd" },
};

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

static int check_words(const struct export *export, struct err *err)
{
	static const char *const formats[] = { "tar", "lxc", "oci", NULL };
	static const char *const compressions[] = { "none", "gzip", "xz", "zstd", NULL };

	if (export->format && !is_one_of(export->format, formats))
		return err_set(err, EINVAL, "--format cannot be '%.40s': use tar, lxc or oci",
			       export->format);
	if (export->compression && !is_one_of(export->compression, compressions))
		return err_set(err, EINVAL,
			       "--compression cannot be '%.40s': use none, gzip, xz or zstd",
			       export->compression);
	return 0;
}

static const char *compression_of(const char *file)
{
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		if (text_ends(file, suffixes[i].suffix))
			return suffixes[i].compression;
	}
	return NULL;
}

/* A name such as root.zip would promise another format. */
static int check_suffix(const char *file, struct err *err)
{
	const char *slash = strrchr(file, '/');
	const char *dot = strrchr(slash ? slash : file, '.');

	if (!dot || strcmp(file, "-") == 0 || strcmp(dot, ".tar") == 0 || compression_of(file) ||
	    strncmp(file, "/dev/", 5) == 0)
		return 0;
	return err_set(
		err, EINVAL,
		"'%.200s' ends with '%.20s', which is none of the suffixes of exports: .tar, "
		".tar.gz, .tgz, .tar.xz, .txz, .tar.zst, .tzst",
		file, dot);
}

/* The layer of an OCI image is compressed, and the tar around it is not. */
static int choose_oci(struct export *export, struct err *err)
{
	if (export->file && compression_of(export->file))
		return err_set(err, EINVAL,
			       "an OCI image is a plain tar with a compressed layer in it; name it "
			       "FILE.tar, and choose with --compression");
	if (!export->compression)
		export->compression = "gzip";
	return strcmp(export->compression, "xz") == 0
		       ? err_set(err, EINVAL,
				 "--compression of an OCI image cannot be xz: use gzip, zstd or "
				 "none")
		       : 0;
}

static void choose_plain(struct export *export)
{
	const char *named = export->file ? compression_of(export->file) : "zstd";

	if (!export->compression)
		export->compression = named ? named : "none";
}

/* The suffix of a file whose name was not given. */
static const char *suffix_of(const struct export *export)
{
	if (strcmp(export->format, "oci") == 0)
		return "";
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		if (strcmp(suffixes[i].compression, export->compression) == 0)
			return suffixes[i].suffix;
	}
	return "";
}

static int choose(struct export *export, struct err *err)
{
	if (check_words(export, err) < 0 || (export->file && check_suffix(export->file, err) < 0))
		return -err->code;
	if (!export->format)
		export->format = "tar";
	if (strcmp(export->format, "oci") != 0)
		choose_plain(export);
	else if (choose_oci(export, err) < 0)
		return -err->code;
	if (export->file)
		return 0;
	export->made_up = text_format("%s.tar%s", export->template, suffix_of(export));
	export->file = export->made_up;
	return export->file ? 0 : err_set(err, ENOMEM, "out of memory");
}

int export_begin(struct export *export, struct err *err)
{
	export->out = (struct outfile){ .fd = -1 };
	if (choose(export, err) < 0)
		return -err->code;
	const struct outfile_spec spec = {
		.path = export->file, .what = "an archive", .mode = 0666, .force = export->force
	};
	return outfile_open(&export->out, &spec, err);
}

void export_end(struct export *export)
{
	outfile_close(&export->out);
	free(take_ptr(&export->made_up));
}

/* ---- What is written */

/* The layer is written before the tar that contains it, because its size stands before it there. */
static int open_spool(const struct export *export, const struct dirs *dirs, struct err *err)
{
	scoped_free char *cache = dirs_state_path(dirs, "cache");
	const char *folder = export->out.folder ? export->out.folder : cache;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0755, err) < 0)
		return -err->code;
	int fd = outfile_unnamed(folder, 0600);
	return fd < 0 ? err_set(err, -fd, "make a file for the layer in '%s': %s", folder,
				strerror(-fd))
		      : fd;
}

static void remark(const struct pack_report *report, struct text *notes)
{
	if (report->sockets)
		text_add(notes, "%" PRIu64 " sockets were left out: an archive cannot have them\n",
			 report->sockets);
	if (report->attributes)
		text_add(notes, "%" PRIu64 " attributes were left out: see berth-template(7)\n",
			 report->attributes);
}

static int write_root(struct export *export, const struct dirs *dirs, int root_fd,
		      const struct text *document, struct text *notes, struct err *err)
{
	bool is_oci = strcmp(export->format, "oci") == 0;
	scoped_fd int spool_fd = is_oci ? open_spool(export, dirs, err) : -1;
	struct pack_report report;

	if (is_oci && spool_fd < 0)
		return -err->code;
	const struct pack pack = {
		.format = export->format,
		.compression = export->compression,
		.document = document,
		.folder_fd = root_fd,
		.output_fd = export->out.fd,
		.spool_fd = spool_fd,
		.tick = export->tick,
		.context = export->context,
	};
	if (pack_run(&pack, &report, err) < 0)
		return -err->code;
	if (outfile_keep(&export->out, err) < 0)
		return -err->code;
	remark(&report, notes);
	return 0;
}

static int make_document(const struct export *export, const struct template_config *config,
			 struct text *out, struct err *err)
{
	if (strcmp(export->format, "lxc") == 0)
		return export_metadata(export->template, config, out, err);
	return strcmp(export->format, "oci") == 0
		       ? export_settings(export->template, config, out, err)
		       : 0;
}

/* The lock keeps the template from being deleted meanwhile. */
static int write_template(struct export *export, const struct dirs *dirs,
			  const struct template_config *config, struct text *notes, struct err *err)
{
	scoped_text struct text document = { 0 };
	scoped_pool struct pool pool = { .use_fd = -1 };
	char volume[VOLUME_NAME_MAX + 1];
	int fd = -1;

	template_volume(export->template, volume);
	if (make_document(export, config, &document, err) < 0 ||
	    pool_open(&pool, dirs, config->pool, err) < 0 ||
	    volume_lock(&pool, volume, VOLUME_LOCK_READ, err) < 0 ||
	    volume_mount(&pool, volume,
			 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
				 MOUNT_ATTR_NOEXEC,
			 &fd, err) < 0)
		return -err->code;
	int r = write_root(export, dirs, fd, &document, notes, err);
	close(fd);
	volume_deactivate(&pool, volume, &(struct err){ 0 });
	return r;
}

/* An OCI image has those of its program; the other formats have none. */
static void remark_defaults(const struct export *export, const struct template_config *config,
			    struct text *notes)
{
	bool oci = strcmp(export->format, "oci") == 0;
	scoped_text struct text left = { 0 };

	for (const struct label *at = config->presets; at; at = at->next) {
		if (!oci || (!text_starts(at->name, "app.") && strcmp(at->name, "env") != 0))
			text_add(&left, "%sdefault.%s", left.length ? ", " : "", at->name);
	}
	if (left.length)
		text_add(notes,
			 "the file has no place for %s; give the defaults to the template that is "
			 "made of it: berth template set\n",
			 text_str(&left));
}

int export_write(struct export *export, const struct dirs *dirs, struct text *notes,
		 struct err *err)
{
	struct template_config config = { 0 };

	if (template_open(dirs, export->template, &config, err) < 0)
		return -err->code;
	int r = write_template(export, dirs, &config, notes, err);
	if (r == 0)
		remark_defaults(export, &config, notes);
	config_free(&template_schema, &config);
	return r < 0 ? err_wrap(err, "export template '%s'", export->template) : 0;
}
