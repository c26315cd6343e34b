/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/share/staging.h"

#include "base/scoped.h"
#include "base/text.h"
#include "kern/mount.h"
#include "machine/confine/confine.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

/* A private namespace, except the folder that passes on mounts to the guest. */
static int set_propagation(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mount(NULL, STAGING_ROOT, NULL, MS_REC | MS_SHARED, NULL) == 0)
		return 0;
	/* The folder is not a mount by itself. */
	return mount(NULL, "/", NULL, MS_SHARED, NULL) < 0 ? -errno : 0;
}

int staging_enter(struct staging *stage, struct err *err)
{
	*stage = (struct staging){ -1, -1 };
	stage->ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	stage->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (stage->ns < 0 || stage->root < 0 || unshare(CLONE_NEWNS) < 0)
		return err_set(err, errno, "make a mount namespace: %s", strerror(errno));
	int r = set_propagation();
	return r < 0 ? err_set(err, -r, "set the propagation of mounts: %s", mount_why(r)) : 0;
}

int staging_show(int root_fd, int init_fd, struct err *err)
{
	int r = init_fd < 0 ? 0 : mount_attach(init_fd, AT_FDCWD, STAGING_ROOT "/" STAGING_INIT);

	if (r < 0)
		return err_set(err, -r, "show guest-init to the guest: %s", mount_why(r));
	r = mount_attach(root_fd, AT_FDCWD, STAGING_ROOT);
	return r < 0 ? err_set(err, -r, "show the root to the guest: %s", mount_why(r)) : 0;
}

int staging_lock(int *mount_fd, bool folder, const char *within, int pidfd)
{
	char place[64];

	if (text_print(place, sizeof place, "%s%s%s", STAGING_ROOT,
		       within   ? "/"
		       : folder ? ""
				: "/" STAGING_INIT,
		       within ? within : "") < 0)
		return -ENAMETOOLONG;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	int r = mount_attach(*mount_fd, AT_FDCWD, folder ? STAGING_ROOT : place);
	if (r < 0)
		return r;
	/* The copy of all mounts that is made here locks their flags. */
	if (pidfd >= 0 && (setns(pidfd, CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS) < 0))
		return -errno;
	int copy = mount_clone(AT_FDCWD, place, 0);
	if (copy < 0)
		return copy;
	close(*mount_fd);
	*mount_fd = copy;
	return confine_left_out("propagation") ? 0 : mount_private(copy);
}

/* setns changes to the namespace's root, which differs from ours in a chroot. */
int staging_leave(struct staging *stage, struct err *err)
{
	int r = 0;

	if (stage->ns >= 0 && stage->root >= 0 &&
	    (setns(stage->ns, CLONE_NEWNS) < 0 || fchdir(stage->root) < 0 || chroot(".") < 0))
		r = -errno;
	scoped_close_fd(&stage->ns);
	scoped_close_fd(&stage->root);
	if (r < 0 && !err->code)
		err_set(err, -r, "return to the host's mounts: %s", strerror(-r));
	return -err->code;
}
