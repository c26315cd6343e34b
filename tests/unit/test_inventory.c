/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thin pools that are not attached: the volumes of their catalogue, and the traces of devices of killed commands. */
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "scratch.h"
#include "storage/inventory.h"
#include "storage/thin/thin_trace.h"
#include "suite.h"
#include "volumes.h"

#include <string.h>
#include <sys/wait.h>

#define UUID "0b1f2c3d-0003-4002-8003-0123456789ab"

/* The folder of a pool that is not attached, with a catalogue of one volume for data; the caller frees its path. */
static char *make_catalog(void)
{
	static const char conf[] = "driver = thin\nsource = /nowhere\nuuid = " UUID "\n";
	char *folder = dirs_state_path(&dirs, "pools/t");
	scoped_free char *path = text_format("%s/catalog.db", folder);
	scoped_free char *settings = text_format("%s/pool.conf", folder);
	scoped_catalog struct catalog catalog = { 0 };
	struct err err = { 0 };
	uint64_t id;

	CU_ASSERT_EQUAL(file_make_dirs(folder, 0700, &err), 0);
	CU_ASSERT_EQUAL(file_replace(settings, conf, strlen(conf), 0600, &err), 0);
	CU_ASSERT_EQUAL(catalog_create(path, UUID, &err), 0);
	CU_ASSERT_EQUAL(catalog_open(&catalog, path, UUID, &err), 0);
	CU_ASSERT_EQUAL(catalog_intend_volume(&catalog, "data.disk", 4096, NULL, false, &id, &err),
			0);
	CU_ASSERT_EQUAL(catalog_finish(&catalog, &err), 0);
	show(&err);
	return folder;
}

static void test_catalog_is_read(void)
{
	scoped_inventory struct inventory quick = { .dirs = &dirs, .quick = true };
	scoped_inventory struct inventory slow = { .dirs = &dirs };
	scoped_inventory struct inventory damaged = { .dirs = &dirs };
	scoped_free char *folder = make_catalog();
	scoped_free char *path = text_format("%s/catalog.db", folder);
	struct err err = { 0 };

	CU_ASSERT_PTR_NULL(inventory_find(&quick, "data.disk"));
	CU_ASSERT_EQUAL(inventory_volume(&quick, "t", "data.other", &err), 0);
	const char *pool = inventory_find(&slow, "data.disk");
	CU_ASSERT(pool && strcmp(pool, "t") == 0);
	CU_ASSERT_EQUAL(inventory_volume(&slow, "t", "data.disk", &err), 0);
	CU_ASSERT_EQUAL(inventory_volume(&slow, "t", "data.other", &err), -ENOENT);
	/* A catalogue that cannot be read says nothing about volumes. */
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(catalog_remove(path), 0);
	CU_ASSERT_EQUAL(file_replace(path, "rubbish", 7, 0600, &err), 0);
	CU_ASSERT_EQUAL(inventory_volume(&damaged, "t", "data.disk", &err), 0);
	scratch_remove(folder);
}

static bool is_claimed(const struct pool *pool, const char *file, uint64_t wanted)
{
	uint64_t id = 0;
	scoped_fd int fd = thin_trace_claim(pool, file, &id);

	return fd >= 0 && id == wanted;
}

/* A trace lasts as long as its maker, unless that is killed. */
static void test_traces(void)
{
	struct thin thin = { 0 };
	struct pool pool = { .dirs = &dirs, .name = (char *)(uintptr_t) "t", .driver = &thin };
	scoped_free char *folder = dirs_run_path(&dirs, "partial/t");
	scoped_free char *path = text_format("%s/active.7.%d", folder, getpid());
	struct err err = { 0 };
	char file[64];

	/* Without the folder there is none. */
	thin_trace_begin(&pool, 7);
	CU_ASSERT_PTR_NULL(thin.traces);
	CU_ASSERT_EQUAL(file_make_dirs(folder, 0711, &err), 0);
	thin_trace_begin(&pool, 7);
	thin_trace_begin(&pool, 7);
	thin_trace_begin(&pool, 8);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	CU_ASSERT_FALSE(is_claimed(&pool, strrchr(path, '/') + 1, 7));
	pid_t pid = fork();
	if (pid == 0) {
		/* Those of the parent stay. */
		thin_trace_end_all(&thin);
		thin_trace_begin(&pool, 9);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	snprintf(file, sizeof file, "active.9.%d", (int)pid);
	CU_ASSERT(is_claimed(&pool, file, 9));
	thin_trace_remove(&pool, file);
	CU_ASSERT_FALSE(is_claimed(&pool, "partial.machine.x", 0));
	thin_trace_end(&pool, 7);
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	thin_trace_end_all(&thin);
	CU_ASSERT_PTR_NULL(thin.traces);
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static CU_TestInfo tests[] = {
	{ "a catalogue that is read", test_catalog_is_read },
	{ "traces of devices", test_traces },
	CU_TEST_INFO_NULL,
};

static int begin(void)
{
	struct err err = { 0 };

	return dirs_open(&dirs, scratch_path("dirs"), &err);
}

static int end(void)
{
	scratch_remove(dirs.root);
	dirs_close(&dirs);
	return 0;
}

int main(void)
{
	int skip = suite_needs_root();

	if (skip)
		return skip;
	if (!scratch_begin())
		return 99;
	int bad = suite_run("inventory", begin, end, tests);
	return scratch_end() < 0 || bad;
}
