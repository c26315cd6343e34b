/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings: what the files of each kind have, and how they are parsed, checked and changed by the tables of their keys
 * (schema.h). Pure, except that files are read and replaced.
 */
#ifndef BERTH_CONFIG_CONFIG_H
#define BERTH_CONFIG_CONFIG_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"
#include "base/unfinished.h"
#include "config/schema.h"
#include "config/sections.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "limits.rlimit.NAME": resource limits of setrlimit(2) */
enum rlimit_key {
	RLIMIT_KEY_CORE,
	RLIMIT_KEY_DATA,
	RLIMIT_KEY_FSIZE,
	RLIMIT_KEY_MEMLOCK,
	RLIMIT_KEY_MSGQUEUE,
	RLIMIT_KEY_NICE,
	RLIMIT_KEY_NOFILE,
	RLIMIT_KEY_NPROC,
	RLIMIT_KEY_RTPRIO,
	RLIMIT_KEY_RTTIME,
	RLIMIT_KEY_SIGPENDING,
	RLIMIT_KEY_STACK,
	RLIMIT_KEYS,
};

/* machines/NAME/machine.conf */
struct machine_config {
	char *access_users; /* KEY_ACCESS "access.users" */
	char *description;
	char *uuid;                  /* KEY_FIXED; also container_uuid and the guest's machine-id */
	char *template;              /* KEY_FIXED; the template of its root, "" for none */
	char *arch;                  /* KEY_FIXED; as uname -m */
	char *pool;                  /* KEY_FIXED; the pool of its volume */
	uint64_t created;            /* KEY_FIXED; seconds since the epoch */
	char *desktop_clipboard;     /* "desktop.clipboard": KEY_CHOICE both, in, out, off */
	char *desktop_idle;          /* "desktop.idle": KEY_CHOICE never, pause, stop */
	uint64_t desktop_idle_after; /* "desktop.idle.after": seconds */
	char *desktop_sound;         /* "desktop.sound": where it gives what it plays, in it */
	char *desktop_socket;        /* "desktop.socket": where its display server listens, in it */
	uint64_t disk_size;          /* "disk.size", bytes; 0: as the template */
	char *app_command; /* "app.command": what guest-init runs; "" = the root's init, or a console */
	char *app_directory;    /* "app.directory": where it begins; "" = / */
	char *app_signal;       /* "app.signal": asks it to end; "" = SIGTERM */
	char *app_user;         /* "app.user": USER[:GROUP], names or numbers; "" = root */
	uint64_t vlan;          /* "network.vlan": of eth0, as of a nic */
	bool ephemeral;         /* deleted when it stops */
	bool compat;            /* "security.compat": 32-bit system calls in a 64-bit root */
	bool nesting;           /* "security.nesting" */
	bool privileged;        /* "security.privileged": no user namespace */
	bool isolated;          /* "security.port_isolation" */
	bool spoofing;          /* "security.spoofing": its port has no anti-spoofing rules */
	bool autostart;         /* "boot.autostart" */
	bool backup_freeze;     /* "backup.freeze" */
	bool backup_volumes;    /* "backup.volumes" */
	char *apparmor;         /* "security.apparmor": auto, yes, no, or a profile */
	char *selinux;          /* "security.selinux": a context, "" = none */
	char *caps;             /* KEY_CAPS "security.caps" */
	char *network;          /* "network", "" for none */
	char *mac;              /* "network.mac"; KEY_FIXED */
	char *address;          /* "network.address", "" = as leased */
	char *address6;         /* "network.address6", "" = made from the other one */
	char *routes;           /* "network.routes": of eth0, as of a nic */
	char *dns_aliases;      /* "dns.aliases": words ALIAS=MACHINE, for it alone */
	char *init;             /* "init", absolute path, "" = detected */
	char *env;              /* "env": for init */
	char *stop_signal;      /* "stop.signal", "" = by detected init */
	uint64_t stop_timeout;  /* "stop.timeout", 60 s */
	char *boot_after;       /* "boot.after": machines that must have booted first */
	uint64_t boot_delay;    /* "boot.delay": seconds until the next machine starts */
	uint64_t boot_order;    /* "boot.order": lower first; 100 */
	char *escape;           /* "console.escape": leaves the console */
	uint64_t log_size;      /* "console.log.size", 1 MiB: when console.log is rotated */
	uint64_t scrollback;    /* "console.scrollback", 64 KiB */
	uint64_t cpus;          /* "limits.cpus", hundredths; 0: no limit, as for all limits */
	uint64_t cpu_weight;    /* "limits.cpu.weight", 1 to 10000 */
	uint64_t io_weight;     /* "limits.io.weight", 1 to 10000 */
	uint64_t io_read;       /* "limits.io.read", bytes a second */
	uint64_t io_read_iops;  /* "limits.io.read.iops" */
	uint64_t io_write;      /* "limits.io.write" */
	uint64_t io_write_iops; /* "limits.io.write.iops" */
	uint64_t memory;        /* "limits.memory", bytes; UINT64_MAX: no limit */
	uint64_t swap;          /* "limits.memory.swap", bytes; UINT64_MAX: no limit */
	uint64_t pids;          /* "limits.pids": processes and threads, 16384 */
	/* "limits.rlimit.NAME", "" = the default of all machines */
	char *rlimits[RLIMIT_KEYS];
	char *lxcfs;                      /* KEY_CHOICE auto, no */
	char *user;                       /* "shell.user", "" = root */
	char *backup_full;                /* KEY_SCHEDULE "backup.full" */
	char *backup_keep;                /* KEY_KEEP "backup.keep" */
	char *backup_schedule;            /* KEY_SCHEDULE "backup.schedule", "" = never */
	char *backup_target;              /* "backup.target": a folder; "" = as berth.conf */
	char *snapshots_keep;             /* KEY_KEEP "snapshots.keep" */
	char *snapshots_schedule;         /* KEY_SCHEDULE "snapshots.schedule", "" = never */
	char *restart;                    /* KEY_CHOICE no, on-failure, always */
	uint64_t restart_limit;           /* "restart.limit" */
	struct section *mounts, *devices; /* of struct mount_config and device_config */
	struct section *forwards;         /* of struct forward_config */
	struct section *nics;             /* of struct nic_config */
	struct section *volumes;          /* of struct attached_config */
	struct section *rules;            /* of struct rule_config */
	struct label *labels;             /* "label.NAME" */
	struct label *credentials;        /* "credential.NAME": see config_credential */
};

/* etc/berth.conf */
struct berth_config {
	char *api_group;         /* "api.group": its members are root for the API; "" = none */
	char *backup_decrypt;    /* "backup.decrypt": a command; "" = none */
	char *backup_encrypt;    /* "backup.encrypt": a command; "" = backups are not encrypted */
	char *backup_target;     /* "backup.target": of machines that have none */
	char *pool;              /* default pool's name: "default" */
	char *network;           /* default network's name: "default" */
	uint64_t idmap_base;     /* "idmap.base": first id of the range; 1879048192 */
	uint64_t idmap_machines; /* "idmap.machines": how many ranges of 65536; 4094 */
	char *mirror; /* "template.mirror": for recipe debian; "" = the distribution's own */
	struct section *recipes; /* of struct recipe_config */
	struct section *remotes; /* of struct remote_config */
};

/* pools/NAME/pool.conf */
struct pool_config {
	char *uuid;
	char *driver;       /* KEY_CHOICE btrfs, dir, thin */
	char *source;       /* a folder, a loop file or a device, depending on the driver */
	char *devices;      /* KEY_FIXED; further disks of a thin pool, by their last paths */
	char *grow_devices; /* "grow.devices": disks that the pool adds by itself when it gets full */
	uint64_t size;      /* of the loop file, 0 = none */
	bool quota; /* whether driver btrfs counts, and can limit, what is written to a volume */
	uint64_t overcommit; /* "overcommit.max", per cent of the pool; 0 = no limit */
	uint64_t
		size_max; /* "size.max": up to which the loop file grows by itself; 0 = it does not */
	uint64_t volume_size; /* "volume.size", 10 GiB: size of a new volume if none is given */
	char *filesystem;     /* KEY_CHOICE ext4, xfs: file system of thin volumes */
};

/* networks/NAME/network.conf */
struct network_config {
	char *bridge;  /* name of the bridge link */
	char *subnet;  /* KEY_SUBNET */
	char *subnet6; /* KEY_SUBNET6; "none" */
	char *kind;    /* KEY_CHOICE bridge, private, join, macvlan, ipvlan, physical, none */
	char *mode;    /* KEY_CHOICE of kind macvlan or ipvlan; "auto" */
	char *parent;  /* link of the host that machines are put on; "" for kinds without */
	char *gateway, *gateway6; /* routers of a network that is not berth's; "" = none is known */
	bool nat;
	bool nat6;
	bool dhcp;
	bool isolated;         /* its machines do not reach each other */
	bool parent_force;     /* "parent.force"; of kind physical: also if the host uses it */
	uint64_t dhcp_lease;   /* "dhcp.lease", seconds: 12 hours */
	uint64_t mtu;          /* of its machines' interfaces; 0: the kernel's default */
	char *dns_aliases;     /* "dns.aliases": words ALIAS=MACHINE */
	char *dns_servers;     /* "dns.servers", "": those of the host; "none" */
	char *routes;          /* KEY_ROUTES: static ones of its machines */
	char *domain;          /* DNS domain of machine names: "berth" */
	struct section *rules; /* of struct rule_config, for all machines of the network */
};

/* templates/NAME/template.conf */
struct template_config {
	char *description;
	char *uuid;
	char *pool;
	char *distribution; /* os-release ID, "" unknown */
	char *release;      /* os-release VERSION_CODENAME or VERSION_ID */
	char *arch;         /* as uname -m */
	char *init;         /* "systemd", "sysvinit", "busybox", ..., "none" */
	char *origin;       /* what it was made of: "machine web@s"; "" unknown */
	uint64_t size;      /* bytes that its root referred to when it was made; 0: not measured */
	uint64_t created;
	bool cached; /* KEY_FIXED; a step of a build, kept for the next build */
	/* The origin of a template from an image server; else all "". */
	char *image_aliases; /* "image.aliases": names that the image has there, separated by commas */
	uint64_t
		image_entrypoint; /* "image.entrypoint": words of the preset app.command that are its Entrypoint */
	char *image_product;   /* "image.product" */
	char *image_remote;    /* "image.remote": name of the server */
	char *image_serial;    /* "image.serial": version of the image */
	char *image_sha256;    /* "image.sha256": of the file with the root */
	char *image_url;       /* "image.url": of that file */
	struct label *presets; /* "default.KEY": settings of machines that are made of it */
};

/* volumes/NAME/volume.conf: a volume for data */
struct volume_config {
	char *description;
	char *uuid;
	char *pool;
	char *origin; /* what it was made of: "volume data@s"; "": it was made empty */
	/* uuid and name of the machine that is made with it, until both are there, or that it goes with; "": none */
	char *maker;
	uint64_t created; /* seconds since the epoch */
};

extern const struct schema machine_schema;
extern const struct schema berth_schema;
extern const struct schema pool_schema;
extern const struct schema network_schema;
extern const struct schema template_schema;
extern const struct schema volume_schema;
extern const struct schema mount_schema, device_schema, forward_schema, nic_schema, attached_schema,
	rule_schema;                                     /* sections of a machine's */
extern const struct schema network_rule_schema;          /* of a network's */
extern const struct schema recipe_schema, remote_schema; /* of berth.conf's */

/*
 * The format that files of settings are written in: "format = 1", their first line. A greater number stands in a file
 * that this berth would read wrongly: it is refused, and so never written. A file without the line has format 1.
 */
enum { CONFIG_FORMAT = 1 };
#define CONFIG_FORMAT_KEY "format"

enum {
	CONFIG_FILE_MAX = 256 * 1024, /* bytes of a file */
	CONFIG_LINE_MAX = 4096,       /* bytes of a line, and of a value */
	CONFIG_MTU_MIN = 1280, /* RFC 8200: a link with less has no IPv6, and its set-up fails */
	CONFIG_MTU_MAX = 65535,
};

/* config_defaults fills in a struct with the schema's defaults; config_free releases it. */
int config_defaults(const struct schema *schema, void *config, struct err *err);
void config_free(const struct schema *schema, void *config);

/*
 * Parses the text of a settings file into a struct that begins with the defaults: lines "key = value"; '#' and ';'
 * begin a comment line; a value is UTF-8 without control characters, trimmed; a comment may have any bytes but NUL. A
 * repeated key is an error. An error is "path:line: ..." and names the nearest key; the struct is then zeroed.
 */
int config_parse(const struct schema *schema, const char *path, const char *data, size_t length,
		 void *config, struct err *err);

/*
 * Reads and parses a file. -ENOENT with a sentence, which a caller with a better one, or one that accepts a missing
 * file, clears.
 */
int config_load(const struct schema *schema, const char *path, void *config, struct err *err);

/* Loads and checks ETC/berth.conf; no file: the defaults. */
int config_load_berth(const struct dirs *dirs, struct berth_config *config, struct err *err);

/*
 * Replaces the file (mode 0600) by all keys that differ from their default, and by the fixed KEY_CHOICE keys in any
 * case, so that a pool keeps its driver even if the default changes.
 */
int config_save(const struct schema *schema, const char *path, const void *config, struct err *err);
/* The same text as the mark of an object that is begun (unfinished_begin). */
int config_begin(const struct schema *schema, const struct unfinished *mark, const void *config,
		 struct err *err);

/* A key and its new value; NULL: removes its line, so that the default counts. */
struct config_change {
	const char *name, *value; /* borrowed */
};

/*
 * Computes a settings file after changes: its text, and the parsed settings, which config_free releases. All other
 * lines stay, comments too; a missing file is an empty one. Checks keys, values, the rest of the file, and the rules
 * between keys; refuses a KEY_FIXED key. Can remove a line with an unknown key. Writes nothing.
 */
int config_preview(const struct schema *schema, const char *path,
		   const struct config_change *changes, size_t count, struct text *text,
		   void *config, struct err *err);
/* Replaces a settings file by a checked text; mode 0600. */
int config_write(const char *path, const struct text *text, struct err *err);
/* config_preview and config_write for one key. Takes no lock: the caller prevents two edits at once. */
int config_edit(const struct schema *schema, const char *path, const char *name, const char *value,
		struct err *err);

/*
 * Writes the lines of the named keys (NULL-terminated) as config has them, KEY_FIXED ones too. All other lines stay as
 * they are in the file now.
 */
int config_record(const struct schema *schema, const char *path, const void *config,
		  const char *const *names, struct err *err);

/*
 * Adds a section at the end; removes a section with its lines. The rest of the file stays. -EEXIST, -ENOENT by name.
 * Checked as in config_edit.
 */
int config_add_section(const struct schema *schema, const char *path, const struct schema *kind,
		       const struct section *section, struct err *err);
int config_remove_section(const struct schema *schema, const char *path, const struct schema *kind,
			  const char *name, struct err *err);
/* A section with the keys that it gets, added if it is not there; to NULL: it is removed. */
struct section_change {
	const char *name;
	const struct section *to; /* borrowed */
};
/*
 * Makes these changes in one write, or none. before (may be NULL) gets the file as it was, for config_write. Checked
 * as in config_edit.
 */
int config_change_sections(const struct schema *schema, const char *path, const struct schema *kind,
			   const struct section_change *changes, size_t count, struct text *before,
			   struct err *err);
/* Gives a section another name; all other lines stay. -ENOENT; -EEXIST: the file has one of the new name. */
int config_rename_section(const struct schema *schema, const char *path, const struct schema *kind,
			  const char *name, const char *to, struct err *err);

/*
 * Computes the text of a file after changes of keys in one of its sections, KEY_FIXED ones too; all other lines stay.
 * The new text is parsed into config, which config_free releases, and checked. -ENOENT: there is no such section.
 */
int config_preview_section(const struct schema *schema, const char *path, const struct schema *kind,
			   const char *name, const struct config_change *changes, size_t count,
			   struct text *text, void *config, struct err *err);

/* The first section of a kind in a struct. Borrowed. */
const struct section *config_sections(const struct schema *kind, const void *config);
/* Takes all sections of a kind out of a struct, or the one of that name. */
void config_drop_sections(const struct schema *kind, void *config);
void config_drop_section(const struct schema *kind, void *config, const char *name);

/* NULL for a good URL of an image server, else its fault, as the end of "url ...". */
const char *config_url_fault(const char *url);

/* The section of that name, or NULL. */
struct section *config_section(const struct section *first, const char *name);

/* Looks up a key by name; NULL with the nearest name in err. */
const struct key *config_find(const struct schema *schema, const char *name, struct err *err);

/* config_set parses text into a field; config_text prints a field in a form that config_set reads back. */
int config_set(const struct schema *schema, void *config, const struct key *key, const char *value,
	       struct err *err);
void config_text(const void *config, const struct key *key, struct text *out);

/* The family that a key such as "label.NAME" belongs to; *name (may be NULL): its NAME, unchecked. NULL: in none. */
const struct key_family *config_family(const struct schema *schema, const char *key,
				       const char **name);
/* The list of a family, sorted by name. Borrowed. */
const struct label *config_family_first(const struct key_family *family, const void *config);
/* The KEY of "default.KEY", if files of this kind have presets; NULL: it is another key. It is unchecked. */
const char *config_preset_name(const struct schema *schema, const char *key);
/* Whether a preset, without "default.", is a key of its schema; else err has the nearest one. */
bool config_preset_is_known(const struct schema *schema, const char *preset, struct err *err);
/* The preset that a key of older files is read as, or NULL. */
const char *config_old_preset(const struct schema *schema, const char *name);
/* Sets the presets of a template in the settings of a new machine. */
int config_apply_presets(const struct template_config *template, struct machine_config *config,
			 struct err *err);
/* Checks rules between the presets of a template, as those of a machine. */
int config_check_presets(const struct template_config *template, struct err *err);
/* Adds copies of the presets of another template. */
int config_copy_presets(struct template_config *to, const struct template_config *from,
			struct err *err);
/* Makes presets of the machine's KEY_KEPT keys that differ from their defaults. */
int config_keep_presets(const struct machine_config *config, struct template_config *template,
			struct err *err);
/* The value of a label or preset; NULL: there is none of that name. Borrowed. */
const char *config_label(const struct label *first, const char *name);
/*
 * Parses text into the field of the key of that name, or into that label; an empty value removes a label. -ENOENT with
 * the nearest name.
 */
int config_put(const struct schema *schema, void *config, const char *name, const char *value,
	       struct err *err);
/* The sentence for a change of a KEY_FIXED key. -EPERM. */
int config_refuse_fixed(const struct schema *schema, const char *name, struct err *err);
/* The enum key_flags of the key or label of that name; 0: it is not known. */
unsigned config_flags(const struct schema *schema, const char *name);
/*
 * Adds the value of the key or label of that name, in a form that config_put reads back; of a missing label: nothing.
 */
int config_get(const struct schema *schema, const void *config, const char *name, struct text *out,
	       struct err *err);

/* Checks rules between the keys of a machine, such as an address without a network. */
int config_check_machine(const struct machine_config *config, struct err *err);
/* Checks only the sections, for a caller that read an unchecked file. */
int config_check_sections(const struct machine_config *config, struct err *err);
/* Checks rules between the keys of a network, such as a kind that needs a parent. */
int config_check_network(const struct network_config *config, struct err *err);
/* Whether each word of a list of aliases is ALIAS=MACHINE, and each alias there once. */
int config_check_aliases(const char *list, struct err *err);
/*
 * The list for a machine that has got another name, without an alias that is this name. The caller owns it. NULL: the
 * machine is not in it, or memory is short.
 */
char *config_rename_aliased(const char *list, const char *from, const char *to);
/* Whether these routes, a KEY_ROUTES, can be those of interfaces on a network: their gateways are in its subnets. */
int config_check_routes(const struct network_config *config, const char *routes, struct err *err);
/* Whether the machines of a network reach each other and nothing else. */
bool config_is_private(const struct network_config *config);
/* Whether the network is berth's own, with bridge, addresses and leases, and not the host's or a LAN's. */
bool config_is_own(const struct network_config *config);
/* Whether its machines are put on a link of the host's. */
bool config_has_parent(const struct network_config *config);
/* Whether the interface of a machine is in the machine's network namespace alone, without an end on the host. */
bool config_is_inside(const struct network_config *config);
/* Whether its one machine has an interface of the host's for itself, which the host does not have meanwhile. */
bool config_is_physical(const struct network_config *config);
/* The mode of a network of kind macvlan or ipvlan, never auto. Borrowed. */
const char *config_mode(const struct network_config *config);
/* Whether berth serves DHCP and DNS on it. */
bool config_serves(const struct network_config *config);
/* The DNS domain of its machines; "": none, as where berth serves no names and none was named. Borrowed. */
const char *config_domain(const struct network_config *config);
/* Whether its machines reach other networks by the host's address, of IPv4 and of IPv6. */
bool config_masquerades(const struct network_config *config);
bool config_masquerades6(const struct network_config *config);

#endif
