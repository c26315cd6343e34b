/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The types of values: what each accepts, the error for what it does not, the canonical form.
 * Types that need a parser of their own have a file each: types_net.c, caps.c, env.c, rlimit.c.
 */
#include "config/types.h"
#include "config/place.h"
#include "config/policy.h"
#include "config/values.h"

#include "base/scoped.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

static int parse_text(const struct key *key, const char *text, union value *value, struct err *err)
{
	(void)key;
	return value_keep(text, value, err);
}

static int parse_label(const struct key *key, const char *text, union value *value, struct err *err)
{
	const char *fault = *text ? text_label_fault(text) : NULL;

	if (fault)
		return err_set(err, EINVAL, "%s cannot be '%.120s', which %s", key->name, text,
			       fault);
	return value_keep(text, value, err);
}

/* Words with blanks or commas between them. */
static int parse_words(const struct key *key, const char *text,
		       int (*check)(const struct key *key, const char *text, const char *word,
				    struct err *err),
		       union value *value, struct err *err)
{
	scoped_text struct text list = { 0 };

	for (const char *at = text + strspn(text, " ,"); *at; at += strspn(at, " ,")) {
		size_t n = strcspn(at, " ,");
		scoped_free char *word = strndup(at, n);
		if (!word)
			return err_set(err, ENOMEM, "out of memory");
		if (check(key, text, word, err) < 0)
			return -err->code;
		text_add(&list, "%s%s", list.length ? " " : "", word);
		at += n;
	}
	return list.failed ? err_set(err, ENOMEM, "out of memory")
			   : value_keep(text_str(&list), value, err);
}

static int check_label(const struct key *key, const char *text, const char *word, struct err *err)
{
	const char *fault = text_label_fault(word);

	return fault ? err_set(err, EINVAL, "%s cannot be '%.120s': name '%.64s' %s", key->name,
			       text, word, fault)
		     : 0;
}

static int parse_labels(const struct key *key, const char *text, union value *value,
			struct err *err)
{
	return parse_words(key, text, check_label, value, err);
}

static int parse_path(const struct key *key, const char *text, union value *value, struct err *err)
{
	if (*text && *text != '/')
		return value_refuse(key, text, "use an absolute path, one that begins with '/'",
				    err);
	if (strlen(text) >= PATH_MAX)
		return value_refuse(key, text, "the path is too long", err);
	return value_keep(text, value, err);
}

static int parse_place(const struct key *key, const char *text, union value *value, struct err *err)
{
	const char *fault = *text ? config_place_fault(text) : NULL;

	return fault ? value_refuse(key, text, fault, err) : value_keep(text, value, err);
}

static int check_path(const struct key *key, const char *text, const char *word, struct err *err)
{
	if (*word != '/')
		return value_refuse(
			key, text,
			"use absolute paths, which begin with '/', with blanks between them", err);
	return strlen(word) >= PATH_MAX ? value_refuse(key, text, "a path is too long", err) : 0;
}

static int parse_paths(const struct key *key, const char *text, union value *value, struct err *err)
{
	return parse_words(key, text, check_path, value, err);
}

static int check_server(const struct key *key, const char *text, const char *word, struct err *err)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, word, address) == 1 || inet_pton(AF_INET6, word, address) == 1)
		return 0;
	return value_refuse(key, text,
			    "use IP addresses, such as 9.9.9.9 or 2620:fe::fe, with blanks between "
			    "them, or 'none'",
			    err);
}

static int parse_servers(const struct key *key, const char *text, union value *value,
			 struct err *err)
{
	return strcmp(text, "none") == 0 ? value_keep(text, value, err)
					 : parse_words(key, text, check_server, value, err);
}

static int parse_bool(const struct key *key, const char *text, union value *value, struct err *err)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			value->truth = i % 2;
			return 0;
		}
	}
	return value_refuse(key, text, "use yes or no", err);
}

/* The error for text that is no number or is out of range, with the limits in the key's own form. */
static int refuse_number(const struct key *key, const char *text, const char *what, struct err *err)
{
	const struct type *type = type_of(key);
	char min[32], max[32];

	if (type->print) {
		type->print(key->min, min, sizeof min);
		type->print(key->max, max, sizeof max);
	} else {
		snprintf(min, sizeof min, "%" PRIu64, key->min);
		snprintf(max, sizeof max, "%" PRIu64, key->max);
	}
	if (key->max == UINT64_MAX)
		return err_set(err, EINVAL, "%s cannot be '%.120s': use %s", key->name, text, what);
	return err_set(err, EINVAL, "%s cannot be '%.120s': use %s from %s to %s", key->name, text,
		       what, min, max);
}

static int parse_number(const struct key *key, const char *text, union value *value,
			struct err *err)
{
	if (text_to_u64(text, key->min, key->max, &value->number) < 0)
		return refuse_number(key, text, "a number", err);
	return 0;
}

static int take_size(const struct key *key, const char *text, const char *want, union value *value,
		     struct err *err)
{
	uint64_t bytes;

	if (text_to_size(text, &bytes) < 0 || bytes < key->min || bytes > key->max)
		return refuse_number(key, text, want, err);
	value->number = bytes;
	return 0;
}

static int parse_size(const struct key *key, const char *text, union value *value, struct err *err)
{
	return take_size(key, text, "a size such as 512K or 20G", value, err);
}

static int parse_room(const struct key *key, const char *text, union value *value, struct err *err)
{
	if (strcmp(text, "max") != 0)
		return take_size(key, text, "max, or a size such as 512K or 20G", value, err);
	value->number = UINT64_MAX;
	return 0;
}

static void print_room(uint64_t number, char *out, size_t room)
{
	if (number == UINT64_MAX)
		snprintf(out, room, "max");
	else
		text_from_size(number, out, room);
}

static int parse_duration(const struct key *key, const char *text, union value *value,
			  struct err *err)
{
	uint64_t seconds;

	if (text_to_seconds(text, key->min, key->max, &seconds) < 0)
		return refuse_number(key, text, "a time such as 90s, 5m or 1h", err);
	value->number = seconds;
	return 0;
}

/* "1.5", with at most two decimals, as hundredths. */
static int parse_cpus(const struct key *key, const char *text, union value *value, struct err *err)
{
	static const char want[] = "a number of processors such as 2 or 0.5";
	uint64_t whole, hundredths = 0;
	char digits[24];
	size_t n = strcspn(text, ".");
	size_t decimals = text[n] ? strlen(text + n + 1) : 0;

	if (n >= sizeof digits || decimals > 2 || (text[n] && decimals == 0))
		return refuse_number(key, text, want, err);
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (text_to_u64(digits, 0, 1 << 20, &whole) < 0 ||
	    (decimals && text_to_u64(text + n + 1, 0, 99, &hundredths) < 0))
		return refuse_number(key, text, want, err);
	value->number = whole * 100 + (decimals == 1 ? hundredths * 10 : hundredths);
	if (value->number < key->min || value->number > key->max)
		return refuse_number(key, text, want, err);
	return 0;
}

static void print_cpus(uint64_t hundredths, char *out, size_t room)
{
	unsigned rest = (unsigned)(hundredths % 100);

	if (rest == 0)
		snprintf(out, room, "%" PRIu64, hundredths / 100);
	else if (rest % 10 == 0)
		snprintf(out, room, "%" PRIu64 ".%u", hundredths / 100, rest / 10);
	else
		snprintf(out, room, "%" PRIu64 ".%02u", hundredths / 100, rest);
}

int config_signal(const char *name)
{
	uint64_t offset;

	if (!text_starts(name, "SIG"))
		return -EINVAL;
	name += 3;
	if (text_starts(name, "RTMIN+") || text_starts(name, "RTMAX-")) {
		if (text_to_u64(name + 6, 0, (uint64_t)(SIGRTMAX - SIGRTMIN), &offset) < 0)
			return -EINVAL;
		return name[3] == 'I' ? SIGRTMIN + (int)offset : SIGRTMAX - (int)offset;
	}
	if (strcmp(name, "RTMIN") == 0 || strcmp(name, "RTMAX") == 0)
		return name[3] == 'I' ? SIGRTMIN : SIGRTMAX;
	for (int i = 1; i < 32; i++) {
		const char *known = sigabbrev_np(i);
		if (known && strcmp(name, known) == 0)
			return i;
	}
	return -EINVAL;
}

static int parse_signal(const struct key *key, const char *text, union value *value,
			struct err *err)
{
	char name[32] = "";

	if (text_print(name, sizeof name, "%s%s",
		       !*text || strncasecmp(text, "SIG", 3) == 0 ? "" : "SIG", text) < 0)
		return value_refuse(key, text, "use a signal's name", err);
	for (char *p = name; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	if (*name && config_signal(name) < 0)
		return value_refuse(key, text, "use a signal's name, such as SIGPWR or SIGRTMIN+3",
				    err);
	return value_keep(name, value, err);
}

int config_press(const char *text)
{
	int c = text[0] == '^' ? toupper((unsigned char)text[1]) : 0;

	if (c >= '@' && c <= '_' && text[2] == '\0')
		return c & 0x1f;
	return text[0] && (unsigned char)text[0] < 0x80 && text[1] == '\0' ? text[0] : -EINVAL;
}

static int parse_press(const struct key *key, const char *text, union value *value, struct err *err)
{
	if (config_press(text) < 0)
		return value_refuse(key, text, "use one key, such as ^] or ^A", err);
	return value_keep(text, value, err);
}

static int parse_uuid(const struct key *key, const char *text, union value *value, struct err *err)
{
	static const char want[] = "use a UUID, such as 0b1f2c3d-0001-4002-8003-0123456789ab";
	char uuid[37] = "";

	if (*text && strlen(text) != 36)
		return value_refuse(key, text, want, err);
	for (size_t i = 0; text[i]; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return value_refuse(key, text, want, err);
		uuid[i] = (char)tolower((unsigned char)text[i]);
	}
	return value_keep(uuid, value, err);
}

static int parse_env(const struct key *key, const char *text, union value *value, struct err *err)
{
	char **words = NULL;
	int r = config_env(text, &words, err);

	free(words);
	return r < 0 ? err_wrap(err, "%s", key->name) : value_keep(text, value, err);
}

static int parse_command(const struct key *key, const char *text, union value *value,
			 struct err *err)
{
	char **words = NULL;
	int r = config_words(text, &words, err);

	free(words);
	return r < 0 ? err_wrap(err, "%s", key->name) : value_keep(text, value, err);
}

static int parse_caps(const struct key *key, const char *text, union value *value, struct err *err)
{
	scoped_text struct text list = { 0 };
	struct config_caps caps;

	if (config_caps(text, &caps, err) < 0)
		return err_wrap(err, "%s cannot be '%.120s'", key->name, text);
	caps_print(&caps, &list);
	return list.failed ? err_set(err, ENOMEM, "out of memory")
			   : value_keep(text_str(&list), value, err);
}

static int parse_access(const struct key *key, const char *text, union value *value,
			struct err *err)
{
	scoped_text struct text list = { 0 };

	if (access_print(text, &list, err) < 0)
		return err_wrap(err, "%s cannot be '%.120s'", key->name, text);
	return list.failed ? err_set(err, ENOMEM, "out of memory")
			   : value_keep(text_str(&list), value, err);
}

static int parse_rlimit(const struct key *key, const char *text, union value *value,
			struct err *err)
{
	struct config_rlimit limit;
	struct err why = { 0 };

	if (*text && config_rlimit(text, &limit, &why) < 0)
		return value_refuse(key, text, why.text, err);
	return value_keep(text, value, err);
}

static int parse_choice(const struct key *key, const char *text, union value *value,
			struct err *err)
{
	scoped_text struct text list = { 0 };

	for (size_t i = 0; key->choices[i]; i++) {
		if (strcmp(text, key->choices[i]) == 0)
			return value_keep(text, value, err);
		bool last = !key->choices[i + 1];
		text_add(&list, "%s%s", i == 0 ? "use " : last ? " or " : ", ", key->choices[i]);
	}
	return value_refuse(key, text, text_str(&list), err);
}

static int parse_schedule(const struct key *key, const char *text, union value *value,
			  struct err *err)
{
	struct schedule schedule;
	struct err fault = { 0 };
	scoped_text struct text out = { 0 };

	if (config_schedule(text, &schedule, &fault) < 0)
		return value_refuse(key, text, fault.text, err);
	schedule_print(&schedule, &out);
	return out.failed ? -ENOMEM : value_keep(text_str(&out), value, err);
}

static int parse_keep(const struct key *key, const char *text, union value *value, struct err *err)
{
	struct keep keep;
	struct err fault = { 0 };
	scoped_text struct text out = { 0 };

	if (config_keep(text, &keep, &fault) < 0)
		return value_refuse(key, text, fault.text, err);
	keep_print(&keep, &out);
	return out.failed ? -ENOMEM : value_keep(text_str(&out), value, err);
}

static const struct type types[] = {
	[KEY_TEXT] = { FIELD_TEXT, parse_text, NULL },
	[KEY_LABEL] = { FIELD_TEXT, parse_label, NULL },
	[KEY_LABELS] = { FIELD_TEXT, parse_labels, NULL },
	[KEY_DOMAIN] = { FIELD_TEXT, type_parse_domain, NULL },
	[KEY_LINK] = { FIELD_TEXT, type_parse_link, NULL },
	[KEY_PATH] = { FIELD_TEXT, parse_path, NULL },
	[KEY_PLACE] = { FIELD_TEXT, parse_place, NULL },
	[KEY_PATHS] = { FIELD_TEXT, parse_paths, NULL },
	[KEY_BOOL] = { FIELD_BOOL, parse_bool, NULL },
	[KEY_NUMBER] = { FIELD_NUMBER, parse_number, NULL },
	[KEY_SIZE] = { FIELD_NUMBER, parse_size, text_from_size },
	[KEY_ROOM] = { FIELD_NUMBER, parse_room, print_room },
	[KEY_MTU] = { FIELD_NUMBER, type_parse_mtu, NULL },
	[KEY_DURATION] = { FIELD_NUMBER, parse_duration, text_from_seconds },
	[KEY_CPUS] = { FIELD_NUMBER, parse_cpus, print_cpus },
	[KEY_SIGNAL] = { FIELD_TEXT, parse_signal, NULL },
	[KEY_MAC] = { FIELD_TEXT, type_parse_mac, NULL },
	[KEY_ADDRESS] = { FIELD_TEXT, type_parse_address, NULL },
	[KEY_ADDRESS6] = { FIELD_TEXT, type_parse_address6, NULL },
	[KEY_SERVERS] = { FIELD_TEXT, parse_servers, NULL },
	[KEY_SUBNET] = { FIELD_TEXT, type_parse_subnet, NULL },
	[KEY_SUBNET6] = { FIELD_TEXT, type_parse_subnet6, NULL },
	[KEY_ROUTES] = { FIELD_TEXT, type_parse_routes, NULL },
	[KEY_UUID] = { FIELD_TEXT, parse_uuid, NULL },
	[KEY_ENV] = { FIELD_TEXT, parse_env, NULL },
	[KEY_WORDS] = { FIELD_TEXT, parse_command, NULL },
	[KEY_PRESS] = { FIELD_TEXT, parse_press, NULL },
	[KEY_CAPS] = { FIELD_TEXT, parse_caps, NULL },
	[KEY_ACCESS] = { FIELD_TEXT, parse_access, NULL },
	[KEY_RLIMIT] = { FIELD_TEXT, parse_rlimit, NULL },
	[KEY_SCHEDULE] = { FIELD_TEXT, parse_schedule, NULL },
	[KEY_KEEP] = { FIELD_TEXT, parse_keep, NULL },
	[KEY_CHOICE] = { FIELD_TEXT, parse_choice, NULL },
};

const struct type *type_of(const struct key *key)
{
	assert((size_t)key->type < sizeof types / sizeof types[0]);
	return &types[key->type];
}
