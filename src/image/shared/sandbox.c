/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/shared/sandbox.h"

#include "base/child.h"
#include "base/scoped.h"
#include "kern/mount.h"
#include "kern/seccomp.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { FILES_MAX = 64 };

/* A sanitizer's shadow memory counts too, so its build sets no limit. */
#ifndef UNPACK_MEMORY_MAX
#define UNPACK_MEMORY_MAX (1 << 30)
#endif
/* A sanitizer's runtime makes system calls of its own. */
#ifndef UNPACK_UNFILTERED
#define UNPACK_UNFILTERED 0
#endif

const cap_value_t sandbox_writer[SANDBOX_WRITER] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,
						     CAP_FSETID, CAP_SETFCAP };

int sandbox_map(pid_t pid, int mount_fd, struct err *err)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	scoped_fd int userns = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (userns < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	int r = mount_idmap(mount_fd, userns);
	return r < 0 ? err_set(err, -r, "map the ids of the volume: %s", mount_idmap_why(r)) : 0;
}

/* The folder /proc always exists. The tie comes after the change of ids, which would end it. */
int sandbox_enter(int parent, int mount_fd, struct err *err)
{
	int r = child_tie(parent, SIGKILL);

	if (r < 0)
		return err_set(err, -r, "end with who began it: %s", strerror(-r));
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "make mounts private: %s", strerror(errno));
	r = mount_attach(mount_fd, AT_FDCWD, "/proc");
	if (r < 0)
		return err_set(err, -r, "mount the volume: %s", mount_why(r));
	if (chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(err, errno, "enter the volume: %s", strerror(errno));
	return 0;
}

static int drop_capabilities(const cap_value_t *kept, int count)
{
	cap_t caps = cap_init();
	int r = 0;

	if (!caps)
		return -errno;
	/* The call takes no empty list. */
	if ((count > 0 && (cap_set_flag(caps, CAP_PERMITTED, count, kept, CAP_SET) < 0 ||
			   cap_set_flag(caps, CAP_EFFECTIVE, count, kept, CAP_SET) < 0)) ||
	    cap_set_proc(caps) < 0)
		r = -errno;
	cap_free(caps);
	return r;
}

int sandbox_give_up(const cap_value_t *kept, int count, struct err *err)
{
	const struct rlimit memory = { UNPACK_MEMORY_MAX, UNPACK_MEMORY_MAX },
			    files = { FILES_MAX, FILES_MAX }, none = { 0, 0 };
	int r = drop_capabilities(kept, count);

	if (r == 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_DATA, &memory) < 0 ||
	     setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &none) < 0))
		r = -errno;
	if (r == 0 && !UNPACK_UNFILTERED)
		r = seccomp_files_only();
	return r < 0 ? err_set(err, -r, "give up rights: %s", strerror(-r)) : 0;
}
