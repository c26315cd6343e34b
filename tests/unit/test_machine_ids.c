/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the ranges of ids are taken and given back. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "machine/confine/ids.h"
#include "suite.h"
#include "test_machine.h"

#include <sys/file.h>
#include <sys/wait.h>

/* A folder of our own, and a machine of the installation by its name. */
static int take(const struct berth_config *config, const char *name, unsigned ranges,
		struct idmap *map, struct err *err)
{
	scoped_free char *ids = text_format("%s/ids", folder);
	scoped_free char *run = text_format("%s/run/machines/%s", folder, name);

	return ids_take(ids, config, run, ranges, map, err);
}

static void release(const char *name, const struct idmap *map)
{
	scoped_free char *ids = text_format("%s/ids", folder);
	scoped_free char *run = text_format("%s/run/machines/%s", folder, name);

	ids_release(ids, run, map);
}

static void release_all(const char *name)
{
	scoped_free char *ids = text_format("%s/ids", folder);
	scoped_free char *run = text_format("%s/run/machines/%s", folder, name);

	ids_release_all(ids, run);
}

void test_ids(void)
{
	struct berth_config config = { .idmap_base = 1900544000, .idmap_machines = 3 };
	struct idmap a, b, c, again, none;
	struct err err = { 0 };

	make_run("a");
	make_run("b");
	make_run("c");
	CU_ASSERT_EQUAL(take(&config, "a", 1, &a, &err), 0);
	CU_ASSERT_EQUAL(take(&config, "b", 1, &b, &err), 0);
	CU_ASSERT_EQUAL(take(&config, "c", 1, &c, &err), 0);
	CU_ASSERT_TRUE(a.base != b.base && b.base != c.base && a.base != c.base);
	CU_ASSERT_EQUAL(take(&config, "a", 1, &again, &err), 0);
	CU_ASSERT_EQUAL(again.base, a.base);
	make_run("d");
	CU_ASSERT_EQUAL(take(&config, "d", 1, &none, &err), -EAGAIN);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "idmap.machines"));
	release("a", &b);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&config, "d", 1, &none, &err), -EAGAIN);
	release("b", &b);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&config, "d", 1, &none, &err), 0);
	CU_ASSERT_EQUAL(none.base, b.base);
}

/* Several in a row, all or none. */
void test_ids_nesting(void)
{
	struct berth_config config = { .idmap_base = 1900544000, .idmap_machines = 5 };
	struct idmap one, two, none;
	struct err err = { 0 };
	scoped_free char *ids = text_format("%s/ids", folder);

	remove_tree(AT_FDCWD, ids);
	CU_ASSERT_EQUAL(take(&config, "a", 2, &two, &err), 0);
	CU_ASSERT_EQUAL(two.count, 2 * IDMAP_COUNT);
	CU_ASSERT_EQUAL((two.base - config.idmap_base) % (2 * IDMAP_COUNT), 0);
	CU_ASSERT_EQUAL(take(&config, "b", 2, &one, &err), 0);
	CU_ASSERT_EQUAL(take(&config, "c", 2, &none, &err), -EAGAIN);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&config, "d", 1, &one, &err), 0);
	CU_ASSERT_EQUAL(one.base, config.idmap_base + 4 * IDMAP_COUNT);
	release("a", &two);
	CU_ASSERT_EQUAL(take(&config, "c", 2, &none, &err), 0);
	CU_ASSERT_EQUAL(none.base, two.base);
	/* No record of its ranges exists. */
	release_all("c");
	release_all("nobody");
	CU_ASSERT_EQUAL(take(&config, "a", 2, &one, &err), 0);
	CU_ASSERT_EQUAL(one.base, two.base);
	CU_ASSERT_EQUAL(take(&config, "a", 6, &none, &err), -EAGAIN);
}

/* A holder that was killed with its run folder gone must not keep its range for ever. */
void test_ids_stale(void)
{
	struct berth_config config = { .idmap_base = 1800011776, .idmap_machines = 1 };
	struct idmap map;
	struct err err = { 0 };
	char link[200];

	snprintf(link, sizeof link, "%s/ids/1800011776", folder);
	unlink(link);
	CU_ASSERT_EQUAL(symlink("/nothing/run/machines/long-gone", link), 0);
	CU_ASSERT_EQUAL(take(&config, "a", 1, &map, &err), 0);
	release("a", &map);
	CU_ASSERT_EQUAL(access(link, F_OK), -1);
}

/* Settings that differ, or have changed since, are no way to another's range. */
void test_ids_of_other_settings(void)
{
	struct berth_config one = { .idmap_base = 1800011776, .idmap_machines = 2 };
	struct berth_config other = { .idmap_base = 1800011776 + IDMAP_COUNT, .idmap_machines = 2 };
	struct berth_config crooked = { .idmap_base = 1800011776 + 1, .idmap_machines = 2 };
	struct idmap a, b, c, none;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(take(&one, "a", 1, &a, &err), 0);
	CU_ASSERT_EQUAL(take(&one, "b", 1, &b, &err), 0);
	CU_ASSERT_EQUAL(take(&other, "c", 1, &c, &err), 0);
	CU_ASSERT_EQUAL(c.base, other.idmap_base + IDMAP_COUNT);
	CU_ASSERT_EQUAL(take(&crooked, "d", 1, &none, &err), -EAGAIN);
	release("b", &b);
	release("a", &a);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&crooked, "d", 1, &a, &err), 0);
	CU_ASSERT_EQUAL(a.base, other.idmap_base);
	release("c", &c);
	release("d", &a);
}

/* Forty at once, each a process of its own: forty different ranges. */
void test_ids_race(void)
{
	enum { MANY = 40 };
	struct berth_config config = { .idmap_base = 1700003840, .idmap_machines = MANY };
	bool seen[MANY] = { false };
	char name[32];

	scoped_free char *ids = text_format("%s/ids", folder);

	remove_tree(AT_FDCWD, ids);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "race-%d", i);
		make_run(name);
		if (fork() == 0) {
			struct idmap map = { 0 };
			int r = take(&config, name, 1, &map, &(struct err){ 0 });
			_exit(r < 0 ? 255 : (int)((map.base - config.idmap_base) / IDMAP_COUNT));
		}
	}
	for (int status, i = 0; i < MANY; i++) {
		CU_ASSERT_TRUE(wait(&status) > 0 && WIFEXITED(status) &&
			       WEXITSTATUS(status) < MANY);
		CU_ASSERT_FALSE(seen[WEXITSTATUS(status) % MANY]);
		seen[WEXITSTATUS(status) % MANY] = true;
	}
}
