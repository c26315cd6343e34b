/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of machines, of their sections, and of berth.conf. */
#include "config/keys.h"
#include "config/values.h"

#include <errno.h>
#include <stdlib.h>

enum { KIB = 1024, MIB = 1024 * KIB, GIB = 1024 * MIB };

static const char *const lxcfs_words[] = { "auto", "no", NULL };
static const char *const clipboard_words[] = { "both", "in", "out", "off", NULL };
static const char *const idle_words[] = { "never", "pause", "stop", NULL };
static const char *const restart_words[] = { "no", "on-failure", "always", NULL };

#define AT(field) offsetof(struct mount_config, field)
static const struct key mount_keys[] = {
	{ "optional", KEY_BOOL, 0, AT(optional), "no", 0, 0, NULL,
	  "whether the machine starts without it when there is no source" },
	{ "owner", KEY_TEXT, 0, AT(owner), "", 0, 0, NULL,
	  "HOST:GUEST, whose files are whose; empty: the source's owner's are root's" },
	{ "readonly", KEY_BOOL, 0, AT(readonly), "no", 0, 0, NULL,
	  "whether the machine may only read it" },
	{ "source", KEY_PATH, 0, AT(source), "", 0, 0, NULL, "folder or file of the host" },
	{ "target", KEY_PATH, 0, AT(target), "", 0, 0, NULL, "where it shows in the machine" },
};
#undef AT

const struct schema mount_schema = {
	.what = "mount",
	KEYS(mount_keys),
	.size = sizeof(struct mount_config),
	.head = offsetof(struct machine_config, mounts),
};

#define AT(field) offsetof(struct device_config, field)
static const struct key device_keys[] = {
	{ "group", KEY_TEXT, 0, AT(group), "", 0, 0, NULL,
	  "group of the node in the machine, a name or number; empty: root" },
	{ "mode", KEY_TEXT, 0, AT(mode), "", 0, 0, NULL,
	  "mode of the node in the machine, in octal; empty: as on the host" },
	{ "optional", KEY_BOOL, 0, AT(optional), "no", 0, 0, NULL,
	  "whether the machine starts without it when the host has none" },
	{ "owner", KEY_TEXT, 0, AT(owner), "", 0, 0, NULL,
	  "owner of the node in the machine, a name or number; empty: root" },
	{ "path", KEY_PATH, 0, AT(path), "", 0, 0, NULL,
	  "character device below /dev, or a folder of them" },
};
#undef AT

const struct schema device_schema = {
	.what = "device",
	KEYS(device_keys),
	.size = sizeof(struct device_config),
	.head = offsetof(struct machine_config, devices),
};

static const char *const protocol_words[] = { "tcp", "udp", NULL };

static const char *const mode_words[] = { "nat", "proxy", NULL };

#define AT(field) offsetof(struct forward_config, field)
static const struct key forward_keys[] = {
	{ "header", KEY_BOOL, 0, AT(header), "no", 0, 0, NULL,
	  "the machine is told who connects, by a header of the PROXY protocol" },
	{ "listen", KEY_TEXT, 0, AT(listen), "", 0, 0, NULL,
	  "IPv4 or IPv6 address of the host that it is for; empty: all" },
	{ "mode", KEY_CHOICE, 0, AT(mode), "nat", 0, 0, mode_words,
	  "nat: the kernel translates addresses; proxy: a process passes connections on" },
	{ "on_demand", KEY_BOOL, 0, AT(on_demand), "no", 0, 0, NULL,
	  "a connection starts or resumes the machine, and waits for it" },
	{ "port", KEY_TEXT, 0, AT(port), "", 0, 0, NULL,
	  "port of the host, or a range such as 8000-8010" },
	{ "protocol", KEY_CHOICE, 0, AT(protocol), "tcp", 0, 0, protocol_words, "tcp or udp" },
	{ "target", KEY_TEXT, 0, AT(target), "", 0, 0, NULL,
	  "port of the machine, of a range the first; empty: the same" },
};
#undef AT

const struct schema forward_schema = {
	.what = "forward",
	KEYS(forward_keys),
	.size = sizeof(struct forward_config),
	.head = offsetof(struct machine_config, forwards),
};

#define AT(field) offsetof(struct nic_config, field)
static const struct key nic_keys[] = {
	{ "address", KEY_ADDRESS, 0, AT(address), "", 0, 0, NULL,
	  "IPv4 address that it has; empty: as leased" },
	{ "address6", KEY_ADDRESS6, 0, AT(address6), "", 0, 0, NULL,
	  "IPv6 address that it has; empty: made from the other one" },
	{ "mac", KEY_MAC, KEY_DRAWN, AT(mac), "", 0, 0, NULL, "hardware address; empty: drawn" },
	{ "mtu", KEY_MTU, 0, AT(mtu), "0", CONFIG_MTU_MIN, CONFIG_MTU_MAX, NULL,
	  "largest packet in bytes, 1280 to 65535; 0: the kernel's default" },
	{ "network", KEY_LABEL, 0, AT(network), "", 0, 0, NULL, "network that it is on" },
	{ "route", KEY_BOOL, 0, AT(route), "no", 0, 0, NULL,
	  "whether the machine's default route leads through it, and not through eth0" },
	{ "routes", KEY_ROUTES, 0, AT(routes), "", 0, 0, NULL,
	  "static routes, such as 10.9.0.0/16 via 10.1.0.7, joined by commas" },
	{ "vlan", KEY_NUMBER, 0, AT(vlan), "0", 0, CONFIG_VLAN_MAX, NULL,
	  "VLAN of its port on a bridge of the host's that filters them; 0: the bridge's own" },
};
#undef AT

const struct schema nic_schema = {
	.what = "nic",
	KEYS(nic_keys),
	.size = sizeof(struct nic_config),
	.head = offsetof(struct machine_config, nics),
};

#define AT(field) offsetof(struct attached_config, field)
static const struct key attached_keys[] = {
	{ "readonly", KEY_BOOL, 0, AT(readonly), "no", 0, 0, NULL,
	  "whether the machine may only read it" },
	{ "target", KEY_PATH, 0, AT(target), "", 0, 0, NULL, "where it shows in the machine" },
};
#undef AT

const struct schema attached_schema = {
	.what = "volume",
	KEYS(attached_keys),
	.size = sizeof(struct attached_config),
	.head = offsetof(struct machine_config, volumes),
};

static const struct schema *const machine_sections[] = {
	&device_schema, &forward_schema,  &mount_schema, &nic_schema,
	&rule_schema,   &attached_schema, NULL
};

#define AT(field) offsetof(struct machine_config, field)
static const struct key machine_keys[] = {
	{ "access.users", KEY_ACCESS, KEY_LIVE, AT(access_users), "", 0, 0, NULL,
	  "users of the host who may use or manage it by the API, such as ann:use bob:manage" },
	{ "app.command", KEY_WORDS, KEY_KEPT, AT(app_command), "", 0, 0, NULL,
	  "program that guest-init runs, with its arguments, instead of the root's init" },
	{ "app.directory", KEY_PATH, KEY_KEPT, AT(app_directory), "", 0, 0, NULL,
	  "folder that app.command begins in; empty: the root" },
	{ "app.signal", KEY_SIGNAL, KEY_KEPT, AT(app_signal), "", 0, 0, NULL,
	  "signal that asks app.command to end; empty: SIGTERM" },
	{ "app.user", KEY_TEXT, KEY_KEPT, AT(app_user), "", 0, 0, NULL,
	  "USER[:GROUP] that app.command runs as, names or numbers; empty: root" },
	{ "arch", KEY_TEXT, KEY_FIXED, AT(arch), "", 0, 0, NULL,
	  "architecture of its programs, as uname -m says it" },
	{ "backup.freeze", KEY_BOOL, KEY_LIVE, AT(backup_freeze), "no", 0, 0, NULL,
	  "whether it is frozen, with all that it has written on the disk, while a backup is "
	  "begun" },
	{ "backup.full", KEY_SCHEDULE, KEY_LIVE, AT(backup_full), "monthly", 0, 0, NULL,
	  "how often a backup is a full one: weekly, monthly; empty: only the first" },
	{ "backup.keep", KEY_KEEP, KEY_LIVE, AT(backup_keep), "daily 7, weekly 4, monthly 12", 0, 0,
	  NULL, "how many backups are kept, by period; all: every one" },
	{ "backup.schedule", KEY_SCHEDULE, KEY_LIVE, AT(backup_schedule), "", 0, 0, NULL,
	  "when backups are written: hourly, daily, weekly, monthly, every 6h; empty: never" },
	{ "backup.target", KEY_PLACE, KEY_LIVE, AT(backup_target), "", 0, 0, NULL,
	  "folder of its backups, or ssh:HOST:/FOLDER; empty: as berth.conf says" },
	{ "backup.volumes", KEY_BOOL, KEY_LIVE, AT(backup_volumes), "yes", 0, 0, NULL,
	  "whether backups have the volumes that it may write to" },
	{ "boot.after", KEY_LABELS, KEY_LIVE, AT(boot_after), "", 0, 0, NULL,
	  "machines that are to have booted before it is started with others" },
	{ "boot.autostart", KEY_BOOL, KEY_LIVE, AT(autostart), "no", 0, 0, NULL,
	  "whether it is started when the host boots" },
	{ "boot.delay", KEY_DURATION, KEY_LIVE, AT(boot_delay), "0s", 0, 86400, NULL,
	  "how long after it those that come later are started" },
	{ "boot.order", KEY_NUMBER, KEY_LIVE, AT(boot_order), "100", 0, 1000000, NULL,
	  "its place among those that are started together: lower ones first" },
	{ "console.escape", KEY_PRESS, KEY_LIVE, AT(escape), "^]", 0, 0, NULL,
	  "key that leaves the console, such as ^A" },
	{ "console.log.size", KEY_SIZE, 0, AT(log_size), "1M", 4 * KIB, GIB, NULL,
	  "size at which console.log becomes console.log.1" },
	{ "console.scrollback", KEY_SIZE, 0, AT(scrollback), "64K", 4 * KIB, 16 * MIB, NULL,
	  "how much of the console's past is shown to who attaches" },
	{ "created", KEY_NUMBER, KEY_FIXED, AT(created), "0", 0, TIME_MAX, NULL,
	  "when it was made, in seconds since the epoch" },
	{ "description", KEY_TEXT, KEY_LIVE, AT(description), "", 0, 0, NULL, "a line for people" },
	{ "desktop.clipboard", KEY_CHOICE, KEY_LIVE, AT(desktop_clipboard), "both", 0, 0,
	  clipboard_words, "which way the clipboard of its viewers goes: both, in, out, off" },
	{ "desktop.idle", KEY_CHOICE, KEY_KEPT, AT(desktop_idle), "never", 0, 0, idle_words,
	  "what happens when nobody uses it: never, pause, stop" },
	{ "desktop.idle.after", KEY_DURATION, KEY_KEPT, AT(desktop_idle_after), "30m", 1, 7 * 86400,
	  NULL, "time without a use until then" },
	{ "desktop.socket", KEY_PATH, KEY_LIVE, AT(desktop_socket), "/run/desktop/rfb", 0, 0, NULL,
	  "socket in it at which its display server listens" },
	{ "desktop.sound", KEY_PATH, KEY_LIVE, AT(desktop_sound), "/run/desktop/sound", 0, 0, NULL,
	  "socket in it that gives what it plays" },
	{ "disk.size", KEY_SIZE, KEY_LIVE, AT(disk_size), "0", 0, 16ULL << 40, NULL,
	  "how large its root is, in a pool that limits it; 0: as what it was made from" },
	{ "dns.aliases", KEY_TEXT, KEY_LIVE, AT(dns_aliases), "", 0, 0, NULL,
	  "its own names for other machines, in its /etc/hosts: ALIAS=MACHINE" },
	{ "env", KEY_ENV, KEY_KEPT, AT(env), "", 0, 0, NULL,
	  "environment of its init: NAME=value words, quoted as in a shell" },
	{ "ephemeral", KEY_BOOL, 0, AT(ephemeral), "no", 0, 0, NULL,
	  "whether it is deleted when it stops" },
	{ "init", KEY_PATH, KEY_KEPT, AT(init), "", 0, 0, NULL,
	  "program that runs as process 1; empty: found in the root" },
	{ "limits.cpu.weight", KEY_NUMBER, KEY_LIVE | KEY_KEPT, AT(cpu_weight), "0", 0, 10000, NULL,
	  "its share of the processors when they are scarce, 100 being usual; 0: usual" },
	{ "limits.cpus", KEY_CPUS, KEY_LIVE | KEY_KEPT, AT(cpus), "0", 0, 102400, NULL,
	  "how many processors' time it may use; 0: all" },
	{ "limits.io.read", KEY_SIZE, KEY_LIVE | KEY_KEPT, AT(io_read), "0", 0, 1ULL << 50, NULL,
	  "how many bytes a second it may read from its disk; 0: no limit" },
	{ "limits.io.read.iops", KEY_NUMBER, KEY_LIVE | KEY_KEPT, AT(io_read_iops), "0", 0,
	  UINT32_MAX, NULL, "how often a second it may read from its disk; 0: no limit" },
	{ "limits.io.weight", KEY_NUMBER, KEY_LIVE | KEY_KEPT, AT(io_weight), "0", 0, 10000, NULL,
	  "its share of the disks when they are scarce, 100 being usual; 0: usual" },
	{ "limits.io.write", KEY_SIZE, KEY_LIVE | KEY_KEPT, AT(io_write), "0", 0, 1ULL << 50, NULL,
	  "how many bytes a second it may write to its disk; 0: no limit" },
	{ "limits.io.write.iops", KEY_NUMBER, KEY_LIVE | KEY_KEPT, AT(io_write_iops), "0", 0,
	  UINT32_MAX, NULL, "how often a second it may write to its disk; 0: no limit" },
	{ "limits.memory", KEY_ROOM, KEY_LIVE | KEY_KEPT, AT(memory), "0", 0, 1ULL << 60, NULL,
	  "how much memory it may use; 0: all but what the host keeps for itself, max: all" },
	{ "limits.memory.swap", KEY_ROOM, KEY_LIVE | KEY_KEPT, AT(swap), "max", 0, 1ULL << 60, NULL,
	  "how much of its memory may be swapped out; 0: nothing" },
	{ "limits.pids", KEY_NUMBER, KEY_LIVE | KEY_KEPT, AT(pids), "16384", 0, 4194304, NULL,
	  "how many processes and threads it may have; 0: as many as the host" },
	{ "limits.rlimit.core", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_CORE]), "", 0, 0, NULL,
	  "size of the file that a process leaves which crashes; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.data", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_DATA]), "", 0, 0, NULL,
	  "memory for the data of a process; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.fsize", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_FSIZE]), "", 0, 0,
	  NULL, "size of a file that a process writes; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.memlock", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_MEMLOCK]), "", 0, 0,
	  NULL, "memory that is kept from being swapped out; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.msgqueue", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_MSGQUEUE]), "", 0,
	  0, NULL, "bytes in POSIX message queues; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.nice", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_NICE]), "", 0, 0, NULL,
	  "how far the priority may be raised: 20 less the nice value; SOFT:HARD, one for both, or "
	  "max" },
	{ "limits.rlimit.nofile", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_NOFILE]), "", 0, 0,
	  NULL, "open files of a process; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.nproc", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_NPROC]), "", 0, 0,
	  NULL,
	  "processes and threads of one user of the machine; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.rtprio", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_RTPRIO]), "", 0, 0,
	  NULL, "real-time priority that may be asked for; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.rttime", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_RTTIME]), "", 0, 0,
	  NULL,
	  "microseconds that a real-time process may run without a wait; SOFT:HARD, one for both, "
	  "or max" },
	{ "limits.rlimit.sigpending", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_SIGPENDING]), "",
	  0, 0, NULL, "signals that wait to be delivered; SOFT:HARD, one for both, or max" },
	{ "limits.rlimit.stack", KEY_RLIMIT, KEY_KEPT, AT(rlimits[RLIMIT_KEY_STACK]), "", 0, 0,
	  NULL, "size of the stack of a process; SOFT:HARD, one for both, or max" },
	{ "lxcfs", KEY_CHOICE, KEY_KEPT, AT(lxcfs), "auto", 0, 0, lxcfs_words,
	  "whether free and lscpu in it show its own figures, where lxcfs runs: auto, no" },
	{ "network", KEY_LABEL, KEY_DRAWN, AT(network), "", 0, 0, NULL,
	  "network that its eth0 is on; empty: none" },
	{ "network.address", KEY_ADDRESS, 0, AT(address), "", 0, 0, NULL,
	  "IPv4 address of its eth0; empty: as leased" },
	{ "network.address6", KEY_ADDRESS6, 0, AT(address6), "", 0, 0, NULL,
	  "IPv6 address of its eth0; empty: made from the other one" },
	{ "network.mac", KEY_MAC, KEY_FIXED, AT(mac), "", 0, 0, NULL,
	  "hardware address of its eth0" },
	{ "network.routes", KEY_ROUTES, 0, AT(routes), "", 0, 0, NULL,
	  "static routes of its eth0, such as 10.9.0.0/16 via 10.1.0.7, joined by commas" },
	{ "network.vlan", KEY_NUMBER, 0, AT(vlan), "0", 0, CONFIG_VLAN_MAX, NULL,
	  "VLAN of eth0's port on a bridge of the host's that filters them; 0: the bridge's own" },
	{ "pool", KEY_LABEL, KEY_FIXED, AT(pool), "", 0, 0, NULL, "pool that holds its root" },
	{ "restart", KEY_CHOICE, KEY_KEPT, AT(restart), "no", 0, 0, restart_words,
	  "whether it is started again when it ended by itself: no, on-failure, always" },
	{ "restart.limit", KEY_NUMBER, KEY_KEPT, AT(restart_limit), "10", 1, 1000000, NULL,
	  "how often in a row, without a run of a minute between" },
	{ "security.apparmor", KEY_TEXT, 0, AT(apparmor), "auto", 0, 0, NULL,
	  "profile of AppArmor's: auto (berth's own, where it can be), yes, no, or a name" },
	{ "security.caps", KEY_CAPS, KEY_KEPT, AT(caps), "", 0, 0, NULL,
	  "capabilities that its root has beyond the usual, or with '-' has not" },
	{ "security.compat", KEY_BOOL, KEY_KEPT, AT(compat), "no", 0, 0, NULL,
	  "whether 32-bit programs run in a 64-bit root" },
	{ "security.nesting", KEY_BOOL, KEY_KEPT, AT(nesting), "no", 0, 0, NULL,
	  "whether machines and containers of its own run inside it" },
	{ "security.port_isolation", KEY_BOOL, 0, AT(isolated), "no", 0, 0, NULL,
	  "whether it reaches the host and the world, but no other machine so kept" },
	{ "security.privileged", KEY_BOOL, 0, AT(privileged), "no", 0, 0, NULL,
	  "whether its root is the host's root, without a user namespace" },
	{ "security.selinux", KEY_TEXT, 0, AT(selinux), "", 0, 0, NULL,
	  "context of SELinux' that it runs in; empty: the policy's choice" },
	{ "security.spoofing", KEY_BOOL, 0, AT(spoofing), "no", 0, 0, NULL,
	  "whether it may send as if it were others on its network" },
	{ "shell.user", KEY_TEXT, KEY_LIVE | KEY_KEPT, AT(user), "", 0, 0, NULL,
	  "user of the guest that 'berth shell' begins as, a name or number; empty: root" },
	{ "snapshots.keep", KEY_KEEP, KEY_LIVE, AT(snapshots_keep),
	  "hourly 24, daily 7, weekly 4, monthly 12", 0, 0, NULL,
	  "how many snapshots of snapshots.schedule are kept, by period; all: every one" },
	{ "snapshots.schedule", KEY_SCHEDULE, KEY_LIVE, AT(snapshots_schedule), "", 0, 0, NULL,
	  "when snapshots are taken: hourly, daily, weekly, monthly, every 15m; empty: never" },
	{ "stop.signal", KEY_SIGNAL, KEY_KEPT, AT(stop_signal), "", 0, 0, NULL,
	  "signal that asks its init to halt; empty: as its init wants it" },
	{ "stop.timeout", KEY_DURATION, KEY_KEPT, AT(stop_timeout), "1m", 1, 86400, NULL,
	  "how long a clean stop may take before it is killed" },
	{ "template", KEY_LABEL, KEY_FIXED, AT(template), "", 0, 0, NULL,
	  "template that it was made from" },
	{ "uuid", KEY_UUID, KEY_FIXED, AT(uuid), "", 0, 0, NULL,
	  "its identity, also the machine-id inside" },
};
#undef AT

static int check_machine(const void *config, struct err *err)
{
	return config_check_machine(config, err);
}

static int check_credential(const char *value, struct err *err)
{
	char *text = NULL;
	int r = config_credential(value, &text, err);

	free(text);
	return r;
}

static const struct key_family machine_families[] = {
	{ "credential.", "credential", 0, offsetof(struct machine_config, credentials),
	  check_credential },
	{ "label.", "label", KEY_LIVE, offsetof(struct machine_config, labels), NULL },
	{ 0 },
};

const struct schema machine_schema = {
	.what = "machine",
	KEYS(machine_keys),
	.size = sizeof(struct machine_config),
	.check = check_machine,
	.sections = machine_sections,
	.families = machine_families,
};

#define AT(field) offsetof(struct remote_config, field)
static const struct key remote_keys[] = {
	{ "url", KEY_TEXT, 0, AT(url), "", 0, 0, NULL,
	  "where its streams/v1/index.json is: https://HOST/PATH" },
};
#undef AT

const struct schema remote_schema = {
	.what = "remote",
	KEYS(remote_keys),
	.size = sizeof(struct remote_config),
	.head = offsetof(struct berth_config, remotes),
};

#define AT(field) offsetof(struct recipe_config, field)
static const struct key recipe_keys[] = {
	{ "keyring", KEY_TEXT, 0, AT(keyring), "", 0, 0, NULL,
	  "file of the keys that sign what the mirror has; empty: the distribution's own" },
	{ "mirror", KEY_TEXT, 0, AT(mirror), "", 0, 0, NULL,
	  "mirror that the recipe builds from; empty: the distribution's own" },
};
#undef AT

const struct schema recipe_schema = {
	.what = "recipe",
	KEYS(recipe_keys),
	.size = sizeof(struct recipe_config),
	.head = offsetof(struct berth_config, recipes),
};

static const struct schema *const berth_sections[] = { &recipe_schema, &remote_schema, NULL };

#define AT(field) offsetof(struct berth_config, field)
static const struct key berth_keys[] = {
	{ "api.group", KEY_TEXT, 0, AT(api_group), "", 0, 0, NULL,
	  "group whose members may do all by the API, as root; empty: none" },
	{ "backup.decrypt", KEY_TEXT, 0, AT(backup_decrypt), "", 0, 0, NULL,
	  "command that decrypts a backup, such as: age -d -i /root/key" },
	{ "backup.encrypt", KEY_TEXT, 0, AT(backup_encrypt), "", 0, 0, NULL,
	  "command that encrypts a backup, such as: age -r RECIPIENT" },
	{ "backup.target", KEY_PLACE, 0, AT(backup_target), "", 0, 0, NULL,
	  "folder of the backups of machines that name none" },
	{ "idmap.base", KEY_NUMBER, 0, AT(idmap_base), "1879048192", 65536, 4294836224, NULL,
	  "first host id of the range that machines get their ids from" },
	{ "idmap.machines", KEY_NUMBER, 0, AT(idmap_machines), "4094", 1, 65534, NULL,
	  "how many machines the range is for, 65536 ids each" },
	{ "network", KEY_LABEL, 0, AT(network), "default", 0, 0, NULL,
	  "network of machines that name none" },
	{ "pool", KEY_LABEL, 0, AT(pool), "default", 0, 0, NULL,
	  "pool of machines and templates that name none" },
	{ "template.mirror", KEY_TEXT, 0, AT(mirror), "", 0, 0, NULL,
	  "mirror that Debian templates are built from; empty: the distribution's own" },
};
#undef AT

/* The ids end before 4294967295, which means "no id" to the kernel. */
static int check_berth(const void *config, struct err *err)
{
	const struct berth_config *berth = config;
	uint64_t end = berth->idmap_base + berth->idmap_machines * 65536;

	if (end > 4294901760u)
		return err_set(err, EINVAL,
			       "idmap.base and idmap.machines need host ids up to %llu, but the "
			       "highest is 4294901759; lower one of them",
			       (unsigned long long)end - 1);
	if (!*berth->pool)
		return err_set(err, EINVAL, "pool is empty; name the pool to use by default");
	for (const struct section *s = berth->remotes; s; s = s->next) {
		const char *fault = config_url_fault(((const struct remote_config *)s)->url);
		if (fault)
			return err_set(err, EINVAL, "url of remote '%s' %s", s->name, fault);
	}
	return 0;
}

const struct schema berth_schema = {
	.what = "berth",
	KEYS(berth_keys),
	.size = sizeof(struct berth_config),
	.check = check_berth,
	.sections = berth_sections,
};
