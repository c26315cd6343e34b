/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of berth.apply(5): machines and networks as they are to be. */
#ifndef BERTH_CONFIG_APPLY_FILE_H
#define BERTH_CONFIG_APPLY_FILE_H

#include "base/causes.h"
#include "config/config.h"

enum { APPLY_COUNT_MAX = 1000 };

/* A key that the file gives, and its line. */
struct apply_given {
	char *name; /* owned */
	unsigned line;
};

/* The keys "provision.KEY", as they are given; "": not given. */
struct apply_provision {
	char *cloud_init, *file, *keymap, *locale, *password_hash, *run, *ssh_key, *timezone, *user;
};

/* The keys of machine.conf, and more. */
struct apply_settings {
	struct machine_config
		machine; /* its keys, labels and sections; those that are not given have the defaults */
	uint64_t count; /* of apply_machine_count */
	struct apply_provision provision;
	char *state; /* "running" or "stopped" */
};

/* "[machine NAME]": a machine, or several of one description. */
struct apply_group {
	char *name; /* owned */
	unsigned line;
	bool counted; /* it has a key "count": its machines have numbers */
	struct apply_settings settings;
	struct apply_given *given; /* owned; keys and labels */
	size_t given_count;
	struct apply_given *sections; /* owned; their names as "nic.eth1" */
	size_t section_count;
	/*
	 * Owned: the word "REMOTE:IMAGE" of key template. The key has the name of a template once it is known. NULL: the file
	 * names a template.
	 */
	char *image;
};

/* "[network NAME]" */
struct apply_network {
	char *name; /* owned */
	unsigned line;
	struct network_config config;
	struct apply_given *given; /* owned */
	size_t given_count;
	struct apply_given *sections; /* owned; their names as "rule.web" */
	size_t section_count;
};

struct apply_file {
	char *name;                     /* owned: of its line "name = NAME"; NULL: it has none */
	struct apply_group *groups;     /* owned */
	struct apply_network *networks; /* owned */
	size_t group_count, network_count;
};

/*
 * Parses the text of a file: an optional line "name = NAME", then sections "[machine NAME]", with the lines and
 * sections of a machine.conf, and "[network NAME]", with those of a network.conf. 0, or -code: causes then gets
 * "path:line: ...", of each section that has a fault the first, and the struct is zeroed. apply_file_free releases it.
 */
int apply_file_parse(const char *path, const char *data, size_t length, struct apply_file *file,
		     struct causes *causes);
int apply_file_load(const char *path, struct apply_file *file, struct causes *causes);
void apply_file_free(struct apply_file *file);

/* The line of a key that is given, or 0. */
unsigned apply_line_of(const struct apply_given *given, size_t count, const char *name);

/* The line of a section "[nic eth1]" of a machine. */
unsigned apply_section_line(const struct apply_group *group, const struct schema *kind,
			    const char *name);

/* The line of a rule of a network. */
unsigned apply_network_line(const struct apply_network *network, const char *rule);

/* Whether a key is no setting that can be changed later: template, pool, count, state, provision.KEY. */
bool apply_is_kept_apart(const char *name);
/* Whether berth itself sets a label of the machines that apply makes: "label.applied". */
bool apply_is_own_label(const char *key);

/* The name of the machine with that number, from 0: NAME, or with a count NAME-1 and so on. */
void apply_machine_name(const struct apply_group *group, uint64_t index, char name[96]);
/* The number of machines that it describes. */
uint64_t apply_machine_count(const struct apply_group *group);

#endif
