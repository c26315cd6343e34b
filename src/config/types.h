/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of values: which values are allowed, and their canonical form. */
#ifndef BERTH_CONFIG_TYPES_H
#define BERTH_CONFIG_TYPES_H

#include "config/config.h"
#include "config/values.h"

/* A parsed value, before it goes into its field. */
union value {
	char *text; /* owned */
	bool truth;
	uint64_t number;
};

struct type {
	enum { FIELD_TEXT, FIELD_BOOL, FIELD_NUMBER } field;
	/* Parses a trimmed text without control characters. Refuses a value with a whole sentence in err. */
	int (*parse)(const struct key *key, const char *text, union value *value, struct err *err);
	/* FIELD_NUMBER: prints the canonical form, which parse reads back. NULL: plain decimal. */
	void (*print)(uint64_t number, char *out, size_t room);
};

const struct type *type_of(const struct key *key);

/* Sets err to "KEY cannot be 'VALUE': FAULT". Returns -EINVAL. */
int value_refuse(const struct key *key, const char *text, const char *fault, struct err *err);
/* Makes a copy of the text the value. 0 or -ENOMEM. */
int value_keep(const char *text, union value *value, struct err *err);

/* ---- types_net.c: struct type's parse, for these types. */
int type_parse_address(const struct key *key, const char *text, union value *value,
		       struct err *err);
int type_parse_address6(const struct key *key, const char *text, union value *value,
			struct err *err);
int type_parse_domain(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_link(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_mac(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_mtu(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_subnet(const struct key *key, const char *text, union value *value, struct err *err);
int type_parse_subnet6(const struct key *key, const char *text, union value *value,
		       struct err *err);
/* ---- routes.c */
int type_parse_routes(const struct key *key, const char *text, union value *value, struct err *err);

/* A KEY_ACCESS in its usual form. -EINVAL with its fault. */
int access_print(const char *value, struct text *out, struct err *err);
/*
 * Prints the canonical form: names without "cap_", first the added ones, then the dropped ones, each sorted by number.
 */
void caps_print(const struct config_caps *caps, struct text *out);

/* Copies a value without the white space around it, if it is allowed in any value. key is for the sentence. */
int value_trim(const char *key, const char *value, char room[CONFIG_LINE_MAX + 1], struct err *err);

/* NULL if the text is allowed in a value, else its fault. */
const char *value_text_fault(const char *text);

#endif
