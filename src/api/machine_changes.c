/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of machines, and of what belongs to one. */
#include "api/change.h"

#include "api/body.h"
#include "config/config.h"

#include <errno.h>
#include <string.h>

/* ---- New machines */

#define OF_EACH                                                                        \
	{ "name", FIELD_NAME, NULL, false }, { "config", FIELD_SET, "--set=", false }, \
		{ "network", FIELD_TEXT, "--network=", false },                        \
	{                                                                              \
		"pool", FIELD_TEXT, "--pool=", false                                   \
	}

static const struct field from_template[] = {
	OF_EACH,
	{ "ephemeral", FIELD_SWITCH, "--ephemeral", false },
	{ "source.template", FIELD_WORD, NULL, true },
	{ 0 },
};
static const struct field launched[] = {
	OF_EACH,
	{ "ephemeral", FIELD_SWITCH, "--ephemeral", false },
	{ "source.template", FIELD_WORD, NULL, true },
	{ "wait", FIELD_SWITCH, "--wait", false },
	{ 0 },
};
static const struct field copied[] = {
	{ "name", FIELD_NAME, NULL, true },
	{ "config", FIELD_SET, "--set=", false },
	{ "network", FIELD_TEXT, "--network=", false },
	{ "pool", FIELD_TEXT, "--pool=", false },
	{ "ephemeral", FIELD_SWITCH, "--ephemeral", false },
	{ "source.machine", FIELD_WORD, NULL, true },
	{ "source.snapshot", FIELD_TEXT, "--snapshot=", false },
	{ "source.keep_identity", FIELD_SWITCH, "--keep-identity", false },
	{ "source.no_volumes", FIELD_SWITCH, "--no-volumes", false },
	{ 0 },
};
static const struct field from_backup[] = {
	OF_EACH,
	{ "source.backup", FIELD_WORD, NULL, true },
	{ "source.target", FIELD_TEXT, "--target=", false },
	{ "source.no_volumes", FIELD_SWITCH, "--no-volumes", false },
	{ "source.whole", FIELD_SWITCH, "--whole", false },
	{ 0 },
};
static const struct variant sources[] = {
	{ "template", "create --json -- {source.template} {name}", from_template },
	{ "launch", "launch --json -- {source.template} {name}", launched },
	{ "copy", "clone --json -- {source.machine} {name}", copied },
	{ "backup", "backup restore -- {source.backup} {name}", from_backup },
	{ 0 },
};

/* ---- States */

static const struct field no_fields[] = { { 0 } };
static const struct field start_fields[] = { { "wait", FIELD_SWITCH, "--wait", false }, { 0 } };
static const struct field stop_fields[] = {
	{ "force", FIELD_SWITCH, "--force", false },
	{ "timeout", FIELD_TIME, "--timeout=", false },
	{ 0 },
};
static const struct field restart_fields[] = {
	{ "force", FIELD_SWITCH, "--force", false },
	{ "timeout", FIELD_TIME, "--timeout=", false },
	{ "wait", FIELD_SWITCH, "--wait", false },
	{ 0 },
};
static const struct variant actions[] = {
	{ "start", "start -- {machine}", start_fields },
	{ "stop", "stop -- {machine}", stop_fields },
	{ "restart", "restart -- {machine}", restart_fields },
	{ "freeze", "pause -- {machine}", no_fields },
	{ "unfreeze", "resume -- {machine}", no_fields },
	{ 0 },
};

/* ---- Parts */

static const struct field name_fields[] = { { "name", FIELD_NAME, NULL, true }, { 0 } };
static const struct field snapshot_fields[] = {
	{ "name", FIELD_NAME, NULL, false },
	{ "no_volumes", FIELD_SWITCH, "--no-volumes", false },
	{ 0 },
};
static const struct field restore_fields[] = { { "volumes", FIELD_SWITCH, "--volumes", false },
					       { 0 } };
static const struct variant snapshot_actions[] = {
	{ "restore", "restore -- {machine} {snapshot}", restore_fields },
	{ 0 },
};
static const struct field forward_fields[] = {
	{ "protocol", FIELD_WORD, NULL, true },
	{ "port", FIELD_WORD, NULL, true },
	{ "header", FIELD_SWITCH, "--proxy-protocol", false },
	{ "listen", FIELD_TEXT, "--listen=", false },
	{ "mode", FIELD_CHOICE, "proxy=--proxy nat=", false },
	{ "name", FIELD_TEXT, "--name=", false },
	{ "on_demand", FIELD_SWITCH, "--on-demand", false },
	{ 0 },
};

/* The verb takes what only a process can do for the wish for one, which the body may rule out. */
static int add_forward(struct exchange *exchange, struct err *err)
{
	const json_t *body = exchange->request->body;
	const char *mode = json_string_value(body_member(body, "mode"));

	if (!mode || strcmp(mode, "nat") != 0)
		return change_by_verb(exchange, err);
	if (json_is_true(body_member(body, "on_demand")))
		return err_set(err, EINVAL,
			       "field 'on_demand' is for mode proxy: the kernel starts no "
			       "machine; leave out 'mode', or make it proxy");
	if (json_is_true(body_member(body, "header")))
		return err_set(err, EINVAL,
			       "field 'header' is for mode proxy: the kernel adds none; leave out "
			       "'mode', or make it proxy");
	return change_by_verb(exchange, err);
}

static const struct field nic_fields[] = {
	{ "name", FIELD_NAME, NULL, true },
	{ "address", FIELD_TEXT, "--address=", false },
	{ "address6", FIELD_TEXT, "--address6=", false },
	{ "mac", FIELD_TEXT, "--mac=", false },
	{ "mtu", FIELD_TEXT, "--mtu=", false },
	{ "network", FIELD_TEXT, "--network=", false },
	{ "route", FIELD_SWITCH, "--route", false },
	{ "routes", FIELD_TEXT, "--routes=", false },
	{ "vlan", FIELD_TEXT, "--vlan=", false },
	{ 0 },
};
static const struct field config_fields[] = { { "config", FIELD_PAIRS, NULL, true }, { 0 } };
static const struct field attach_fields[] = {
	{ "volume", FIELD_NAME, NULL, true },
	{ "target", FIELD_WORD, NULL, true },
	{ "readonly", FIELD_SWITCH, "--read-only", false },
	{ 0 },
};
static const struct field backup_fields[] = {
	{ "freeze", FIELD_SWITCH, "--freeze", false },
	{ "full", FIELD_SWITCH, "--full", false },
	{ "target", FIELD_TEXT, "--target=", false },
	{ 0 },
};
static const struct query force_queries[] = { { .name = "force", .flag = "--force" }, { 0 } };

#define MACHINE             "/1.0/machines/{machine}"
#define CHANGES(how, where) .method = how, .path = where, .run = change_by_verb

const struct route machine_changes[] = {
	{ CHANGES("POST", "/1.0/machines"), .select = "source.type", .variants = sources,
	  .goes_on = true },
	{ .method = "PUT",
	  .path = MACHINE,
	  .needs = NEEDS_MANAGE,
	  .config = "get --json -- {machine}",
	  .schema = &machine_schema,
	  .run = change_settings },
	{ .method = "PATCH",
	  .path = MACHINE,
	  .needs = NEEDS_MANAGE,
	  .config = "get --json -- {machine}",
	  .schema = &machine_schema,
	  .run = change_settings },
	{ CHANGES("POST", MACHINE), .verb = "rename -- {machine} {name}", .fields = name_fields },
	{ CHANGES("DELETE", MACHINE), .verb = "delete -- {machine}", .queries = force_queries,
	  .goes_on = true },
	{ CHANGES("PUT", MACHINE "/state"), .needs = NEEDS_MANAGE, .select = "action",
	  .variants = actions, .goes_on = true },
	{ CHANGES("POST", MACHINE "/snapshots"), .needs = NEEDS_MANAGE,
	  .verb = "snapshot take --json -- {machine} {name}", .fields = snapshot_fields,
	  .goes_on = true },
	{ CHANGES("POST", MACHINE "/snapshots/{snapshot}"), .needs = NEEDS_MANAGE,
	  .verb = "snapshot rename -- {machine} {snapshot} {name}", .fields = name_fields },
	{ CHANGES("PUT", MACHINE "/snapshots/{snapshot}"), .needs = NEEDS_MANAGE,
	  .select = "action", .variants = snapshot_actions, .goes_on = true },
	{ CHANGES("DELETE", MACHINE "/snapshots/{snapshot}"), .needs = NEEDS_MANAGE,
	  .verb = "snapshot delete -- {machine} {snapshot}", .goes_on = true },
	{ .method = "POST",
	  .path = MACHINE "/forwards",
	  .verb = "forward add --json -- {machine} {protocol} {port}",
	  .fields = forward_fields,
	  .run = add_forward },
	{ CHANGES("DELETE", MACHINE "/forwards/{forward}"),
	  .verb = "forward remove -- {machine} {forward}" },
	{ CHANGES("POST", MACHINE "/nics"), .verb = "nic add -- {machine} {name}",
	  .fields = nic_fields },
	{ CHANGES("PATCH", MACHINE "/nics/{nic}"), .verb = "nic set -- {machine} {nic}",
	  .fields = config_fields },
	{ CHANGES("DELETE", MACHINE "/nics/{nic}"), .verb = "nic remove -- {machine} {nic}" },
	{ CHANGES("POST", MACHINE "/volumes"),
	  .verb = "volume attach -- {machine} {volume} {target}", .fields = attach_fields },
	{ CHANGES("DELETE", MACHINE "/volumes/{volume}"),
	  .verb = "volume detach -- {machine} {volume}" },
	{ CHANGES("POST", MACHINE "/backups"), .verb = "backup take --json -- {machine}",
	  .fields = backup_fields, .goes_on = true },
	{ 0 },
};
