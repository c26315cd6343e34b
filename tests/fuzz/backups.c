/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backups on another host: a server between its folder and a hostile client, a client before a hostile server, records
 * of encrypted backups, and the places that users write. Nothing beside the folder is touched, and every session ends.
 */
#include "fuzz.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "config/place.h"
#include "machine/backup/seal.h"
#include "machine/backup/store_ops.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE "web.0b1f2c3d-0004-4002-8003-0123456789ab"
#define FULL    MACHINE "/20260110-080000.full.berth"
#define SEALED  FULL ".enc"

static int lowest_fd(void)
{
	scoped_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd;
}

/* A folder of backups, made anew: "root" in the folder of the run. */
static int make_root(int above, const uint8_t *data, size_t size)
{
	remove_tree(above, "root");
	if (mkdirat(above, "root", 0700) < 0 || mkdirat(above, "root/" MACHINE, 0700) < 0)
		abort();
	fuzz_file(above, "root/.berth-backups", (const uint8_t *)"x\n", 2);
	fuzz_file(above, "root/" FULL, data, size);
	fuzz_file(above, "root/" SEALED, data, size);
	return openat(above, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- The server */

static void serve(const char *folder, const uint8_t *data, size_t size)
{
	scoped_fd int in = fuzz_memory(data, size);
	scoped_fd int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	scoped_fd int old_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	scoped_fd int old_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	struct err err = { 0 };

	fflush(stdout);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		abort();
	store_serve(folder, &err);
	fflush(stdout);
	if (old_in >= 0)
		dup2(old_in, STDIN_FILENO);
	if (old_out >= 0)
		dup2(old_out, STDOUT_FILENO);
}

/* ---- The client */

static int visit(void *context, const struct store_file *file)
{
	(void)context;
	fuzz_check(memchr(file->name, '\0', sizeof file->name) && !strchr(file->name, '/'));
	return 0;
}

static void write_one(struct store *store, struct err *err)
{
	struct store_writing writing;
	struct store_file file = { .size = 0 };

	if (store_begin(store, FULL, &writing, err) == 0 && write(writing.fd, "bytes", 5) >= 0 &&
	    store_end(store, &writing, err) == 0)
		store_keep(store, &writing, NULL, &file, err);
	store_drop(store, &writing, err);
}

static void ask_one(struct store *store, unsigned what)
{
	scoped_free char *text = NULL;
	struct store_file file = { .size = 0 };
	char content[UUID_TEXT] = "";
	struct err err = { 0 };
	struct seal seal;

	switch (what) {
	case 0:
		store_each(store, "", visit, NULL, &err);
		break;
	case 1:
		store_read(store, FULL, &text, &err);
		break;
	case 2:
		store_content(store, FULL, content, &err);
		fuzz_check(strnlen(content, sizeof content) < sizeof content);
		break;
	case 3:
		store_check(store, FULL, NULL, &file, &err);
		visit(NULL, &file);
		break;
	case 4:
		store_lock(store, MACHINE, 1, &err);
		store_unlock(store);
		break;
	case 5:
		store_replace(store, FULL, "text", 4, &err);
		break;
	case 6:
		write_one(store, &err);
		break;
	default:
		seal_read(store, SEALED, &seal, &err);
	}
}

static void be_client(const uint8_t *data, size_t size)
{
	unsigned asked[4] = { 0 };
	char host[] = "other", target[] = "ssh:other:/backups";

	for (size_t i = 0; i < 4 && size > 0; i++, data++, size--)
		asked[i] = *data % 8;
	struct store store = {
		.target = target,
		.host = host,
		.ops = &store_far,
		.lock = -1,
		.far = { .host = host, .from = fuzz_memory(data, size) },
	};
	store.far.to = open("/dev/null", O_WRONLY | O_CLOEXEC);
	store.far.wire = (struct wire){ .fd = store.far.from, .seconds = 1 };
	for (size_t i = 0; i < 4; i++)
		ask_one(&store, asked[i]);
	far_close(&store.far);
}

/* ---- Texts */

static void read_seal(const char *folder, int above, const uint8_t *data, size_t size)
{
	const struct store_spec spec = { .target = folder, .what = "look in" };
	struct store store;
	struct err err = { 0 };
	struct seal seal;

	fuzz_file(above, "root/" SEALED SEAL_RECORD, data, size);
	if (store_open(&store, &spec, &err) == 0 && seal_read(&store, SEALED, &seal, &err) == 0) {
		fuzz_check(strlen(seal.content) == UUID_TEXT - 1);
		fuzz_check(strspn(seal.sum, "0123456789abcdef") == STORE_SUM - 1);
	} else {
		fuzz_check(err.code && *err.text);
	}
	store_close(&store);
}

static void read_place(const uint8_t *data, size_t size)
{
	scoped_free char *place = fuzz_word(&data, &size);
	scoped_free char *host = NULL, *folder = NULL;

	if (config_place_fault(place))
		return;
	fuzz_check(config_place_split(place, &host, &folder) == 0);
	fuzz_check(*folder == '/');
	if (!host)
		return;
	fuzz_check(*host && *host != '-' && !strpbrk(host, " \t\n\r\033'\"\\;&|<>$`/"));
	fuzz_check(strlen("ssh::") + strlen(host) + strlen(folder) == strlen(place));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[300];
	const char *above_path;
	int home, above = fuzz_enter(&home);

	if (size == 0)
		return 0;
	fuzz_folder(&above_path);
	snprintf(path, sizeof path, "%s/root", above_path);
	int before = lowest_fd();
	scoped_fd int root = make_root(above, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		serve(path, data + 1, size - 1);
		break;
	case 1:
		be_client(data + 1, size - 1);
		break;
	case 2:
		read_seal(path, above, data + 1, size - 1);
		break;
	default:
		read_place(data + 1, size - 1);
	}
	scoped_close_fd(&root);
	fuzz_check(fuzz_has_only_root(above));
	fuzz_check(lowest_fd() == before);
	return 0;
}
