/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rights of users of the API. */
#include "api/access.h"

#include "suite.h"

#include <string.h>

static const struct {
	const char *method, *path;
	enum route_needs needs;
} needed[] = {
	{ "GET", "/1.0/machines", NEEDS_SIGHT },
	{ "GET", "/1.0/machines/web", NEEDS_USE },
	{ "GET", "/1.0/machines/web/logs", NEEDS_USE },
	{ "GET", "/1.0/machines/web/backups", NEEDS_ALL },
	{ "POST", "/1.0/machines/web/exec", NEEDS_USE },
	{ "POST", "/1.0/machines/web/console", NEEDS_USE },
	{ "POST", "/1.0/machines/web/desktop", NEEDS_USE },
	{ "PUT", "/1.0/machines/web/state", NEEDS_MANAGE },
	{ "PATCH", "/1.0/machines/web", NEEDS_MANAGE },
	{ "POST", "/1.0/machines/web/snapshots", NEEDS_MANAGE },
	{ "DELETE", "/1.0/machines/web", NEEDS_ALL },
	{ "POST", "/1.0/machines/web", NEEDS_ALL },
	{ "POST", "/1.0/machines/web/volumes", NEEDS_ALL },
	{ "POST", "/1.0/machines", NEEDS_ALL },
	{ "GET", "/1.0/doctor", NEEDS_ALL },
	{ "GET", "/1.0/metrics", NEEDS_ALL },
	{ "GET", "/1.0/operations", NEEDS_SIGHT },
};

static void test_needs(void)
{
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		scoped_request struct request request = { 0 };
		struct match match = { 0 };
		struct err err = { 0 };
		char allow[64];
		CU_ASSERT_EQUAL(request_line(&request, needed[i].method, needed[i].path, &err), 0);
		CU_ASSERT_EQUAL(route_find(&request, &match, allow, &err), 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(match.route);
		CU_ASSERT_EQUAL(match.route->needs, needed[i].needs);
	}
	/* A row for users of a machine names one, and what changes is never for whoever may only see. */
	for (const struct route *const *table = route_tables; *table; table++) {
		for (const struct route *row = *table; row->path; row++) {
			if (row->needs == NEEDS_USE || row->needs == NEEDS_MANAGE)
				CU_ASSERT_PTR_NOT_NULL(strstr(row->path, "{machine}"));
			if (row->needs == NEEDS_SIGHT && strcmp(row->method, "GET") != 0)
				CU_ASSERT_PTR_NOT_NULL(strstr(row->path, "/operations/"));
		}
	}
}

static void test_settings_of_managers(void)
{
	static const char *const may[] = { "description", "label.role", "stop.timeout",
					   "boot.autostart", "snapshots.keep" };
	static const char *const may_not[] = {
		"access.users", "boot.order", "console.log.size",
		"descriptions", "label",      "lxcfs",
		"network",      "pool",       "security.nesting",
		"limits.pids",  "stopped",    "",
	};

	for (size_t i = 0; i < sizeof may / sizeof *may; i++)
		CU_ASSERT(access_may_set(may[i]));
	for (size_t i = 0; i < sizeof may_not / sizeof *may_not; i++)
		CU_ASSERT_FALSE(access_may_set(may_not[i]));
	CU_ASSERT_EQUAL(config_access("ann:use bob:manage", "bob"), ACCESS_MANAGE);
	CU_ASSERT_EQUAL(config_access("ann:use bob:manage", "ann"), ACCESS_USE);
	CU_ASSERT_EQUAL(config_access("ann:use bob:manage", "an"), ACCESS_NONE);
	CU_ASSERT_EQUAL(config_access("ann:use bob:manage", "use"), ACCESS_NONE);
	CU_ASSERT_EQUAL(config_access("ann:use bob:manage", ""), ACCESS_NONE);
	CU_ASSERT_EQUAL(config_access("", "ann"), ACCESS_NONE);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "who may use a row", test_needs },
		{ "settings of managers", test_settings_of_managers },
		CU_TEST_INFO_NULL,
	};

	return suite_run("api_access", NULL, NULL, tests);
}
