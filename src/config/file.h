/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that the files of config share: lines, the keys of a struct, its sections. */
#ifndef BERTH_CONFIG_FILE_H
#define BERTH_CONFIG_FILE_H

#include "config/config.h"

/* ---- lines.c */

/*
 * Copies the next line of a file's text, without its end, into CONFIG_LINE_MAX + 1 bytes. Its length, or -EINVAL for a
 * line that is not allowed.
 */
int line_next(const char *data, size_t length, char *line, struct err *err);
/* Whether a line is a comment or empty. */
bool line_is_comment(const char *line);
/* Splits a line, in place, into its trimmed key and value; false if it has no '='. */
bool line_split(char *line, char **name, char **value);
/* Whether a line is "[...]". */
bool line_is_header(const char *line);
/* Splits "[WORD NAME]" in place; false for any other line. */
bool line_split_header(char *line, char **word, char **name);

/* ---- fields.c: the keys of one struct, without its sections. */

/* Tells that there is no key of that name, and the nearest one; prefix: of the names in the file. */
void fields_tell_unknown(const struct schema *schema, const char *prefix, const char *name,
			 struct err *err);

int keys_defaults(const struct schema *schema, void *config, struct err *err);
void keys_free(const struct schema *schema, void *config);
/* Adds the lines of all keys that differ from their default. 0 or -ENOMEM. */
int keys_print(const struct schema *schema, const void *config, struct text *out);

/* ---- edit.c */

/* The file's text with the key's line replaced, removed, or added at the end; *found: the file had one. */
int edit_replace_line(const char *data, size_t length, const char *name, const char *value,
		      struct text *out, bool *found, struct err *err);
/* The value of a key in its canonical form. */
int edit_canonical(const struct schema *schema, const char *name, const char *value,
		   struct text *out, struct err *err);
/* Parses a text into config, which config_free releases, and checks it. */
int edit_parse(const struct schema *schema, const char *path, const struct text *text, void *config,
	       struct err *err);
/* Writes a text that can be parsed and is good. */
int edit_write(const struct schema *schema, const char *path, const struct text *text,
	       struct err *err);

/* ---- family.c */

int family_check_name(const struct key_family *family, const char *name, struct err *err);
/* Sets the key of that name; with an empty value, removes it. */
int family_set(const struct key_family *family, void *config, const char *name, const char *value,
	       struct err *err);
/* Adds the lines of all families. */
void families_print(const struct schema *schema, const void *config, struct text *out);
void families_free(const struct schema *schema, void *config);

/*
 * Puts a copy of name and value into a list that is sorted by name, in place of one of that name; value NULL: removes
 * that one. 0 or -ENOMEM.
 */
int labels_put(struct label **list, const char *name, const char *value);
void labels_clear(struct label **list);

/* ---- preset.c */

/* The first preset of a struct whose schema has presets. */
const struct label *presets_of(const struct schema *schema, const void *config);
/* Checks a preset as its schema's key, and sets it in canonical form. */
int preset_set(const struct schema *schema, void *config, const char *name, const char *value,
	       struct err *err);
/* Sets presets in a struct of the schema whose keys they are. */
int presets_apply(const struct schema *of, const struct label *first, void *config,
		  struct err *err);
/* Adds the lines of all presets. */
void presets_print(const struct schema *schema, const void *config, struct text *out);
void presets_free(const struct schema *schema, void *config);

/* ---- forward.c */

/* Checks a forward of a machine by itself, and against those before it. */
int forward_check(const struct machine_config *config, const struct forward_config *section,
		  struct err *err);

/* ---- nic.c */

/* Checks the interfaces of a machine, each by itself and against the others and eth0. */
int nics_check(const struct machine_config *config, struct err *err);

/* ---- rule.c */

/* Checks the firewall rules of a machine or of a network. */
int rules_check(const struct section *first, struct err *err);

/* ---- section.c */

/* Adds a new section for a header line to its list in config; *kind and *section become the current ones. */
int section_begin(const struct schema *schema, void *config, char *line, const struct schema **kind,
		  struct section **section, struct err *err);
int section_print(const struct schema *kind, const struct section *section, struct text *out);
void sections_free(const struct schema *schema, void *config);
int sections_print(const struct schema *schema, const void *config, struct text *out);

#endif
