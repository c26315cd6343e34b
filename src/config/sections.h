/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists within settings files: keys of families, and sections. */
#ifndef BERTH_CONFIG_SECTIONS_H
#define BERTH_CONFIG_SECTIONS_H

#include <stdbool.h>

/* A key of a family: "label.NAME = VALUE"; also a preset, "default.KEY = VALUE", which may be empty */
enum { LABEL_NAME_MAX = 63 };
struct label {
	struct label *next; /* owned; sorted by name */
	char *name;         /* owned: letters, digits, '.', '_' and '-'; of a preset: a key */
	char *value;        /* owned; only that of a preset can be empty */
};

/* A section, "[KIND NAME]" and the lines after it. The struct of each kind begins with this one. */
struct section {
	struct section *next; /* owned; in the file's order */
	char *name;           /* owned: a DNS label */
};

/* [mount NAME]: a folder or file of the host that a machine sees */
struct mount_config {
	struct section section;
	bool optional;
	char *owner; /* see config_owner */
	bool readonly;
	char *source, *target;
};

/* [device NAME]: a device node of the host's /dev, or a folder of nodes */
struct device_config {
	struct section section;
	char *group, *mode, *owner; /* in the guest; names or numbers, octal */
	bool optional;
	char *path;
};

/* [forward NAME]: a port of the host, or a range, that leads to the machine */
struct forward_config {
	struct section section;
	char *listen;   /* an address of the host; "" for all, of both families */
	bool header;    /* the machine is told who connects; see berth-forward */
	char *mode;     /* KEY_CHOICE nat, proxy */
	bool on_demand; /* it listens always, and a connection starts or resumes the machine */
	char *port;     /* "80" or "8000-8010" */
	char *protocol; /* KEY_CHOICE tcp, udp */
	char *target;   /* the machine's port; of a range the first; "": the same */
};

/* [nic NAME]: a network interface beside eth0, which has keys of the machine itself. NAME is its name in the guest. */
struct nic_config {
	struct section section;
	char *address;  /* "" = as leased */
	char *address6; /* "" = made from the other one */
	char *mac;      /* "" = drawn */
	uint64_t mtu;   /* bytes; 0: the kernel's default */
	char *network;
	uint64_t vlan; /* of its port on a bridge that filters VLANs; 0: none is chosen */
	bool route;    /* the default route leads through it, and not through eth0 */
	char *routes;  /* KEY_ROUTES: static ones beside those of its network */
};

/* [rule NAME]: a firewall rule of a machine, or of all machines of a network */
struct rule_config {
	struct section section;
	char *action;    /* KEY_CHOICE allow, deny */
	char *direction; /* KEY_CHOICE in, out */
	bool log;
	char *nic;      /* "": all; of a network's rule NULL */
	char *peer;     /* an address, a network, or the name of a machine; "": all */
	char *port;     /* "80,443,8000-8010"; "": all */
	char *protocol; /* KEY_CHOICE any, icmp, tcp, udp */
};

/* [volume NAME]: a volume for data, of that name, that is mounted in the machine */
struct attached_config {
	struct section section;
	bool readonly;
	char *target;
};

/* The most interfaces of a machine, with eth0. */
enum { NICS_MAX = 32, NIC_NAME_MAX = 15 };

/* The highest number of a VLAN. */
enum { CONFIG_VLAN_MAX = 4094 };

/* [remote NAME]: a server of images */
struct remote_config {
	struct section section;
	char *url; /* "https://HOST/PATH", without a slash at its end */
};

/* [recipe NAME]: what a recipe of templates builds from on this host; "" = the recipe's own choice */
struct recipe_config {
	struct section section;
	char *keyring; /* path: the keys that sign what the mirror has */
	char *mirror;
};

#endif
