/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Name servers that a machine asks: its network's own, or on a network that is not berth's those that are used there.
 */
#include "base/file.h"
#include "base/resolv_conf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 65536, SERVERS = 3, SERVER_ROOM = 64 };

/* An address that means the host itself to the host, and the machine itself to the machine. */
static bool is_loopback(const char *server)
{
	return text_starts(server, "127.") || strcmp(server, "::1") == 0;
}

static bool is_address(const char *text)
{
	struct in6_addr parsed;

	return inet_pton(AF_INET, text, &parsed) == 1 || inet_pton(AF_INET6, text, &parsed) == 1;
}

/* Adds the servers of a file that machines can ask, as many as the C library takes. */
static void add_servers(const char *path, struct lease *lease)
{
	scoped_free char *text = NULL;
	char *rest = NULL, server[SERVER_ROOM];
	int count = 0;

	if (file_read(AT_FDCWD, path, FILE_MAX, &text) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &rest); line && count < SERVERS;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, " nameserver %63s", server) != 1 || is_loopback(server) ||
		    !is_address(server))
			continue;
		size_t n = strlen(lease->servers);
		snprintf(lease->servers + n, sizeof lease->servers - n, "%s%s", n ? " " : "",
			 server);
		count++;
	}
}

/* Servers that the host asks. A host with a resolver of its own has their addresses in another file. */
static void find_servers(struct lease *lease)
{
	scoped_free char *file = resolv_conf_file();

	if (file && *file)
		add_servers(file, lease);
	if (!*lease->servers)
		add_servers("/run/systemd/resolve/resolv.conf", lease);
}

void network_add_servers(const struct network *network, struct lease *lease)
{
	const char *named = network->config.dns_servers;

	lease->servers[0] = '\0';
	if (!lease->foreign)
		inet_ntop(AF_INET, &lease->gateway, lease->servers, sizeof lease->servers);
	else if (*named)
		snprintf(lease->servers, sizeof lease->servers, "%s",
			 strcmp(named, "none") == 0 ? "" : named);
	else if (lease->prefix || lease->prefix6)
		find_servers(lease);
}
