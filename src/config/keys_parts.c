/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of the parts that machines are made of: pools, networks, templates, their steps, and volumes for data. */
#include "config/build_file.h"
#include "config/keys.h"

#include <errno.h>

static const char *const pool_drivers[] = { "btrfs", "dir", "thin", NULL };
static const char *const pool_filesystems[] = { "ext4", "xfs", NULL };

#define AT(field) offsetof(struct pool_config, field)
static const struct key pool_keys[] = {
	{ "devices", KEY_PATHS, KEY_FIXED, AT(devices), "", 0, 0, NULL,
	  "further disks of a thin pool, where they were last found" },
	{ "driver", KEY_CHOICE, KEY_FIXED, AT(driver), "dir", 0, 0, pool_drivers,
	  "how volumes are kept" },
	{ "filesystem", KEY_CHOICE, 0, AT(filesystem), "ext4", 0, 0, pool_filesystems,
	  "file system of a volume, where each has its own: ext4, xfs" },
	{ "grow.devices", KEY_PATHS, 0, AT(grow_devices), "", 0, 0, NULL,
	  "disks that a thin pool takes by itself, one at a time, when it gets full" },
	{ "overcommit.max", KEY_NUMBER, 0, AT(overcommit), "0", 0, 1000000, NULL,
	  "per cent of a thin pool that the sizes of its volumes may come to; 0: any" },
	{ "quota", KEY_BOOL, 0, AT(quota), "no", 0, 0, NULL,
	  "whether a btrfs pool can limit machines' roots; chosen when it is made" },
	{ "size", KEY_SIZE, KEY_FIXED, AT(size), "0", 0, UINT64_MAX, NULL,
	  "size of the loop file; 0: there is none" },
	{ "size.max", KEY_SIZE, 0, AT(size_max), "0", 0, UINT64_MAX, NULL,
	  "size to which the loop file of a thin pool may grow by itself; 0: it does not" },
	{ "source", KEY_PATH, KEY_FIXED, AT(source), "", 0, 0, NULL,
	  "folder, loop file or device that holds the volumes" },
	{ "uuid", KEY_UUID, KEY_FIXED, AT(uuid), "", 0, 0, NULL, "its identity" },
	{ "volume.size", KEY_SIZE, 0, AT(volume_size), "10G", 64 << 10, 16ULL << 40, NULL,
	  "size of a new volume, where the driver limits them" },
};
#undef AT

const struct schema pool_schema = {
	.what = "pool",
	KEYS(pool_keys),
	.size = sizeof(struct pool_config),
};

static const char *const network_kinds[] = { "bridge", "ipvlan",   "join",    "macvlan",
					     "none",   "physical", "private", NULL };
static const char *const network_modes[] = { "auto",     "bridge",  "l2",   "l3", "l3s",
					     "passthru", "private", "vepa", NULL };

#define AT(field) offsetof(struct network_config, field)
static const struct key network_keys[] = {
	{ "bridge", KEY_LINK, KEY_FIXED | KEY_CHOSEN, AT(bridge), "", 0, 0, NULL,
	  "name of its bridge" },
	{ "dhcp", KEY_BOOL, KEY_LIVE, AT(dhcp), "yes", 0, 0, NULL,
	  "whether dnsmasq serves addresses and names on it" },
	{ "dhcp.lease", KEY_DURATION, KEY_LIVE, AT(dhcp_lease), "12h", 120, 365 * 86400, NULL,
	  "how long an address that DHCP gives is valid" },
	{ "dns.aliases", KEY_TEXT, KEY_LIVE, AT(dns_aliases), "", 0, 0, NULL,
	  "further names of machines in its DNS: ALIAS=MACHINE" },
	{ "dns.servers", KEY_SERVERS, KEY_LIVE, AT(dns_servers), "", 0, 0, NULL,
	  "name servers that its dnsmasq asks; empty: those of the host" },
	{ "domain", KEY_DOMAIN, 0, AT(domain), "berth", 0, 0, NULL,
	  "DNS domain that machine names are in" },
	{ "gateway", KEY_ADDRESS, 0, AT(gateway), "", 0, 0, NULL,
	  "router of a network that is not berth's own, for machines with a fixed address" },
	{ "gateway6", KEY_ADDRESS6, 0, AT(gateway6), "", 0, 0, NULL, "the same for IPv6" },
	{ "isolated", KEY_BOOL, KEY_LIVE, AT(isolated), "no", 0, 0, NULL,
	  "whether its machines do not reach each other" },
	{ "kind", KEY_CHOICE, KEY_LIVE, AT(kind), "bridge", 0, 0, network_kinds,
	  "bridge, of berth's own; private: nothing else is reached; join: a bridge of the "
	  "host's; macvlan, ipvlan: an interface of the host's; physical: one that the host gives "
	  "away; none: interfaces that lead "
	  "nowhere" },
	{ "mode", KEY_CHOICE, 0, AT(mode), "auto", 0, 0, network_modes,
	  "how machines share the parent, of kind macvlan or ipvlan; auto: bridge, l2" },
	{ "mtu", KEY_MTU, KEY_LIVE, AT(mtu), "0", CONFIG_MTU_MIN, CONFIG_MTU_MAX, NULL,
	  "largest packet of its machines' interfaces; 0: the kernel's default" },
	{ "nat", KEY_BOOL, KEY_LIVE, AT(nat), "yes", 0, 0, NULL,
	  "whether its machines reach the world by the host's address" },
	{ "nat6", KEY_BOOL, KEY_LIVE, AT(nat6), "yes", 0, 0, NULL, "the same for IPv6" },
	{ "parent", KEY_LINK, KEY_FIXED | KEY_CHOSEN, AT(parent), "", 0, 0, NULL,
	  "link of the host that its machines are put on, of kind join a bridge" },
	{ "parent.force", KEY_BOOL, 0, AT(parent_force), "no", 0, 0, NULL,
	  "of kind physical: whether the machine gets the parent also if the host uses it" },
	{ "routes", KEY_ROUTES, KEY_LIVE, AT(routes), "", 0, 0, NULL,
	  "static routes of its machines, such as 10.9.0.0/16 via 10.1.0.7, joined by commas" },
	{ "subnet", KEY_SUBNET, KEY_FIXED | KEY_CHOSEN, AT(subnet), "", 0, 0, NULL,
	  "its IPv4 network" },
	{ "subnet6", KEY_SUBNET6, 0, AT(subnet6), "none", 0, 0, NULL,
	  "its IPv6 network, of 64 to 96 bits; auto: a private one is drawn; none" },
};
#undef AT

static const struct schema *const network_sections[] = { &network_rule_schema, NULL };

const struct schema network_schema = {
	.what = "network",
	KEYS(network_keys),
	.size = sizeof(struct network_config),
	.sections = network_sections,
};

#define AT(field) offsetof(struct template_config, field)
static const struct key template_keys[] = {
	{ "arch", KEY_TEXT, KEY_FIXED, AT(arch), "", 0, 0, NULL,
	  "architecture of its programs, as uname -m says it" },
	{ "cached", KEY_BOOL, KEY_FIXED, AT(cached), "no", 0, 0, NULL,
	  "whether it is a step of a build, kept for the next build" },
	{ "created", KEY_NUMBER, KEY_FIXED, AT(created), "0", 0, TIME_MAX, NULL,
	  "when it was made, in seconds since the epoch" },
	{ "description", KEY_TEXT, 0, AT(description), "", 0, 0, NULL, "a line for people" },
	{ "distribution", KEY_TEXT, KEY_FIXED, AT(distribution), "", 0, 0, NULL,
	  "ID of its os-release" },
	{ "image.aliases", KEY_TEXT, KEY_FIXED, AT(image_aliases), "", 0, 0, NULL,
	  "names that it has at the image server it came from, separated by commas" },
	{ "image.entrypoint", KEY_NUMBER, KEY_FIXED, AT(image_entrypoint), "0", 0, 65535, NULL,
	  "how many words of default.app.command berth run keeps before its own" },
	{ "image.product", KEY_TEXT, KEY_FIXED, AT(image_product), "", 0, 0, NULL,
	  "what the image server calls it and its later versions" },
	{ "image.remote", KEY_TEXT, KEY_FIXED, AT(image_remote), "", 0, 0, NULL,
	  "name of the image server; empty: it came from none" },
	{ "image.serial", KEY_TEXT, KEY_FIXED, AT(image_serial), "", 0, 0, NULL,
	  "version of the image, as the server tells it" },
	{ "image.sha256", KEY_TEXT, KEY_FIXED, AT(image_sha256), "", 0, 0, NULL,
	  "SHA-256 sum of the file with its root" },
	{ "image.url", KEY_TEXT, KEY_FIXED, AT(image_url), "", 0, 0, NULL, "where that file was" },
	{ "init", KEY_TEXT, KEY_FIXED, AT(init), "", 0, 0, NULL,
	  "kind of its init: systemd, sysvinit, busybox, none and so on" },
	{ "origin", KEY_TEXT, KEY_FIXED, AT(origin), "", 0, 0, NULL, "what it was made of" },
	{ "pool", KEY_LABEL, KEY_FIXED, AT(pool), "", 0, 0, NULL, "pool that holds its root" },
	{ "release", KEY_TEXT, KEY_FIXED, AT(release), "", 0, 0, NULL,
	  "VERSION_CODENAME or VERSION_ID of its os-release" },
	{ "size", KEY_SIZE, KEY_FIXED, AT(size), "0", 0, UINT64_MAX, NULL,
	  "space that its root took when it was made; 0: not measured" },
	{ "uuid", KEY_UUID, KEY_FIXED, AT(uuid), "", 0, 0, NULL, "its identity" },
};
#undef AT

/* Templates of OCI images had these before they had presets for them. */
static const struct old_key template_old[] = {
	{ "app.command", "app.command" },
	{ "app.directory", "app.directory" },
	{ "app.env", "env" },
	{ "app.signal", "app.signal" },
	{ "app.user", "app.user" },
	{ NULL, NULL },
};

const struct schema template_schema = {
	.what = "template",
	KEYS(template_keys),
	.size = sizeof(struct template_config),
	.presets = offsetof(struct template_config, presets),
	.presets_of = &machine_schema,
	.old = template_old,
};

#define AT(field) offsetof(struct volume_config, field)
static const struct key volume_keys[] = {
	{ "created", KEY_NUMBER, KEY_FIXED, AT(created), "0", 0, TIME_MAX, NULL,
	  "when it was made, in seconds since the epoch" },
	{ "description", KEY_TEXT, 0, AT(description), "", 0, 0, NULL, "a line for people" },
	{ "maker", KEY_TEXT, KEY_FIXED, AT(maker), "", 0, 0, NULL,
	  "machine that is made together with it, or that it goes with" },
	{ "origin", KEY_TEXT, KEY_FIXED, AT(origin), "", 0, 0, NULL, "what it was made of" },
	{ "pool", KEY_LABEL, KEY_FIXED, AT(pool), "", 0, 0, NULL, "pool that holds it" },
	{ "uuid", KEY_UUID, KEY_FIXED, AT(uuid), "", 0, 0, NULL, "its identity" },
};
#undef AT

const struct schema volume_schema = {
	.what = "volume",
	KEYS(volume_keys),
	.size = sizeof(struct volume_config),
};

#define AT(field)  offsetof(struct build_file, field)
#define STEP(kind) offsetof(struct build_file, values[kind])
static const struct key build_keys[] = {
	{ "copy", KEY_TEXT, 0, STEP(BUILD_COPY), "", 0, 0, NULL,
	  "SRC:DST[:OWNER[:MODE]], a file or folder of this host and its place in the machine" },
	{ "cwd", KEY_PATH, 0, STEP(BUILD_CWD), "", 0, 0, NULL,
	  "folder that the later steps begin in; empty: /" },
	{ "description", KEY_TEXT, 0, AT(description), "", 0, 0, NULL, "a line for people" },
	{ "env", KEY_ENV, 0, STEP(BUILD_ENV), "", 0, 0, NULL,
	  "environment of the later steps: NAME=value words, quoted as in a shell" },
	{ "from", KEY_TEXT, 0, AT(from), "", 0, 0, NULL, "template to begin with" },
	{ "init", KEY_PATH, 0, AT(init), "", 0, 0, NULL,
	  "program that runs as process 1, now and in machines of the template" },
	{ "name", KEY_LABEL, 0, AT(name), "", 0, 0, NULL, "name of the template" },
	{ "packages", KEY_WORDS, 0, STEP(BUILD_PACKAGES), "", 0, 0, NULL,
	  "packages to install, separated by blanks" },
	{ "run", KEY_TEXT, 0, STEP(BUILD_RUN), "", 0, 0, NULL, "command for the machine's sh" },
	{ "script", KEY_TEXT, 0, STEP(BUILD_SCRIPT), "", 0, 0, NULL,
	  "script of this host to run in the machine" },
	{ "size", KEY_SIZE, 0, AT(size), "0", 0, 1ULL << 60, NULL,
	  "size of the root; 0: that of the template to begin with" },
	{ "user", KEY_TEXT, 0, STEP(BUILD_USER), "", 0, 0, NULL,
	  "user that the later steps run as; empty: root" },
};
#undef AT
#undef STEP

const struct schema build_schema = {
	.what = "template",
	KEYS(build_keys),
	.size = sizeof(struct build_file),
	.presets = offsetof(struct build_file, presets),
	.presets_of = &machine_schema,
};
