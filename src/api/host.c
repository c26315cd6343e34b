/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /, /1.0, doctor, map: what this host and this API are. */
#include "api/access.h"
#include "api/description.h"
#include "api/routes.h"

#include "cmd/cli/print.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Each name stands for something that clients may rely on; none is ever taken away. */
static const char *const extensions[] = {
	"access_users",    "changes",         "console",       "desktop",
	"desktop_control", "desktop_picture", "desktop_sound", "etag",
	"events_since",    "events_sse",      "exec",          "files",
	"filter_label",    "filter_state",    "if_match",      "metrics",
	"operations",      "recursion"
};

static int show_root(struct exchange *exchange, struct err *err)
{
	(void)err;
	response_succeed(exchange->response, json_pack("[s]", "/1.0"));
	return 0;
}

static json_t *host_object(void)
{
	struct utsname names;
	struct sysinfo info;

	if (uname(&names) < 0 || sysinfo(&info) < 0)
		return json_null();
	return json_members((const struct json_member[]){
		{ "name", json_text(names.nodename) },
		{ "kernel", json_text(names.release) },
		{ "arch", json_text(names.machine) },
		{ "processors", json_integer(sysconf(_SC_NPROCESSORS_ONLN)) },
		{ "memory", json_integer((json_int_t)info.totalram * info.mem_unit) },
		{ "uptime", json_integer(info.uptime) },
		{ 0 },
	});
}

static int show_api(struct exchange *exchange, struct err *err)
{
	json_t *names = json_array();
	const char *user = exchange->request->user;

	(void)err;
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
		json_array_append_new(names, json_string(extensions[i]));
	response_succeed(exchange->response, json_members((const struct json_member[]){
						     { "api_version", json_string("1.0") },
						     { "api_extensions", names },
						     { "version", json_string(BERTH_VERSION) },
						     { "user", json_text(user ? user : "root") },
						     { "rights", access_rights(exchange) },
						     { "host", host_object() },
						     { 0 },
					     }));
	return 0;
}

const struct route host_routes[] = {
	{ .method = "GET", .path = "/", .needs = NEEDS_SIGHT, .run = show_root },
	{ .method = "GET", .path = "/1.0", .needs = NEEDS_SIGHT, .run = show_api },
	{ .method = "GET", .path = "/1.0/doctor", .verb = "doctor --json" },
	{ .method = "GET",
	  .path = "/1.0/metrics",
	  .verb = "metrics",
	  .type = "text/plain; version=0.0.4; charset=utf-8" },
	{ .method = "GET",
	  .path = "/1.0/openapi.json",
	  .needs = NEEDS_SIGHT,
	  .run = description_show },
	{ .method = "GET", .path = "/1.0/map", .verb = "network map --json" },
	{ 0 },
};
