/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps that make a copy of a root this machine. A start does them, when the root is mounted anyway, so that a
 * clone costs only its snapshot.
 */
#include "machine/start/identity.h"

#include "machine/life/hosts.h"
#include "machine/life/rootfile.h"
#include "machine/start/resolver.h"
#include "machine/state/private.h"

#include "base/scoped.h"
#include "image/template/strip.h"

#include <string.h>

/*
 * The machine-id is emptied by the list, not written here: systemd fills it in from container_uuid, and does not take
 * an empty one for a first boot.
 */
static int make_fresh(struct machine *machine, int root_fd, struct err *err)
{
	const struct strip_identity identity = { machine->name, machine->config.uuid };
	char hostname[80];

	snprintf(hostname, sizeof hostname, "%s\n", machine->name);
	if (rootfile_replace(root_fd, "etc/hostname", hostname, err) < 0)
		return -err->code;
	return strip_root(machine->dirs, root_fd, false, &identity, err);
}

int identity_apply(struct machine *machine, int root_fd, const struct lease *lease, bool *fresh,
		   struct err *err)
{
	scoped_free char *mark = machine_path(machine, "fresh");
	scoped_text struct text aliases = { 0 };

	hosts_lines(machine, &aliases);
	*fresh = mark && access(mark, F_OK) == 0;
	int r = *fresh ? make_fresh(machine, root_fd, err) : 0;
	if (r == 0)
		r = resolver_write(machine->name, root_fd, lease, text_str(&aliases), *fresh, err);
	if (r == 0 && *machine->config.dns_aliases)
		hosts_note(machine, text_str(&aliases));
	if (r == -ENOSPC || r == -EDQUOT) {
		/* A full root still starts, so that its user can make room; the mark stays for the next start. */
		*err = (struct err){ 0 };
		*fresh = false;
		return 0;
	}
	return r;
}

int identity_done(struct machine *machine, struct err *err)
{
	scoped_free char *mark = machine_path(machine, "fresh");

	if (!mark)
		return err_set(err, ENOMEM, "out of memory");
	if (unlink(mark) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", mark, strerror(errno));
	return 0;
}
