#include "machine/profile.h"

#include "base/child.h"
#include "base/scoped.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

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
	" network,\n"
	" unix,\n"
	" dbus,\n"
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

int profile_name(char *out, size_t room)
{
	return text_print(out, room, "berth-machine-%08" PRIx32, (uint32_t)text_hash(rules));
}

int profile_print(struct text *out)
{
	char name[LABEL_MAX];

	profile_name(name, sizeof name);
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

/* Two at once do no harm: the same text replaces itself. */
static int load(struct err *err)
{
	static const char *const argv[] = { "apparmor_parser", "--replace", "--skip-cache", NULL };
	scoped_text struct text profile = { 0 }, said = { 0 };
	scoped_fd int fd = memfd_create("berth-profile", MFD_CLOEXEC);

	if (fd < 0 || profile_print(&profile) < 0 ||
	    write(fd, text_str(&profile), profile.length) != (ssize_t)profile.length ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno ? errno : ENOMEM, "write the profile: %s",
			       strerror(errno ? errno : ENOMEM));
	return child_run(argv, &(struct child_io){ .in_fd = fd, .out = &said, .errors = &said },
			 err);
}

static int choose_own(struct label *label, struct text *skipped, struct err *err)
{
	struct err why = { 0 };

	profile_name(label->text, sizeof label->text);
	int r = label_is_loaded(label->text);
	if (r < 0)
		return err_set(err, -r, "read AppArmor's list of profiles: %s", strerror(-r));
	if (r == 0)
		load(&why);
	/* A host without the parser has chosen to be without; doctor says so. */
	if (why.code == ENOENT)
		return 0;
	if (why.code) {
		text_add(skipped,
			 "AppArmor's wall is missing, since berth's profile cannot be loaded: %s "
			 "(to do without: security.apparmor=no)",
			 why.text);
		return 0;
	}
	label->module = LABEL_APPARMOR;
	return 0;
}

static int choose_named(const char *name, struct label *label, struct err *err)
{
	int r = label_is_loaded(name);

	if (r < 0)
		return err_set(err, -r, "read AppArmor's list of profiles: %s", strerror(-r));
	if (r == 0)
		return err_set(
			err, ENOENT,
			"security.apparmor is '%s', which AppArmor has not loaded; load it with "
			"apparmor_parser(8), or use auto",
			name);
	label->module = LABEL_APPARMOR;
	text_print(label->text, sizeof label->text, "%s", name);
	return 0;
}

int profile_choose(const struct machine_config *config, struct label *label, struct text *skipped,
		   struct err *err)
{
	const enum label_module host = label_host();
	const char *apparmor = config->apparmor;

	*label = (struct label){ .fd = -1 };
	if (*config->selinux && host != LABEL_SELINUX)
		return err_set(err, ENOTSUP,
			       "security.selinux is '%s', but SELinux does not rule on this host; "
			       "unset it",
			       config->selinux);
	if (*config->selinux) {
		label->module = LABEL_SELINUX;
		text_print(label->text, sizeof label->text, "%s", config->selinux);
		return 0;
	}
	if (strcmp(apparmor, "no") == 0)
		return 0;
	if (strcmp(apparmor, "auto") == 0)
		return host == LABEL_APPARMOR ? choose_own(label, skipped, err) : 0;
	if (host != LABEL_APPARMOR)
		return err_set(
			err, ENOTSUP,
			"security.apparmor is '%s', but this host has no AppArmor; use auto or no",
			apparmor);
	return choose_named(apparmor, label, err);
}
