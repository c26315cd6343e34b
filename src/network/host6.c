/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/host6.h"

#include "base/file.h"
#include "base/scoped.h"
#include "network/bridge.h"

#include <fcntl.h>

/* A link that is made later gets the setting of "default". */
static ssize_t read_switch(const char *link, char **text)
{
	char path[96];

	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", link);
	return file_read(AT_FDCWD, path, 16, text);
}

void host6_check(struct network *network)
{
	const char *link = network->config.bridge;
	scoped_free char *text = NULL;

	if (!network->prefix6)
		return;
	ssize_t n = read_switch(link, &text);
	if (n == -ENOENT)
		n = read_switch(link = "default", &text);
	if (n > 0 && text[0] == '0')
		return;
	network->prefix6 = 0;
	network->without_ipv6 = true;
	if (n > 0)
		network_warn(
			network,
			"network '%s': IPv6 is switched off (net.ipv6.conf.%s.disable_ipv6), so "
			"that its machines have IPv4 only; switch it on, or: berth network set %s "
			"subnet6=none",
			network->name, link, network->name);
	else
		network_warn(network,
			     "network '%s': the kernel has no IPv6, so that its machines have IPv4 "
			     "only; load it, or: berth network set %s subnet6=none",
			     network->name, network->name);
}
