/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address of the page that shows the desktop of a machine. */
#include "cmd/machine/desktop.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { NOTE_MAX = 512 };

int desktop_url(struct call *call, struct err *err)
{
	/* The server of the page has it locked, with its address in the first line, while it runs. */
	scoped_free char *path = dirs_run_path(&call->dirs, "api/server");
	scoped_free char *address = NULL;
	scoped_fd int fd = path ? file_lock(path, FILE_LOCK_LOOK) : -ENOMEM;

	if (fd >= 0 || fd == -ENOENT)
		return err_set(
			err, ENOENT,
			"the page is not served: 'berth web' serves it, and prints a link with "
			"which root signs in");
	if (fd != -EWOULDBLOCK || file_read(AT_FDCWD, path, NOTE_MAX, &address) < 0)
		return err_set(err, EIO,
			       "read '%s', in which the server of the page has its address",
			       path ? path : "api/server");
	printf("%.*s/desktop.html#%s%s\n", (int)strcspn(address, "\n"), address, call->words[0],
	       call_has(call, &flag_view_only) ? "/view-only" : "");
	return 0;
}
