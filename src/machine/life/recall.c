/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/recall.h"

#include "base/scoped.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

enum { TEXT_NAME, TEXT_TEMPLATE, TEXT_POOL, TEXT_NETWORK, TEXT_LABELS };
/* In the unit of recall->cost; an index is written for 16 machines that are read, and one in a hundred. */
enum { COST_READ = 20, COST_LOOK = 1, COST_LEAST = 16 * COST_READ, COST_PART = 100 / COST_READ };

/* ---- Begin and end */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of machines that run, or are left of a run. 0 or -errno. */
static int read_running(struct recall *recall)
{
	int fd = openat(recall->runs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return -errno;
	for (struct dirent *e; (e = readdir(dir));) {
		char **list = realloc(recall->running, (recall->running_count + 1) * sizeof *list);
		if (!list)
			return -ENOMEM;
		recall->running = list;
		list[recall->running_count] = strdup(e->d_name);
		if (!list[recall->running_count])
			return -ENOMEM;
		recall->running_count++;
	}
	if (recall->running_count > 0)
		qsort(recall->running, recall->running_count, sizeof *recall->running, by_text);
	return 0;
}

static int open_folder(char *path)
{
	int fd = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	free(path);
	return fd;
}

void recall_begin(struct recall *recall, const struct dirs *dirs, struct inventory *inventory)
{
	*recall = (struct recall){ .dirs = dirs,
				   .inventory = inventory,
				   .now = time(NULL),
				   .folder = -1,
				   .runs = -1,
				   .machine = { .dirs = dirs } };
}

static void open_folders(struct recall *recall)
{
	recall->folder = open_folder(dirs_state_path(recall->dirs, "machines"));
	recall->runs = open_folder(dirs_run_path(recall->dirs, "machines"));
	recall->machines = stamp_look(recall->folder, ".", recall->now);
}

void recall_open(struct recall *recall)
{
	index_open(&recall->index, recall->dirs);
	if (!recall->index.data)
		return;
	open_folders(recall);
	/* Without a run folder no machine runs; where it cannot be read, nothing can be told. */
	if (recall->runs >= 0 && read_running(recall) < 0)
		index_close(&recall->index);
}

bool recall_begin_notes(struct recall *recall)
{
	bool first = recall->folder < 0;

	recall->notes = true;
	if (first)
		open_folders(recall);
	return first;
}

void recall_end(struct recall *recall)
{
	for (size_t i = 0; i < recall->running_count; i++)
		free(recall->running[i]);
	free(recall->running);
	free(recall->views);
	text_free(&recall->noted);
	index_close(&recall->index);
	scoped_close_fd(&recall->folder);
	scoped_close_fd(&recall->runs);
}

bool recall_has_names(const struct recall *recall)
{
	return recall->index.data && stamp_is_same(recall->machines, recall->index.machines);
}

/* ---- Pools and networks */

static const struct entry *find_entry(const struct index *index, enum entry_kind kind,
				      const char *name)
{
	const struct entry *entry = index_next(index, NULL);

	for (; entry && entry->kind != ENTRY_MACHINE; entry = index_next(index, entry)) {
		if (entry->kind == kind && strcmp(entry_text(entry, TEXT_NAME), name) == 0)
			return entry;
	}
	return NULL;
}

static struct stamp look_below(const struct recall *recall, const char *name, const char *file)
{
	scoped_free char *path = dirs_state_path(recall->dirs, "networks/%s/%s", name, file);

	return path ? stamp_look(AT_FDCWD, path, recall->now) : (struct stamp){ 0 };
}

static void look_at(const struct recall *recall, struct recall_view *view)
{
	const struct entry none = { 0 };
	const struct entry *was = view->was ? view->was : &none;
	struct stamp settings, folder = { 0 };

	if (view->now.kind == ENTRY_POOL) {
		settings = inventory_stamp(recall->dirs, view->name, recall->now);
	} else {
		settings = look_below(recall, view->name, "network.conf");
		folder = look_below(recall, view->name, "names");
	}
	view->now.settings = stamp_keep(settings);
	view->now.folder = stamp_keep(folder);
	view->settings_same = stamp_is_same(settings, was->settings);
	view->folder_same = stamp_is_same(folder, was->folder);
}

/* The view of a pool or a network, at which one look is taken. NULL: out of memory. */
static struct recall_view *view_of(struct recall *recall, enum entry_kind kind, const char *name)
{
	for (size_t i = 0; i < recall->view_count; i++) {
		struct recall_view *view = &recall->views[i];
		if (view->now.kind == kind && strcmp(view->name, name) == 0)
			return view;
	}
	struct recall_view *views =
		realloc(recall->views, (recall->view_count + 1) * sizeof *views);
	if (!views)
		return NULL;
	recall->views = views;
	struct recall_view *view = &views[recall->view_count++];
	*view = (struct recall_view){ .was = find_entry(&recall->index, kind, name),
				      .now = { .kind = (uint16_t)kind } };
	snprintf(view->name, sizeof view->name, "%s", name);
	look_at(recall, view);
	return view;
}

bool recall_has_pool(struct recall *recall, const char *pool)
{
	const struct recall_view *view = view_of(recall, ENTRY_POOL, pool);

	return view && view->settings_same;
}

void recall_distrust_pool(struct recall *recall, const char *pool)
{
	struct recall_view *view = view_of(recall, ENTRY_POOL, pool);

	if (view)
		view->distrusted = true;
}

/* ---- Rows out of the index */

/* NAME/FILE, below an open folder. */
static bool path_in(const char *name, const char *file, char path[128])
{
	size_t n = strlen(name), more = strlen(file) + 1;

	if (n + more > 128)
		return false;
	memcpy(path, name, n);
	memcpy(path + n, file, more);
	return true;
}

static bool has_files(const struct recall *recall, const struct entry *entry, const char *name)
{
	char path[128];

	return path_in(name, "/machine.conf", path) &&
	       stamp_is_same(stamp_look(recall->folder, path, recall->now), entry->settings) &&
	       stamp_is_same(stamp_look(recall->folder, name, recall->now), entry->folder);
}

static bool has_volume(struct recall *recall, const struct entry *entry, const char *name)
{
	const char *pool = entry_text(entry, TEXT_POOL);
	char volume[VOLUME_NAME_MAX + 1];

	if (recall_has_pool(recall, pool))
		return true;
	machine_volume(name, volume);
	return inventory_volume(recall->inventory, pool, volume, &(struct err){ 0 }) == 0;
}

/* Whether a keeper has its lock, by a lock that stands in the way of nobody who looks. */
static bool is_alive(const struct recall *recall, const char *name)
{
	char path[128];

	if (!path_in(name, "/keeper.lock", path))
		return false;
	scoped_fd int fd = openat(recall->runs, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool see_run(struct recall *recall, const struct entry *entry, const char *name)
{
	struct machine_status *status = &recall->status;
	bool left =
		recall->running_count > 0 && bsearch(&name, recall->running, recall->running_count,
						     sizeof *recall->running, by_text);

	if (left && (!(entry->flags & ENTRY_RUNS) ||
		     !stamp_is_same(stamp_look(recall->runs, name, recall->now), entry->run) ||
		     !is_alive(recall, name)))
		return false;
	if (!left && !(entry->flags & ENTRY_ENDED_WELL))
		return false;
	status->state = left ? MACHINE_RUNNING : MACHINE_STOPPED;
	status->booted = left && entry->flags & ENTRY_BOOTED;
	status->init = left ? entry->init : 0;
	status->keeper = left ? entry->keeper : 0;
	status->started = left ? entry->started : 0;
	return true;
}

/* Whether a lease is as it was, where another one of its network has come or gone. */
static bool has_lease(struct recall *recall, const struct recall_view *network,
		      const struct entry *entry, const char *name)
{
	char file[80];

	if (network->now.folder != STAMP_UNKNOWN)
		recall->cost += COST_LOOK;
	snprintf(file, sizeof file, "names/%s", name);
	return stamp_is_same(look_below(recall, network->name, file), entry->lease);
}

static bool see_lease(struct recall *recall, const struct entry *entry, const char *name)
{
	const char *network = entry_text(entry, TEXT_NETWORK);
	struct machine_status *status = &recall->status;

	if (*network) {
		const struct recall_view *view = view_of(recall, ENTRY_NETWORK, network);
		if (!view || !view->settings_same || entry->lease == STAMP_UNKNOWN ||
		    (!view->folder_same && !has_lease(recall, view, entry, name)))
			return false;
	}
	status->leased = entry->flags & ENTRY_LEASED;
	status->lease.address = entry->address;
	status->lease.prefix = entry->prefix;
	status->lease.address6 = entry->address6;
	status->lease.prefix6 = entry->prefix6;
	return true;
}

/* The texts of an entry are not changed by those who read a machine. */
static char *borrow(const struct entry *entry, size_t number)
{
	return (char *)(uintptr_t)entry_text(entry, number);
}

static void fill_machine(struct recall *recall, const struct entry *entry)
{
	struct machine_config *config = &recall->machine.config;
	struct label **end = &config->labels;

	recall->machine.name = borrow(entry, TEXT_NAME);
	config->template = borrow(entry, TEXT_TEMPLATE);
	config->pool = borrow(entry, TEXT_POOL);
	config->network = borrow(entry, TEXT_NETWORK);
	config->created = entry->created;
	config->privileged = entry->flags & ENTRY_PRIVILEGED;
	config->nesting = entry->flags & ENTRY_NESTING;
	for (size_t i = 0; i < entry->labels; i++) {
		recall->labels[i] =
			(struct label){ .name = borrow(entry, TEXT_LABELS + 2 * i),
					.value = borrow(entry, TEXT_LABELS + 2 * i + 1) };
		*end = &recall->labels[i];
		end = &recall->labels[i].next;
	}
	*end = NULL;
}

bool recall_row(struct recall *recall, const struct entry *entry, struct row *row)
{
	static const struct move_mark unmoved = { .phase = MOVE_NONE };
	static const struct err whole = { 0 };
	const char *name = entry_text(entry, TEXT_NAME);

	if (!(entry->flags & ENTRY_WHOLE) || !has_files(recall, entry, name) ||
	    !has_volume(recall, entry, name) || !see_run(recall, entry, name) ||
	    !see_lease(recall, entry, name))
		return false;
	fill_machine(recall, entry);
	*row = (struct row){ .name = name,
			     .machine = &recall->machine,
			     .status = &recall->status,
			     .move = &unmoved,
			     .fault = &whole };
	return true;
}

/* ---- Notes for the next index */

void recall_look(struct recall *recall, const char *name, struct recall_stamps *stamps)
{
	const struct stamp none = { .value = STAMP_NONE, .settled = true };
	char path[128];

	*stamps = (struct recall_stamps){ 0 };
	if (!recall->notes || !path_in(name, "/machine.conf", path))
		return;
	stamps->folder = stamp_look(recall->folder, name, recall->now);
	stamps->settings = stamp_look(recall->folder, path, recall->now);
	stamps->run = recall->runs < 0 ? none : stamp_look(recall->runs, name, recall->now);
}

void recall_look_further(struct recall *recall, const struct machine *machine,
			 struct recall_stamps *stamps)
{
	const char *network = machine->config.network;
	char file[80];

	if (!recall->notes)
		return;
	view_of(recall, ENTRY_POOL, machine->config.pool);
	stamps->lease = (struct stamp){ .value = STAMP_NONE, .settled = true };
	if (!*network)
		return;
	view_of(recall, ENTRY_NETWORK, network);
	snprintf(file, sizeof file, "names/%s", machine->name);
	stamps->lease = look_below(recall, network, file);
}

static bool is_plain(const struct row *row, const struct recall_stamps *stamps)
{
	const struct machine_config *config = &row->machine->config;
	enum machine_state state = row->status->state;
	size_t labels = 0;

	for (const struct label *at = config->labels; at; at = at->next)
		labels++;
	return (state == MACHINE_STOPPED || state == MACHINE_RUNNING) &&
	       row->move->phase == MOVE_NONE && !row->move_fault && !config->ephemeral &&
	       !config->nics && labels <= RECALL_LABELS &&
	       (state == MACHINE_STOPPED || strcmp(stamps->runs_on, config->network) == 0) &&
	       !(row->status->leased && row->status->lease.foreign);
}

static unsigned flags_of(const struct row *row)
{
	const struct machine_config *config = &row->machine->config;
	bool runs = row->status->state == MACHINE_RUNNING;

	return ENTRY_WHOLE | (runs ? ENTRY_RUNS : ENTRY_ENDED_WELL) |
	       (row->status->booted ? ENTRY_BOOTED : 0) | (row->status->leased ? ENTRY_LEASED : 0) |
	       (config->privileged ? ENTRY_PRIVILEGED : 0) | (config->nesting ? ENTRY_NESTING : 0);
}

static struct entry entry_of(const struct row *row, const struct recall_stamps *stamps)
{
	const struct machine_status *status = row->status;
	struct entry entry = {
		.kind = ENTRY_MACHINE,
		.flags = (uint16_t)flags_of(row),
		.folder = stamp_keep(stamps->folder),
		.settings = stamp_keep(stamps->settings),
		.run = stamp_keep(stamps->run),
		.lease = stamp_keep(stamps->lease),
		.created = row->machine->config.created,
		.started = status->started,
		.init = status->init,
		.keeper = status->keeper,
	};

	if (status->leased) {
		entry.address = status->lease.address;
		entry.prefix = (uint16_t)status->lease.prefix;
		entry.address6 = status->lease.address6;
		entry.prefix6 = (uint16_t)status->lease.prefix6;
	}
	return entry;
}

void recall_note(struct recall *recall, const char *name, const struct row *row,
		 const struct recall_stamps *stamps)
{
	const char *texts[TEXT_LABELS + 2 * RECALL_LABELS + 1] = { name };
	struct entry entry = { .kind = ENTRY_MACHINE };

	if (!recall->notes)
		return;
	if (row && row->machine && !row->fault->code && is_plain(row, stamps)) {
		const struct machine_config *config = &row->machine->config;
		entry = entry_of(row, stamps);
		texts[TEXT_TEMPLATE] = config->template;
		texts[TEXT_POOL] = config->pool;
		texts[TEXT_NETWORK] = config->network;
		size_t at = TEXT_LABELS;
		for (const struct label *label = config->labels; label; label = label->next) {
			texts[at++] = label->name;
			texts[at++] = label->value;
			entry.labels++;
		}
		if (entry.folder && entry.settings && entry.lease && entry.run)
			recall->cost += COST_READ;
	}
	entry_add(&recall->noted, entry, texts);
	recall->count++;
}

void recall_keep(struct recall *recall, const struct entry *entry)
{
	if (!recall->notes)
		return;
	text_add_bytes(&recall->noted, entry, entry->length);
	recall->count++;
}

/* A pool whose volumes were not told, or which has a root without a machine, is looked at each time. */
static uint64_t pool_stamp(const struct recall *recall, const struct recall_view *view)
{
	bool known = view->settings_same || inventory_is_told(recall->inventory, view->name);

	return known && !view->distrusted ? view->now.settings : STAMP_UNKNOWN;
}

static void add_views(struct recall *recall, struct text *entries)
{
	for (size_t i = 0; i < recall->view_count; i++) {
		struct recall_view *view = &recall->views[i];
		if (view->now.kind == ENTRY_POOL)
			view->now.settings = pool_stamp(recall, view);
		if (!view->settings_same && view->now.settings != STAMP_UNKNOWN)
			recall->cost += COST_LOOK * recall->count;
		entry_add(entries, view->now, (const char *[]){ view->name, NULL });
	}
}

void recall_write(struct recall *recall)
{
	scoped_text struct text entries = { 0 };
	uint64_t machines = stamp_keep(recall->machines);

	if (!recall->notes)
		return;
	add_views(recall, &entries);
	if (machines != STAMP_UNKNOWN && !recall_has_names(recall))
		recall->cost += COST_LOOK * recall->count;
	if (recall->cost < COST_LEAST + recall->count / COST_PART || recall->noted.failed)
		return;
	text_add_bytes(&entries, text_str(&recall->noted), recall->noted.length);
	index_write(recall->dirs, machines, recall->count, &entries);
}
