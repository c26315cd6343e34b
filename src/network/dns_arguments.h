/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arguments of a network's dnsmasq, which are all of its settings. */
#ifndef BERTH_NETWORK_DNS_ARGUMENTS_H
#define BERTH_NETWORK_DNS_ARGUMENTS_H

#include "base/text.h"
#include "network/network.h"

enum { DNS_ARGS = 64 };

/* An argument vector, kept as /proc/PID/cmdline shows it: one text, each word ended by a NUL. */
struct dns_arguments {
	struct text text;
	const char *words[DNS_ARGS + 1]; /* NULL-terminated, pointing into text */
};

/* The path of dnsmasq; NULL: it is not installed. */
const char *dns_program(void);

/* Makes the arguments, as the settings are now. The caller frees the text. 0, -ENOENT without dnsmasq, -ENOMEM. */
int dns_arguments_make(const struct network *network, const char *pid_file,
		       struct dns_arguments *arguments);

#endif
