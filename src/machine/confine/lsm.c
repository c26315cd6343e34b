/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/confine/lsm.h"
#include "machine/state/machine.h"

#include "base/child.h"
#include "base/scoped.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The features that the policy is compiled for, whatever this kernel has besides: the kernel then mediates nothing
 * else. No networks: some kernels, such as Debian 12's, treat a lock on a socket as something that no network rule can
 * allow, and systemd takes such a lock for each service with DynamicUser. Features of newer kernels stay out as well,
 * until there are rules for them here.
 */
static const char features[] =
	"policy {set_load {yes\n}\nversions {v8 {yes\n}\nv7 {yes\n}\nv6 {yes\n}\nv5 {yes\n}\n}\n}\n"
	"domain {version {1.2\n}\ncomputed_longest_left {yes\n}\npost_nnp_subset {yes\n}\n"
	"fix_binfmt_elf_mmap {yes\n}\nstack {yes\n}\nchange_profile {yes\n}\n"
	"change_onexec {yes\n}\n}\n"
	"file {mask {create read write exec append mmap_exec link lock\n}\n}\n"
	"capability {0xffffff\n}\n"
	"mount {mask {mount umount pivot_root\n}\n}\n"
	"namespaces {profile {yes\n}\n}\n"
	"signal {mask {hup int quit ill trap abrt bus fpe kill usr1 segv usr2 pipe alrm term "
	"stkflt chld cont stop stp ttin ttou urg xcpu xfsz vtalrm prof winch io pwr sys emt "
	"lost\n}\n}\n"
	"ptrace {mask {read trace\n}\n}\n";

/*
 * One profile for every machine, nested ones too: what a guest's service manager does to mounts, and
 * what engines for containers do, is allowed, as it is the user namespace's to judge. What is taken
 * away is what no machine is for: knobs and files that belong to the whole host. For most of them it is
 * a second wall, in case the kernel forgets the first; in a privileged machine it is the one that
 * stands when its root has taken the read-only mounts away.
 *
 * /proc/sys: all but what a namespace has of its own, which is in net, user, fs/mqueue, and of kernel
 * domainname, hostname, msg*, ns_last_pid, pid_max, sem*, shm*. /sys: all but the groups and the links.
 */
static const char rules[] =
	" capability,\n"
	" file,\n"
	" mount,\n"
	" remount,\n"
	" umount,\n"
	" pivot_root,\n"
	" deny /proc/{sysrq-trigger,kcore,kmem,mem,kpagecount,kpageflags,kpagecgroup} rwkl,\n"
	" deny /proc/{acpi,bus,fs,irq,scsi,sys/{abi,crypto,debug,dev,fscache,sunrpc,vm,xen}}/** "
	"wkl,\n"
	" deny /proc/sys/fs/{[^m]**,mount-max} wkl,\n"
	" deny /proc/sys/kernel/[^dhmnps]** wkl,\n"
	" deny /proc/sys/kernel/{dmesg*,hotplug,hung*,hard*,hyperv*,max*,mod*,ng*,nm*,nu*} wkl,\n"
	" deny /proc/sys/kernel/{p[^i]*,pty/**,sched*,seccomp/**,sg*,so*,sp*,st*,sys*} wkl,\n"
	" deny /sys/[^cdf]** wkl,\n"
	" deny /sys/class/[^n]** wkl,\n"
	" deny /sys/d{ev/**,evices/[^v]**,evices/virtual/[^n]**} wkl,\n"
	" deny /sys/f{irmware/**,s/[^c]**} wkl,\n"
	" deny /sys/kernel/{debug,security,tracing}/** rwkl,\n"
	" deny /sys/firmware/efi/efivars/** rwkl,\n"
	" deny mount fstype=(configfs,debugfs,devtmpfs,efivarfs,pstore,securityfs,tracefs),\n";

int lsm_name(char *out, size_t room)
{
	const uint64_t both = text_hash(rules) ^ text_hash(features);

	return text_print(out, room, "berth-machine-%08" PRIx32, (uint32_t)both);
}

int lsm_print(struct text *out)
{
	char name[LSM_LABEL_MAX];

	lsm_name(name, sizeof name);
	text_add(out,
		 "profile \"%s\" flags=(attach_disconnected,mediate_deleted) {\n%s"
		 " signal (receive),\n"
		 " signal (send) peer=\"%s\",\n"
		 " ptrace (readby, tracedby),\n"
		 " ptrace (read, trace) peer=\"%s\",\n"
		 "}\n",
		 name, rules, name, name);
	return text_str(out) ? 0 : -ENOMEM;
}

const char *lsm_missing(void)
{
	struct lsm_label own;
	char name[LSM_LABEL_MAX];

	if (lsm_label_host() == LSM_SELINUX)
		return "this host has SELinux instead of AppArmor";
	if (lsm_label_host() == LSM_NONE)
		return lsm_label_why_none();
	if (lsm_label_read(getpid(), &own) == 0 && own.module != LSM_NONE)
		return "berth itself runs under a profile of AppArmor's, which machines then have "
		       "too";
	lsm_name(name, sizeof name);
	scoped_free char *parser = child_find("apparmor_parser");
	if (lsm_label_is_loaded(name) != 1 && !parser)
		return "apparmor_parser is not installed (Debian: apparmor)";
	return NULL;
}

const char *lsm_why_none(const struct machine_config *config)
{
	const char *missing = lsm_missing();

	if (strcmp(config->apparmor, "no") == 0)
		return "security.apparmor is no";
	return missing ? missing : "it was started without; a restart gives it one";
}

/* A file of memory with the text in it, at its beginning. */
static int text_memfd(const char *name, const char *text, size_t length, struct err *err)
{
	scoped_fd int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "write '%s' for apparmor_parser: %s", name,
			       strerror(errno));
	return take_fd(&fd);
}

/* The oldest parser option for features, which all versions have. */
static int load(struct err *err)
{
	scoped_text struct text profile = { 0 }, said = { 0 };
	scoped_free char *parser = child_find("apparmor_parser");
	char known[64];

	if (!parser)
		return err_set(err, ENOENT, "apparmor_parser is not installed");
	if (lsm_print(&profile) < 0)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int in = text_memfd("berth-profile", text_str(&profile), profile.length, err);
	if (in < 0)
		return in;
	scoped_fd int knows = text_memfd("berth-features", features, strlen(features), err);
	if (knows < 0)
		return knows;
	snprintf(known, sizeof known, "/proc/%d/fd/%d", (int)getpid(), knows);
	const char *const argv[] = { parser, "--replace", "--skip-cache", "--features-file",
				     known,  NULL };
	return child_run(argv, &(struct child_io){ .in_fd = in, .out = &said, .errors = &said },
			 err);
}

/* 1, 0, or -code. */
static int find_loaded(const char *name, struct err *err)
{
	int r = lsm_label_is_loaded(name);

	return r < 0 ? err_set(err, -r, "read AppArmor's list of profiles: %s", strerror(-r)) : r;
}

/* A command that comes while another one compiles the profile waits, and finds it loaded. */
static int load_once(const struct machine *machine, const char *name, struct err *err)
{
	int r = find_loaded(name, err);

	if (r != 0)
		return r < 0 ? r : 0;
	scoped_fd int lock = dirs_lock(machine->dirs, "apparmor", 60, "AppArmor's profile", err);
	if (lock < 0)
		return lock;
	return lsm_label_is_loaded(name) == 1 ? 0 : load(err);
}

static int choose_own(const struct machine *machine, struct lsm_label *label, struct text *skipped,
		      struct err *err)
{
	const bool insists = strcmp(machine->config.apparmor, "yes") == 0;
	const char *missing = lsm_missing();
	struct err why = { 0 };

	if (missing && insists)
		return err_set(err, ENOTSUP,
			       "security.apparmor is yes, but %s; with auto it would start without "
			       "a profile",
			       missing);
	if (missing)
		return 0;
	lsm_name(label->text, sizeof label->text);
	if (load_once(machine, label->text, &why) == 0) {
		label->module = LSM_APPARMOR;
		return 0;
	}
	if (insists)
		return err_set(err, why.code, "load berth's AppArmor profile: %s", why.text);
	text_add(skipped,
		 "AppArmor's wall is missing, since berth's profile cannot be loaded: %s (to do "
		 "without: security.apparmor=no)",
		 why.text);
	return 0;
}

static int choose_named(const char *name, struct lsm_label *label, struct err *err)
{
	if (lsm_label_host() != LSM_APPARMOR)
		return err_set(err, ENOTSUP, "security.apparmor is '%s', but %s; use auto or no",
			       name, lsm_missing());
	int r = find_loaded(name, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(
			err, ENOENT,
			"security.apparmor is '%s', which AppArmor has not loaded; load it with "
			"apparmor_parser(8), or use auto",
			name);
	label->module = LSM_APPARMOR;
	text_print(label->text, sizeof label->text, "%s", name);
	return 0;
}

static int choose_context(const char *context, struct lsm_label *label, struct err *err)
{
	if (lsm_label_host() != LSM_SELINUX)
		return err_set(
			err, ENOTSUP,
			"security.selinux is '%s', but SELinux is not in force on this host; "
			"unset it",
			context);
	int r = lsm_label_is_known(context);
	if (r < 0)
		return err_set(err, -r, "ask SELinux for the context '%s': %s", context,
			       strerror(-r));
	if (r == 0)
		return err_set(err, EINVAL,
			       "security.selinux is '%s', which the host's policy does not know; "
			       "name another, or unset it",
			       context);
	label->module = LSM_SELINUX;
	text_print(label->text, sizeof label->text, "%s", context);
	return 0;
}

int lsm_choose(const struct machine *machine, struct lsm_label *label, struct text *skipped,
	       struct err *err)
{
	const char *apparmor = machine->config.apparmor, *selinux = machine->config.selinux;

	*label = (struct lsm_label){ .fd = -1 };
	if (*selinux && choose_context(selinux, label, err) < 0)
		return -err->code;
	if (strcmp(apparmor, "no") == 0 || (*selinux && strcmp(apparmor, "auto") == 0))
		return 0;
	if (strcmp(apparmor, "auto") == 0 || strcmp(apparmor, "yes") == 0)
		return choose_own(machine, label, skipped, err);
	return choose_named(apparmor, label, err);
}
