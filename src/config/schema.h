/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form of the tables of keys, from which parsing, the command line, show, completion, and the test of the manual
 * work.
 */
#ifndef BERTH_CONFIG_SCHEMA_H
#define BERTH_CONFIG_SCHEMA_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum key_type {
	KEY_TEXT,     /* char *: one line, any characters but control characters */
	KEY_LABEL,    /* char *: a DNS label, or empty */
	KEY_LABELS,   /* char *: DNS labels separated by single spaces, or empty */
	KEY_DOMAIN,   /* char *: DNS labels joined by dots, or empty */
	KEY_LINK,     /* char *: an allowed name of a network link, or empty */
	KEY_PATH,     /* char *: absolute, or empty */
	KEY_PLACE,    /* char *: an absolute path, ssh:[USER@]HOST:/PATH, or empty */
	KEY_PATHS,    /* char *: absolute paths without blanks, separated by single spaces */
	KEY_BOOL,     /* bool: yes, no, true, false, on, off, 1, 0 */
	KEY_NUMBER,   /* uint64_t in [min, max] */
	KEY_SIZE,     /* uint64_t bytes in [min, max], with K, M, G, T */
	KEY_ROOM,     /* as KEY_SIZE, or "max": UINT64_MAX */
	KEY_MTU,      /* uint64_t in [min, max], or 0 for the kernel's default */
	KEY_DURATION, /* uint64_t seconds in [min, max], with s, m, h, d */
	KEY_CPUS,     /* uint64_t hundredths of a processor in [min, max]: 1.5 */
	KEY_SIGNAL,   /* char *: SIGPWR, SIGRTMIN+3, or empty */
	KEY_MAC,      /* char *: 10:66:6a:01:02:03, unicast, or empty */
	KEY_ADDRESS,  /* char *: an IPv4 address, or empty */
	KEY_ADDRESS6, /* char *: an IPv6 address as inet_ntop(3) prints it, or empty */
	KEY_SERVERS,  /* char *: IP addresses separated by single spaces, "none", or empty */
	KEY_SUBNET,   /* char *: an IPv4 network in CIDR form, or empty */
	KEY_SUBNET6,  /* char *: an IPv6 network of 64 to 96 bits, "none" or "auto" */
	KEY_ROUTES,   /* char *: static routes, joined by commas; see config_routes; or empty */
	KEY_UUID,     /* char *: as RFC 4122 prints it, or empty */
	KEY_ENV,      /* char *: NAME=value words, separated by spaces; quotes as a shell's */
	KEY_WORDS,    /* char *: words, separated and quoted as in KEY_ENV */
	KEY_PRESS,    /* char *: one key of a keyboard: ^], ^A, q */
	KEY_CAPS,     /* char *: capabilities to add and, with -, to drop: "sys_time -net_raw" */
	KEY_ACCESS,   /* char *: rights of users: "ann:use bob:manage", or empty */
	KEY_RLIMIT,   /* char *: SOFT:HARD or one value for both, each as KEY_ROOM, or empty */
	KEY_SCHEDULE, /* char *: hourly, daily, weekly, monthly, every 15m; see policy.h; or empty */
	KEY_KEEP,     /* char *: "hourly 24, daily 7" or all; see policy.h */
	KEY_CHOICE,   /* char *: one of the words in choices */
};

enum key_flags {
	KEY_FIXED = 1 << 0, /* set by berth alone; shown, but not changed by users */
	KEY_LIVE = 1 << 1,  /* takes effect on a running machine at once */
	KEY_DRAWN = 1 << 3, /* berth chooses a value where none is given, and writes it down */
	/* it belongs to the programs of the root: publish makes it a preset of the template */
	KEY_KEPT = 1 << 2,
	KEY_CHOSEN = 1 << 4, /* KEY_FIXED, but the command that creates takes it */
};

struct key {
	const char *name; /* "stop.timeout" */
	enum key_type type;
	unsigned flags;
	size_t offset;              /* of the field in the struct */
	const char *fallback;       /* the default, as text */
	uint64_t min, max;          /* KEY_NUMBER, KEY_SIZE, KEY_DURATION */
	const char *const *choices; /* KEY_CHOICE, NULL-terminated */
	const char *help;           /* one line, for help, completion and the manual */
};

/* A key of older files, and the preset that it is read as. */
struct old_key {
	const char *name, *preset;
};

/* Keys whose names the user chooses after a prefix: "label.NAME". Their values are a list of struct label. */
struct key_family {
	const char *prefix; /* "label." */
	const char *what;   /* "label", for sentences and JSON */
	unsigned flags;     /* as those of a key */
	size_t head;        /* offset of the list in the struct */
	/* Checks a trimmed value that is not empty; NULL: any text is good. */
	int (*check)(const char *value, struct err *err);
};

/* A kind of file or section: its keys, sorted by name; at most SCHEMA_KEYS_MAX. */
enum { SCHEMA_KEYS_MAX = 96 };
struct schema {
	const char *what; /* "machine", for sentences; a section's word */
	const struct key *keys;
	size_t count;
	size_t size; /* of the struct */
	/* Checks rules between keys, or NULL; called by config_preview, not by config_parse. */
	int (*check)(const void *config, struct err *err);
	const struct schema *const
		*sections; /* kinds of sections that are allowed, NULL-terminated, or NULL */
	size_t head; /* for a section: offset of the first section of this kind in the file's struct */
	const struct key_family *families; /* ended by a row without a prefix, or NULL */
	size_t presets;                    /* offset of the first preset in the struct */
	const struct schema *presets_of;   /* whose keys its presets are, or NULL */
	const struct old_key *old;         /* ended by a name NULL; or NULL: there are none */
};

#endif
