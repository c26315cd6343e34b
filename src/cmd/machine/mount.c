/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mount, unmount; device add, list, remove: folders and devices of the host in a machine. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/machine/sections.h"
#include "machine/life/life.h"
#include "machine/share/mounts.h"
#include "machine/state/machine.h"

#include <limits.h>
#include <string.h>

static const struct flag flag_name = { "name", 0, false, "NAME",
				       "what it is called; else made of where it shows" };
static const struct flag flag_owner = { "owner", 0, false, "HOST:GUEST",
					"whose files are whose, or all" };
static const struct flag flag_node_owner = { "owner", 0, false, "USER[:GROUP]",
					     "of the node in the machine; else root" };
static const struct flag flag_mode = { "mode", 0, false, "MODE",
				       "of the node in the machine; else as on the host" };
static const struct flag flag_optional = { "optional", 0, false, NULL,
					   "start without it when the host has it not" };
static const struct flag flag_read_only = { "read-only", 'r', false, NULL,
					    "the machine may not change it" };
static const struct flag flag_temporary = { "temporary", 0, false, NULL,
					    "until the machine's next start, not in its settings" };

static const struct flag *const mount_flags[] = { &flag_name,      &flag_optional,  &flag_owner,
						  &flag_read_only, &flag_temporary, NULL };
static const struct flag *const device_flags[] = { &flag_mode,      &flag_name,
						   &flag_optional,  &flag_node_owner,
						   &flag_temporary, NULL };

static int begin(const struct call *call, const struct schema *schema, struct section *section,
		 struct err *err)
{
	const char *name = call_value(call, &flag_name);

	if (name && name_check(name, err) != 0)
		return EXIT_USAGE;
	if (config_defaults(schema, section, err) < 0)
		return -err->code;
	section->name = name ? strdup(name) : NULL;
	return section_give(schema, section, "optional",
			    call_has(call, &flag_optional) ? "yes" : NULL, err);
}

/* Applies the rules of settings before anything is opened. A section without a name gets the word as its name. */
static int check(const struct machine_config *config, struct section *section, const char *word,
		 struct err *err)
{
	char *name = section->name;

	if (!name)
		section->name = (char *)(uintptr_t)word;
	int r = config_check_sections(config, err);
	section->name = name;
	return r < 0 ? EXIT_USAGE : 0;
}

/*
 * Makes a path absolute, without '.', '..' and double slashes, by its text alone. Symbolic links are refused later: a
 * machine could otherwise put a link into a shared folder, and so choose what is shared next.
 */
static int absolute(const char *path, struct text *out, struct err *err)
{
	char folder[PATH_MAX] = "";
	scoped_text struct text whole = { 0 };

	if (*path != '/' && !getcwd(folder, sizeof folder))
		return err_set(err, errno, "find the working folder: %s", strerror(errno));
	text_add(&whole, "%s/%s", folder, path);
	for (const char *at = text_str(&whole); *at;) {
		at += strspn(at, "/");
		size_t n = strcspn(at, "/");
		if (n == 2 && memcmp(at, "..", 2) == 0) {
			while (out->length > 0 && out->data[--out->length] != '/')
				;
			if (out->data)
				out->data[out->length] = '\0';
		} else if (n > 0 && (n > 1 || *at != '.')) {
			text_add(out, "/%.*s", (int)n, at);
		}
		at += n;
	}
	if (out->length == 0)
		text_add(out, "/");
	return whole.failed || out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Removes double slashes. '..' stays, because only the machine knows where it leads. */
static int tidy(const char *path, struct text *out, struct err *err)
{
	for (const char *at = path; *at; at++) {
		if (*at != '/' || (at[1] != '/' && at[1]))
			text_add(out, "%c", *at);
	}
	if (*path && out->length == 0)
		text_add(out, "/");
	return out->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int fill_mount(const struct call *call, struct mount_config *mount, struct err *err)
{
	scoped_text struct text source = { 0 }, target = { 0 };

	if (absolute(call->words[1], &source, err) < 0)
		return -err->code;
	int r = section_give(&mount_schema, mount, "source", text_str(&source), err);
	if (r == 0)
		r = tidy(call->words[2], &target, err);
	if (r == 0)
		r = section_give(&mount_schema, mount, "target", text_str(&target), err);
	if (r == 0)
		r = section_give(&mount_schema, mount, "owner", call_value(call, &flag_owner), err);
	if (r == 0)
		r = section_give(&mount_schema, mount, "readonly",
				 call_has(call, &flag_read_only) ? "yes" : NULL, err);
	return r;
}

static void section_free(const struct schema *schema, struct section *section)
{
	free(section->name);
	config_free(schema, section);
}

static int run_mount(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text warning = { 0 };
	struct mount_config mount = { 0 };
	struct machine_config alone = { .mounts = &mount.section };

	int r = begin(call, &mount_schema, &mount.section, err);
	if (r == 0)
		r = fill_mount(call, &mount, err);
	if (r == 0)
		r = check(&alone, &mount.section, mount.target, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = machine_mount(&machine, &mount, call_has(call, &flag_temporary), &warning, err);
	if (r == 0)
		print_notes(&warning);
	section_free(&mount_schema, &mount.section);
	return r;
}

/* The settings no longer have the entry, and the machine did not have it any more. */
static int take_away(struct call *call,
		     int (*act)(struct machine *, const char *, bool *, struct err *),
		     struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct machine_status status = { 0 };
	scoped_text struct text which = { 0 };
	bool was_there = false;

	if (tidy(call->words[1], &which, err) < 0)
		return -err->code;
	int r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		machine_status(&machine, NULL, &status);
	if (r == 0)
		r = act(&machine, text_str(&which), &was_there, err);
	if (r == 0 && !was_there && !machine_is_down(status.state))
		print_note("machine '%s' no longer had it there", machine.name);
	return r;
}

static int run_unmount(struct call *call, struct err *err)
{
	return take_away(call, machine_unmount, err);
}

/* Parses USER[:GROUP]. */
static int give_owner(const struct call *call, struct device_config *device, struct err *err)
{
	const char *owner = call_value(call, &flag_node_owner);
	scoped_free char *copy = owner ? strdup(owner) : NULL;
	char *group = copy ? strchr(copy, ':') : NULL;

	if (group)
		*group++ = '\0';
	int r = section_give(&device_schema, device, "owner", copy, err);
	return r ? r : section_give(&device_schema, device, "group", group, err);
}

static int run_device_add(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text warning = { 0 };
	struct device_config device = { 0 };
	struct machine_config alone = { .devices = &device.section };

	int r = begin(call, &device_schema, &device.section, err);
	if (r == 0)
		r = section_give(&device_schema, &device, "path", call->words[1], err);
	if (r == 0)
		r = section_give(&device_schema, &device, "mode", call_value(call, &flag_mode),
				 err);
	if (r == 0)
		r = give_owner(call, &device, err);
	if (r == 0)
		r = check(&alone, &device.section, call->words[1], err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = machine_add_device(&machine, &device, call_has(call, &flag_temporary), &warning,
				       err);
	if (r == 0)
		print_notes(&warning);
	section_free(&device_schema, &device.section);
	return r;
}

static int run_device_remove(struct call *call, struct err *err)
{
	return take_away(call, machine_remove_device, err);
}

const struct command command_mount = {
	.name = "mount",
	.args = "MACHINE SOURCE TARGET",
	.help = "Show a folder or file of the host to a machine, now and from now on",
	.flags = mount_flags,
	.min = 3,
	.max = 3,
	.first = WORD_MACHINE,
	.rest = WORD_FILE,
	.run = run_mount,
};

const struct command command_unmount = {
	.name = "unmount",
	.aliases = "umount",
	.args = "MACHINE TARGET|NAME",
	.help = "Take what mount has shown away from a machine",
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_MOUNT,
	.run = run_unmount,
};

static const struct command add = {
	.group = "device",
	.name = "add",
	.args = "MACHINE PATH",
	.help = "Give a machine a device of the host, or a folder of them, such as /dev/fuse",
	.flags = device_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_FILE,
	.run = run_device_add,
};

static const struct command remove_device = {
	.group = "device",
	.name = "remove",
	.aliases = "rm",
	.args = "MACHINE PATH|NAME",
	.help = "Take a device away from a machine",
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_DEVICE,
	.run = run_device_remove,
};

static const struct command *const members[] = { &add, &remove_device, NULL };

const struct command command_device = {
	.name = "device",
	.args = "",
	.help = "Devices of the host for machines: add, remove",
	.max = -1,
	.members = members,
};
