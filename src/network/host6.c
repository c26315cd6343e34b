/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/host6.h"

#include "base/file.h"
#include "base/scoped.h"
#include "network/bridge.h"

#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

static const char conf[] = "/proc/sys/net/ipv6/conf";
static const char forwarding[] = "/proc/sys/net/ipv6/conf/all/forwarding";

bool network_masquerades6(const struct network *network)
{
	return network->prefix6 && config_masquerades6(&network->config);
}

bool host6_forwards(void)
{
	scoped_free char *text = NULL;

	return file_read(AT_FDCWD, forwarding, 16, &text) > 0 && text[0] != '0';
}

/* Whether a setting of a link is this number. */
static bool is_set(const char *link, const char *name, char number)
{
	scoped_free char *path = text_format("%s/%s/%s", conf, link, name);
	scoped_free char *text = NULL;

	return path && file_read(AT_FDCWD, path, 16, &text) > 0 && text[0] == number;
}

/* Links of the host that take router advertisements, and "default", which is copied to later ones. */
static bool takes_advertisements(const char *link)
{
	return link[0] != '.' && strcmp(link, "all") != 0 && strcmp(link, "lo") != 0 &&
	       !text_starts(link, PORT_PREFIX) && is_set(link, "accept_ra", '1') &&
	       is_set(link, "forwarding", '0');
}

static int keep_advertisements(struct text *names)
{
	scoped_dir DIR *dir = opendir(conf);

	if (!dir)
		return -errno;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!takes_advertisements(e->d_name))
			continue;
		scoped_free char *path = text_format("%s/%s/accept_ra", conf, e->d_name);
		int r = path ? file_write(AT_FDCWD, path, "2") : -ENOMEM;
		/* A link that has just gone. */
		if (r < 0 && r != -ENOENT)
			return r;
		if (strcmp(e->d_name, "default") != 0)
			text_add(names, "%s%s", names->length ? ", " : "", e->d_name);
	}
	return 0;
}

int host6_forward(struct network *network, struct err *err)
{
	scoped_text struct text names = { 0 };

	int r = keep_advertisements(&names);
	if (r == 0)
		r = file_write(AT_FDCWD, forwarding, "1");
	if (r < 0)
		return err_set(err, -r, "network '%s': switch on IPv6 forwarding in %s: %s",
			       network->name, forwarding, strerror(-r));
	if (names.length)
		network_warn(
			network,
			"network '%s': this host forwards IPv6 now; accept_ra is 2, so that it "
			"still takes router advertisements from these links: %.160s",
			network->name, text_str(&names));
	return 0;
}

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
