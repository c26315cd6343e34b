/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates as files that other tools read. */
#ifndef BERTH_IMAGE_SOURCE_EXPORT_H
#define BERTH_IMAGE_SOURCE_EXPORT_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/outfile.h"
#include "base/text.h"
#include "config/config.h"

#include <stdbool.h>
#include <sys/types.h>

struct export
{
	const char *template; /* borrowed */
	const char *file;     /* borrowed: "-": standard output; NULL: TEMPLATE.tar... here */
	const char *format;   /* borrowed: "tar", "lxc" or "oci"; NULL: tar */
	const char *
		compression; /* borrowed: "none", "gzip", "xz" or "zstd"; NULL: as the file's name says */
	bool force;          /* a file that exists is replaced */
	/* Called every second while it is written, or NULL. */
	void (*tick)(void *context);
	void *context;
	/* The export's own. */
	char *made_up; /* owned: file, if none was given */
	struct outfile out;
};

/*
 * Chooses what was left out, and opens the file or checks standard output: refused before anything is begun. 0 or
 * -code; export_end after both.
 */
int export_begin(struct export *export, struct err *err);
/* Writes the template's root. Remarks go to notes, a line each. The file is there, durable, if this returns 0. */
int export_write(struct export *export, const struct dirs *dirs, struct text *notes,
		 struct err *err);
void export_end(struct export *export);
#define scoped_export __attribute__((cleanup(export_end)))

/* ---- export_text.c: the documents of formats. 0 or -code. */

/* metadata.yaml of LXC, LXD and Incus. */
int export_metadata(const char *name, const struct template_config *config, struct text *out,
		    struct err *err);
/* The JSON of an OCI image's settings, without layers; its member "name" is the image's. */
int export_settings(const char *name, const struct template_config *config, struct text *out,
		    struct err *err);

#endif
