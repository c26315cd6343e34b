/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/apply_file.h"

#include "base/causes.h"
#include "base/file.h"
#include "base/scoped.h"
#include "config/file.h"
#include "config/values.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>

static const char *const states[] = { "running", "stopped", NULL };

#define PROVISION(key) offsetof(struct apply_settings, provision.key)

/* Keys that machine.conf does not have, sorted by name. */
static const struct key more_keys[] = {
	{ "count", KEY_NUMBER, 0, offsetof(struct apply_settings, count), "0", 0, APPLY_COUNT_MAX,
	  NULL, "so many machines, NAME-1 to NAME-N; 0: none" },
	{ "provision.cloud_init", KEY_TEXT, 0, PROVISION(cloud_init), "", 0, 0, NULL,
	  "file with user data for its cloud-init" },
	{ "provision.file", KEY_WORDS, 0, PROVISION(file), "", 0, 0, NULL,
	  "files to copy into it: SRC:DST[:OWNER[:MODE]]" },
	{ "provision.keymap", KEY_TEXT, 0, PROVISION(keymap), "", 0, 0, NULL,
	  "its keyboard layout" },
	{ "provision.locale", KEY_TEXT, 0, PROVISION(locale), "", 0, 0, NULL, "its locale" },
	{ "provision.password_hash", KEY_TEXT, 0, PROVISION(password_hash), "", 0, 0, NULL,
	  "file with the hash of the user's password, or root's" },
	{ "provision.run", KEY_WORDS, 0, PROVISION(run), "", 0, 0, NULL,
	  "scripts of this host to run in it when it has booted" },
	{ "provision.ssh_key", KEY_WORDS, 0, PROVISION(ssh_key), "", 0, 0, NULL,
	  "files with public keys that may log in as the user, or as root" },
	{ "provision.timezone", KEY_TEXT, 0, PROVISION(timezone), "", 0, 0, NULL, "its time zone" },
	{ "provision.user", KEY_WORDS, 0, PROVISION(user), "", 0, 0, NULL,
	  "users to make in it: NAME[:UID]" },
	{ "state", KEY_CHOICE, 0, offsetof(struct apply_settings, state), "running", 0, 0, states,
	  "whether it is to run: running, stopped" },
};
enum { MORE_KEYS = sizeof more_keys / sizeof *more_keys };

/* The schema of a machine with these keys in their places. The struct begins with that of a machine. */
static const struct schema *group_schema(void)
{
	static struct key keys[SCHEMA_KEYS_MAX];
	static struct schema schema;
	size_t n = 0, more = 0;

	if (schema.count)
		return &schema;
	assert(machine_schema.count + MORE_KEYS <= SCHEMA_KEYS_MAX);
	for (size_t i = 0; i < machine_schema.count; i++) {
		while (more < MORE_KEYS &&
		       strcmp(more_keys[more].name, machine_schema.keys[i].name) < 0)
			keys[n++] = more_keys[more++];
		keys[n] = machine_schema.keys[i];
		/* Also "REMOTE:IMAGE". */
		if (strcmp(keys[n].name, "template") == 0)
			keys[n].type = KEY_TEXT;
		n++;
	}
	while (more < MORE_KEYS)
		keys[n++] = more_keys[more++];
	schema = machine_schema;
	schema.keys = keys;
	schema.count = n;
	schema.size = sizeof(struct apply_settings);
	return &schema;
}

/* ---- Sections */

/* The lines of a section of the file, and where they begin. */
struct block {
	const char *data; /* borrowed */
	size_t length;
	unsigned line; /* of the first line after the header */
};

/* Parses a block as a file of its own. Empty lines before it give its errors the right line. */
static int parse_block(const struct schema *schema, const char *path, const struct block *block,
		       void *config, struct err *err)
{
	scoped_text struct text padded = { 0 };

	for (unsigned i = 1; i < block->line; i++)
		text_add_bytes(&padded, "\n", 1);
	text_add_bytes(&padded, block->data, block->length);
	if (padded.failed)
		return err_set(err, ENOMEM, "out of memory");
	return config_parse(schema, path, text_str(&padded), padded.length, config, err);
}

static int add_given(struct apply_given **given, size_t *count, const char *name, unsigned line,
		     struct err *err)
{
	struct apply_given *list = realloc(*given, (*count + 1) * sizeof *list);

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	*given = list;
	list[*count] = (struct apply_given){ .name = strdup(name), .line = line };
	return list[(*count)++].name ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The sections of a block that was parsed. */
static int gather_sections(const struct block *block, struct apply_given **sections, size_t *count,
			   struct err *err)
{
	char line[CONFIG_LINE_MAX + 1], name[CONFIG_LINE_MAX + 1];
	char *word, *rest;
	unsigned number = block->line;

	for (size_t at = 0; at < block->length; number++) {
		int n = line_next(block->data + at, block->length - at, line, err);
		if (n < 0)
			return n;
		at += (size_t)n + 1;
		if (!line_is_header(line) || !line_split_header(line, &word, &rest))
			continue;
		snprintf(name, sizeof name, "%s.%s", word, rest);
		if (add_given(sections, count, name, number, err) < 0)
			return -err->code;
	}
	return 0;
}

/* The keys of a block that was parsed, up to its first section. */
static int gather_given(const struct block *block, struct apply_given **given, size_t *count,
			struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];
	char *name, *value;
	unsigned number = block->line;

	for (size_t at = 0; at < block->length; number++) {
		int n = line_next(block->data + at, block->length - at, line, err);
		if (n < 0)
			return n;
		at += (size_t)n + 1;
		if (line_is_header(line))
			break;
		if (line_is_comment(line))
			continue;
		line_split(line, &name, &value);
		if (strcmp(name, CONFIG_FORMAT_KEY) != 0 &&
		    add_given(given, count, name, number, err) < 0)
			return -err->code;
	}
	return 0;
}

/* A name, or "REMOTE:IMAGE". */
static int check_template(const struct apply_group *group, struct err *err)
{
	const char *template = group->settings.machine.template;
	const char *fault = strchr(template, ':') ? NULL : text_label_fault(template);

	if (!*template)
		return err_set(err, EINVAL,
			       "machine '%s' names no template; write 'template = TEMPLATE'",
			       group->name);
	return fault ? err_set(err, EINVAL, "template '%.80s' %s", template, fault) : 0;
}

/* The line of the first section that breaks a rule together with those of its kind before it; else of the header. */
static unsigned find_fault(const struct apply_group *group, const struct machine_config *config)
{
	for (size_t i = 0; machine_schema.sections[i]; i++) {
		const struct schema *kind = machine_schema.sections[i];
		struct machine_config part = *config;
		part.mounts = part.devices = part.forwards = part.nics = part.volumes = part.rules =
			NULL;
		struct section *at = *(struct section *const *)((const char *)config + kind->head);
		for (*(struct section **)((char *)&part + kind->head) = at; at; at = at->next) {
			struct section *next = at->next;
			at->next = NULL;
			int r = config_check_sections(&part, &(struct err){ 0 });
			at->next = next;
			if (r < 0)
				return apply_section_line(group, kind, at->name);
		}
	}
	return group->line;
}

/* Rules of this kind of file. *line: of the key, of the section, or of the header. */
static int check_group(const struct apply_group *group, unsigned *line, struct err *err)
{
	char last[96];

	for (size_t i = 0; i < group->given_count; i++) {
		const char *name = group->given[i].name;
		*line = group->given[i].line;
		if (apply_is_kept_apart(name))
			continue;
		if (config_flags(&machine_schema, name) & KEY_FIXED)
			return config_refuse_fixed(&machine_schema, name, err);
		if (apply_is_own_label(name))
			return err_set(err, EPERM, "%s is made by berth and cannot be set", name);
		if (text_starts(name, "network.address") && group->counted)
			return err_set(err, EINVAL,
				       "%s belongs to one machine, and 'count' makes several; give "
				       "it a section of its own",
				       name);
	}
	*line = group->line;
	if (check_template(group, err) < 0)
		return -err->code;
	uint64_t count = apply_machine_count(group);
	apply_machine_name(group, count ? count - 1 : 0, last);
	const char *fault = text_label_fault(last);
	if (fault)
		return err_set(err, EINVAL, "name '%s' %s", last, fault);
	/* Without the key, the machine is on the default network, which is not known here. */
	char unchecked[] = "";
	struct machine_config checked = group->settings.machine;
	if (!apply_line_of(group->given, group->given_count, "network"))
		checked.address = checked.address6 = unchecked;
	if (config_check_sections(&checked, err) < 0)
		*line = find_fault(group, &checked);
	return err->code ? -err->code : config_check_machine(&checked, err);
}

static int take_machine(struct apply_file *file, const char *path, const char *name,
			const struct block *block, struct err *err)
{
	struct apply_group *list = realloc(file->groups, (file->group_count + 1) * sizeof *list);
	unsigned line = block->line - 1;

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	file->groups = list;
	struct apply_group *group = &list[file->group_count];
	*group = (struct apply_group){ .line = line };
	if (parse_block(group_schema(), path, block, &group->settings, err) < 0)
		return -err->code;
	file->group_count++;
	group->name = strdup(name);
	if (!group->name)
		return err_set(err, ENOMEM, "out of memory");
	if (gather_given(block, &group->given, &group->given_count, err) < 0 ||
	    gather_sections(block, &group->sections, &group->section_count, err) < 0)
		return -err->code;
	group->counted = apply_line_of(group->given, group->given_count, "count") != 0;
	return check_group(group, &line, err) < 0 ? err_wrap(err, "%s:%u", path, line) : 0;
}

static int take_network(struct apply_file *file, const char *path, const char *name,
			const struct block *block, struct err *err)
{
	struct apply_network *list =
		realloc(file->networks, (file->network_count + 1) * sizeof *list);

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	file->networks = list;
	struct apply_network *network = &list[file->network_count];
	*network = (struct apply_network){ .line = block->line - 1 };
	if (parse_block(&network_schema, path, block, &network->config, err) < 0)
		return -err->code;
	file->network_count++;
	network->name = strdup(name);
	if (!network->name)
		return err_set(err, ENOMEM, "out of memory");
	if (gather_given(block, &network->given, &network->given_count, err) < 0 ||
	    gather_sections(block, &network->sections, &network->section_count, err) < 0)
		return -err->code;
	for (const struct section *at = network->config.rules; at; at = at->next) {
		if (config_rule((const struct rule_config *)at, &(struct rule){ 0 }, err) < 0)
			return err_wrap(err, "%s:%u", path, apply_network_line(network, at->name));
	}
	return 0;
}

static bool is_there(const struct apply_file *file, bool machine, const char *name)
{
	for (size_t i = 0; machine && i < file->group_count; i++) {
		if (strcmp(file->groups[i].name, name) == 0)
			return true;
	}
	for (size_t i = 0; !machine && i < file->network_count; i++) {
		if (strcmp(file->networks[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Whether a file of that schema has sections of that word. */
static bool is_part_of(const struct schema *schema, const char *word)
{
	for (size_t i = 0; schema && schema->sections[i]; i++) {
		if (strcmp(schema->sections[i]->what, word) == 0)
			return true;
	}
	return false;
}

/* Takes the section of that header. */
static int take_section(struct apply_file *file, const char *path, char *header,
			const struct block *block, struct err *err)
{
	char *word = NULL, *name = NULL;
	bool split = line_split_header(header, &word, &name);
	bool machine = split && strcmp(word, "machine") == 0;
	const char *fault = split ? text_label_fault(name) : NULL;

	if (!split)
		err_set(err, EINVAL, "a section begins with a line such as [machine NAME]");
	else if (!machine && strcmp(word, "network") != 0)
		err_set(err, EINVAL,
			is_part_of(&machine_schema, word)
				? "section '%.20s' belongs to a machine; put it behind [machine "
				  "NAME]"
				: "unknown section '%.60s'; known sections are 'machine', "
				  "'network', and those of machine.conf(5)",
			word);
	else if (fault)
		err_set(err, EINVAL, "%s '%.80s' has a name that %s", word, name, fault);
	else if (is_there(file, machine, name))
		err_set(err, EEXIST, "%s '%s' is there already; give it another name", word, name);
	if (err->code)
		return err_wrap(err, "%s:%u", path, block->line - 1);
	return machine ? take_machine(file, path, name, block, err)
		       : take_network(file, path, name, block, err);
}

/* ---- The file */

/* Before the first section there is only the name. */
static int take_first(struct apply_file *file, char *line, struct err *err)
{
	char *name, *value;

	if (line_is_comment(line))
		return 0;
	line_split(line, &name, &value);
	if (strcmp(name, "name") != 0)
		return err_set(err, EINVAL,
			       "'%.60s' is in no section; write [machine NAME] before it", name);
	const char *fault = text_label_fault(value ? value : "");
	if (fault)
		return err_set(err, EINVAL, "name '%.80s' %s", value ? value : "", fault);
	if (file->name)
		return err_set(err, EINVAL, "'name' is there already; keep one of both");
	file->name = strdup(value);
	return file->name ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The schema of the block that a header begins; NULL: it begins none. */
static const struct schema *schema_of(const char *header)
{
	char copy[CONFIG_LINE_MAX + 1];
	char *word, *name;

	strcpy(copy, header);
	if (!line_split_header(copy, &word, &name))
		return NULL;
	return strcmp(word, "machine") == 0   ? &machine_schema
	       : strcmp(word, "network") == 0 ? &network_schema
					      : NULL;
}

/* A section of a machine or a network belongs to the block before it. */
static bool begins_block(const char *line, const char *header)
{
	char copy[CONFIG_LINE_MAX + 1];
	char *word, *name;

	if (!line_is_header(line))
		return false;
	strcpy(copy, line);
	return !line_split_header(copy, &word, &name) || !is_part_of(schema_of(header), word);
}

/* Takes line after line; a section is parsed when the next one begins, also after one with a fault. */
static int take_lines(struct apply_file *file, const char *path, const char *data, size_t length,
		      struct causes *causes, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1], header[CONFIG_LINE_MAX + 1] = "";
	struct block block = { 0 };
	unsigned number = 0;

	for (size_t at = 0; at < length;) {
		number++;
		int n = line_next(data + at, length - at, line, err);
		if (n < 0)
			return err_wrap(err, "%s:%u", path, number);
		bool begins = begins_block(line, header);
		if (!*header && !begins && take_first(file, line, err) < 0)
			return err_wrap(err, "%s:%u", path, number);
		if (begins && *header) {
			block.length = (size_t)(data + at - block.data);
			take_section(file, path, header, &block, err);
			causes_add(causes, err);
		}
		at += (size_t)n + 1;
		if (begins) {
			strcpy(header, line);
			block = (struct block){ .data = data + (at < length ? at : length),
						.line = number + 1 };
		}
	}
	if (!*header)
		return 0;
	block.length = (size_t)(data + length - block.data);
	take_section(file, path, header, &block, err);
	causes_add(causes, err);
	return -causes->code;
}

/* web with a count of 2 has a machine web-1, which another section may have too. */
static int check_names(const struct apply_file *file, const char *path, struct err *err)
{
	for (size_t i = 0; i < file->group_count; i++) {
		const struct apply_group *one = &file->groups[i];
		size_t n = strlen(one->name);
		for (size_t k = 0; k < file->group_count && one->counted; k++) {
			const struct apply_group *other = &file->groups[k];
			uint64_t number;
			if (other->counted || strncmp(other->name, one->name, n) != 0 ||
			    other->name[n] != '-' || other->name[n + 1] == '0' ||
			    text_to_u64(other->name + n + 1, 1, one->settings.count, &number) < 0)
				continue;
			return err_set(err, EEXIST,
				       "%s:%u: machine '%s' is one of those of line %u; give it "
				       "another name",
				       path, other->line, other->name, one->line);
		}
	}
	return 0;
}

int apply_file_parse(const char *path, const char *data, size_t length, struct apply_file *file,
		     struct causes *causes)
{
	struct err err = { 0 };

	*file = (struct apply_file){ 0 };
	int r = length > CONFIG_FILE_MAX ? err_set(&err, EFBIG, "'%s' is larger than 256 KiB", path)
					 : take_lines(file, path, data, length, causes, &err);
	if (r == 0)
		r = check_names(file, path, &err);
	causes_add(causes, &err);
	if (r < 0)
		apply_file_free(file);
	return r;
}

int apply_file_load(const char *path, struct apply_file *file, struct causes *causes)
{
	scoped_free char *data = NULL;
	struct err err = { 0 };
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);

	*file = (struct apply_file){ 0 };
	if (n == -ENOENT)
		err_set(&err, ENOENT,
			"there is no file '%s'; berth.apply(5) tells what such a file has in it",
			path);
	else if (n < 0)
		err_set(&err, (int)-n, "read '%s': %s", path,
			n == -EFBIG ? "it is larger than 256 KiB" : file_why((int)n));
	causes_add(causes, &err);
	return n < 0 ? (int)n : apply_file_parse(path, data, (size_t)n, file, causes);
}

static void given_free(struct apply_given *given, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(given[i].name);
	free(given);
}

void apply_file_free(struct apply_file *file)
{
	for (size_t i = 0; i < file->group_count; i++) {
		config_free(group_schema(), &file->groups[i].settings);
		given_free(file->groups[i].given, file->groups[i].given_count);
		given_free(file->groups[i].sections, file->groups[i].section_count);
		free(file->groups[i].image);
		free(file->groups[i].name);
	}
	for (size_t i = 0; i < file->network_count; i++) {
		config_free(&network_schema, &file->networks[i].config);
		given_free(file->networks[i].given, file->networks[i].given_count);
		given_free(file->networks[i].sections, file->networks[i].section_count);
		free(file->networks[i].name);
	}
	free(file->groups);
	free(file->networks);
	free(file->name);
	*file = (struct apply_file){ 0 };
}
