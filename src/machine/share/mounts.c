/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts, devices and volumes of a machine, added and removed while it runs or not. The section is written first: after
 * a kill the mount appears at the next start at worst.
 */
#include "machine/share/mounts.h"

#include "machine/life/control.h"
#include "machine/life/run_state.h"
#include "machine/life/volume_use.h"
#include "machine/share/share.h"
#include "machine/share/target.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "machine/data/data.h"

#include <string.h>
#include <sys/stat.h>

/* Differences between mounts and devices. */
struct kind {
	const struct schema *schema;
	size_t key;          /* offset of the member that identifies one, besides its name */
	size_t optional;     /* offset of that boolean; 0: none is optional */
	const char *removal; /* the verb */
	bool late;           /* opened only for a guest, after the section was written */
	int (*open)(struct shares *, const struct share_owner *, const struct section *,
		    struct err *);
	int (*hide)(const struct share_target *, const struct section *, struct err *);
};

static const struct kind mounts, devices, volumes;

static const struct section *first_of(const struct machine_config *config, const struct kind *kind)
{
	const void *head = (const char *)config + kind->schema->head;

	return *(struct section *const *)head;
}

static const char *key_of(const struct section *section, const struct kind *kind)
{
	const void *field = (const char *)section + kind->key;

	return *(char *const *)field;
}

static const struct section *find(const struct machine_config *config, const struct kind *kind,
				  const char *which)
{
	for (const struct section *at = first_of(config, kind); at; at = at->next) {
		if (strcmp(at->name, which) == 0 || strcmp(key_of(at, kind), which) == 0)
			return at;
	}
	return NULL;
}

/* Allows the devices of the settings and the temporary ones, except one that is removed. */
static int confine(const struct share_target *target, const struct section *gone, struct err *err)
{
	const struct machine_config *const configs[] = { &target->machine->config,
							 &target->temporary, NULL };
	struct share_owner to = { target->machine, &target->state.map, -1 };

	return share_allow_devices(&to, configs, gone, err);
}

static int show(const struct share_target *target, struct shares *shares, struct err *err)
{
	for (size_t i = 0; i < shares->count; i++) {
		if (share_show(&shares->list[i], target->pidfd, target->own_ids, err) < 0)
			return -err->code;
	}
	return 0;
}

/* The keeper no longer watches the pool. */
static void end_use(const struct share_target *target, const char *volume)
{
	volume_use_end(target->machine, volume);
	control_tell_volumes(target->machine);
}

static int open_late(const struct share_target *target, const struct kind *kind,
		     const struct section *section, struct shares *shares, struct err *err)
{
	const struct share_owner to = { target->machine, &target->state.map, target->root_fd };

	if (kind->open(shares, &to, section, err) < 0)
		return -err->code;
	/* The keeper watches the volume's pool before the guest can write to it. */
	control_tell_volumes(target->machine);
	return 0;
}

static int write_and_show(struct share_target *target, const struct kind *kind,
			  const struct section *section, bool temporary, struct shares *shares,
			  struct err *err)
{
	struct machine *machine = target->machine;
	scoped_free char *path =
		temporary ? share_temporary_path(machine) : machine_path(machine, "machine.conf");
	struct err ignored = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (config_add_section(&machine_schema, path, kind->schema, section, err) < 0)
		return -err->code;
	if (!temporary)
		pool_backup_mark_stale();
	fault_point("section-written");
	if (share_target_read(target, err) == 0 && target->pidfd >= 0 &&
	    (!kind->late || open_late(target, kind, section, shares, err) == 0) &&
	    (kind->schema != &device_schema || confine(target, NULL, err) == 0))
		show(target, shares, err);
	if (err->code) {
		shares_free(shares);
		if (kind->late)
			end_use(target, section->name);
		config_remove_section(&machine_schema, path, kind->schema, section->name, &ignored);
		if (target->pidfd >= 0 && kind->schema == &device_schema) {
			kind->hide(target, section, &ignored);
			confine(target, section, &ignored);
		}
	}
	return -err->code;
}

/*
 * A volume that a running machine gets would hide the volumes and mounts below it, and a mount the volumes, which the
 * next start would not do.
 */
static int check_below(const struct share_target *target, const struct kind *what,
		       const char *place, struct err *err)
{
	const struct machine_config *configs[] = { &target->machine->config, &target->temporary };
	const struct kind *const kinds[] = { &volumes, &mounts };

	if (target->pidfd < 0 || what == &devices)
		return 0;
	for (size_t i = 0; i < 4; i++) {
		const struct kind *kind = kinds[i % 2];
		if (kind == &mounts && what == &mounts)
			continue;
		for (const struct section *at = first_of(configs[i / 2], kind); at; at = at->next) {
			const char *other = key_of(at, kind);
			if (strcmp(other, place) != 0 && text_is_within(other, place))
				return err_set(err, EBUSY,
					       "'%s' would hide %s '%s' of machine '%s', at '%s'; "
					       "take that away first, and add it again afterwards: "
					       "berth %s %s %s",
					       place, kind->schema->what, at->name,
					       target->machine->name, other, kind->removal,
					       target->machine->name, at->name);
		}
	}
	return 0;
}

/* Checks that the name and the place are free, and gives a name to a mount that has none. */
static int claim(const struct share_target *target, const struct kind *kind,
		 struct section *section, struct err *err)
{
	const struct machine *machine = target->machine;
	const struct section *stored = first_of(&machine->config, kind);
	const struct section *passing = first_of(&target->temporary, kind);
	const char *what = kind->schema->what, *key = key_of(section, kind);

	if (find(&machine->config, kind, key) || find(&target->temporary, kind, key))
		return err_set(err, EEXIST,
			       "machine '%s' has a %s '%s' already; take it away first: berth %s "
			       "%s %s",
			       machine->name, what, key, kind->removal, machine->name, key);
	if (check_below(target, kind, key, err) < 0)
		return -err->code;
	if (!section->name)
		return share_make_up_name(section, key, stored, passing, err);
	if (config_section(stored, section->name) || config_section(passing, section->name))
		return err_set(err, EEXIST,
			       "machine '%s' has a %s named '%s' already; take it away first: "
			       "berth %s %s %s",
			       machine->name, what, section->name, kind->removal, machine->name,
			       section->name);
	return 0;
}

/* A killed attach has written the section, and a killed detach has left it, while the volume is not mounted. */
static bool is_unfinished(const struct share_target *target, const struct kind *kind,
			  const struct section *section)
{
	const struct attached_config *wanted = (const struct attached_config *)section;
	const struct attached_config *stored =
		kind != &volumes || target->pidfd < 0
			? NULL
			: (const struct attached_config *)
				  config_section(target->machine->config.volumes, section->name);

	return stored && strcmp(stored->target, wanted->target) == 0 &&
	       stored->readonly == wanted->readonly &&
	       !share_has_volume(target->machine, section->name);
}

static int finish(const struct share_target *target, const struct kind *kind,
		  const struct section *section, struct shares *shares, struct err *err)
{
	if (open_late(target, kind, section, shares, err) == 0)
		show(target, shares, err);
	if (err->code)
		end_use(target, section->name);
	return -err->code;
}

static bool is_optional(const struct section *section, const struct kind *kind)
{
	const void *field = (const char *)section + kind->optional;

	return kind->optional && *(const bool *)field;
}

/*
 * Opens the shares before the lock is taken, because this may read files of the guest. Errors use the names that the
 * user gave.
 */
static int open_shares(const struct share_target *target, const struct kind *kind,
		       struct section *section, struct shares *shares, struct text *warning,
		       struct err *err)
{
	struct share_owner to = { target->machine, &target->state.map, target->root_fd };
	char *name = section->name;

	if (!name)
		section->name = (char *)(uintptr_t)key_of(section, kind);
	int r = kind->open(shares, &to, section, err);
	section->name = name;
	if (r != -ENOENT || !is_optional(section, kind))
		return r;
	text_add(warning, "%s; the machine is shown it when it starts and it is there\n",
		 err->text);
	*err = (struct err){ 0 };
	return 0;
}

/*
 * The place of a volume. A running machine tells what is in the way by itself, and nothing is kept of what it refuses.
 */
static int check_place(const struct share_target *target, const struct attached_config *attached,
		       struct text *warning, struct err *err)
{
	struct share share = {
		.what = "volume", .name = attached->section.name, .folder = true, .fd = -1
	};
	struct err covered = { 0 };

	if (target->pidfd < 0)
		return share_check_place(target->machine, attached, warning, err);
	if (text_print(share.target, sizeof share.target, "%s", attached->target) == 0 &&
	    share_covers_inside(&share, target->pidfd, target->own_ids, &covered) == -ENOTEMPTY)
		text_add(warning, "%s\n", covered.text);
	return 0;
}

static int add(struct machine *machine, const struct kind *kind, struct section *section,
	       bool temporary, struct text *warning, struct err *err)
{
	scoped_target struct share_target target = { 0 };
	__attribute__((cleanup(shares_free))) struct shares shares = { 0 };

	if (share_target_open(&target, machine, temporary, err) < 0 ||
	    (!kind->late && open_shares(&target, kind, section, &shares, warning, err) < 0))
		return -err->code;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	if (lock < 0 || move_check(machine, err) < 0 || share_target_read(&target, err) < 0)
		return -err->code;
	if (is_unfinished(&target, kind, section))
		return finish(&target, kind, section, &shares, err);
	if (claim(&target, kind, section, err) < 0)
		return -err->code;
	if (kind == &volumes &&
	    check_place(&target, (const struct attached_config *)section, warning, err) < 0)
		return -err->code;
	return write_and_show(&target, kind, section, temporary, &shares, err);
}

/* Removes it from the guest; *was_there stays false if the guest no longer had it. */
static int hide(const struct share_target *target, const struct kind *kind,
		const struct section *section, bool *was_there, struct err *err)
{
	struct err why = { 0 };
	int r = kind->hide(target, section, &why);

	if (r < 0 && r != -ENOENT)
		return err_set(err, -r, "%s", why.text);
	fault_point("section-hidden");
	*was_there = r == 0;
	return kind->schema == &device_schema ? confine(target, section, err) : 0;
}

static int take_away(struct machine *machine, const struct kind *kind, const char *which,
		     bool *was_there, struct err *err)
{
	scoped_target struct share_target target = { 0 };

	*was_there = false;
	if (share_target_open(&target, machine, false, err) < 0)
		return -err->code;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	if (lock < 0 || move_check(machine, err) < 0 || share_target_read(&target, err) < 0)
		return -err->code;
	const struct section *section = find(&machine->config, kind, which);
	bool temporary = !section;
	if (temporary)
		section = find(&target.temporary, kind, which);
	if (!section)
		return err_set(err, ENOENT, "machine '%s' has no %s '%s'; see: berth info %s",
			       machine->name, kind->schema->what, which, machine->name);
	scoped_free char *path =
		temporary ? share_temporary_path(machine) : machine_path(machine, "machine.conf");
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (target.pidfd >= 0 && hide(&target, kind, section, was_there, err) < 0)
		return -err->code;
	if (!temporary)
		pool_backup_mark_stale();
	return config_remove_section(&machine_schema, path, kind->schema, section->name, err);
}

static int open_mount(struct shares *shares, const struct share_owner *to,
		      const struct section *section, struct err *err)
{
	return share_folder(shares, to, (const struct mount_config *)section, err);
}

/* A missing source cannot be compared. */
static int hide_mount(const struct share_target *target, const struct section *section,
		      struct err *err)
{
	const struct mount_config *mount = (const struct mount_config *)section;
	struct stat st;
	bool known = share_look(mount, &st) == 0;

	return share_hide(mount->target, known ? &st : NULL, target->pidfd, target->own_ids, err);
}

static int open_device(struct shares *shares, const struct share_owner *to,
		       const struct section *section, struct err *err)
{
	return share_device(shares, to, (const struct device_config *)section, err);
}

static int hide_device(const struct share_target *target, const struct section *section,
		       struct err *err)
{
	const struct device_config *device = (const struct device_config *)section;
	struct share_owner to = { target->machine, &target->state.map, -1 };
	struct shares shares = { 0 };
	struct stat st;
	int r = share_device(&shares, &to, device, err);

	for (size_t i = 0; i < shares.count; i++) {
		const char *path = shares.list[i].target;
		*err = (struct err){ 0 };
		r = stat(path, &st) < 0
			    ? -ENOENT
			    : share_hide(path, &st, target->pidfd, target->own_ids, err);
	}
	shares_free(&shares);
	return r;
}

static int open_volume(struct shares *shares, const struct share_owner *to,
		       const struct section *section, struct err *err)
{
	return share_volume(shares, to, (const struct attached_config *)section, err);
}

static int hide_volume(const struct share_target *target, const struct section *section,
		       struct err *err)
{
	int r = share_withdraw_volume(target, (const struct attached_config *)section, err);
	control_tell_volumes(target->machine);
	return r;
}

static const struct kind mounts = { &mount_schema,
				    offsetof(struct mount_config, target),
				    offsetof(struct mount_config, optional),
				    "unmount",
				    false,
				    open_mount,
				    hide_mount };
static const struct kind devices = { &device_schema,
				     offsetof(struct device_config, path),
				     offsetof(struct device_config, optional),
				     "device remove",
				     false,
				     open_device,
				     hide_device };
static const struct kind volumes = { &attached_schema,
				     offsetof(struct attached_config, target),
				     0,
				     "volume detach",
				     true,
				     open_volume,
				     hide_volume };

int machine_mount(struct machine *machine, struct mount_config *mount, bool temporary,
		  struct text *warning, struct err *err)
{
	return add(machine, &mounts, &mount->section, temporary, warning, err);
}

int machine_unmount(struct machine *machine, const char *which, bool *was_there, struct err *err)
{
	return take_away(machine, &mounts, which, was_there, err);
}

int machine_add_device(struct machine *machine, struct device_config *device, bool temporary,
		       struct text *warning, struct err *err)
{
	return add(machine, &devices, &device->section, temporary, warning, err);
}

int machine_remove_device(struct machine *machine, const char *which, bool *was_there,
			  struct err *err)
{
	return take_away(machine, &devices, which, was_there, err);
}

static int tell(const struct machine *machine, const char *event, const char *name)
{
	machine_tell(machine, &(struct event){ .name = event, .volume = name });
	return 0;
}

int machine_attach_volume(struct machine *machine, struct attached_config *attached,
			  struct text *warning, struct err *err)
{
	scoped_fd int lock = data_lock(machine->dirs, attached->section.name, LOCK_SECONDS, err);

	if (lock < 0 || data_check_attach(machine->dirs, machine->name, attached, NULL, err) < 0)
		return -err->code;
	int r = add(machine, &volumes, &attached->section, false, warning, err);
	return r < 0 ? r : tell(machine, "volume-attached", attached->section.name);
}

int machine_detach_volume(struct machine *machine, const char *which, bool *was_there,
			  struct err *err)
{
	scoped_free char *name = NULL;
	const struct section *section = find(&machine->config, &volumes, which);

	if (section && !(name = strdup(section->name)))
		return err_set(err, ENOMEM, "out of memory");
	/* A volume that a killed command has left half made is whole because this machine names it. */
	if (section)
		data_sweep(machine->dirs);
	int r = take_away(machine, &volumes, which, was_there, err);
	return r < 0 ? r : tell(machine, "volume-detached", name ? name : which);
}
