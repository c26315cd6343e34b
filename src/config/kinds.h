/* What a value of each kind of key may be, and its one canonical form. */
#ifndef BERTH_CONFIG_KINDS_H
#define BERTH_CONFIG_KINDS_H

#include "config/config.h"

/* A value on its way into its field. */
union value {
	char *text; /* owned */
	bool truth;
	uint64_t number;
};

struct kind {
	enum { FIELD_TEXT, FIELD_BOOL, FIELD_NUMBER } field;
	/* A trimmed value without control characters; err_set in full when it is not good. */
	int (*parse)(const struct key *key, const char *text, union value *value, struct err *err);
	/* FIELD_NUMBER: its canonical form, which parse reads back. NULL: plain decimal. */
	void (*print)(uint64_t number, char *out, size_t room);
};

const struct kind *kind_of(const struct key *key);

/* Says why a value is refused; fault completes "KEY cannot be 'VALUE': ...". -EINVAL. */
int kind_refuse(const struct key *key, const char *text, const char *fault, struct err *err);
/* A copy of it is the value. 0, or -ENOMEM in words. */
int kind_keep(const char *text, union value *value, struct err *err);

/* ---- kinds_net.c: struct kind's parse, for these kinds. */
int kind_parse_address(const struct key *key, const char *text, union value *value,
		       struct err *err);
int kind_parse_domain(const struct key *key, const char *text, union value *value, struct err *err);
int kind_parse_link(const struct key *key, const char *text, union value *value, struct err *err);
int kind_parse_mac(const struct key *key, const char *text, union value *value, struct err *err);
int kind_parse_subnet(const struct key *key, const char *text, union value *value, struct err *err);

/* The canonical form: names without "cap_", those had first, each kind by number. */
void caps_print(const struct config_caps *caps, struct text *out);

/* The next line of a file's data, without its end, into CONFIG_LINE_MAX + 1 bytes: its length. */
int config_next_line(const char *data, size_t length, char *line, struct err *err);

bool line_is_comment(const char *line);
/* Cuts a line into its key, in place and trimmed, and its value; false for a line without '='. */
bool line_split(char *line, char **name, char **value);

/* Replaces a file by text that is checked first, so that an edit cannot make it unreadable. */
int config_replace(const struct schema *schema, const char *path, const struct text *text,
		   struct err *err);

/* Whether a line is "[...]", and the new, empty section of the struct that it begins. */
bool section_is_header(const char *line);
int section_begin(const struct schema *schema, void *config, char *line, const struct schema **kind,
		  struct section **section, struct err *err);
void sections_free(const struct schema *schema, void *config);
int sections_print(const struct schema *schema, const void *config, struct text *out);

/* The lines of those keys that differ from their default. */
int keys_print(const struct schema *schema, const void *config, struct text *out);

/* NULL for text that may stand in a value, else what is wrong with it. */
const char *kind_text_fault(const char *text);

#endif
