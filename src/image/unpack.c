/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-unpack BASE COUNT [split | folder]: unpacks an archive, or an image in a folder, that may be hostile. There are
 * two processes. This one, root of the host, forks the other and maps its ids. The other has namespaces of its own,
 * sees only the new volume, keeps the few capabilities and system calls that writing files needs, and only then reads
 * the archive. The libraries are loaded before, because they are out of reach later.
 */
#include "image/unpack.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/confined.h"
#include "image/oci.h"
#include "image/sha256.h"
#include "kern/idmap.h"
#include "kern/mount.h"
#include "kern/seccomp.h"

#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
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

/* A report is smaller than PIPE_BUF: it is written completely or not at all. */
_Static_assert(sizeof(struct unpack_report) <= 4096, "a report must fit into PIPE_BUF");

/* The volume becomes the root, and the host's tree is unmounted; the folder /proc always exists. */
static int enter_volume(struct err *err)
{
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "make mounts private: %s", strerror(errno));
	int r = mount_attach(UNPACK_VOLUME, AT_FDCWD, "/proc");
	if (r < 0)
		return err_set(err, -r, "mount the volume: %s", mount_why(r));
	if (chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(err, errno, "enter the volume: %s", strerror(errno));
	return 0;
}

static int drop_capabilities(void)
{
	static const cap_value_t kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
					    CAP_SETFCAP };
	cap_t caps = cap_init();
	int r = 0;

	if (!caps)
		return -errno;
	if (cap_set_flag(caps, CAP_PERMITTED, sizeof kept / sizeof *kept, kept, CAP_SET) < 0 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, sizeof kept / sizeof *kept, kept, CAP_SET) < 0 ||
	    cap_set_proc(caps) < 0)
		r = -errno;
	cap_free(caps);
	return r;
}

static int give_up_rights(struct err *err)
{
	const struct rlimit memory = { UNPACK_MEMORY_MAX, UNPACK_MEMORY_MAX },
			    files = { FILES_MAX, FILES_MAX }, none = { 0, 0 };
	int r = drop_capabilities();

	if (r == 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_DATA, &memory) < 0 ||
	     setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &none) < 0))
		r = -errno;
	if (r == 0 && !UNPACK_UNFILTERED)
		r = seccomp_files_only();
	return r < 0 ? err_set(err, -r, "give up rights: %s", strerror(-r)) : 0;
}

enum mode { MODE_ARCHIVE, MODE_SPLIT, MODE_FOLDER };

/* An archive, which may turn out to be that of an OCI image, or the folder of one. */
static int unpack(enum mode mode, struct unpack_report *report, struct text *facts)
{
	if (mode == MODE_FOLDER && !oci_is_image(UNPACK_FOLDER))
		return err_set(
			&report->err, EISDIR,
			"it is a folder, and not one of an OCI image; pack a root first: tar "
			"-C FOLDER -c . | berth template import - NAME");
	if (mode == MODE_FOLDER)
		return oci_apply(UNPACK_FOLDER, report, facts);
	if ((mode == MODE_SPLIT && extract_metadata(UNPACK_METADATA, report) < 0) ||
	    extract_archive(UNPACK_ARCHIVE, report) < 0)
		return -report->err.code;
	int r = mode == MODE_SPLIT ? 0 : oci_settle(report, facts);
	return r == 0 ? layout_settle(report) : r;
}

struct order {
	struct idmap map;
	enum mode mode;
	int null_fd; /* owned */
};

/* In the confined process. The tie comes after the change of ids, which would end it. */
static void work(int parent, const void *context, void *to)
{
	const struct order *order = context;
	struct unpack_report *report = to;
	struct err *err = &report->err;
	scoped_text struct text facts = { 0 };
	int r = child_tie(parent, SIGKILL);

	if (r < 0) {
		err_set(err, -r, "end with who began it: %s", strerror(-r));
		return;
	}
	if (enter_volume(err) < 0)
		return;
	dup2(order->null_fd, 1);
	dup2(order->null_fd, 2);
	close_range(UNPACK_METADATA + (order->mode == MODE_ARCHIVE ? 0 : 1), ~0U, 0);
	if (give_up_rights(err) < 0 || unpack(order->mode, report, &facts) < 0)
		return;
	r = file_write_all(UNPACK_FACTS, text_str(&facts), facts.length, 0);
	if (r < 0)
		err_set(err, -r, "pass on the settings of the image: %s", strerror(-r));
}

/* The host's half: id maps of the volume and of the folder. */
static int map_mounts(pid_t pid, const void *context, struct err *err)
{
	const struct order *order = context;
	char path[64];

	if (order->map.base == 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	scoped_fd int userns = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (userns < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	/* A folder whose ids cannot be mapped is read as any user of the host may read it. */
	if (order->mode == MODE_FOLDER)
		mount_idmap(UNPACK_FOLDER, userns);
	int r = mount_idmap(UNPACK_VOLUME, userns);
	if (r < 0)
		return err_set(err, -r, "map the ids of the volume: %s", mount_idmap_why(r));
	return 0;
}

static int run(const struct order *order, struct unpack_report *report)
{
	const struct confined confined = {
		.namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
			      CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
		.map = &order->map,
		.verb = "unpack",
		.doing = "unpacking",
		.suspect = "the archive",
		.report_fd = UNPACK_REPORT,
		.admit = map_mounts,
		.work = work,
		.context = order,
	};

	return confined_run(&confined, report, sizeof *report, &report->err);
}

static enum mode mode_of(const char *word)
{
	return !word ? MODE_ARCHIVE : strcmp(word, "split") == 0 ? MODE_SPLIT : MODE_FOLDER;
}

int main(int argc, char **argv)
{
	struct unpack_report report = { 0 };
	uint64_t base, count;
	struct sha256 sum;

	if (argc < 3 || argc > 4 || text_to_u64(argv[1], 0, UINT32_MAX, &base) < 0 ||
	    text_to_u64(argv[2], 1, UINT32_MAX, &count) < 0) {
		fprintf(stderr, "berth-unpack is run by 'berth template import'\n");
		return 2;
	}
	/* Names are bytes; in this locale libarchive does not convert UTF-8 names. */
	setlocale(LC_CTYPE, "C.UTF-8");
	/* Loads its library, if it is there; what needs a sum and has none tells so. */
	sha256_begin(&sum, &(struct err){ 0 });
	scoped_fd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct order order = {
		.map = { (uint32_t)base, (uint32_t)count },
		.mode = mode_of(argv[3]),
		.null_fd = null_fd,
	};
	if (run(&order, &report) < 0)
		confined_end(UNPACK_REPORT, &report, sizeof report);
	return 0;
}
