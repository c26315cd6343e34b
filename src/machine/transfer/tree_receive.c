/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiver of a tree. The target may be a guest's tree, in which anything changes at any time: below the target's
 * folder no link is followed, and a file only gets its name when it is complete.
 */
#include "machine/transfer/tree.h"
#include "machine/transfer/tree_aside.h"
#include "machine/transfer/tree_attributes.h"
#include "machine/transfer/tree_contents.h"
#include "machine/transfer/tree_target.h"

#include "base/file.h"
#include "base/protection.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
	DEPTH_MAX = PATH_MAX / 2,
	SYNCED_FILES = 8, /* synced one by one; with more, one sync of the file system */
};

struct receiver {
	const struct tree_target *target;
	struct tree_destination to;
	char parent[PATH_MAX]; /* path of the open folder, "" for base */
	int parent_fd;         /* owned; -1: base */
	struct tree_contents contents;
	struct tree_attributes attributes; /* of the next entry */
	bool made[DEPTH_MAX]; /* whether each of the entered folders was created here */
	size_t depth;
	uint64_t files;
};

/* The path of an entry as the target shows it. */
static const char *path_of(const struct receiver *receiver, const char *path, char out[PATH_MAX])
{
	const struct tree_target *target = receiver->target;
	const char *rest = path;

	/* "." and what is below it belong to the target. */
	if (receiver->to.rename || strcmp(path, ".") == 0 || text_starts(path, "./"))
		rest += strcspn(path, "/");
	if (*rest == '/')
		rest++;
	text_print(out, PATH_MAX, "%s%s%s", target->path,
		   !*rest || text_ends(target->path, "/") ? "" : "/", rest);
	return out;
}

static int refuse(const struct receiver *receiver, const char *path, int code, const char *why,
		  struct err *err)
{
	char full[PATH_MAX], words[TREE_WORDS];

	return err_set(err, code, "%s %s",
		       tree_words(&receiver->target->place, path_of(receiver, path, full), words),
		       why);
}

static int fail(const struct receiver *receiver, const char *path, int code, struct err *err)
{
	char full[PATH_MAX], words[TREE_WORDS];
	const char *why = code == -EOVERFLOW
				  ? "its owner, or one in its access control list, has no "
				    "number there; use --owner, or no --archive"
			  : code == -EBUSY ? "something is mounted on it; write into it with "
					     "berth exec"
					   : copy_why(code);

	return err_set(err, -code, "write %s: %s",
		       tree_words(&receiver->target->place, path_of(receiver, path, full), words),
		       why);
}

/* The same for an entry in an open folder: chattr(1) may have protected both. */
static int fail_in(const struct receiver *receiver, const char *path, int folder, const char *name,
		   int code, struct err *err)
{
	struct statx above = { 0 }, own = { 0 };

	if (code == -EPERM && statx(folder, "", AT_EMPTY_PATH, STATX_TYPE, &above) == 0 &&
	    (statx(folder, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &own) == 0 || errno == ENOENT) &&
	    (protection_of(&above) || protection_of(&own)))
		return refuse(
			receiver, path, EPERM,
			"or the folder that it is in is immutable or append-only; change that "
			"with: chattr -i -a",
			err);
	return fail(receiver, path, code, err);
}

/* The folder of an entry, which the receiver keeps open, and the entry's name. */
static int find_parent(struct receiver *receiver, const char *path, char name[NAME_MAX + 1],
		       struct err *err)
{
	char below[PATH_MAX];
	const char *rest = strchr(path, '/');

	text_print(below, sizeof below, "%.*s%s",
		   receiver->to.rename ? (int)strlen(receiver->to.rename) : (int)strcspn(path, "/"),
		   receiver->to.rename ? receiver->to.rename : path, rest ? rest : "");
	char *slash = strrchr(below, '/');
	const char *last = slash ? slash + 1 : below;
	if (strlen(last) > NAME_MAX)
		return fail(receiver, path, -ENAMETOOLONG, err);
	strcpy(name, last);
	if (!slash)
		return receiver->to.base;
	*slash = '\0';
	if (receiver->parent_fd >= 0 && strcmp(receiver->parent, below) == 0)
		return receiver->parent_fd;
	int fd = file_open_within(receiver->to.base, below);
	if (fd == -ELOOP)
		return refuse(receiver, path, ELOOP,
			      "lies behind a symbolic link; give the path that the link names",
			      err);
	if (fd < 0)
		return fail(receiver, path, fd, err);
	scoped_close_fd(&receiver->parent_fd);
	receiver->parent_fd = fd;
	strcpy(receiver->parent, below);
	return fd;
}

static mode_t mode_of(const struct receiver *receiver, const struct tree_entry *entry)
{
	const struct tree_target *target = receiver->target;

	if (target->mode >= 0 && entry->type != TREE_FOLDER && entry->type != TREE_LEAVE)
		return (mode_t)target->mode;
	/* Set-user-id bits are dropped without --archive: a guest's program must not become one of the host's root. */
	return entry->mode & (target->archive ? 07777 : 0777);
}

static void owner_of(const struct receiver *receiver, const struct tree_entry *entry, uid_t *uid,
		     gid_t *gid)
{
	*uid = receiver->to.own ? receiver->to.uid : entry->uid;
	*gid = receiver->to.own ? receiver->to.gid : entry->gid;
}

static void times_of(const struct tree_entry *entry, struct timespec times[2])
{
	times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	times[1] = (struct timespec){ entry->seconds, entry->nanoseconds };
}

/* EINVAL: the namespace does not have the id. */
static int no_number(int code)
{
	return code == -EINVAL ? -EOVERFLOW : code;
}

/*
 * Owner first, because a new owner clears set-user-id bits and capabilities; the mode before the ACL that refines it;
 * times last, because all of these are changes.
 */
static int set_attributes(const struct receiver *receiver, const struct tree_entry *entry, int fd)
{
	struct timespec times[2];
	uid_t uid;
	gid_t gid;

	owner_of(receiver, entry, &uid, &gid);
	if ((receiver->to.own || receiver->target->archive) && fchown(fd, uid, gid) < 0)
		return no_number(-errno);
	if (fchmod(fd, mode_of(receiver, entry)) < 0)
		return -errno;
	int r = no_number(tree_attributes_set(&receiver->attributes, fd));
	times_of(entry, times);
	return r == 0 && futimens(fd, times) < 0 ? -errno : r;
}

static int write_file(struct receiver *receiver, const struct tree_entry *entry, int from,
		      int folder, const char *name)
{
	scoped_fd int to = tree_aside_open(receiver->target->proc_fd, folder);

	/* The open folder was removed, or is one of /proc. */
	if (to < 0)
		return to == -ENOENT ? -EROFS : to;
	int r = tree_contents_copy(&receiver->contents, receiver->target, entry, from, to);
	if (r == 0)
		r = set_attributes(receiver, entry, to);
	if (r == 0 && ++receiver->files <= SYNCED_FILES && fsync(to) < 0)
		r = -errno;
	return r < 0 ? r : tree_aside_place_file(receiver->target->proc_fd, to, folder, name);
}

/* A file in a tree that the kernel generates, and that cannot be read to an end. */
static void leave_source_out(struct receiver *receiver, const struct tree_entry *entry, int r)
{
	const struct tree_target *target = receiver->target;
	char full[PATH_MAX], why[200];

	text_print(why, sizeof why, "is left out: its source %s",
		   r == -EFBIG ? "has no size and no end" : "cannot be read");
	tree_leave_out(target->report, &target->place, path_of(receiver, entry->path, full), why);
}

static int receive_file(struct receiver *receiver, const struct tree_entry *entry, int from,
			struct err *err)
{
	char name[NAME_MAX + 1];
	const struct tree_target *target = receiver->target;
	char full[PATH_MAX];

	if (target->stream >= 0) {
		int r = tree_contents_pass(&receiver->contents, from, target->stream);
		bool standard = strcmp(target->path, "-") == 0;
		return r == 0 ? 0
			      : err_set(err, -r, "write to %s%s%s: %s", standard ? "" : "'",
					standard ? "standard output" : target->path,
					standard ? "" : "'",
					r == -EPIPE ? "the program that reads it has ended"
						    : strerror(-r));
	}
	int folder = find_parent(receiver, entry->path, name, err);
	if (folder < 0)
		return folder;
	receiver->contents.unread = 0;
	int r = write_file(receiver, entry, from, folder, name);
	tree_aside_drop();
	if (r < 0 && strchr(entry->path, '/') && (r == -EFBIG || r == receiver->contents.unread)) {
		leave_source_out(receiver, entry, r);
		return 0;
	}
	if (r == -ESTALE) {
		tree_leave_out(
			target->report, &target->place, path_of(receiver, entry->path, full),
			"is left as it was: what it is copied from became shorter meanwhile");
		return 0;
	}
	if (r == -EISDIR)
		return refuse(receiver, entry->path, EISDIR,
			      "is a folder, and a file cannot replace it", err);
	if (r == -EROFS)
		return refuse(receiver, entry->path, EROFS,
			      "is in a folder that was removed, or that takes no new files: those "
			      "of /proc and /sys, and what is mounted read-only",
			      err);
	if (r == -ENODATA)
		return refuse(receiver, entry->path, ENODATA,
			      "is left as it was: standard input has ended before its size", err);
	if (r == -EFBIG)
		return refuse(
			receiver, entry->path, EFBIG,
			"would have no end: its source tells no size, and has more than 64 MiB",
			err);
	return r < 0 ? fail_in(receiver, entry->path, folder, name, r, err) : 0;
}

static int make_node(const struct tree_entry *entry, int folder)
{
	if (entry->type == TREE_SYMLINK)
		return symlinkat(entry->target, folder, tree_aside_name());
	return mknodat(folder, tree_aside_name(), S_IFIFO | 0600, 0);
}

/* A symbolic link or a FIFO. */
static int receive_node(struct receiver *receiver, const struct tree_entry *entry, struct err *err)
{
	char name[NAME_MAX + 1];
	struct timespec times[2];
	uid_t uid;
	gid_t gid;
	int folder = find_parent(receiver, entry->path, name, err);
	int r = folder < 0 ? folder : tree_aside_draw(folder);

	if (folder < 0)
		return folder;
	owner_of(receiver, entry, &uid, &gid);
	times_of(entry, times);
	if (r == 0 && (make_node(entry, folder) < 0 ||
		       ((receiver->to.own || receiver->target->archive) &&
			fchownat(folder, tree_aside_name(), uid, gid, AT_SYMLINK_NOFOLLOW) < 0) ||
		       (entry->type == TREE_FIFO &&
			fchmodat(folder, tree_aside_name(), mode_of(receiver, entry), 0) < 0) ||
		       utimensat(folder, tree_aside_name(), times, AT_SYMLINK_NOFOLLOW) < 0))
		r = -errno;
	if (r == 0)
		r = tree_aside_place(folder, name);
	tree_aside_drop();
	return r < 0 ? fail_in(receiver, entry->path, folder, name, r, err) : 0;
}

static int receive_link(struct receiver *receiver, const struct tree_entry *entry, struct err *err)
{
	char name[NAME_MAX + 1], first[NAME_MAX + 1];
	char full[PATH_MAX];
	const struct tree_target *target = receiver->target;
	int found = find_parent(receiver, entry->target, first, err);
	scoped_fd int origin = found < 0 ? -1 : fcntl(found, F_DUPFD_CLOEXEC, 0);
	int folder = found < 0 ? found : find_parent(receiver, entry->path, name, err);

	if (folder < 0)
		return folder;
	int r = tree_aside_draw(folder);
	if (r == 0 && linkat(origin, first, folder, tree_aside_name(), 0) < 0)
		r = -errno;
	if (r == 0)
		r = tree_aside_place(folder, name);
	tree_aside_drop();
	if (r == -ENOENT) {
		tree_leave_out(target->report, &target->place, path_of(receiver, entry->path, full),
			       "is a further name of a file that is not there");
		return 0;
	}
	return r < 0 ? fail(receiver, entry->path, r, err) : 0;
}

static int enter_folder(struct receiver *receiver, const struct tree_entry *entry, struct err *err)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int folder = find_parent(receiver, entry->path, name, err);

	if (folder < 0)
		return folder;
	if (receiver->depth == DEPTH_MAX)
		return fail(receiver, entry->path, -ENAMETOOLONG, err);
	bool made = mkdirat(folder, name, 0700) == 0;
	if (!made && errno != EEXIST)
		return fail_in(receiver, entry->path, folder, name, -errno, err);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(receiver, entry->path, -errno, err);
	if (receiver->depth == 0) {
		receiver->target->report->device = st.st_dev;
		receiver->target->report->inode = st.st_ino;
		receiver->target->report->tops++;
	}
	if (!made && !S_ISDIR(st.st_mode))
		return refuse(receiver, entry->path, ENOTDIR,
			      "is no folder, and a folder cannot replace it", err);
	receiver->made[receiver->depth++] = made;
	return 0;
}

/* An existing folder keeps its owner, mode and time, unless everything is to be as in the source. */
static int leave_folder(struct receiver *receiver, const struct tree_entry *entry, struct err *err)
{
	char name[NAME_MAX + 1];
	int folder = find_parent(receiver, entry->path, name, err);

	if (folder < 0)
		return folder;
	if (receiver->depth == 0)
		return fail(receiver, entry->path, -EPROTO, err);
	bool made = receiver->made[--receiver->depth];
	if (!made && !receiver->target->archive)
		return 0;
	scoped_fd int fd = file_open_within(folder, name);
	int r = fd < 0 ? fd : set_attributes(receiver, entry, fd);
	if (r == 0 && receiver->depth == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? fail(receiver, entry->path, r, err) : 0;
}

static int receive_entry(struct receiver *receiver, const struct tree_entry *entry, int fd,
			 struct err *err)
{
	if (receiver->target->stream >= 0 && entry->type != TREE_FILE && entry->type != TREE_STREAM)
		return err_set(err, EISDIR,
			       "only a file can be written to standard output or a device; a tree "
			       "comes out as an archive with: "
			       "berth exec MACHINE -- tar -c FOLDER");
	if (entry->type != TREE_LEAVE)
		receiver->target->report->entries++;
	switch ((enum tree_type)entry->type) {
	case TREE_FOLDER:
		return enter_folder(receiver, entry, err);
	case TREE_LEAVE:
		return leave_folder(receiver, entry, err);
	case TREE_FILE:
	case TREE_STREAM:
		return receive_file(receiver, entry, fd, err);
	case TREE_LINK:
		return receive_link(receiver, entry, err);
	case TREE_SYMLINK:
	case TREE_FIFO:
		return receive_node(receiver, entry, err);
	case TREE_SHOWN:
	case TREE_ATTRIBUTE:
	case TREE_END:
		break;
	}
	return 0;
}

static int sync_all(struct receiver *receiver, struct err *err)
{
	if (receiver->target->stream >= 0)
		return 0;
	receiver->target->report->syncing = true;
	int fd = receiver->parent_fd >= 0 ? receiver->parent_fd : receiver->to.base;
	int r = receiver->files > SYNCED_FILES ? syncfs(receiver->to.base) : fsync(fd);
	if (r == 0 && fd != receiver->to.base)
		r = fsync(receiver->to.base);
	return r < 0 ? fail(receiver, ".", -errno, err) : 0;
}

static int receive_all(struct receiver *receiver, int socket, struct err *err)
{
	static struct tree_entry entry;

	for (;;) {
		scoped_fd int fd = -1;
		int r = tree_entry_receive(socket, &entry, &fd);
		/* The sender reports the failure. */
		if (r == 0)
			return err_set(err, EPIPE, "the sender has gone");
		if (r < 0)
			return err_set(err, -r, "receive an entry: %s", strerror(-r));
		if (entry.type == TREE_END)
			return sync_all(receiver, err);
		if (entry.type == TREE_ATTRIBUTE) {
			r = tree_attributes_add(&receiver->attributes, &entry);
			if (r < 0)
				return err_set(err, -r, "receive an attribute: %s", strerror(-r));
			continue;
		}
		if (receive_entry(receiver, &entry, fd, err) < 0)
			return -err->code;
		tree_attributes_clear(&receiver->attributes);
	}
}

int tree_receive(const struct tree_target *target, int socket, struct err *err)
{
	static struct receiver receiver;

	receiver = (struct receiver){
		.target = target,
		.to = { .base = -1 },
		.parent_fd = -1,
		.contents.copy = { .from = -1,
				   .to = -1,
				   .value = malloc(COPY_BUFFER),
				   .moved = &target->report->bytes },
	};
	tree_aside_begin();
	umask(0);
	if (!receiver.contents.copy.value)
		err_set(err, ENOMEM, "out of memory");
	else if (target->stream >= 0 || tree_target_open(target, &receiver.to, err) == 0)
		receive_all(&receiver, socket, err);
	copy_end(&receiver.contents.copy);
	tree_attributes_clear(&receiver.attributes);
	scoped_close_fd(&receiver.parent_fd);
	scoped_close_fd(&receiver.to.base);
	return -err->code;
}
