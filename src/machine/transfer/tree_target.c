/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/tree_target.h"

#include "base/scoped.h"
#include "base/text.h"
#include "machine/share/user.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Opens the folders of a path, one after the other; existing ones may be links. */
static int make_parents(const struct tree_place *place, const char *path)
{
	char part[PATH_MAX];

	for (const char *at = path; *at;) {
		at += strspn(at, "/");
		at += strcspn(at, "/");
		text_print(part, sizeof part, "%.*s", (int)(at - path), path);
		scoped_fd int fd = tree_open(place, part, O_PATH | O_DIRECTORY, 0);
		if (fd != -ENOENT || !*part)
			continue;
		char *slash = strrchr(part, '/');
		char *name = slash ? slash + 1 : part;
		char up[PATH_MAX];
		text_print(up, sizeof up, "%.*s", (int)(name - part), part);
		scoped_fd int folder = tree_open(place, *up ? up : ".", O_PATH | O_DIRECTORY, 0);
		if (folder < 0)
			return folder;
		if (mkdirat(folder, name, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int open_base(const struct tree_target *target, struct tree_destination *to,
		     const char *path, struct err *err)
{
	const struct tree_place *place = &target->place;
	char words[TREE_WORDS];
	int r = target->parents ? make_parents(place, path) : 0;

	to->base = r < 0 ? r : tree_open(place, path, O_RDONLY | O_DIRECTORY, 0);
	if (to->base == -ENOENT)
		return err_set(err, ENOENT, "there is no folder %s; --parents makes it",
			       tree_words(place, path, words));
	return to->base < 0 ? err_set(err, -to->base, "open folder %s: %s",
				      tree_words(place, path, words), strerror(-to->base))
			    : 0;
}

/* The target is a folder that sources go into, or the new name of the only source. */
static int open_target(const struct tree_target *target, struct tree_destination *to,
		       struct err *err)
{
	char folder[PATH_MAX];
	scoped_fd int fd = tree_open(&target->place, target->path, O_PATH | O_DIRECTORY, 0);
	char words[TREE_WORDS];

	if (fd >= 0 && target->exact)
		return err_set(err, EISDIR, "%s is a folder; name the file in it",
			       tree_words(&target->place, target->path, words));
	const char *slash = strrchr(target->path, '/');
	const char *last = slash ? slash + 1 : target->path;
	if (fd >= 0 || target->folder || !*last || strcmp(last, ".") == 0 ||
	    strcmp(last, "..") == 0)
		return open_base(target, to, target->path, err);
	to->rename = last;
	text_print(folder, sizeof folder, "%.*s", slash ? (int)(last - target->path) : 1,
		   slash ? target->path : ".");
	return open_base(target, to, folder, err);
}

static int refuse_owner(const struct tree_target *target, struct err *err)
{
	/* The look-up only knows machines. */
	if (!target->place.machine && err->code == ENOKEY) {
		*err = (struct err){ 0 };
		err_set(err, ENOKEY,
			"owner '%.80s%s%.80s' is not in /etc/passwd and /etc/group of this host",
			target->owner ? target->owner : "", target->group ? ":" : "",
			target->group ? target->group : "");
	}
	return -err->code;
}

/* The owner by the target's own passwd and group. */
static int find_owner(const struct tree_target *target, struct tree_destination *to,
		      struct err *err)
{
	scoped_fd int root = tree_open(&target->place, "/", O_RDONLY | O_DIRECTORY, 0);
	struct user user;

	if (!target->owner && !target->group)
		return 0;
	if (root < 0)
		return err_set(err, -root, "open the root: %s", strerror(-root));
	if (user_look_up(&user, root, target->owner ? target->owner : "root", err) < 0)
		return refuse_owner(target, err);
	to->own = true;
	to->uid = user.uid;
	to->gid = user.gid;
	if (target->group && user_group(root, target->group, &to->gid, err) < 0)
		return refuse_owner(target, err);
	return 0;
}

int tree_target_open(const struct tree_target *target, struct tree_destination *to, struct err *err)
{
	*to = (struct tree_destination){ .base = -1 };
	return open_target(target, to, err) < 0 ? -err->code : find_owner(target, to, err);
}
