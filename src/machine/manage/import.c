/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine from a stream. Its settings are a stranger's, and so is every byte of its volumes. */
#include "machine/data/data.h"
#include "machine/life/passing.h"
#include "machine/manage/arrival.h"
#include "machine/manage/birth.h"
#include "machine/manage/check.h"
#include "machine/manage/hostname.h"
#include "machine/manage/import_increment.h"
#include "machine/manage/import_volumes.h"
#include "machine/manage/rootsize.h"
#include "machine/manage/travel.h"
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "network/network.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

static int refuse_foreign(const struct machine *machine, struct err *err)
{
	const char *arch = machine->config.arch;
	struct utsname host;

	if (uname(&host) < 0 || !*arch || strcmp(arch, host.machine) == 0 ||
	    (strcmp(host.machine, "x86_64") == 0 && strcmp(arch, "i686") == 0))
		return 0;
	return err_set(err, ENOEXEC, "its programs are for %s, and this host is %s", arch,
		       host.machine);
}

static void note_address(const struct machine *machine, const char *key, const char *address,
			 struct text *notes)
{
	if (address && *address)
		text_add(notes,
			 "%s %s stays with the machine of the stream; 'berth set %s %s=' chooses "
			 "another\n",
			 key, address, machine->name, key);
}

/* The identity of the stream's machine, unless a machine here has it, or a new one is wanted. */
static int settle_identity(struct machine *machine, const struct stream_head *head,
			   const struct import_spec *spec, bool *drawn, struct text *notes,
			   struct err *err)
{
	char twin[64] = ""; /* a machine here that has the uuid */
	struct machine_config *config = &machine->config;
	scoped_free char *address = strdup(config->address);
	scoped_free char *address6 = strdup(config->address6);

	if (strcmp(config->uuid, head->uuid) != 0)
		return err_set(err, EBADMSG, "its settings are of another machine than it says");
	int r = spec->new_identity ? 0 : machine_with_uuid(machine->dirs, head->uuid, twin, err);
	if (r < 0)
		return r;
	*drawn = spec->new_identity || r > 0;
	if (!*drawn)
		return 0;
	if (machine_draw_identity(config, err) < 0)
		return -err->code;
	if (*twin)
		text_add(notes,
			 "machine '%s' has the identity that the stream has: '%s' gets one of its "
			 "own\n",
			 twin, machine->name);
	note_address(machine, "network.address", address, notes);
	note_address(machine, "network.address6", address6, notes);
	return 0;
}

/* A path of a stranger is shown as a word of a command only if a shell takes it as one. */
static bool is_plain(const char *path)
{
	return path[strspn(path,
			   "/._-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] ==
	       '\0';
}

/* Volumes that are here and that the machine had: the command that gives each of them back. */
static void note_volumes(const struct machine *machine, struct text *notes)
{
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		struct volume_config volume = { 0 };
		struct err taken = { 0 };
		if (data_open(machine->dirs, at->name, &volume, &(struct err){ 0 }) < 0)
			continue;
		config_free(&volume_schema, &volume);
		if (data_check_attach(machine->dirs, machine->name, attached, NULL, &taken) < 0)
			text_add(notes, "it does not get volume '%s' back: %s\n", at->name,
				 taken.text);
		else
			text_add(notes,
				 "volume '%s' stays as it is; it is attached by: berth volume "
				 "attach %s%s "
				 "%s %s\n",
				 at->name, attached->readonly ? "--read-only " : "", machine->name,
				 at->name,
				 is_plain(attached->target) ? attached->target : "TARGET");
	}
}

static int settle_trust(struct machine *machine, const struct import_spec *spec, struct text *notes,
			struct err *err)
{
	scoped_text struct text dropped = { 0 }, remedies = { 0 };

	if (spec->trust)
		return 0;
	note_volumes(machine, &remedies);
	if (distrust_settings(&machine->config, spec->trusted_target, &dropped, err) < 0)
		return -err->code;
	if (dropped.length)
		text_add(notes,
			 "settings that open '%s' to this host were left out: %s; --trust keeps "
			 "them\n",
			 machine->name, text_str(&dropped));
	if (remedies.length)
		text_add(notes, "%s", text_str(&remedies));
	return 0;
}

/* An address of the other host's network need not be one of this host's. */
static int check_address(const struct machine *machine, struct err *err)
{
	const struct machine_config *config = &machine->config;
	scoped_network struct network network = { 0 };
	struct err why = { 0 };

	if (!*config->network ||
	    network_open(&network, machine->dirs, config->network, &(struct err){ 0 }) < 0 ||
	    (lease_check(&network, machine->name, config->address, config->address6, &why) == 0 &&
	     fixed_check_all(machine, &why) == 0))
		return 0;
	bool first =
		lease_check(&network, machine->name, config->address, "", &(struct err){ 0 }) < 0 ||
		fixed_check(machine->dirs, machine->name, config->network, config->address,
			    &(struct err){ 0 }) < 0;
	return err_set(err, why.code,
		       "%s; '--set %s=' lets it get a free one, and '--network NAME' chooses "
		       "another network",
		       why.text, first ? "network.address" : "network.address6");
}

static int fill_config(struct machine *machine, const struct stream_head *head,
		       const struct text *settings, const struct import_spec *spec,
		       const struct import_volumes *volumes, bool *drawn, struct text *notes,
		       struct err *err)
{
	struct machine_config *config = &machine->config;

	if (config_parse(&machine_schema, "its machine.conf", text_str(settings), settings->length,
			 config, err) < 0)
		return -err->code;
	if (text_take(&config->pool, strdup(spec->pool)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	struct section *attached = import_volumes_take_sections(volumes, config);
	struct err lost = { 0 };
	if (refuse_foreign(machine, err) == 0 &&
	    settle_identity(machine, head, spec, drawn, notes, err) == 0)
		settle_trust(machine, spec, notes, err);
	/* They are given back in any case. */
	if (import_volumes_give_sections(volumes, config, attached, notes, &lost) < 0 && !err->code)
		*err = lost;
	if (spec->detached)
		config_drop_sections(&attached_schema, config);
	if (err->code || birth_apply(config, &spec->settings, err) < 0 ||
	    check_address(machine, err) < 0)
		return -err->code;
	return check_new(machine, err);
}

/* Names are given to the volumes under the mark of a machine in the making. */
static int settle(struct machine *machine, struct arrival *arrival, bool drawn, const char *was,
		  struct text *notes, struct err *err)
{
	struct arrived *root = arrival_root(arrival);
	const struct birth birth = { .keep_identity = !drawn && !root->volume.fresh };
	char volume[VOLUME_NAME_MAX + 1];

	for (size_t i = 0; i + 1 < arrival->count; i++) {
		if (arrival_keep_snapshot(arrival, &arrival->list[i], drawn, err) < 0)
			return -err->code;
	}
	fault_point("travel-snapshots");
	machine_volume(machine->name, volume);
	if (arrival_keep_root(arrival, root, err) < 0 ||
	    check_new_root(machine, arrival->pool, volume, err) < 0 ||
	    rootsize_fit(arrival->pool, volume, machine->config.disk_size, err) < 0)
		return -err->code;
	/* A root that gets an identity at its first start gets the name with it. */
	if (birth.keep_identity && strcmp(was, machine->name) != 0)
		hostname_follow(machine, arrival->pool, was, notes);
	fault_point("travel-settled");
	return birth_commit(machine, &birth, err);
}

/* was: the name of the machine that the stream is of. */
static int make(struct machine *machine, struct arrival *arrival, struct import_volumes *volumes,
		bool drawn, const char *was, const struct move_mark *mark, struct text *notes,
		struct err *err)
{
	/* Before the mark is written, volumes with that name could be those of others. */
	if (birth_check_free(machine, arrival->pool, err) < 0)
		return -err->code;
	int r = birth_begin(machine, err);
	if (r < 0) {
		birth_forget(machine);
		return r;
	}
	fault_point("travel-begun");
	r = mark ? move_write(machine, mark, err) : 0;
	if (r == 0)
		r = import_volumes_make(volumes, drawn, notes, err);
	if (r == 0)
		r = settle(machine, arrival, drawn, was, notes, err);
	if (r == 0)
		return import_volumes_end(volumes, true, err);
	machine_erase(machine, false, &(struct err){ 0 });
	import_volumes_end(volumes, false, &(struct err){ 0 });
	return r;
}

static void remark(const struct arrival *arrival, struct text *notes)
{
	if (arrival->attributes)
		text_add(notes,
			 "%" PRIu64 " attributes and entries of access control lists were left "
			 "out: see berth-stream(5)\n",
			 arrival->attributes);
}

/* i: 0 for the first stream. */
static int wrap_name(const struct import_spec *spec, size_t i, struct err *err)
{
	return spec->chain_names ? err_wrap(err, "'%s'", spec->chain_names[i]) : -err->code;
}

/* The settings are those of the last stream. A machine that gets another identity needs no snapshot to build on. */
static int read_chain(struct machine *machine, const struct stream_head *head,
		      struct arrival *arrival, const struct import_volumes *volumes, bool *drawn,
		      struct text *notes, struct err *err)
{
	const struct import_spec *spec = volumes->spec;
	scoped_text struct text settings = { 0 };

	if (!spec->chain_next)
		return 0;
	for (size_t i = 0; i < spec->chain_count; i++) {
		int fd = spec->chain_next(spec->chain_context, i, err);
		if (fd < 0 || arrival_read_further(arrival, fd, head->uuid, &settings, err) < 0)
			return wrap_name(spec, i + 1, err);
	}
	if (spec->chain_count) {
		config_free(&machine_schema, &machine->config);
		text_free(notes);
		if (fill_config(machine, head, &settings, spec, volumes, drawn, notes, err) < 0 ||
		    arrival_make_root(arrival, err) < 0)
			return -err->code;
	}
	if (*drawn)
		arrival_drop(arrival, 1);
	return 0;
}

static int import_new(struct machine *machine, const struct stream_head *head,
		      const struct text *settings, struct stream_in *in,
		      const struct import_spec *spec, struct text *notes, struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	scoped_arrival_stay struct arrival_stay stay = { .told = spec->told,
							 .told_context = spec->told_context };
	bool drawn = false;
	scoped_fd int lock = birth_claim(machine, err);

	scoped_import_volumes struct import_volumes volumes = { .list = NULL };

	import_volumes_begin(&volumes, machine, &pool, spec, false);
	if (lock < 0 || pool_open(&pool, machine->dirs, spec->pool, err) < 0 ||
	    import_volumes_expect(&volumes, head, err) < 0 ||
	    fill_config(machine, head, settings, spec, &volumes, &drawn, notes, err) < 0 ||
	    birth_check_free(machine, &pool, err) < 0)
		return -err->code;
	const struct subject subject = subject_machine(machine);
	scoped_arrival struct arrival arrival = { .pool = &pool,
						  .subject = &subject,
						  .others = &volumes.others,
						  .size = machine->config.disk_size,
						  .trusted = spec->trust };
	if (spec->resumable &&
	    arrival_begin(&arrival, &stay, machine->dirs, machine->name, head, err) < 0)
		return -err->code;
	if (arrival_read(&arrival, in, err) < 0)
		return wrap_name(spec, 0, err);
	int r = read_chain(machine, head, &arrival, &volumes, &drawn, notes, err);
	if (r == 0 && !arrival_root(&arrival))
		r = err_set(err, EBADMSG, "it has no root");
	if (r == 0)
		r = make(machine, &arrival, &volumes, drawn, head->name, spec->arriving, notes,
			 err);
	if (r == 0) {
		remark(&arrival, notes);
		machine_tell(machine, &(struct event){ .name = "imported", .from = head->name });
		if (!spec->arriving)
			passing_listen(machine, notes);
	}
	arrival_settle(&arrival);
	return r;
}

int machine_import_check(const struct dirs *dirs, const struct import_spec *spec,
			 const struct stream_head *head, const struct text *settings,
			 struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text notes = { 0 };
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_import_volumes struct import_volumes volumes = { .list = NULL };
	bool drawn = false;

	import_volumes_begin(&volumes, &machine, &pool, spec, false);
	if (machine_paths(&machine, dirs, spec->name ? spec->name : head->name, err) < 0 ||
	    (*head->volumes && (pool_open(&pool, dirs, spec->pool, err) < 0 ||
				import_volumes_expect(&volumes, head, err) < 0)))
		return -err->code;
	return fill_config(&machine, head, settings, spec, &volumes, &drawn, &notes, err);
}

static int import(const struct dirs *dirs, const struct stream_head *head,
		  const struct text *settings, struct stream_in *in, const struct import_spec *spec,
		  char made[64], struct text *notes, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct import_spec placed = *spec;
	const char *name = spec->name ? spec->name : head->name;

	text_print(made, 64, "%s", name);
	if (head->increment && (spec->settings.count || spec->settings.env_count))
		return err_set(err, EINVAL,
			       "the stream is an increment, and leaves settings as they are; set "
			       "them afterwards: berth set");
	if (head->increment)
		return import_increment(dirs, name, head, settings, in, spec, notes, err);
	/* A name that is taken is refused before a pool or a network is made for the machine. */
	if (machine_paths(&machine, dirs, name, err) < 0 || birth_look(&machine, err) < 0 ||
	    (spec->place && spec->place(spec->place_context, settings, &placed.pool, err) < 0))
		return -err->code;
	return import_new(&machine, head, settings, in, &placed, notes, err);
}

int machine_import(const struct dirs *dirs, const struct import_spec *spec, char made[64],
		   struct text *notes, struct err *err)
{
	struct stream_in in = { .fd = spec->fd,
				.tick = spec->tick,
				.tick_context = spec->tick_context };
	scoped_text struct text settings = { 0 };
	struct stream_head head;

	machine_sweep(dirs);
	if (stream_open(&in, &head, &settings, err) < 0)
		return wrap_name(spec, 0, err);
	int r = strcmp(head.kind, "machine") != 0
			? err_set(err, EINVAL,
				  "it has a volume for data, and no machine: berth "
				  "volume import makes a volume of it")
			: import(dirs, &head, &settings, &in, spec, made, notes, err);
	stream_head_free(&head);
	return r;
}
