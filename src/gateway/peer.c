/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's word on who has connected to a unix socket. */
#include "gateway/peer.h"

#include "base/text.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>

enum { ENTRY = 16 << 10 };

int peer_user(int fd, char *name, size_t room, struct err *err)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	struct passwd entry, *found = NULL;
	char buffer[ENTRY];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_set(err, errno, "ask the kernel who has connected: %s", strerror(errno));
	/* A host whose table of users is broken still has its root. */
	if (peer.uid == 0) {
		text_print(name, room, "root");
		return 0;
	}
	getpwuid_r(peer.uid, &entry, buffer, sizeof buffer, &found);
	/* A name that is not root's own and says so would make a user root. */
	if (!found || strcmp(found->pw_name, "root") == 0 ||
	    text_print(name, room, "%s", found->pw_name) < 0)
		return err_set(err, EPERM,
			       "user %u has no name on this host; connect as another user",
			       (unsigned)peer.uid);
	return 0;
}
