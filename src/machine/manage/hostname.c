/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/hostname.h"

#include "machine/life/rootfile.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { HOSTNAME_MAX = 4096 };

/* The new text of /etc/hostname; NULL: its first label is not the old name. The caller owns it. */
static char *new_hostname(int root_fd, const char *from, const char *to)
{
	scoped_fd int fd =
		file_open_in_root(root_fd, "etc/hostname", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	scoped_free char *text = rootfile_read(fd, HOSTNAME_MAX);
	const char *name = text ? text_trim(text) : "";
	size_t n = strlen(from);
	if (strncmp(name, from, n) != 0 || (name[n] && name[n] != '.'))
		return NULL;
	return text_format("%s%s\n", to, name + n);
}

void hostname_follow(const struct machine *machine, struct pool *pool, const char *from,
		     struct text *notes)
{
	char volume[VOLUME_NAME_MAX + 1];
	struct err why = { 0 };

	machine_volume(machine->name, volume);
	{
		scoped_fd int root_fd = -1;
		volume_mount(pool, volume, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			     &root_fd, &why);
		scoped_free char *text =
			root_fd < 0 ? NULL : new_hostname(root_fd, from, machine->name);
		if (text)
			rootfile_replace(root_fd, "etc/hostname", text, &why);
	}
	volume_deactivate(pool, volume, &(struct err){ 0 });
	if (why.code)
		text_add(notes, "machine '%s': its root keeps the host name '%s': %s\n",
			 machine->name, from, why.text);
}
