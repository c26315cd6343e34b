/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs, free space, limits, and firewalls of others that drop forwarded packets. */
#include "cmd/host/doctor.h"

#include "base/child.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/fetch/fetch.h"
#include "machine/confine/kernel_limits.h"
#include "machine/start/views.h"
#include "network/host_names.h"
#include "network/network.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

static void check_programs(struct report *report)
{
	static const struct {
		const char *program, *package, *without;
		enum verdict verdict;
	} programs[] = {
		{ "dnsmasq", "install dnsmasq (Debian: dnsmasq-base)",
		  "machines get their addresses, but no DNS", VERDICT_PROBLEM },
		{ "mkfs.btrfs", "install btrfs-progs", "no new pool of driver btrfs on a loop file",
		  VERDICT_NOTE },
		{ "mmdebstrap", "install mmdebstrap", "no template of Debian can be built",
		  VERDICT_NOTE },
	};

	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		scoped_free char *found = child_find(programs[i].program);
		if (found)
			report_add(report, VERDICT_OK, "programs", NULL, "%s is installed",
				   programs[i].program);
		else
			report_add(report, programs[i].verdict, "programs", programs[i].package,
				   "%s is not installed: %s", programs[i].program,
				   programs[i].without);
	}
	if (access("/usr/share/keyrings/debian-archive-keyring.gpg", R_OK) < 0)
		report_add(
			report, VERDICT_NOTE, "programs", "install debian-archive-keyring",
			"Debian's keys are not installed: what its mirrors send cannot be checked");
}

static void check_own_programs(struct report *report)
{
	/* The last one is not there in a berth that was built without libcurl. */
	static const char *const names[] = { "berth-keeper", "berth-unpack", "berth-forward",
					     "guest-init", "berth-fetch" };
	size_t count = sizeof names / sizeof names[0] - (fetch_is_built() ? 0 : 1);

	if (!fetch_is_built())
		report_add(report, VERDICT_NOTE, "installation",
			   "install libcurl's headers, and build berth again",
			   "it was built without libcurl: nothing comes from image servers");
	for (size_t i = 0; i < count; i++) {
		char path[PATH_MAX];
		if (install_program(names[i], path, sizeof path) == 0 && access(path, X_OK) == 0)
			report_add(report, VERDICT_OK, "installation", NULL, "%s", path);
		else
			report_add(report, VERDICT_PROBLEM, "installation",
				   "run 'make install', or set BERTH_LIBEXEC to the build's folder",
				   "'%s' is not there", path);
	}
}

static void check_room(struct report *report)
{
	struct statvfs fs;
	const char *folder = access(report->dirs->state, F_OK) == 0 ? report->dirs->state : "/var";
	char room[32];

	if (statvfs(folder, &fs) < 0) {
		report_add(report, VERDICT_NOTE, "room", NULL, "'%s': %s", folder, strerror(errno));
		return;
	}
	uint64_t bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	text_human_size(bytes, room, sizeof room);
	if (bytes < (256ull << 20))
		report_add(report, VERDICT_PROBLEM, "room", "delete something",
			   "only %s free in '%s'", room, folder);
	else if (bytes < (4ull << 30))
		report_add(report, VERDICT_NOTE, "room", NULL,
			   "%s free in '%s': enough for a few machines", room, folder);
	else
		report_add(report, VERDICT_OK, "room", NULL, "%s free in '%s'", room, folder);
}

/* A number from /proc/sys, or -1. */
static long long sysctl_number(const char *path)
{
	scoped_free char *text = NULL;
	uint64_t number;

	if (file_read(AT_FDCWD, path, 64, &text) < 0 ||
	    text_to_u64(text_trim(text), 0, LLONG_MAX, &number) < 0)
		return -1;
	return (long long)number;
}

struct found {
	struct report *report;
	int count;
};

static int add_shortage(void *context, const struct shortage *shortage)
{
	struct found *found = context;
	scoped_free char *remedy =
		text_format("sysctl -w %s=%" PRIu64, shortage->sysctl, shortage->better);

	found->count++;
	report_add(found->report, VERDICT_NOTE, "limits", remedy,
		   "%s is %" PRIu64 " and leaves %" PRIu64 " %s: machines will run into it",
		   shortage->sysctl, shortage->limit, shortage->left, shortage->what);
	return 0;
}

static void check_limits(struct report *report)
{
	struct found found = { .report = report };

	kernel_limits_look("/proc", add_shortage, &found);
	if (found.count == 0)
		report_add(
			report, VERDICT_OK, "limits", NULL,
			"inotify, keys, processes, files and terminals are as machines need them; "
			"each machine's inotify and keys are counted by itself");
}

/* Limits that the kernel applies to all machines together, and that host/60-berth.conf raises. */
static void check_shared(struct report *report)
{
	static const struct {
		const char *sysctl, *path, *what;
		long long least;
	} rows[] = {
		{ "kernel.pty.max", "/proc/sys/kernel/pty/max", "pseudo-terminals", 16384 },
		{ "fs.aio-max-nr", "/proc/sys/fs/aio-max-nr", "asynchronous requests", 1048576 },
		/* The kernel has one table of each protocol for all network namespaces. */
		{ "net.ipv4.neigh.default.gc_thresh3",
		  "/proc/sys/net/ipv4/neigh/default/gc_thresh3", "IPv4 neighbours", 8192 },
		{ "net.ipv6.neigh.default.gc_thresh3",
		  "/proc/sys/net/ipv6/neigh/default/gc_thresh3", "IPv6 neighbours", 8192 },
	};
	char remedy[128];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		long long limit = sysctl_number(rows[i].path);
		if (limit < 0 || limit >= rows[i].least)
			continue;
		snprintf(remedy, sizeof remedy,
			 "sysctl -w %s=%lld, as 60-berth.conf in sysctl.d does at boot",
			 rows[i].sysctl, rows[i].least);
		report_add(report, VERDICT_NOTE, "limits", remedy,
			   "%s is %lld: one machine can use up the %s of all", rows[i].sysctl,
			   limit, rows[i].what);
	}
}

static void check_views(struct report *report)
{
	struct err err = { 0 };
	int r = views_look(&err);

	if (r == 0)
		report_add(report, VERDICT_OK, "views", NULL,
			   "lxcfs runs: free and lscpu in a machine show its own figures");
	else if (r == -ENOENT)
		report_add(
			report, VERDICT_NOTE, "views", "install lxcfs and start it",
			"lxcfs does not run: free and lscpu in a machine show the host's figures");
	else
		report_add(report, VERDICT_PROBLEM, "views", "systemctl restart lxcfs", "%s",
			   err.text);
}

/* Whether a text of nsswitch.conf(5) lets the host look up its own names by the module "berth" (src/nss). */
static bool names_module(char *text)
{
	char *line, *word, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		line[strcspn(line, "#")] = '\0';
		line += strspn(line, " \t");
		if (!text_starts(line, "hosts:"))
			continue;
		for (char *words = line + strlen("hosts:"); (word = strsep(&words, " \t"));)
			if (strcmp(word, "berth") == 0)
				return true;
	}
	return false;
}

struct names_seen {
	struct report *report;
	bool told; /* systemd-resolved has a network's domain */
};

static int look_at_names(void *context, const char *network)
{
	struct names_seen *seen = context;
	enum host_names names = host_names_look(seen->report->dirs, network);
	scoped_free char *remedy =
		text_format("run 'berth network up %s', which says why", network);

	seen->told |= names == HOST_NAMES_TOLD;
	if (names == HOST_NAMES_REFUSED && host_names_offered())
		report_add(seen->report, VERDICT_NOTE, "names", remedy,
			   "systemd-resolved does not find the machines of network '%s'", network);
	return 0;
}

static void check_names(struct report *report)
{
	struct names_seen seen = { .report = report };
	scoped_free char *text = NULL;

	network_list(report->dirs, look_at_names, &seen, &(struct err){ 0 });
	if (file_read(AT_FDCWD, "/etc/nsswitch.conf", 65536, &text) < 0)
		return;
	bool named = names_module(text);
	void *module = dlopen("libnss_berth.so.2", RTLD_LAZY | RTLD_LOCAL);
	if (named && module)
		report_add(report, VERDICT_OK, "names", NULL, "this host finds machines by name");
	else if (seen.told && !named)
		report_add(report, VERDICT_OK, "names", NULL,
			   "systemd-resolved of this host finds machines by name and domain");
	else
		report_add(report, VERDICT_NOTE, "names",
			   module  ? "have in /etc/nsswitch.conf: hosts: files berth dns"
			   : named ? "install it where the loader looks, or call ldconfig"
				   : "install libnss_berth.so.2, and have in /etc/nsswitch.conf: "
				     "hosts: files berth dns",
			   named ? "/etc/nsswitch.conf names berth, and the loader does not find "
				   "libnss_berth.so.2"
				 : "this host does not find machines by name");
	if (module)
		dlclose(module);
}

static void check_forwarding(struct report *report)
{
	long long forward = sysctl_number("/proc/sys/net/ipv4/ip_forward");

	if (forward < 0)
		report_add(report, VERDICT_PROBLEM, "forwarding", NULL, "the kernel has no IPv4");
	else
		report_add(report, VERDICT_OK, "forwarding", NULL, "IPv4 forwarding is %s",
			   forward ? "on" : "off; the first network that comes up turns it on");
}

/* Whether a base chain, in the JSON of nft(8), drops forwarded packets. berth's own chains do not count. */
static bool drops_forwarded(json_t *chain)
{
	const char *hook = json_string_value(json_object_get(chain, "hook"));
	const char *policy = json_string_value(json_object_get(chain, "policy"));
	const char *family = json_string_value(json_object_get(chain, "family"));
	const char *table = json_string_value(json_object_get(chain, "table"));

	return hook && policy && family && table && strcmp(hook, "forward") == 0 &&
	       strcmp(policy, "drop") == 0 && strcmp(family, "ip6") != 0 &&
	       !text_starts(table, "berth");
}

static int look_at_chains(struct report *report, const char *listing)
{
	json_t *root = json_loads(listing, 0, NULL);
	json_t *list = json_object_get(root, "nftables"), *item;
	size_t i;
	int found = 0;

	json_array_foreach(list, i, item)
	{
		json_t *chain = json_object_get(item, "chain");
		if (!drops_forwarded(chain))
			continue;
		found++;
		report_add(report, VERDICT_NOTE, "firewall",
			   "allow the bridge there, such as: iptables -I DOCKER-USER -i BRIDGE -j "
			   "ACCEPT; iptables -I DOCKER-USER -o BRIDGE -j ACCEPT",
			   "chain %s of table %s (Docker, or another firewall) drops what is "
			   "forwarded: machines may not reach the world",
			   json_string_value(json_object_get(chain, "name")),
			   json_string_value(json_object_get(chain, "table")));
	}
	json_decref(root);
	return found;
}

/* Rules of the older kernel interface are not visible to nft. */
static int look_at_legacy(struct report *report)
{
	static const char *const argv[] = { "iptables-legacy", "-S", "FORWARD", NULL };
	scoped_text struct text out = { 0 };
	scoped_text struct text errors = { 0 };
	struct child_io io = { .out = &out, .errors = &errors };
	scoped_free char *tables = NULL;
	struct err err = { 0 };

	if (file_read(AT_FDCWD, "/proc/net/ip_tables_names", 4096, &tables) <= 0 ||
	    !strstr(tables, "filter") || child_run(argv, &io, &err) < 0 ||
	    !strstr(text_str(&out), "-P FORWARD DROP"))
		return 0;
	report_add(
		report, VERDICT_NOTE, "firewall",
		"allow the bridge there: iptables-legacy -I FORWARD -i BRIDGE -j ACCEPT; "
		"iptables-legacy -I FORWARD -o BRIDGE -j ACCEPT",
		"the policy of iptables-legacy's FORWARD chain is DROP: machines may not reach the "
		"world");
	return 1;
}

static void check_firewall(struct report *report)
{
	static const char *const argv[] = { "nft", "-j", "list", "chains", NULL };
	scoped_text struct text out = { 0 };
	scoped_text struct text errors = { 0 };
	struct child_io io = { .out = &out, .errors = &errors };
	struct err err = { 0 };
	int found = look_at_legacy(report);

	scoped_free char *nft = child_find("nft");
	if (!nft) {
		report_add(report, VERDICT_NOTE, "firewall", "install nftables",
			   "nft is not installed: whether another firewall drops what is forwarded "
			   "cannot be seen");
		return;
	}
	if (child_run(argv, &io, &err) < 0) {
		report_add(report, VERDICT_PROBLEM, "firewall",
			   "use a kernel with nftables (CONFIG_NF_TABLES)", "%s", err.text);
		return;
	}
	found += look_at_chains(report, text_str(&out));
	if (!found)
		report_add(report, VERDICT_OK, "firewall", NULL,
			   "nftables works, and no chain drops what is forwarded");
}

void doctor_host(struct report *report)
{
	check_programs(report);
	check_own_programs(report);
	check_room(report);
	check_limits(report);
	check_shared(report);
	check_views(report);
	check_names(report);
	check_forwarding(report);
	check_firewall(report);
}
