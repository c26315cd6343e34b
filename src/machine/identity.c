/*
 * What makes a copy of a root this machine and no other, done at the start, when the root is at hand,
 * so that a clone costs no more than its snapshot. The tree is the guest's: it is only walked into by
 * file_open_in_root, and only regular files are written.
 */
#include "machine/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char resolv_mark[] = "# written by berth; put a file of your own here to keep it\n";

/* A descriptor of a regular file, made if missing when its folder is there; 0600 never blocks. */
static int open_regular(int root_fd, const char *path)
{
	scoped_fd int fd =
		file_open_in_root(root_fd, path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	return take_fd(&fd);
}

/* Nothing is written that is there already. */
static int write_whole(int fd, const char *text)
{
	char now[256];
	size_t n = strlen(text);
	ssize_t had = pread(fd, now, sizeof now, 0);

	if (had == (ssize_t)n && memcmp(now, text, n) == 0)
		return 0;
	/* In this order what is there is lost only once the new is. */
	ssize_t done = pwrite(fd, text, n, 0);
	if (done != (ssize_t)n)
		return done < 0 ? -errno : -ENOSPC;
	return ftruncate(fd, (off_t)n) < 0 ? -errno : 0;
}

/* Missing folders and odd file types are the root's own affair: such a root keeps no such file. */
static int replace_text(int root_fd, const char *path, const char *text, struct err *err)
{
	scoped_fd int fd = open_regular(root_fd, path);

	if (fd < 0)
		return 0;
	int r = write_whole(fd, text);
	return r < 0 ? err_set(err, -r, "write '/%s' of the root: %s", path, strerror(-r)) : 0;
}

static void remove_file(int root_fd, const char *folder, const char *name)
{
	scoped_fd int fd = file_open_in_root(root_fd, folder, O_PATH | O_DIRECTORY, 0);

	if (fd >= 0)
		unlinkat(fd, name, 0);
}

/*
 * The machine-id is emptied, not written: systemd fills it in from container_uuid, and an empty one
 * does not count as a first boot.
 */
static int make_fresh(struct machine *machine, int root_fd, struct err *err)
{
	char hostname[80];

	snprintf(hostname, sizeof hostname, "%s\n", machine->name);
	if (replace_text(root_fd, "etc/hostname", hostname, err) < 0)
		return -err->code;
	scoped_fd int id = file_open_in_root(root_fd, "etc/machine-id", O_RDONLY | O_NONBLOCK, 0);
	if (id >= 0 && replace_text(root_fd, "etc/machine-id", "", err) < 0)
		return -err->code;
	remove_file(root_fd, "var/lib/dbus", "machine-id");
	remove_file(root_fd, "var/lib/systemd", "random-seed");
	return 0;
}

/* Ours while it carries our mark, or in a fresh root; a link (resolved's, resolvconf's) never is. */
static int write_resolv(int root_fd, const struct lease *lease, bool fresh, struct err *err)
{
	char gateway[INET_ADDRSTRLEN], text[200], now[sizeof resolv_mark] = { 0 };
	scoped_fd int etc = file_open_in_root(root_fd, "etc", O_PATH | O_DIRECTORY, 0);
	struct stat st;

	if (etc < 0)
		return 0;
	bool there = fstatat(etc, "resolv.conf", &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (there && !S_ISREG(st.st_mode))
		return 0;
	scoped_fd int fd = open_regular(root_fd, "etc/resolv.conf");
	if (fd < 0)
		return 0;
	if (there && !fresh &&
	    (pread(fd, now, sizeof now - 1, 0) < 0 || strcmp(now, resolv_mark) != 0))
		return 0;
	inet_ntop(AF_INET, &lease->gateway, gateway, sizeof gateway);
	snprintf(text, sizeof text, "%snameserver %s\n", resolv_mark, gateway);
	int r = write_whole(fd, text);
	return r < 0 ? err_set(err, -r, "write '/etc/resolv.conf' of the root: %s", strerror(-r))
		     : 0;
}

int identity_apply(struct machine *machine, int root_fd, const struct lease *lease, struct err *err)
{
	scoped_free char *mark = machine_path(machine, "fresh");
	bool fresh = mark && access(mark, F_OK) == 0;

	int r = fresh ? make_fresh(machine, root_fd, err) : 0;

	if (r == 0 && lease)
		r = write_resolv(root_fd, lease, fresh, err);
	if (r == -ENOSPC || r == -EDQUOT) {
		/* Who wants to make room must get in; the mark stays for the next start. */
		*err = (struct err){ 0 };
		return 0;
	}
	if (r == 0 && fresh && unlink(mark) < 0)
		return err_set(err, errno, "remove '%s': %s", mark, strerror(errno));
	return r;
}
