/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/inside_note.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/link_names.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTE_MAX = 4096 };

static char *note_path(const struct network *network, const char *name)
{
	return dirs_run_path(network->dirs, "networks/%s/inside/%s", network->name, name);
}

static int space_of(pid_t pid, uint64_t *inode)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	int space = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (space < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (fstat(space, &st) < 0) {
		int r = -errno;
		close(space);
		return r;
	}
	*inode = st.st_ino;
	return space;
}

int inside_note_begin(struct inside_note *note, pid_t pid, const char *link)
{
	*note = (struct inside_note){ .pid = pid };
	snprintf(note->link, sizeof note->link, "%s", link);
	scoped_fd int space = space_of(pid, &note->space);
	return space < 0 ? space : 0;
}

/* The folder may go at any time, with the last note of another machine. */
static int make_folder(const struct network *network)
{
	scoped_free char *folder =
		dirs_run_path(network->dirs, "networks/%s/inside", network->name);

	return folder ? file_make_dirs(folder, 0711, &(struct err){ 0 }) : -ENOMEM;
}

static int print_host(const struct inside_host *host, struct text *out)
{
	char words[INET6_ADDRSTRLEN];
	const unsigned char *mac = host->mac;

	text_add(out, "%s %" PRIu64 " %u %d %02x:%02x:%02x:%02x:%02x:%02x\n", host->name,
		 host->space, host->mtu, host->up, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	for (size_t i = 0; i < host->count; i++) {
		const struct link_addresses *one = &host->addresses[i];
		bool six = one->prefix6 != 0;
		const void *address = six ? (const void *)&one->address6 : &one->address;
		inet_ntop(six ? AF_INET6 : AF_INET, address, words, sizeof words);
		text_add(out, "%s/%u\n", words, six ? one->prefix6 : one->prefix);
	}
	return 0;
}

int inside_note_write(const struct network *network, const char *name,
		      const struct inside_note *note)
{
	scoped_free char *path = note_path(network, name);
	scoped_free char *aside = path ? text_format("%s.new", path) : NULL;
	scoped_text struct text words = { 0 };
	enum { TRIES = 5 };
	int r = -ENOENT;

	text_add(&words, "%d %" PRIu64 " %d %s\n", (int)note->pid, note->space, note->index,
		 note->link);
	print_host(&note->host, &words);
	if (!aside || text_add(&words, "%s", "") < 0)
		return -ENOMEM;
	for (int i = 0; r == -ENOENT && i < TRIES; i++) {
		r = make_folder(network);
		if (r < 0)
			return r;
		/* The run folder does not outlive the kernel, so nothing has to be synced. */
		scoped_fd int fd =
			open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : file_write_all(fd, words.data, words.length, -1);
		if (r == 0 && rename(aside, path) < 0)
			r = -errno;
	}
	return r;
}

static int read_address(char *line, struct link_addresses *one)
{
	char *slash = strchr(line, '/');
	unsigned prefix = slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 0;

	*one = (struct link_addresses){ 0 };
	if (!slash || prefix == 0)
		return -EINVAL;
	*slash = '\0';
	if (inet_pton(AF_INET, line, &one->address) == 1 && prefix <= 32)
		one->prefix = prefix;
	else if (inet_pton(AF_INET6, line, &one->address6) == 1 && prefix <= 128)
		one->prefix6 = prefix;
	return one->prefix || one->prefix6 ? 0 : -EINVAL;
}

static int read_host(char *rest, struct inside_host *host)
{
	char *line = strsep(&rest, "\n");
	char mac[18];
	int up;

	if (!line || !*line)
		return 0;
	if (sscanf(line, "%15s %" SCNu64 " %u %d %17s", host->name, &host->space, &host->mtu, &up,
		   mac) != 5 ||
	    port_parse_mac(mac, host->mac) < 0)
		return -EINVAL;
	host->up = up;
	while ((line = strsep(&rest, "\n")) && *line && host->count < INSIDE_ADDRESSES) {
		if (read_address(line, &host->addresses[host->count++]) < 0)
			return -EINVAL;
	}
	return 0;
}

int inside_note_read(const struct network *network, const char *name, struct inside_note *note)
{
	scoped_free char *path = note_path(network, name);
	scoped_free char *text = NULL;
	int pid, index;

	*note = (struct inside_note){ 0 };
	if (!path)
		return -ENOMEM;
	ssize_t n = file_read(AT_FDCWD, path, NOTE_MAX, &text);
	if (n < 0)
		return (int)n;
	char *rest = text;
	const char *line = strsep(&rest, "\n");
	if (sscanf(line, "%d %" SCNu64 " %d %15s", &pid, &note->space, &index, note->link) != 4 ||
	    pid <= 0 || index < 0)
		return -EINVAL;
	note->pid = pid;
	note->index = index;
	return rest ? read_host(rest, &note->host) : 0;
}

/* Names of machines have no dots; the files of a write and the mounts beside the notes have. */
static int is_note(const struct dirent *entry)
{
	return strchr(entry->d_name, '.') == NULL;
}

int inside_note_each(const struct network *network, int (*visit)(void *, const char *name),
		     void *context)
{
	scoped_free char *folder =
		dirs_run_path(network->dirs, "networks/%s/inside", network->name);
	struct dirent **entries = NULL;
	int r = 0;

	if (!folder)
		return -ENOMEM;
	int n = scandir(folder, &entries, is_note, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = visit(context, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}

struct user_search {
	struct network network; /* of which only name and dirs are set */
	const char *parent;
	bool alone;
	char *machine;
};

bool inside_note_has_link(const struct inside_note *note)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info link;
	scoped_fd int space = inside_note_open(note);

	/* Without a number, a command is about to give it away. */
	if (space < 0 || note->index == 0)
		return space >= 0;
	return link_open_at(&links, space) < 0 ||
	       link_find_index(links, note->index, &link) != -ENODEV;
}

static int compare_user(void *context, const char *name)
{
	struct user_search *search = context;
	struct inside_note note;

	if (inside_note_read(&search->network, name, &note) < 0 ||
	    (search->alone && !note.host.space) || strcmp(note.host.name, search->parent) != 0 ||
	    !inside_note_lives(&note) || (note.host.space && !inside_note_has_link(&note)))
		return 0;
	snprintf(search->machine, 64, "%s", name);
	return 1;
}

bool inside_user(const struct dirs *dirs, const char *parent, bool alone, char machine[64],
		 char network[64])
{
	struct user_search search = { .parent = parent, .alone = alone, .machine = machine };
	scoped_free char *folder = dirs_run_path(dirs, "networks");
	DIR *all = folder ? opendir(folder) : NULL;
	bool found = false;

	search.network.dirs = dirs;
	for (const struct dirent *entry; all && !found && (entry = readdir(all));) {
		if (*entry->d_name == '.')
			continue;
		snprintf(network, 64, "%.63s", entry->d_name);
		search.network.name = network;
		found = inside_note_each(&search.network, compare_user, &search) == 1;
	}
	if (all)
		closedir(all);
	return found;
}

char *inside_pin_path(const struct network *network, const char *name)
{
	return dirs_run_path(network->dirs, "networks/%s/inside/%s.net", network->name, name);
}

void inside_note_remove(const struct network *network, const char *name)
{
	scoped_free char *path = note_path(network, name);
	scoped_free char *folder = dirs_run_path(network->dirs, "networks/%s", network->name);
	scoped_free char *inside = folder ? text_format("%s/inside", folder) : NULL;

	if (!path || !inside)
		return;
	unlink(path);
	/* Both go with the last note. */
	if (rmdir(inside) == 0)
		rmdir(folder);
}

int inside_note_open(const struct inside_note *note)
{
	uint64_t inode = 0;
	int space = space_of(note->pid, &inode);

	if (space >= 0 && inode != note->space) {
		close(space);
		return -ESRCH;
	}
	return space;
}

/*
 * Without a number it is found by its name, and by its kind, which the guest's own links of that name hardly have: the
 * command that made it was killed before it had the number.
 */
static int find_in(const struct network *network, const struct inside_note *note,
		   struct link_socket *links, struct link_info *link)
{
	int r = note->index ? link_find_index(links, note->index, link)
			    : link_find(links, note->link, link);

	if (r == 0 && !config_is_physical(&network->config) &&
	    strcmp(link->kind, network->config.kind) != 0)
		r = -ENODEV;
	return r;
}

/* inside_find for a note that was read; *space, unless it is NULL: the namespace, which the caller closes. */
static int find_noted(const struct network *network, const struct inside_note *note,
		      struct link_socket **links, struct link_info *link, int *space)
{
	scoped_fd int opened = inside_note_open(note);
	int r = opened < 0 ? opened : link_open_at(links, opened);

	if (r < 0)
		return r;
	r = find_in(network, note, *links, link);
	if (r < 0)
		link_close(links);
	else if (space)
		*space = take_fd(&opened);
	return r;
}

int inside_find(const struct network *network, const char *name, struct link_socket **links,
		struct link_info *link)
{
	struct inside_note note;
	int r = inside_note_read(network, name, &note);

	return r < 0 ? r : find_noted(network, &note, links, link, NULL);
}

int inside_enter(const struct network *network, const char *name, struct link_info *link,
		 struct inside_note *note)
{
	scoped_links struct link_socket *links = NULL;
	int space = -1;
	int r = inside_note_read(network, name, note);

	if (r == 0)
		r = find_noted(network, note, &links, link, &space);
	return r < 0 ? r : space;
}

bool inside_note_lives(const struct inside_note *note)
{
	scoped_fd int space = inside_note_open(note);

	return space >= 0;
}
