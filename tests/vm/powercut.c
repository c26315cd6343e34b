/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes a thin pool whose every write is logged (dm-log-writes), at random by a seed, and writes down
 * what was asked for and what was acknowledged: tests/proof/replay cuts the power after any of them.
 *
 * powercut ROOT DEVICE FURTHER LOG SEED CHANGES JOURNAL: the state below ROOT, the pool on DEVICE and the
 * disk FURTHER, which joins it halfway and becomes larger later, lie on the device-mapper device LOG, which gets a mark
 * for every line of JOURNAL. LOG may be several, with commas between them, each for a disk with a cache of its own:
 * then every fault point that is passed is a line too.
 * powercut check ROOT WANTED: the real recovery. Opens the pool that a cut has left, and compares it with
 * WANTED, lines of "VOLUME TEXT|TEXT...", and nothing else may be there.
 * powercut clone ROOT FROM TO: one clone, for what is done to a disk meanwhile.
 */
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/dm.h"
#include "storage/maintenance.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/*
 * A volume holds two files: f, a text again and again, replaced as a whole; and g, whose pages each say by whom
 * they were written, over what was there. tests/proof/replay knows both.
 */
enum { VOLUMES = 12, VOLUME_SIZE = 16 << 20, PAGES = 64, PAGE = 4096, LOGS = 4 };
enum { GAINED = 32 << 11 }; /* sectors that the disk FURTHER gets behind those that it has */

struct volume {
	char name[32];
	char text[32]; /* the contents of its file f */
	int mount;     /* of one that is in use, else -1 */
};

static struct dirs dirs;
static struct volume volumes[VOLUMES];
static unsigned step, seed;
static char *log_names[LOGS];
static struct dm dm;
static pid_t recorder;
static FILE *journal;
static unsigned lines; /* in it */

static void give_up(const char *what, const struct err *err)
{
	fprintf(stderr, "powercut: step %u, %s: %s\n", step, what,
		err && err->code ? err->text : strerror(errno));
	exit(1);
}

static unsigned draw(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

/* A line of the journal, which is a mark in the log as well: behind all that is durable by now. */
static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < LOGS && log_names[i]; i++) {
		/* A word is all that a mark may be. */
		int r = dm_message(&dm, log_names[i], "mark L%u", lines);
		if (r < 0) {
			fprintf(stderr, "powercut: mark: %s\n", dm_why(r));
			exit(1);
		}
	}
	lines++;
	fprintf(journal, "%s\n", line);
}

static void note_point(const char *name)
{
	if (getpid() == recorder)
		note("point %s", name);
}

static void take_logs(char *names)
{
	for (size_t i = 0; i < LOGS && names; i++)
		log_names[i] = strsep(&names, ",");
	recorder = getpid();
	if (log_names[1])
		fault_watch = note_point;
}

static struct volume *find_free(void)
{
	for (size_t i = 0; i < VOLUMES; i++) {
		if (!*volumes[i].name)
			return &volumes[i];
	}
	return NULL;
}

/* Any existing volume, in use or not. NULL: none of the first ones that were looked at. */
static struct volume *find_some(bool in_use)
{
	for (int tries = 0; tries < 4 * VOLUMES; tries++) {
		struct volume *volume = &volumes[draw(VOLUMES)];
		if (*volume->name && (volume->mount >= 0) == in_use)
			return volume;
	}
	return NULL;
}

/* ---- What is in a volume */

static int mount_of(struct pool *pool, const char *name)
{
	struct err err = { 0 };
	scoped_fd int mount = -1;

	if (volume_mount(pool, name, 0, &mount, &err) < 0)
		give_up("mount", &err);
	return openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

/* A text again and again: 1 to 256 KiB of it, by what it is. The caller owns it. */
static char *content_of(const char *text, size_t *size)
{
	size_t length = strlen(text) + 1;
	uint32_t sum = 0;

	for (const char *c = text; *c; c++)
		sum = sum * 31 + (unsigned char)*c;
	*size = 1024 * (1 + (sum >> 3) % 256);
	char *content = malloc(*size + 1);
	for (size_t at = 0; content && at < *size; at++)
		content[at] = at % length < length - 1 ? text[at % length] : '\n';
	if (content)
		content[*size] = '\0';
	return content;
}

/* Whole at any moment: written aside. durable: it, and its name, are on the disk when this returns. */
static void put(int root, const char *text, bool durable)
{
	scoped_fd int fd = openat(root, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t size;
	scoped_free char *content = content_of(text, &size);

	if (fd < 0 || !content || !write_all(fd, content, size) || (durable && fsync(fd) < 0) ||
	    renameat(root, "new", root, "f") < 0 || (durable && syncfs(root) < 0))
		give_up("write", NULL);
}

/* Pages of g, over what is there. */
static void write_pages(int root, unsigned first, unsigned count, const char *tag, bool durable)
{
	scoped_fd int fd = openat(root, "g", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	char page[PAGE];

	for (size_t at = 0, length = strlen(tag) + 1; at < PAGE; at++)
		page[at] = at % length < length - 1 ? tag[at % length] : '\n';
	for (unsigned i = first; i < first + count; i++) {
		if (fd < 0 || pwrite(fd, page, PAGE, (off_t)i * PAGE) != PAGE)
			give_up("write pages", NULL);
	}
	if (durable && fsync(fd) < 0)
		give_up("write pages", NULL);
}

static void write_text(struct pool *pool, struct volume *volume, const char *text)
{
	scoped_fd int own = volume->mount < 0 ? mount_of(pool, volume->name) : -1;

	put(volume->mount < 0 ? own : volume->mount, text, true);
	snprintf(volume->text, sizeof volume->text, "%s", text);
}

/* ---- Changes: "begin WHAT VOLUME [OTHER] [TEXT]", and "ack WHAT VOLUME" once it is done */

static void change_create(struct pool *pool)
{
	struct volume *volume = find_free();
	struct err err = { 0 };

	if (!volume)
		return;
	/* An import fills a volume under another name. */
	snprintf(volume->name, sizeof volume->name, "template.t%u", step);
	snprintf(volume->text, sizeof volume->text, "t%u", step);
	note("begin create incoming.t%u", step);
	char incoming[32];
	snprintf(incoming, sizeof incoming, "incoming.t%u", step);
	if (volume_create(pool, incoming, VOLUME_SIZE, &err) < 0)
		give_up("create", &err);
	note("ack create %s", incoming);
	{
		scoped_fd int root = mount_of(pool, incoming);
		put(root, volume->text, false);
		write_pages(root, 0, PAGES, volume->text, false);
	}
	note("begin rename %s %s %s", incoming, volume->name, volume->text);
	if (volume_rename(pool, incoming, volume->name, &err) < 0)
		give_up("rename", &err);
	note("ack rename %s", incoming);
	volume_deactivate(pool, volume->name, &err);
}

/* If the origin is in use, its unwritten data must be in the clone. */
static void change_clone(struct pool *pool, bool running)
{
	struct volume *from = find_some(running), *to = find_free();
	struct err err = { 0 };
	char text[32];

	if (!from || !to)
		return;
	if (running) {
		snprintf(text, sizeof text, "w%u", step);
		note("begin write %s %s unsynced", from->name, text);
		put(from->mount, text, false);
		snprintf(from->text, sizeof from->text, "%s", text);
	}
	snprintf(to->name, sizeof to->name, "machine.m%u", step);
	snprintf(to->text, sizeof to->text, "%s", from->text);
	note("begin clone %s %s %s", from->name, to->name, to->text);
	if (volume_snapshot(pool, from->name, to->name, &err) < 0)
		give_up("clone", &err);
	note("ack clone %s", to->name);
	if (running) {
		syncfs(from->mount);
		note("ack write %s", from->name);
	}
}

static void change_clone_idle(struct pool *pool)
{
	change_clone(pool, false);
}

static void change_clone_running(struct pool *pool)
{
	change_clone(pool, true);
}

static void change_delete(struct pool *pool)
{
	struct volume *volume = find_some(false);
	struct err err = { 0 };

	if (!volume)
		return;
	note("begin delete %s", volume->name);
	if (volume_destroy(pool, volume->name, &err) < 0)
		give_up("delete", &err);
	note("ack delete %s", volume->name);
	*volume->name = '\0';
}

static void change_write(struct pool *pool)
{
	struct volume *volume = find_some(draw(2));
	char text[32];

	if (!volume)
		return;
	snprintf(text, sizeof text, "w%u", step);
	note("begin write %s %s", volume->name, text);
	write_text(pool, volume, text);
	note("ack write %s", volume->name);
}

/* A restore as in machine/manage/snapshot.c: a clone of the snapshot is exchanged with the root. */
static void change_restore(struct pool *pool)
{
	struct volume *to = find_some(false), *from = find_some(false);
	struct err err = { 0 };
	char incoming[48];

	if (!to || !from || to == from)
		return;
	snprintf(incoming, sizeof incoming, "incoming.r%u", step);
	note("begin clone %s %s %s", from->name, incoming, from->text);
	if (volume_snapshot(pool, from->name, incoming, &err) < 0)
		give_up("restore", &err);
	note("ack clone %s", incoming);
	note("begin exchange %s %s", to->name, incoming);
	if (volume_exchange(pool, to->name, incoming, &err) < 0)
		give_up("exchange", &err);
	note("ack exchange %s", to->name);
	snprintf(to->text, sizeof to->text, "%s", from->text);
	note("begin delete %s", incoming);
	if (volume_destroy(pool, incoming, &err) < 0)
		give_up("delete", &err);
	note("ack delete %s", incoming);
}

static void change_use(struct pool *pool)
{
	struct volume *volume = find_some(draw(2));
	struct err err = { 0 };

	if (!volume)
		return;
	if (volume->mount < 0) {
		volume->mount = mount_of(pool, volume->name);
		return;
	}
	scoped_close_fd(&volume->mount);
	volume_deactivate(pool, volume->name, &err);
}

static void change_resize(struct pool *pool)
{
	struct volume *volume = find_some(draw(2));
	struct volume_info info;
	struct err err = { 0 };

	if (!volume)
		return;
	if (volume_info(pool, volume->name, &info, &err) < 0)
		give_up("resize", &err);
	note("begin resize %s %llu", volume->name, (unsigned long long)info.size + (1 << 20));
	if (volume_resize(pool, volume->name, info.size + (1 << 20), &err) < 0)
		give_up("resize", &err);
	note("ack resize %s", volume->name);
}

/* Copies what a clone shares. */
static void change_fill(struct pool *pool)
{
	struct volume *volume = find_some(draw(2));
	char tag[32];

	if (!volume)
		return;
	unsigned first = draw(PAGES), count = 1 + draw(PAGES - first);
	snprintf(tag, sizeof tag, "g%u", step);
	note("begin fill %s %u %u %s", volume->name, first, count, tag);
	scoped_fd int root = volume->mount < 0 ? mount_of(pool, volume->name) : -1;
	write_pages(volume->mount < 0 ? root : volume->mount, first, count, tag, true);
	note("ack fill %s", volume->name);
}

static void change_trim(struct pool *pool)
{
	scoped_text struct text report = { 0 };
	struct err err = { 0 };

	note("begin trim p");
	if (pool->ops->maintenance->trim(pool, &report, &err) < 0)
		give_up("trim", &err);
	note("ack trim p");
}

/* No process uses it meanwhile. */
static void let_go(struct pool *pool)
{
	struct err err = { 0 };

	for (size_t i = 0; i < VOLUMES; i++)
		scoped_close_fd(&volumes[i].mount);
	pool_close(pool);
	if (pool_detach(&dirs, "p", &err) < 0)
		give_up("detach", &err);
}

static void take_again(struct pool *pool)
{
	struct err err = { 0 };

	if (pool_open(pool, &dirs, "p", &err) < 0)
		give_up("attach", &err);
}

static void change_attach(struct pool *pool)
{
	note("begin attach p");
	let_go(pool);
	take_again(pool);
	note("ack attach p");
}

static void change_repair(struct pool *pool)
{
	scoped_text struct text report = { 0 };
	struct err err = { 0 };

	note("begin repair p");
	let_go(pool);
	if (pool_repair(&dirs, "p", NULL, &report, &err) < 0)
		give_up("repair", &err);
	take_again(pool);
	note("ack repair p");
}

/* The disk that joined becomes larger, and the pool with it. */
static void grow_disk(struct pool *pool, const char *further)
{
	const char *name = strrchr(further, '/') + 1;
	struct pool_state state;
	struct err err = { 0 };
	struct dm_line line;

	int r = dm_table(&dm, name, &line);
	const struct dm_target target = { 0, line.length + GAINED, "linear", line.params };
	if (r == 0)
		r = dm_reload(&dm, name, 0, &target, 1);
	if (r < 0) {
		fprintf(stderr, "powercut: enlarge '%s': %s\n", name, dm_why(r));
		exit(1);
	}
	if (pool_look(pool, &state, &err) < 0)
		give_up("look", &err);
	const struct pool_growth growth = { .metadata = state.metadata_total + (2 << 20) };
	note("begin metadata p %llu", (unsigned long long)growth.metadata);
	if (pool_grow(&dirs, "p", &growth, &err) < 0)
		give_up("grow the metadata", &err);
	note("ack metadata p");
}

static void change_disks(const char *further)
{
	const struct pool_growth growth = { .device = further };
	struct err err = { 0 };

	note("begin grow p");
	if (pool_grow(&dirs, "p", &growth, &err) < 0)
		give_up("grow", &err);
	note("ack grow p");
}

static void change_once(struct pool *pool)
{
	static void (*const changes[])(struct pool *) = {
		change_create,        change_clone_idle, change_clone_idle, change_clone_running,
		change_clone_running, change_delete,     change_delete,     change_write,
		change_restore,       change_use,        change_use,        change_resize,
		change_create,        change_clone_idle, change_clone_idle, change_clone_running,
		change_fill,          change_fill,       change_fill,       change_fill,
		change_trim,          change_attach,     change_repair,     change_delete,
	};
	changes[draw(sizeof changes / sizeof *changes)](pool);
}

static void open_dirs(const char *root, struct pool *pool, const char *device)
{
	struct pool_spec spec = { .driver = "thin", .source = device };
	struct err err = { 0 };

	if (dirs_open(&dirs, root, &err) < 0 ||
	    (device && pool_create(&dirs, "p", &spec, &err) < 0) ||
	    pool_open(pool, &dirs, "p", &err) < 0)
		give_up("open the pool", &err);
}

static int record(char **argv)
{
	struct pool pool = { .use_fd = -1 };
	unsigned changes = (unsigned)atoi(argv[5]);

	take_logs(argv[3]);
	seed = (unsigned)atoi(argv[4]);
	journal = fopen(argv[6], "we");
	if (!journal || dm_open(&dm) < 0)
		give_up("begin", NULL);
	open_dirs(argv[0], &pool, argv[1]);
	for (size_t i = 0; i < VOLUMES; i++)
		volumes[i].mount = -1;
	note("ready");
	/* Each kind of change is made at least once, even in a short run. */
	change_create(&pool);
	volumes[0].mount = mount_of(&pool, volumes[0].name);
	change_clone_running(&pool);
	step++;
	change_clone_idle(&pool);
	step++;
	change_clone_running(&pool);
	change_delete(&pool);
	while (++step <= changes) {
		if (step == changes / 2)
			change_disks(argv[2]);
		if (step == changes * 2 / 3)
			grow_disk(&pool, argv[2]);
		change_once(&pool);
	}
	note("end");
	for (size_t i = 0; i < VOLUMES; i++)
		scoped_close_fd(&volumes[i].mount);
	pool_close(&pool);
	return fclose(journal) == 0 ? 0 : 1;
}

/* ---- What a cut has left, by the real code */

struct wanted {
	char *text; /* owned: the file */
	unsigned wrong;
	struct pool *pool;
};

/* Whether the contents of the file are one of the texts behind the name's line. */
static bool fits(const char *line, const char *text)
{
	scoped_free char *copy = strdup(strchr(line, ' ') + 1);
	char *rest = copy;

	rest[strcspn(rest, "\n")] = '\0';
	for (char *one; (one = strsep(&rest, "|"));) {
		if (strcmp(one, text) == 0 || strcmp(one, "?any") == 0)
			return true;
	}
	return false;
}

static int check_volume(void *context, const struct volume_info *info)
{
	struct wanted *wanted = context;
	scoped_free char *start = text_format("\n%s ", info->name);
	scoped_free char *text = NULL;

	/* A volume in the making belongs to nobody, and is removed later; the reserve belongs to the pool. */
	if (strncmp(info->name, "partial.", 8) == 0 || strncmp(info->name, "reserve.", 8) == 0)
		return 0;
	char *line = strstr(wanted->text, start);
	if (!line) {
		printf("bad: there is a volume '%s'\n", info->name);
		wanted->wrong++;
		return 0;
	}
	line[1] = '-'; /* seen */
	scoped_fd int root = mount_of(wanted->pool, info->name);
	if (file_read(root, "f", 1 << 20, &text) < 0)
		text = strdup("?");
	size_t size = 0, has = strlen(text);
	text[strcspn(text, "\n")] = '\0';
	scoped_free char *content = content_of(text, &size);
	/* Whether all of it is there, unless it was being written; tests/proof/replay has compared each byte. */
	bool whole = has == size || memchr(line, '|', strcspn(line, "\n"));
	if (!fits(line + 1, text) || !whole) {
		printf("bad: volume '%s' holds '%s'\n", info->name, text);
		wanted->wrong++;
	}
	return 0;
}

/* Reports the lines without a volume. */
static void find_missing(struct wanted *wanted)
{
	size_t length;

	for (char *line = wanted->text + 1; (length = strcspn(line, "\n")) > 0;
	     line += length + 1) {
		if (*line == '-' || memmem(line, length, "?absent", 7))
			continue;
		printf("bad: no volume '%.*s'\n", (int)strcspn(line, " "), line);
		wanted->wrong++;
	}
}

static int check(char **argv)
{
	struct pool pool = { .use_fd = -1 };
	struct wanted wanted = { .pool = &pool };
	scoped_text struct text report = { 0 };
	struct err err = { 0 };

	if (file_read(AT_FDCWD, argv[1], 1 << 20, &wanted.text) < 0)
		give_up("read what is wanted", NULL);
	open_dirs(argv[0], &pool, NULL);
	if (volume_list(&pool, "", check_volume, &wanted, &err) < 0)
		give_up("list", &err);
	find_missing(&wanted);
	if (pool_check(&dirs, "p", 0, &report, &err) < 0)
		give_up("check", &err);
	if (!strstr(text_str(&report), "catalogue and pool agree"))
		printf("bad: %s\n", text_str(&report)), wanted.wrong++;
	pool_close(&pool);
	if (pool_detach(&dirs, "p", &err) < 0)
		give_up("detach", &err);
	free(wanted.text);
	return wanted.wrong > 0;
}

static int clone_once(char **argv)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct err err = { 0 };

	open_dirs(argv[0], &pool, NULL);
	if (volume_snapshot(&pool, argv[1], argv[2], &err) < 0)
		give_up("clone", &err);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 8)
		return record(argv + 1);
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return check(argv + 2);
	if (argc == 5 && strcmp(argv[1], "clone") == 0)
		return clone_once(argv + 2);
	fprintf(stderr, "usage: powercut ROOT DEVICE FURTHER LOG SEED CHANGES JOURNAL\n"
			"       powercut check ROOT WANTED\n"
			"       powercut clone ROOT FROM TO\n");
	return 2;
}
