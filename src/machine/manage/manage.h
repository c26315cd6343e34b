/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of making, opening, changing, copying and deleting machines: what commands do to a machine as a whole.
 * Starting one and going inside it are rooms of their own.
 */
#ifndef BERTH_MACHINE_MANAGE_MANAGE_H
#define BERTH_MACHINE_MANAGE_MANAGE_H

#include "machine/state/subject.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Opens a machine for a command that acts on it, and so may write, kill and delete. What a killed command left half
 * made or half removed is finished off first, and what a killed keeper left of a run is cleared away. -ENOENT names
 * the nearest machine. Settings that are missing or cannot be read leave a fault: such a machine can still be entered,
 * stopped and deleted. -ESTALE: it was owned by a command that was killed, and so it has been deleted now.
 * machine_look does none of that.
 */
int machine_open(struct machine *machine, const struct dirs *dirs, const char *name,
		 struct err *err);

/*
 * Finishes off whatever commands have left half made or half removed, or owned, unless others are at it; for commands
 * that make or delete machines, since nobody else knows a name that was made up. What cannot be cleared now is
 * tried again by the next.
 */
void machine_sweep(const struct dirs *dirs);

/* "key=value" words as a user gives them, checked before anything is made. */
struct settings {
	const char *const *words; /* borrowed */
	size_t count;
	const char *const
		*env; /* borrowed: NAME=value, put into key env after the words; may be NULL */
	size_t env_count;
};

/* A new, stopped machine from a template (NULL pool, network: the defaults of berth.conf). -EEXIST. */
struct machine_spec {
	const char *template;
	const char *pool;
	struct settings settings;
	/*
	 * Not NULL: an ephemeral machine belongs to the caller, which owns the descriptor put here. When the descriptor
	 * is closed, also by a kill, the next command removes the machine. See owner_release.
	 */
	int *owner;
};
int machine_create(const struct dirs *dirs, const char *name, const struct machine_spec *spec,
		   struct err *err);

/*
 * Whether machine_create could make it, as far as that is known before; -EEXIST is not looked for. Makes nothing. A
 * spec without a template is that of one that is not made yet.
 */
int machine_create_check(const struct dirs *dirs, const char *name, const struct machine_spec *spec,
			 struct err *err);

/*
 * A new, stopped machine from another (running or not) or, with snapshot, from what that kept. It gets its own uuid,
 * MAC and address, and at its first start its own host name, machine-id, host keys and what else berth-identity.d(5)
 * lists.
 */
enum clone_volumes {
	CLONE_VOLUMES_COPY,  /* volumes that the source may write to are copied */
	CLONE_VOLUMES_SHARE, /* the clone reads those of the source */
	CLONE_VOLUMES_LEAVE,
};
struct clone_spec {
	const char *snapshot; /* NULL: as its root is now */
	const char *
		pool; /* where the clone's root goes; NULL: into the pool of the one it is made from */
	bool keep_identity;         /* its root stays as it is */
	enum clone_volumes volumes; /* of a snapshot, what was kept with it */
	struct settings settings;
};
/* notes: remarks for the user, a line each, for example of an address that stays with the source. */
int machine_clone(const struct dirs *dirs, const char *from, const char *name,
		  const struct clone_spec *spec, struct text *notes, struct err *err);

/*
 * A template from a machine's root, as it is now (the machine may run) or as a snapshot kept it. What
 * berth-identity.d(5) lists is taken out. It appears whole or not at all. Remarks for the user go to notes (may be
 * NULL), a line each.
 * -EEXIST.
 */
struct publish_spec {
	const char *snapshot; /* NULL: as its root is now */
	const char *pool;     /* where the template's root goes; NULL: into the machine's */
	bool keep;            /* identity, logs and histories stay */
	bool replace;         /* a template of that name, in that pool, is replaced */
	/* Borrowed; fields of the template of a build. NULL: as the machine has them. */
	const char *description, *origin;
	const struct template_config *model; /* its presets are taken over */
	bool cached;                         /* it is a step of a build */
};
int machine_publish(struct machine *machine, const char *template, const struct publish_spec *spec,
		    struct text *notes, struct err *err);

/* A uuid, hardware address and time of its making: what makes it another machine than any before. */
int machine_draw_identity(struct machine_config *config, struct err *err);

/*
 * The root of that name in a pool (NULL: in the only one that holds it) becomes a machine again, with its
 * snapshots. Its settings are those of conf, a backup, or (NULL) of the copy that the pool has; 1: there is no
 * such copy, and it has those of a new machine. -EEXIST: it has settings.
 */
int machine_adopt(const struct dirs *dirs, const char *name, const char *pool, const char *conf,
		  struct err *err);

/* A running machine only with force. Snapshots, volume, lease and folder go. */
int machine_delete(struct machine *machine, bool force, struct err *err);

/*
 * Makes all of the changes, or none: they are checked against the rules of machine.conf(5) and against this
 * host, with all that is wrong in one error. Limits apply to a running machine at once, the rest at its next
 * start.
 */
int machine_set(struct machine *machine, const struct config_change *changes, size_t count,
		struct err *err);

/*
 * Whether machine_set could make these changes. Makes none. wanted (may be NULL) gets the settings as they would be;
 * config_free releases them.
 */
int machine_set_check(struct machine *machine, const struct config_change *changes, size_t count,
		      struct machine_config *wanted, struct err *err);

/*
 * Whether a section (mount, device or forward) could be added to a machine of that name, which need not exist. Owners
 * of mounts that are users of the machine are not looked up. leaving: as of forwards_check.
 */
struct forwards_leaving;
int machine_check_section(const struct dirs *dirs, const char *name, bool privileged,
			  const struct schema *kind, const struct section *section,
			  const struct forwards_leaving *leaving, struct err *err);

/*
 * Finds all that a start would refuse, without a start, and puts it into one error: settings, pool, root, init,
 * network, shared folders, devices, limits. For a command that stops a machine only if it can start again.
 */
int machine_check_start(const struct machine *machine, struct err *err);

/*
 * Lets a port of the host, or a range, lead to a machine: at once if it runs, and from its next start on. A forward
 * without a name gets one, made of protocol and port, which the caller frees. -EADDRINUSE: a program of the host or
 * another machine that runs has the port, and nothing was changed. notes: a line is added if the machine has IPv6 only
 * at its next start. Removed by name or by port.
 */
int machine_forward(struct machine *machine, struct forward_config *forward, struct text *notes,
		    struct err *err);
int machine_forward_remove(struct machine *machine, const char *which, struct err *err);

/*
 * Adds a firewall rule, or removes one, in the settings and at once on the ports of running machines; of one machine,
 * or of all machines of a network. A rule without a name gets one, which the caller frees. A failure undoes what was done.
 * notes: remarks for the user.
 */
struct network;
int machine_rule_add(struct machine *machine, struct rule_config *rule, struct text *notes,
		     struct err *err);
int machine_rule_remove(struct machine *machine, const char *name, struct err *err);
int machine_rule_add_on(struct network *network, struct rule_config *rule, struct text *notes,
			struct err *err);
int machine_rule_remove_on(struct network *network, const char *name, struct err *err);
/*
 * Several changes of rules: one write, and one batch of the kernel for each port, so that no packet passes between an
 * old rule and its successor. A rule may be for an interface that is still to come.
 */
int machine_change_rules(struct machine *machine, const struct section_change *changes,
			 size_t count, struct text *notes, struct err *err);
int machine_change_rules_on(struct network *network, const struct section_change *changes,
			    size_t count, struct text *notes, struct err *err);
/* Whether a machine of that name could have the rule: its words, and that the peer is not the machine itself. */
int machine_check_rule(const char *machine, const struct rule_config *rule, struct err *err);

/*
 * Gives a machine an interface, takes one from it, or changes one: in its settings, and at once if it runs. A hardware
 * address that is not given is drawn. All that is wrong is told before anything is changed: -EEXIST (name, or the
 * network of another of its interfaces), -EADDRINUSE, -ENOTUNIQ (the hardware address is another machine's), -EINVAL,
 * -ENOENT. A failure undoes what was done. notes: remarks for the user.
 */
int machine_nic_add(struct machine *machine, const struct nic_config *nic, struct text *notes,
		    struct err *err);
int machine_nic_remove(struct machine *machine, const char *name, struct err *err);
int machine_nic_set(struct machine *machine, const char *name, const struct config_change *changes,
		    size_t count, struct text *notes, struct err *err);

/*
 * Snapshots: of a running machine, consistent as after a power cut. SNAPSHOT_QUIET: its processes are frozen for that
 * moment, with all that they have written on the disk. Names are DNS labels.
 */
enum snapshot_how {
	SNAPSHOT_QUIET = 1 << 0,
	SNAPSHOT_VOLUMES =
		1
		<< 1, /* with the volumes that it may write to, of the same moment: joint_take.h */
	SNAPSHOT_READ = 1 << 2, /* and with those that it only reads */
};
int snapshot_take(struct machine *machine, const char *name, unsigned how, struct err *err);
/* Sorted by time, the oldest first. */
int snapshot_list(struct machine *machine, struct snapshot_entry **list, size_t *count,
		  struct err *err);
int snapshot_delete(struct machine *machine, const char *name, struct err *err);
/* Another name; increments that build on the snapshot still do. -EEXIST. */
int snapshot_rename(struct machine *machine, const char *name, const char *to, struct err *err);
/* A stopped machine's root becomes what the snapshot kept; the snapshot stays. */
int snapshot_restore(struct machine *machine, const char *name, struct err *err);
/*
 * A stopped machine's root becomes that of its template, or of a snapshot (NULL: none). machine_reset_check finds what
 * would refuse it, also for a machine that runs.
 */
int machine_reset_check(struct machine *machine, const char *snapshot, struct err *err);
int machine_reset(struct machine *machine, const char *snapshot, struct err *err);
/* -ENOENT in words. */
int snapshot_exists(struct machine *machine, const char *name, struct err *err);

/*
 * pool_repair. A snapshot whose file system is corrected has other blocks than its sender from then on, and takes no
 * increment of blocks any more.
 */
int machine_repair_pool(const struct dirs *dirs, const char *pool, struct text *report,
			struct err *err);

#endif
