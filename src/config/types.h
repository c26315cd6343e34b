/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of values: which values each allows, and their one canonical form. */
#ifndef BERTH_CONFIG_TYPES_H
#define BERTH_CONFIG_TYPES_H

#include "config/config.h"

/* A value on its way into its field. */
union value {
	char *text; /* owned */
	bool truth;
	uint64_t number;
};

struct type {
	enum { FIELD_TEXT, FIELD_BOOL, FIELD_NUMBER } field;
	/* Parses a trimmed text without control characters. A refused value is told in err as a whole sentence. */
	int (*parse)(const struct key *key, const char *text, union value *value, struct err *err);
	/* FIELD_NUMBER: its canonical form, which parse reads back. NULL: plain decimal. */
	void (*print)(uint64_t number, char *out, size_t room);
};

const struct type *type_of(const struct key *key);

/* Says why a value is refused; fault completes "KEY cannot be 'VALUE': ...". -EINVAL. */
int value_refuse(const struct key *key, const char *text, const char *fault, struct err *err);
/* Makes a copy of the text the value. -ENOMEM. */
int value_keep(const char *text, union value *value, struct err *err);

/* ---- types_net.c: struct type's parse, for these types. */
int type_parse_address(const struct key *key, const char *text, union value *value,
		       struct err *err);
int type_parse_domain(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_link(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_mac(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_subnet(const struct key *key, const char *text, union value *value, struct err *err);

/* The canonical form: names without "cap_", first the added ones, then the dropped ones, each by number. */
void caps_print(const struct config_caps *caps, struct text *out);

/* NULL for text that may stand in a value, else what is wrong with it. */
const char *value_text_fault(const char *text);

#endif
