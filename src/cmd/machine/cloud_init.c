/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloud-init's source NoCloud: three files in a folder of the root, which each version of cloud-init looks for. berth
 * tells the instance-id, a uuid, and the host name; the network is berth's, and cloud-init leaves it alone. A copy of
 * the machine gets meta-data of its own at its first start: berth-identity.d(5).
 */
#include "cmd/machine/cloud_init.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/library.h"
#include "machine/transfer/transfer.h"

#include <fcntl.h>
#include <string.h>
#include <yaml.h>

#define SEED "/var/lib/cloud/seed/nocloud/"

enum { USER_DATA_MAX = 1 << 20 };

const struct flag flag_cloud_init = { "cloud-init", 0, false, "FILE",
				      "user data for its cloud-init" };

/* ---- YAML, by libyaml, which is loaded only for this */

#define YAML_CALLS(CALL)                   \
	CALL(yaml_parser_initialize)       \
	CALL(yaml_parser_set_input_string) \
	CALL(yaml_parser_parse) CALL(yaml_event_delete) CALL(yaml_parser_delete)

static struct {
	YAML_CALLS(LIBRARY_CALL)
} yaml;

static const char *const names[] = { YAML_CALLS(LIBRARY_NAME) };
static struct library library = { "libyaml-0.so.2", names, sizeof names / sizeof *names, &yaml,
				  false };

/* Parses to the end of the text. The first node, which cloud-init reads, must be of that kind. 1: it is not. */
static int parse(yaml_parser_t *parser, yaml_event_type_t wanted)
{
	bool begun = false, other = false, ended = false;

	while (!ended) {
		yaml_event_t event;
		if (!yaml.yaml_parser_parse(parser, &event))
			return -EINVAL;
		if (!begun && event.type > YAML_DOCUMENT_START_EVENT) {
			begun = true;
			other = event.type != wanted;
		}
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml.yaml_event_delete(&event);
	}
	return other;
}

static int check_yaml(const char *path, const char *text, bool list, struct err *err)
{
	yaml_parser_t parser;
	int r = library_load(&library);

	if (r < 0)
		return err_set(err, -r,
			       "user data is checked by the library libyaml, which cannot be "
			       "loaded: %s",
			       library_why());
	if (!yaml.yaml_parser_initialize(&parser))
		return err_set(err, ENOMEM, "out of memory");
	yaml.yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	r = parse(&parser, list ? YAML_SEQUENCE_START_EVENT : YAML_MAPPING_START_EVENT);
	if (r < 0)
		err_set(err, EINVAL, "'%.200s' of --cloud-init is no YAML: line %zu: %s", path,
			parser.problem_mark.line + 1, parser.problem ? parser.problem : "?");
	else if (r > 0)
		err_set(err, EINVAL, "'%.200s' of --cloud-init is no %s of YAML", path,
			list ? "list" : "list of 'key: value'");
	yaml.yaml_parser_delete(&parser);
	return -err->code;
}

/* ---- The file */

/* The first words of the formats of user data. yaml: it is read as YAML, and no template or script makes it first. */
static const struct format {
	const char *begin;
	bool yaml, list;
} formats[] = {
	{ "#cloud-config-archive", true, true },
	{ "#cloud-config", true, false },
	{ "#!", false, false },
	{ "#include", false, false },
	{ "#cloud-boothook", false, false },
	{ "#part-handler", false, false },
	{ "## template:", false, false },
	{ "Content-Type:", false, false },
	{ "MIME-Version:", false, false },
};

static int read_user_data(const char *path, char **text, struct err *err)
{
	ssize_t n = file_read(AT_FDCWD, path, USER_DATA_MAX, text);

	if (n < 0)
		return err_set(err, (int)-n, "read '%.200s' of --cloud-init: %s", path,
			       file_why((int)n));
	if (strlen(*text) != (size_t)n)
		return err_set(err, EINVAL, "'%.200s' of --cloud-init is no text", path);
	return 0;
}

static int check_text(const char *path, const char *text, struct err *err)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (text_starts(text, formats[i].begin))
			return formats[i].yaml ? check_yaml(path, text, formats[i].list, err) : 0;
	}
	return err_set(err, EINVAL,
		       "'%.200s' of --cloud-init begins with no format of cloud-init's; let its "
		       "first line be '#cloud-config', or '#!/bin/sh' if it is a script",
		       path);
}

int cloud_init_check(const char *path, struct err *err)
{
	scoped_free char *text = NULL;

	if (read_user_data(path, &text, err) < 0 || check_text(path, text, err) < 0)
		return err->code == ENOMEM ? -ENOMEM : EXIT_USAGE;
	return 0;
}

/* ---- The seed */

static int write_file(struct machine *machine, const char *target, const char *text,
		      struct err *err)
{
	const char *const source = "-";
	scoped_fd int fd = file_memory("berth-cloud-init", text);
	struct transfer transfer = {
		.to = machine,
		.sources = &source,
		.count = 1,
		.target = target,
		.stream_fd = fd,
		.parents = true,
		.mode = 0600, /* it may have passwords */
	};

	if (fd < 0)
		return err_set(err, -fd, "make a file in memory: %s", strerror(-fd));
	return machine_transfer(&transfer, err);
}

/* A root without the program would keep user data that nothing reads. */
static int check_program(struct machine *machine, struct err *err)
{
	static const char *const paths[] = { "/usr/bin/cloud-init" };
	scoped_fd int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	struct err why = { 0 };
	struct transfer transfer = {
		.from = machine,
		.sources = paths,
		.count = 1,
		.target = "-",
		.stream_fd = nothing,
		.mode = -1,
	};

	if (nothing < 0)
		return err_set(err, errno, "open '/dev/null': %s", strerror(errno));
	int r = machine_transfer(&transfer, &why);
	free(transfer.first_left_out);
	if (r == -ENOENT)
		return err_set(err, ENOENT,
			       "machine '%s' has no cloud-init for --cloud-init; take a template "
			       "that has it, such as images:debian/13/cloud, or set it up by "
			       "--user, --ssh-key and --run",
			       machine->name);
	return r < 0 ? err_set(err, why.code, "%s", why.text) : 0;
}

int cloud_init_seed(const char *path, struct machine *machine, struct err *err)
{
	scoped_free char *text = NULL;
	scoped_free char *meta =
		text_format("{\"instance-id\": \"%s\", \"local-hostname\": \"%s\"}\n",
			    machine->config.uuid, machine->name);

	if (!meta)
		return err_set(err, ENOMEM, "out of memory");
	if (read_user_data(path, &text, err) < 0 || check_program(machine, err) < 0 ||
	    write_file(machine, SEED "user-data", text, err) < 0 ||
	    write_file(machine, SEED "network-config", "config: disabled\n", err) < 0 ||
	    write_file(machine, SEED "meta-data", meta, err) < 0)
		return -err->code;
	return 0;
}
