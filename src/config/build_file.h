/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of berth.template(5): a template that is derived from another by steps, in the order of the file. */
#ifndef BERTH_CONFIG_BUILD_FILE_H
#define BERTH_CONFIG_BUILD_FILE_H

#include "config/config.h"

enum build_kind {
	BUILD_COPY,     /* SRC:DST[:OWNER[:MODE]] */
	BUILD_CWD,      /* folder of the later steps */
	BUILD_ENV,      /* NAME=value words for the later steps */
	BUILD_PACKAGES, /* names, separated by blanks */
	BUILD_RUN,      /* text for the guest's sh */
	BUILD_SCRIPT,   /* path of a script of this host */
	BUILD_USER,     /* user of the later steps */
};
enum { BUILD_KINDS = BUILD_USER + 1, BUILD_STEPS_MAX = 100 };

struct build_step {
	enum build_kind kind;
	unsigned line; /* of the file, where it begins */
	char *text;    /* owned */
};

struct build_file {
	char *from, *name, *description, *init; /* "" if they are not given */
	uint64_t size; /* disk.size of the machine and of the template; 0: not given */
	unsigned from_line;
	char *values[BUILD_KINDS]; /* the last value of each kind, while the file is parsed */
	struct label *presets;     /* "default.KEY" */
	struct build_step *steps;  /* owned */
	size_t count;
};

extern const struct schema build_schema;

/*
 * Parses the text of a file. Lines are as in config_parse, with two additions: a line that ends with a backslash goes
 * on in the next one, and "run = <<END" takes the lines up to END. An error is "path:line: ..."; the struct is then
 * zeroed. build_file_free releases it.
 */
int build_file_parse(const char *path, const char *data, size_t length, struct build_file *file,
		     struct err *err);
int build_file_load(const char *path, struct build_file *file, struct err *err);
void build_file_free(struct build_file *file);
#define scoped_build_file __attribute__((cleanup(build_file_free)))

/* The key of a kind of step: "copy". */
const char *build_kind_name(enum build_kind kind);

#endif
