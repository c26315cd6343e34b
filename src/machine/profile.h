/* Which label of the host's security module a machine runs under, and berth's own profile for AppArmor. */
#ifndef BERTH_MACHINE_PROFILE_H
#define BERTH_MACHINE_PROFILE_H

#include "base/text.h"
#include "config/config.h"
#include "kern/label.h"

/*
 * By security.apparmor and security.selinux; on the host. Loads berth's own profile where the kernel
 * does not have it yet, once in a boot. Without apparmor_parser a machine goes without; if it fails,
 * skipped says so as well. What is asked for by name and is not there is an error.
 */
int profile_choose(const struct machine_config *config, struct label *label, struct text *skipped,
		   struct err *err);

/* Its name has its text's hash in it, so that a newer berth's is another one beside it. */
int profile_name(char *out, size_t room);
int profile_print(struct text *out);

#endif
