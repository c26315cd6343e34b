/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config of a container of LXC, and the ids of an unprivileged one. */
#include "suite.h"

#include "image/pack/shift.h"
#include "image/source/container.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static int parse(const char *config, struct container *container, struct err *err)
{
	char text[2000];

	*err = (struct err){ 0 };
	snprintf(text, sizeof text, "%s", config);
	return container_parse(container, text, err);
}

static void test_config(void)
{
	struct container c;
	struct err err;

	CU_ASSERT_EQUAL(
		parse("# comment\n\n  lxc.rootfs.path=/one\nlxc.rootfs.path = dir:/two \n"
		      "lxc.environment = A=1\nlxc.environment = B='x y'\nlxc.environment = 1=2\n"
		      "lxc.idmap = b 0 100000 65536\nlxc.uts.name = web\n"
		      "lxc.cgroup2.memory.max = 1G\nlxc.cgroup2.pids.max = max\n"
		      "lxc.cgroup2.cpu.max = 50000 100000\nlxc.cgroup2.memory.max = 2G\n"
		      "lxc.net.0.type = veth\nlxc.net.0.type = none\nlxc.net = x",
		      &c, &err),
		0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_STRING_EQUAL(text_str(&c.root), "dir:/two");
	CU_ASSERT_STRING_EQUAL(text_str(&c.env), "A=1 'B='\\''x y'\\'''");
	CU_ASSERT_STRING_EQUAL(text_str(&c.shift), "u 0 100000 65536\ng 0 100000 65536\n");
	CU_ASSERT_STRING_EQUAL(text_str(&c.settings), "default.limits.memory = 1G\n"
						      "default.limits.cpus = 0.50\n");
	CU_ASSERT_STRING_EQUAL(text_str(&c.left),
			       "lxc.environment, lxc.cgroup2.memory.max, lxc.net.0.type, lxc.net");
	container_free(&c);
}

static void test_bad_configs(void)
{
	static const char *const bad[] = { "word",
					   "lxc.idmap = u 0 1",
					   "lxc.idmap = u 0 1 x",
					   "lxc.idmap = ug 0 1 2",
					   "lxc.idmap =",
					   "lxc.idmap = u -1 1 1",
					   "lxc.idmap = u 0 1 4294967296" };
	struct container c;
	struct err err;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CU_ASSERT_EQUAL(parse(bad[i], &c, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line 1 of its config"));
		container_free(&c);
	}
}

static void test_ids(void)
{
	char lines[] = "u 0 100000 10\nu 10 500 1\ng 0 200000 10\n";
	char many[SHIFT_RANGES * 12 + 20] = "";
	struct shift shift;
	struct err err = { 0 };
	int64_t id;

	CU_ASSERT_EQUAL(shift_parse(&shift, lines, &err), 0);
	CU_ASSERT_TRUE(shift_id(&shift, 'u', 100009, &id));
	CU_ASSERT_EQUAL(id, 9);
	CU_ASSERT_TRUE(shift_id(&shift, 'u', 500, &id));
	CU_ASSERT_EQUAL(id, 10);
	CU_ASSERT_TRUE(shift_id(&shift, 'g', 200000, &id));
	CU_ASSERT_EQUAL(id, 0);
	CU_ASSERT_FALSE(shift_id(&shift, 'u', 100010, &id));
	CU_ASSERT_FALSE(shift_id(&shift, 'g', 100000, &id));
	CU_ASSERT_FALSE(shift_id(&shift, 'u', 0, &id));
	shift.count = 0;
	CU_ASSERT_TRUE(shift_id(&shift, 'u', 70000, &id));
	CU_ASSERT_EQUAL(id, 70000);
	for (int i = 0; i <= SHIFT_RANGES; i++)
		strcat(many, "u 0 1 1\n");
	CU_ASSERT_EQUAL(shift_parse(&shift, many, &err), -EINVAL);
}

static void test_attributes(void)
{
	char lines[] = "u 0 100000 65536\ng 0 200000 65536\n";
	unsigned char list[] = { 2, 0,    0,    0, 1, 0, 7, 0, 255, 255,  255,  255, 2, 0, 6,
				 0, 0xa5, 0x86, 1, 0, 8, 0, 4, 0,   0x41, 0x0d, 3,   0, 9, 9 };
	unsigned char cap[24] = { 1, 0, 0, 3, 0, 32, 0, 0 };
	struct shift shift;
	struct err err = { 0 };
	size_t size = sizeof list;

	CU_ASSERT_EQUAL_FATAL(shift_parse(&shift, lines, &err), 0);
	CU_ASSERT_TRUE(shift_attribute(&shift, "system.posix_acl_access", list, &size));
	CU_ASSERT_EQUAL(list[16] | list[17] << 8 | list[18] << 16, 5);
	CU_ASSERT_EQUAL(list[24] | list[25] << 8 | list[26] << 16, 1);
	/* The same list again: its ids are not on the host. */
	CU_ASSERT_FALSE(shift_attribute(&shift, "system.posix_acl_default", list, &size));
	size = sizeof cap;
	CU_ASSERT_FALSE(shift_attribute(&shift, "security.capability", cap, &size));
	memcpy(cap + 20, &(uint32_t){ htole32(100000) }, 4);
	CU_ASSERT_TRUE(shift_attribute(&shift, "security.capability", cap, &size));
	CU_ASSERT_EQUAL(size, 20);
	CU_ASSERT_EQUAL(cap[3], 2);
	CU_ASSERT_EQUAL(cap[0], 1);
	CU_ASSERT_TRUE(shift_attribute(&shift, "user.x", cap, &size));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a config", test_config },
		{ "configs that are refused", test_bad_configs },
		{ "ids of a container", test_ids },
		{ "ids in attributes", test_attributes },
		CU_TEST_INFO_NULL,
	};

	return suite_run("container", NULL, NULL, tests);
}
