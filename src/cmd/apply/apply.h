/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apply: machines and networks become what a file describes, berth.apply(5). */
#ifndef BERTH_CMD_APPLY_APPLY_H
#define BERTH_CMD_APPLY_APPLY_H

#include "base/causes.h"
#include "cmd/cli/command.h"
#include "config/apply_file.h"
#include "config/values.h"
#include "machine/state/machine.h"

/* The kinds of actions, in the order in which they are done. */
enum apply_kind {
	APPLY_PULL,
	APPLY_NETWORK,
	APPLY_NETWORK_CHANGE,
	APPLY_NETWORK_RULES,
	APPLY_CREATE,
	APPLY_CHANGE,
	APPLY_RULES,
	APPLY_STOP,
	APPLY_RESTART,
	APPLY_START,
	APPLY_SETUP, /* among the starts, after that of the machine */
	APPLY_DELETE,
};

/* A key, or a section such as "mount.data", before and after. */
struct apply_change {
	char *key, *from, *to; /* owned; NULL: there is none */
};

struct apply_action {
	enum apply_kind kind;
	size_t rank; /* place among those of its kind */
	char *name;  /* owned */
	/* Borrowed. Of a pull, one of those that need it. NULL: a network, or a machine to delete. */
	const struct apply_group *group;
	const struct apply_network *network; /* borrowed */
	struct apply_change *changes;        /* owned */
	size_t count;
	bool begun; /* of APPLY_SETUP: steps have begun in the machine, and are not repeated */
	bool early; /* before machines are created: others take what this machine loses by it */
	bool done;
};

/* An address, a port of the host or a volume that a machine loses by the file, and another one gets. */
struct apply_loss {
	char *machine;             /* owned; the one that loses it */
	const struct schema *kind; /* of the section that has it; NULL: a key of the machine */
	char *section;             /* owned; NULL with kind */
	const char
		*key; /* with kind NULL: "network.address" or "network.address6"; NULL: all of it */
};

/* The hardware address of an interface that an early action has taken away, for the action that adds it again. */
struct apply_mac {
	char machine[64], nic[64], mac[18];
};

struct network;

struct apply {
	struct call *call;
	const char *path;       /* borrowed: of the file */
	struct apply_file file; /* owned */
	char *id;      /* owned: the value of label.applied of machines that the file has made */
	char *network; /* owned: the default network */
	bool prune, restart;
	struct apply_action *actions; /* owned */
	size_t count;
	struct apply_loss *losses; /* owned */
	size_t loss_count;
	struct apply_mac *macs; /* owned */
	size_t mac_count;
	struct causes causes; /* all that is wrong, found before the first change */
	struct text notes;    /* lines for the user */
	struct text unready;  /* "'web', 'db'": set up only in part, and left so */
};

/* ---- apply_wanted.c */

/* A group's machines as they are to be. */
struct apply_wanted {
	const struct apply_group *group; /* borrowed */
	struct machine_config config;    /* owned; without sections */
	bool whole; /* false: the template is gone, and only given keys are known */
};
/* made_of: the template of a machine that is there; NULL: that of new ones. */
int wanted_make(const struct apply *apply, const struct apply_group *group, const char *made_of,
		struct apply_wanted *wanted, struct err *err);
void wanted_free(struct apply_wanted *wanted);
/* Adds what a machine differs in. *restart: a change needs one. */
int wanted_compare(const struct apply *apply, const struct apply_wanted *wanted,
		   const struct machine *machine, struct apply_action *action, bool *restart,
		   struct err *err);
/*
 * The settings of a new machine as words KEY=VALUE; words_free releases them. A check leaves out an address that
 * another machine still has and is about to lose, and all of a network that is not made yet.
 */
enum words_kept { WORDS_ALL, WORDS_NO_ADDRESS, WORDS_NO_NETWORK };
struct apply_words {
	char **list; /* owned */
	size_t count;
};
int wanted_words(const struct apply *apply, const struct apply_group *group, enum words_kept keep,
		 struct apply_words *words, struct err *err);
void words_free(struct apply_words *words);
/* Adds what the sections of one kind differ in. */
int sections_compare(const struct schema *kind, const struct section *now,
		     const struct section *then, struct apply_action *action, struct err *err);
/* Adds a copy of a change to an action. */
int action_add(struct apply_action *action, const char *key, const char *from, const char *to,
	       struct err *err);
/* The name and the kind (may be NULL) in the key of a section, "mount.data"; NULL: it is another key. */
const char *section_of(const char *key, const struct schema **kind);

/* The keys of a section as one text; without those that wanted (NULL: none) leaves to berth. */
void section_text(const struct schema *kind, const struct section *section,
		  const struct section *wanted, struct text *out);

/* ---- apply_plan.c */

/*
 * Finds what is to be done, checks all of it, and puts it into its order. Changes nothing. All faults are in one error.
 */
int apply_plan(struct apply *apply, struct err *err);

/* ---- apply_network.c */

/* Plans a network: it is made, changed, or is as the file says. Faults of its keys go to apply->causes. */
int network_plan(struct apply *apply, const struct apply_network *wanted, struct err *err);
/* Do the action. */
int network_make(struct apply *apply, const struct apply_action *action, struct err *err);
int network_change(struct apply *apply, const struct apply_action *action, struct err *err);
int network_renew(struct apply *apply, const struct apply_action *action, struct err *err);

/* ---- apply_image.c: templates that are images of servers */

/* Gives groups with an image the name of its template, made already or not. A fault goes to apply->causes. */
void image_resolve(struct apply *apply);
/* Plans the pull of a group's image, if it is not here. Asks the server, so that a fault is known now. */
int image_plan(struct apply *apply, const struct apply_group *group, struct err *err);
/* Whether a template that new machines of the group need has to be pulled first. */
bool image_is_missing(const struct apply *apply, const struct apply_group *group);
/* Does the pull. */
int image_fetch(struct apply *apply, const struct apply_action *action, struct err *err);

/* ---- apply_nic.c: interfaces, between the machines of the file and with those of the host */

/* Addresses and hardware addresses that two machines of the file cannot both have. */
void nics_check_apart(struct apply *apply);
/* Checks that need no look at a machine of the group. False: there are faults. */
bool nics_check_group(struct apply *apply, const struct apply_group *group,
		      const struct machine_config *wanted);
/* A nic that a machine of that name is to get. */
int nic_check(struct apply *apply, const char *name, const struct nic_config *nic, struct err *err);
/*
 * The interface that a running machine has to lose by a stop, because one of those that it is to get is on its network;
 * NULL: there is none. *gets: the one that it is to get.
 */
const char *nic_in_the_way(const struct apply_action *action, const struct machine *machine,
			   const struct nic_config **gets, char other[64]);
/* Whether eth0 is to be on a network that an interface leaves by the same action. */
bool nic_gives_way(const struct apply_action *action, const struct machine *machine,
		   const char *network);
/* The group's network of eth0. */
const char *nic_network_of(const struct apply *apply, const struct apply_group *group);

/* ---- apply_look.c */

/* Adds an action, zeroed but for kind, name and a rank behind the others. NULL: no memory. */
struct apply_action *apply_add(struct apply *apply, enum apply_kind kind, const char *name,
			       struct err *err);
/* Takes the action that was added last away again. */
void apply_drop_last(struct apply *apply);
/* The part of the file that describes a machine, or NULL. */
const struct apply_group *apply_group_of(const struct apply *apply, const char *name);
/* Whether the file has made a machine, and does not describe it now. */
bool apply_is_past(const struct apply *apply, const char *name);
/* Whether this command will make a network. */
bool apply_network_is_new(const struct apply *apply, const char *name);

/* Prints the faults, a sentence a line; the last is left in err. 0: there is none; else -code of the first. */
int apply_tell_faults(struct apply *apply, struct err *err);

/* Takes the fault in err to apply->causes, with the line of the file. */
void apply_fault(struct apply *apply, unsigned line, struct err *err);
/* An address on a network that this command makes; key: "network.address", for the sentence. */
int apply_check_new_address(const struct apply *apply, const char *key, const char *network,
			    const char *address, struct err *err);

/* ---- apply_check.c: adds what is wrong to apply->causes */

/* Subnets, addresses, ports of the host and volumes that two networks or machines of the file cannot both have. */
void check_apart(struct apply *apply);
/* A section that a machine of that name is to get: its source, its device, its port of the host. */
void check_section(struct apply *apply, const struct apply_group *group, const char *name,
		   const struct schema *kind, const struct section *section);
/* Starts that would wait for a paused machine. */
void check_paused(struct apply *apply);

/* ---- apply_loss.c: what one machine has to lose before another one can get it */

/* Whether another machine has that address, of either family, and loses it by the file. Then the loss is noted. */
bool loss_of_address(struct apply *apply, const char *name, const char *network,
		     const char *address);
/* The same of the hardware address of a nic. */
bool loss_of_mac(struct apply *apply, const char *name, const char *network, const char *mac);
/* A machine that is to be down before it is changed, and runs again then; what: the reason. */
int loss_take_down(struct apply *apply, const struct machine *machine, const char *what,
		   struct err *err);
/* The same of a forward of another machine, for one that is to get this forward. */
bool loss_of_forward(struct apply *apply, const char *machine, const char *name,
		     const struct forward *wanted);
/* The same of a volume for data, for one that is to write to it. */
bool loss_of_volume(struct apply *apply, const char *machine, const char *volume);
/* Puts the losses before all that creates and changes machines. */
void loss_arrange(struct apply *apply);

/* ---- apply_setup.c: keys "provision.KEY", which are for new machines, done as launch does its options */

/*
 * The label of a machine that tells how far it is set up. NONE: not at all; COPYING: some of its files may be there;
 * FILES: they are there; BEGUN: work has begun in it and did not come to its end; DONE: all, followed by a hash of each
 * key's value. A user may set DONE alone.
 */
#define SETUP_LABEL   "label.provisioned"
#define SETUP_NONE    "no"
#define SETUP_COPYING "copying"
#define SETUP_FILES   "files"
#define SETUP_BEGUN   "begun"
#define SETUP_DONE    "yes"

/* Whether the group has such keys, and such that need the machine running. */
bool setup_is_wanted(const struct apply_group *group);
bool setup_has_steps(const struct apply_group *group);
/* Checks the keys, if a machine of the group is planned to be made or set up. Adds what is wrong to apply->causes. */
void setup_check(struct apply *apply, const struct apply_group *group);
/* The error that names machines whose set-up was broken off, and is not done again. 0 if there are none, or -code. */
int setup_tell_unready(const struct apply *apply, struct err *err);
/* Plans the set-up of a machine that is there, if it is not complete; notes what is not done any more. */
int setup_plan(struct apply *apply, const struct apply_group *group, const struct machine *machine,
	       struct err *err);
/* Copies the files into a machine that is not set up at all, or only in part. */
int setup_files(const struct apply *apply, const struct apply_group *group, struct machine *machine,
		struct err *err);
/* Whether the steps are to be done. */
bool setup_awaits_steps(const struct machine *machine);
/* Waits until the machine has booted, and does the steps. 0, -code or the exit code of a script. */
int setup_steps(const struct apply *apply, struct apply_action *action, struct machine *machine,
		struct err *err);

/* ---- apply_do.c */

/* Does one action. */
int apply_do(struct apply *apply, struct apply_action *action, struct err *err);
/* Starts machines again that were stopped for a change that failed; tells of each in a text. */
void apply_start_again(struct apply *apply, size_t failed, struct text *out);

/* ---- apply_rule.c: firewall rules, of which an action makes all changes at once */

/* The changes of an action's rules. */
struct rule_changes {
	struct section_change *list; /* owned */
	size_t count;
};
/* Gathers them; wanted: the first rule of the file. rule_changes_free releases them. */
int rule_changes_make(const struct apply_action *action, const struct section *wanted,
		      struct rule_changes *changes, struct err *err);
void rule_changes_free(struct rule_changes *changes);
/* Plans that the ports of a machine or a network get the rules of its settings, where a killed command has left others. */
int rules_plan_machine(struct apply *apply, const struct apply_group *group,
		       const struct machine *machine, struct err *err);
int rules_plan_network(struct apply *apply, const struct apply_network *wanted,
		       struct network *network, struct err *err);

/* ---- apply_change.c */

/* Changes a machine: all that the action says, or nothing. */
int change_do(struct apply *apply, const struct apply_action *action, struct machine *machine,
	      struct err *err);
/* Adds the sections of the file to a new machine. */
int change_add_sections(struct apply *apply, const struct apply_action *action,
			struct machine *machine, struct err *err);

#endif
