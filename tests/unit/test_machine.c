/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine layer's parts that need no guest: plan, id ranges, identity, the traces of a run. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "machine/confine/ids.h"
#include "machine/confine/kernel_limits.h"
#include "machine/confine/limits.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/manage/manage.h"
#include "machine/share/user.h"
#include "machine/start/identity.h"
#include "machine/start/plan.h"
#include "machine/start/resolver.h"
#include "machine/state/ended.h"
#include "machine/state/private.h"
#include "suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static char folder[] = "/tmp/berth-test-machine-XXXXXX";
static struct dirs dirs;

static int begin(void)
{
	return mkdtemp(folder) ? dirs_open(&dirs, folder, &(struct err){ 0 }) : -1;
}

static int end(void)
{
	dirs_close(&dirs);
	return remove_tree(AT_FDCWD, folder);
}

static void open_machine(struct machine *machine, const char *name)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(machine_paths(machine, &dirs, name, &err), 0);
	CU_ASSERT_EQUAL(config_defaults(&machine_schema, &machine->config, &err), 0);
}

static void set_field(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
}

static struct root_facts facts_of(enum init_kind init)
{
	struct root_facts facts = { .init = init, .init_path = "/sbin/init" };
	struct utsname host;

	uname(&host);
	snprintf(facts.arch, sizeof facts.arch, "%.15s", host.machine);
	return facts;
}

static const char *env_of(const struct plan *plan, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; plan->env[i]; i++) {
		if (strncmp(plan->env[i], name, n) == 0 && plan->env[i][n] == '=')
			return plan->env[i] + n + 1;
	}
	return NULL;
}

static void test_plan(void)
{
	scoped_machine struct machine machine = { 0 };
	struct root_facts facts = facts_of(INIT_SYSTEMD);
	struct err err = { 0 };
	struct plan plan;

	open_machine(&machine, "web");
	set_field(&machine.config.uuid, "3d585e6c-d6b3-4063-885c-a73efaf29051");
	set_field(&machine.config.env, "A=1 'B=two words'");
	CU_ASSERT_EQUAL(plan_make(&plan, &machine, &facts, &err), 0);
	CU_ASSERT_STRING_EQUAL(plan.argv[0], "/sbin/init");
	CU_ASSERT_EQUAL(plan.halt_signal, SIGRTMIN + 3);
	CU_ASSERT_TRUE(plan.notifies && !plan.guest_init);
	CU_ASSERT_STRING_EQUAL(env_of(&plan, "container"), "berth");
	CU_ASSERT_STRING_EQUAL(env_of(&plan, "container_uuid"), machine.config.uuid);
	CU_ASSERT_STRING_EQUAL(env_of(&plan, "B"), "two words");
	plan_free(&plan);
	facts.init = INIT_NONE;
	set_field(&machine.config.stop_signal, "SIGUSR1");
	CU_ASSERT_EQUAL(plan_make(&plan, &machine, &facts, &err), 0);
	CU_ASSERT_STRING_EQUAL(plan.argv[0], "/run/host/guest-init");
	CU_ASSERT_EQUAL(plan.halt_signal, SIGUSR1);
	plan_free(&plan);
}

static void test_plan_app(void)
{
	static const char *const wanted[] = { "/run/host/guest-init",
					      "--signal",
					      "3",
					      "--user",
					      "www:1000",
					      "--",
					      "/bin/x",
					      "a b",
					      NULL };
	scoped_machine struct machine machine = { 0 };
	struct root_facts facts = facts_of(INIT_NONE);
	struct err err = { 0 };
	struct plan plan;

	open_machine(&machine, "web");
	CU_ASSERT_STRING_EQUAL(plan_init(&machine.config), "");
	set_field(&machine.config.app_command, "/bin/x 'a b'");
	set_field(&machine.config.app_signal, "SIGQUIT");
	set_field(&machine.config.app_user, "www:1000");
	set_field(&machine.config.env, "PATH=/own HOME=/there");
	CU_ASSERT_STRING_EQUAL(plan_init(&machine.config), GUEST_INIT_PATH);
	CU_ASSERT_EQUAL(plan_make(&plan, &machine, &facts, &err), 0);
	for (size_t i = 0; wanted[i] && plan.argv[i]; i++)
		CU_ASSERT_STRING_EQUAL(plan.argv[i], wanted[i]);
	CU_ASSERT_PTR_NOT_NULL(plan.argv[7]);
	CU_ASSERT_PTR_NULL(plan.argv[8]);
	CU_ASSERT_STRING_EQUAL(env_of(&plan, "PATH"), "/own");
	CU_ASSERT_STRING_EQUAL(env_of(&plan, "HOME"), "/there");
	plan_free(&plan);
}

static void test_plan_refuses(void)
{
	scoped_machine struct machine machine = { 0 };
	struct root_facts facts = facts_of(INIT_SYSTEMD);
	struct err err = { 0 };
	struct plan plan;
	char many[PLAN_ENV_MAX * 6 + 1] = "";

	open_machine(&machine, "web");
	snprintf(facts.arch, sizeof facts.arch, "s390x");
	CU_ASSERT_EQUAL(plan_make(&plan, &machine, &facts, &err), -ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "s390x"));
	facts = facts_of(INIT_SYSTEMD);
	facts.systemd_version = 219;
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(plan_make(&plan, &machine, &facts, &err), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "systemd 219"));
	facts.systemd_version = 230;
	for (int i = 0; i < PLAN_ENV_MAX; i++)
		strcat(many, "A=1 ");
	set_field(&machine.config.env, many);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(plan_make(&plan, &machine, &facts, &err), -E2BIG);
}

static void write_below(int root, const char *path, const char *text)
{
	scoped_fd int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_locked_password(void)
{
	static const struct {
		const char *passwd, *shadow;
		bool locked;
	} rows[] = {
		{ "root:x:0:0::/:/bin/sh\n", "root:!:1::::::\n", true },
		{ "root:x:0:0::/:/bin/sh\n", "bin:$y$1:1::::::\nroot:*:1::::::\n", true },
		{ "root:x:0:0::/:/bin/sh\n", "root:!$y$kept:1::::::\n", true },
		{ "root:!:0:0::/:/bin/sh\n", "", true },
		{ "root:x:0:0::/:/bin/sh\n", "root:$y$hash:1::::::\n", false },
		{ "root:x:0:0::/:/bin/sh\n", "root::1::::::\n", false },
		{ "root::0:0::/:/bin/sh\n", "root:!:1::::::\n", false },
		{ "root:x:0:0::/:/bin/sh\n", "rooted:!:1::::::\n", false },
		{ "bin:x:1:1::/:/bin/sh\n", "root:!:1::::::\n", false },
		{ "", "", false },
	};
	scoped_free char *path = text_format("%s/root", folder);

	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	scoped_fd int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_FALSE(user_locked(root, "root"));
	CU_ASSERT_EQUAL(mkdirat(root, "etc", 0755), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_below(root, "etc/passwd", rows[i].passwd);
		write_below(root, "etc/shadow", rows[i].shadow);
		if (user_locked(root, "root") != rows[i].locked)
			CU_FAIL(rows[i].passwd);
	}
	/* Files that would block a reader, and a link that leads nowhere within the root. */
	write_below(root, "etc/passwd", rows[0].passwd);
	CU_ASSERT_EQUAL(unlinkat(root, "etc/shadow", 0), 0);
	CU_ASSERT_EQUAL(mkfifoat(root, "etc/shadow", 0600), 0);
	CU_ASSERT_FALSE(user_locked(root, "root"));
	CU_ASSERT_EQUAL(unlinkat(root, "etc/shadow", 0), 0);
	CU_ASSERT_EQUAL(symlinkat("/etc/shadow-of-the-host", root, "etc/shadow"), 0);
	CU_ASSERT_FALSE(user_locked(root, "root"));
}

static void make_run(const char *name)
{
	char path[200];
	struct err err = { 0 };

	snprintf(path, sizeof path, "%s/run/machines/%s", folder, name);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
}

/* A folder of our own, and a machine of the installation by its name. */
static int take(const struct berth_config *config, const char *name, unsigned ranges,
		struct idmap *map, struct err *err)
{
	scoped_free char *ids = text_format("%s/ids", folder);
	scoped_free char *run = text_format("%s/run/machines/%s", folder, name);

	return ids_take(ids, config, run, ranges, map, err);
}

static void release(const char *name, const struct idmap *map)
{
	scoped_free char *ids = text_format("%s/ids", folder);
	scoped_free char *run = text_format("%s/run/machines/%s", folder, name);

	ids_release(ids, run, map);
}

static void release_all(const char *name)
{
	scoped_free char *ids = text_format("%s/ids", folder);
	scoped_free char *run = text_format("%s/run/machines/%s", folder, name);

	ids_release_all(ids, run);
}

static void test_ids(void)
{
	struct berth_config config = { .idmap_base = 1900544000, .idmap_machines = 3 };
	struct idmap a, b, c, again, none;
	struct err err = { 0 };

	make_run("a");
	make_run("b");
	make_run("c");
	CU_ASSERT_EQUAL(take(&config, "a", 1, &a, &err), 0);
	CU_ASSERT_EQUAL(take(&config, "b", 1, &b, &err), 0);
	CU_ASSERT_EQUAL(take(&config, "c", 1, &c, &err), 0);
	CU_ASSERT_TRUE(a.base != b.base && b.base != c.base && a.base != c.base);
	CU_ASSERT_EQUAL(take(&config, "a", 1, &again, &err), 0);
	CU_ASSERT_EQUAL(again.base, a.base);
	make_run("d");
	CU_ASSERT_EQUAL(take(&config, "d", 1, &none, &err), -EAGAIN);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "idmap.machines"));
	release("a", &b);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&config, "d", 1, &none, &err), -EAGAIN);
	release("b", &b);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&config, "d", 1, &none, &err), 0);
	CU_ASSERT_EQUAL(none.base, b.base);
}

/* Several in a row, all or none. */
static void test_ids_nesting(void)
{
	struct berth_config config = { .idmap_base = 1900544000, .idmap_machines = 5 };
	struct idmap one, two, none;
	struct err err = { 0 };
	scoped_free char *ids = text_format("%s/ids", folder);

	remove_tree(AT_FDCWD, ids);
	CU_ASSERT_EQUAL(take(&config, "a", 2, &two, &err), 0);
	CU_ASSERT_EQUAL(two.count, 2 * IDMAP_COUNT);
	CU_ASSERT_EQUAL((two.base - config.idmap_base) % (2 * IDMAP_COUNT), 0);
	CU_ASSERT_EQUAL(take(&config, "b", 2, &one, &err), 0);
	CU_ASSERT_EQUAL(take(&config, "c", 2, &none, &err), -EAGAIN);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&config, "d", 1, &one, &err), 0);
	CU_ASSERT_EQUAL(one.base, config.idmap_base + 4 * IDMAP_COUNT);
	release("a", &two);
	CU_ASSERT_EQUAL(take(&config, "c", 2, &none, &err), 0);
	CU_ASSERT_EQUAL(none.base, two.base);
	/* No record of its ranges exists. */
	release_all("c");
	release_all("nobody");
	CU_ASSERT_EQUAL(take(&config, "a", 2, &one, &err), 0);
	CU_ASSERT_EQUAL(one.base, two.base);
	CU_ASSERT_EQUAL(take(&config, "a", 6, &none, &err), -EAGAIN);
}

/* A holder that was killed with its run folder gone must not keep its range for ever. */
static void test_ids_stale(void)
{
	struct berth_config config = { .idmap_base = 1800011776, .idmap_machines = 1 };
	struct idmap map;
	struct err err = { 0 };
	char link[200];

	snprintf(link, sizeof link, "%s/ids/1800011776", folder);
	unlink(link);
	CU_ASSERT_EQUAL(symlink("/nothing/run/machines/long-gone", link), 0);
	CU_ASSERT_EQUAL(take(&config, "a", 1, &map, &err), 0);
	release("a", &map);
	CU_ASSERT_EQUAL(access(link, F_OK), -1);
}

/* Settings that differ, or have changed since, are no way to another's range. */
static void test_ids_of_other_settings(void)
{
	struct berth_config one = { .idmap_base = 1800011776, .idmap_machines = 2 };
	struct berth_config other = { .idmap_base = 1800011776 + IDMAP_COUNT, .idmap_machines = 2 };
	struct berth_config crooked = { .idmap_base = 1800011776 + 1, .idmap_machines = 2 };
	struct idmap a, b, c, none;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(take(&one, "a", 1, &a, &err), 0);
	CU_ASSERT_EQUAL(take(&one, "b", 1, &b, &err), 0);
	CU_ASSERT_EQUAL(take(&other, "c", 1, &c, &err), 0);
	CU_ASSERT_EQUAL(c.base, other.idmap_base + IDMAP_COUNT);
	CU_ASSERT_EQUAL(take(&crooked, "d", 1, &none, &err), -EAGAIN);
	release("b", &b);
	release("a", &a);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(take(&crooked, "d", 1, &a, &err), 0);
	CU_ASSERT_EQUAL(a.base, other.idmap_base);
	release("c", &c);
	release("d", &a);
}

/* Forty at once, each a process of its own: forty different ranges. */
static void test_ids_race(void)
{
	enum { MANY = 40 };
	struct berth_config config = { .idmap_base = 1700003840, .idmap_machines = MANY };
	bool seen[MANY] = { false };
	char name[32];

	scoped_free char *ids = text_format("%s/ids", folder);

	remove_tree(AT_FDCWD, ids);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "race-%d", i);
		make_run(name);
		if (fork() == 0) {
			struct idmap map = { 0 };
			int r = take(&config, name, 1, &map, &(struct err){ 0 });
			_exit(r < 0 ? 255 : (int)((map.base - config.idmap_base) / IDMAP_COUNT));
		}
	}
	for (int status, i = 0; i < MANY; i++) {
		CU_ASSERT_TRUE(wait(&status) > 0 && WIFEXITED(status) &&
			       WEXITSTATUS(status) < MANY);
		CU_ASSERT_FALSE(seen[WEXITSTATUS(status) % MANY]);
		seen[WEXITSTATUS(status) % MANY] = true;
	}
}

static int make_root(struct machine *machine, const char *name)
{
	char path[200], mark[200];
	struct err err = { 0 };

	open_machine(machine, name);
	snprintf(path, sizeof path, "%s/roots/%s/etc", folder, name);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0755, &err), 0);
	CU_ASSERT_EQUAL(file_make_dirs(machine->folder, 0755, &err), 0);
	snprintf(mark, sizeof mark, "%s/fresh", machine->folder);
	CU_ASSERT_EQUAL(file_replace(mark, "", 0, 0600, &err), 0);
	path[strlen(path) - 4] = '\0';
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void expect(int root, const char *path, const char *text)
{
	scoped_free char *found = NULL;

	CU_ASSERT_TRUE(file_read(root, path, 4096, &found) >= 0);
	CU_ASSERT_TRUE(found && strcmp(found, text) == 0);
}

static void put(int root, const char *path, const char *text)
{
	scoped_fd int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_identity(void)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int root = make_root(&machine, "web");
	struct lease lease = { 0 };
	struct err err = { 0 };
	bool fresh;

	snprintf(lease.servers, sizeof lease.servers, "10.9.8.1");
	put(root, "etc/hostname", "template\n");
	put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	put(root, "etc/resolv.conf", "nameserver 192.0.2.1\n");
	put(root, "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 template\n192.0.2.7 far");
	snprintf(lease.domain, sizeof lease.domain, "berth");
	CU_ASSERT_EQUAL(identity_apply(&machine, root, &lease, &fresh, &err), 0);
	expect(root, "etc/hostname", "web\n");
	expect(root, "etc/hosts",
	       "127.0.0.1 localhost\n192.0.2.7 far\n127.0.1.1\tweb.berth web\t# by berth\n");
	expect(root, "etc/machine-id", "");
	expect(root, "etc/resolv.conf",
	       "# written by berth; put a file of your own here to keep it\nnameserver "
	       "10.9.8.1\nsearch "
	       "berth\n");
	CU_ASSERT_TRUE(fresh);
	CU_ASSERT_EQUAL(identity_done(&machine, &err), 0);
	/* The second start: what the guest made of it stays, but our own file follows the network. */
	put(root, "etc/hostname", "renamed\n");
	snprintf(lease.servers, sizeof lease.servers, "10.9.9.1");
	lease.domain[0] = '\0';
	CU_ASSERT_EQUAL(identity_apply(&machine, root, &lease, &fresh, &err), 0);
	CU_ASSERT_FALSE(fresh);
	expect(root, "etc/hostname", "renamed\n");
	expect(root, "etc/hosts",
	       "127.0.0.1 localhost\n192.0.2.7 far\n127.0.1.1\trenamed web\t# by berth\n");
	expect(root, "etc/resolv.conf",
	       "# written by berth; put a file of your own here to keep it\nnameserver 10.9.9.1\n");
	put(root, "etc/resolv.conf", "nameserver 192.0.2.1\n");
	CU_ASSERT_EQUAL(identity_apply(&machine, root, &lease, &fresh, &err), 0);
	expect(root, "etc/resolv.conf", "nameserver 192.0.2.1\n");
	/* A name with its domain; a line that was taken out stays out; what nobody filled in is ours. */
	put(root, "etc/hostname", "shop.example.org\n");
	put(root, "etc/resolv.conf", "# Generated by NetworkManager\n");
	CU_ASSERT_EQUAL(identity_apply(&machine, root, &lease, &fresh, &err), 0);
	expect(root, "etc/hosts",
	       "127.0.0.1 localhost\n192.0.2.7 far\n127.0.1.1\tshop.example.org shop web\t# by "
	       "berth\n");
	expect(root, "etc/resolv.conf",
	       "# written by berth; put a file of your own here to keep it\nnameserver 10.9.9.1\n");
	put(root, "etc/hosts", "127.0.0.1 localhost\n");
	CU_ASSERT_EQUAL(identity_apply(&machine, root, NULL, &fresh, &err), 0);
	expect(root, "etc/hosts", "127.0.0.1 localhost\n");
}

/* Files in /run for a resolver of the distribution. Existing ones are not changed. */
static void test_resolver_seeds(void)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int root = make_root(&machine, "seeds");
	struct lease lease = { .domain = "berth", .servers = "10.9.8.1" };

	CU_ASSERT_EQUAL(mkdirat(root, "run", 0755), 0);
	CU_ASSERT_EQUAL(symlinkat("../run/./some/where/resolv.conf", root, "etc/resolv.conf"), 0);
	resolver_seed(root, &lease);
	expect(root, "run/some/where/resolv.conf", "nameserver 10.9.8.1\nsearch berth\n");
	expect(root, "run/resolvconf/interface/eth0.berth", "nameserver 10.9.8.1\nsearch berth\n");
	expect(root, "run/systemd/resolved.conf.d/berth.conf",
	       "[Resolve]\nDNS=10.9.8.1\nDomains=berth\n");
	put(root, "run/some/where/resolv.conf", "theirs");
	resolver_seed(root, &lease);
	expect(root, "run/some/where/resolv.conf", "theirs");
	/* Out of /run leads no link, and no folder that is one. */
	CU_ASSERT_EQUAL(unlinkat(root, "etc/resolv.conf", 0), 0);
	CU_ASSERT_EQUAL(symlinkat("/run/../etc/out", root, "etc/resolv.conf"), 0);
	resolver_seed(root, &lease);
	CU_ASSERT(faccessat(root, "etc/out", F_OK, 0) < 0);
	CU_ASSERT_EQUAL(unlinkat(root, "etc/resolv.conf", 0), 0);
	CU_ASSERT_EQUAL(symlinkat("/run/away/out", root, "etc/resolv.conf"), 0);
	CU_ASSERT_EQUAL(symlinkat("../etc", root, "run/away"), 0);
	resolver_seed(root, &lease);
	CU_ASSERT(faccessat(root, "etc/out", F_OK, 0) < 0);
}

/* Links to the host, a fifo that would block, a device's place: none is followed, none stops us. */
static void test_identity_hostile(void)
{
	scoped_machine struct machine machine = { 0 };
	scoped_fd int root = make_root(&machine, "hostile");
	struct lease lease = { 0 };
	struct err err = { 0 };
	bool fresh;
	char victim[200];

	snprintf(victim, sizeof victim, "%s/victim", folder);
	put(AT_FDCWD, victim, "untouched");
	CU_ASSERT_EQUAL(symlinkat(victim, root, "etc/hostname"), 0);
	CU_ASSERT_EQUAL(mkfifoat(root, "etc/machine-id", 0644), 0);
	CU_ASSERT_EQUAL(symlinkat(victim, root, "etc/resolv.conf"), 0);
	CU_ASSERT_EQUAL(symlinkat(folder, root, "var"), 0);
	CU_ASSERT_EQUAL(identity_apply(&machine, root, &lease, &fresh, &err), 0);
	expect(AT_FDCWD, victim, "untouched");
}

/* A folder with the files of a group whose pids controller is bound elsewhere. */
static void test_limits(void)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *usual = NULL;
	struct sysinfo host;
	struct err err = { 0 };
	char path[200];

	open_machine(&machine, "limited");
	snprintf(path, sizeof path, "%s/group", folder);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	scoped_fd int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	put(group, "cpu.max", "");
	put(group, "cpu.weight", "");
	put(group, "memory.max", "");
	/* The default is nearly all memory of the host. */
	CU_ASSERT_EQUAL(sysinfo(&host), 0);
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	CU_ASSERT_TRUE(file_read(group, "memory.max", 64, &usual) > 0);
	CU_ASSERT_TRUE(strtoull(usual, NULL, 10) < host.totalram * host.mem_unit);
	CU_ASSERT_TRUE(strtoull(usual, NULL, 10) >= host.totalram * host.mem_unit / 8 * 7);
	machine.config.memory = UINT64_MAX;
	put(group, "memory.max", "");
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	expect(group, "memory.max", "max");
	put(group, "memory.max", "");
	machine.config.cpus = 150;
	machine.config.memory = 1 << 20;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	expect(group, "cpu.max", "150000 100000");
	expect(group, "memory.max", "1048576");
	expect(group, "cpu.weight", "100");
	machine.config.pids = 10;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	/* Without a user namespace nothing else enforces the limit. */
	machine.config.privileged = true;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "limits.pids of machine 'limited'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no pids controller"));
}

static int count_shortage(void *context, const struct shortage *shortage)
{
	struct shortage *last = context;

	*last = *shortage;
	return 0;
}

/* A copy of /proc has the figures: some are counted for the whole host, and some for each user. */
static void test_headroom(void)
{
	struct shortage last = { 0 };
	struct err err = { 0 };
	char proc[200], path[300];

	snprintf(proc, sizeof proc, "%s/proc", folder);
	snprintf(path, sizeof path, "%s/sys/kernel/pty", proc);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	snprintf(path, sizeof path, "%s/sys/fs/inotify", proc);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	scoped_fd int at = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A missing figure is no shortage. */
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_PTR_NULL(last.sysctl);
	put(at, "sys/kernel/pty/max", "4096\n");
	put(at, "sys/kernel/pty/reserve", "1024\n");
	put(at, "sys/kernel/pty/nr", "3000\n");
	put(at, "sys/fs/inotify/max_user_instances", "128\n");
	put(at, "loadavg", "0.10 0.20 0.30 4/1000 99999\n");
	put(at, "sys/kernel/threads-max", "100000\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_PTR_NULL(last.sysctl);
	put(at, "sys/kernel/pty/nr", "3070\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_STRING_EQUAL(last.sysctl, "kernel.pty.max");
	CU_ASSERT_EQUAL(last.left, 2);
	CU_ASSERT_EQUAL(last.better, 8192);
	put(at, "sys/kernel/pty/nr", "3\n");
	put(at, "sys/kernel/threads-max", "1100\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_STRING_EQUAL(last.sysctl, "kernel.threads-max");
	CU_ASSERT_EQUAL(last.left, 100);
	put(at, "sys/kernel/threads-max", "100000\n");
	put(at, "sys/fs/inotify/max_user_instances", "8\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_STRING_EQUAL(last.sysctl, "fs.inotify.max_user_instances");
	CU_ASSERT_EQUAL(last.left, 8);
	CU_ASSERT_EQUAL(last.better, 128);
}

/* Rates of I/O name the disk that the root lies on; without one there are none. */
static void test_rates(void)
{
	scoped_machine struct machine machine = { 0 };
	const dev_t disk = makedev(253, 7);
	struct err err = { 0 };
	char path[200];

	open_machine(&machine, "rated");
	snprintf(path, sizeof path, "%s/rates", folder);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	scoped_fd int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(group, "io.max", "");
	/* Untouched: the kernel would count for a disk that nobody limits. */
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), 0);
	expect(group, "io.max", "");
	machine.config.io_write = 1 << 20;
	machine.config.io_read_iops = 7;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "limits.io.read.iops of machine 'rated'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no disk of its own"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), 0);
	expect(group, "io.max", "253:7 rbps=max riops=7 wbps=1048576 wiops=max");
	machine.config.io_write = machine.config.io_read_iops = 0;
	put(group, "io.max", "limited");
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), 0);
	expect(group, "io.max", "253:7 rbps=max riops=max wbps=max wiops=max");
	CU_ASSERT_EQUAL(unlinkat(group, "io.max", 0), 0);
	machine.config.io_read = 5;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no io controller"));
}

static void test_names(void)
{
	struct machine machine;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(machine_paths(&machine, &dirs, "../etc", &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "name '../etc'"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(machine_open(&machine, &dirs, "nobody", &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "berth list"));
}

static void test_run_state(void)
{
	scoped_machine struct machine machine = { 0 };
	struct run_state state = { .init = 4711,
				   .keeper = 4710,
				   .started = 1795579808,
				   .map = { 1900544000, 65536 },
				   .disk = makedev(253, 7) };
	struct run_state read = { 0 };
	struct err err = { 0 };

	open_machine(&machine, "state");
	CU_ASSERT_EQUAL(run_read_state(&machine, &read), -ENOENT);
	make_run("state");
	CU_ASSERT_EQUAL(run_write_state(&machine, &state, &err), 0);
	CU_ASSERT_EQUAL(run_read_state(&machine, &read), 0);
	CU_ASSERT_EQUAL(read.init, state.init);
	CU_ASSERT_EQUAL(read.keeper, state.keeper);
	CU_ASSERT_EQUAL(read.started, state.started);
	CU_ASSERT_EQUAL(read.map.base, state.map.base);
	CU_ASSERT_EQUAL(read.disk, state.disk);
	CU_ASSERT_FALSE(run_alive(&machine));
}

static int read_line(struct machine *machine, const char *line, struct run_state *state)
{
	scoped_free char *path = text_format("%s/state", machine->run);
	struct err err = { 0 };

	CU_ASSERT_EQUAL(file_replace(path, line, strlen(line), 0600, &err), 0);
	return run_read_state(machine, state);
}

/* Older and newer versions of berth read each other's: the first five fields mean the same in all formats. */
static void test_run_state_formats(void)
{
	scoped_machine struct machine machine = { 0 };
	struct run_state state = { .init = 12, .keeper = 11, .map = { 65536, 65536 } };
	scoped_free char *line = NULL;
	struct err err = { 0 };

	open_machine(&machine, "formats");
	make_run("formats");
	/* One file is from before it had networks and a disk, one from before it had a number. */
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536\n", &state), 0);
	CU_ASSERT_EQUAL(state.map.base, 65536);
	CU_ASSERT_EQUAL(state.disk, 0);
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 lan\n", &state), 0);
	CU_ASSERT_STRING_EQUAL(state.network, "lan");
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 \n", &state), 0);
	CU_ASSERT_STRING_EQUAL(state.network, "");
	/* The file is from a later version. */
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 lan 1 new\n", &state),
			0);
	CU_ASSERT_STRING_EQUAL(state.network, "lan");
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 eth0=lan 2\n",
				  &state),
			0);
	CU_ASSERT_EQUAL(state.init, 12);
	CU_ASSERT_EQUAL(state.keeper, 11);
	CU_ASSERT_EQUAL(state.map.count, 65536);
	CU_ASSERT_EQUAL(state.disk, 0);
	CU_ASSERT_STRING_EQUAL(state.network, "");
	CU_ASSERT_EQUAL(read_line(&machine, "12 11\n", &state), -EINVAL);
	/* Ours, with and without a network; versions that know no number read what is before it. */
	state = (struct run_state){
		.init = 12, .keeper = 11, .map = { 65536, 65536 }, .disk = makedev(8, 1)
	};
	CU_ASSERT_EQUAL(run_write_state(&machine, &state, &err), 0);
	scoped_free char *path = text_format("%s/state", machine.run);
	CU_ASSERT_TRUE(file_read(AT_FDCWD, path, 4096, &line) > 0);
	CU_ASSERT_STRING_EQUAL(line, "12 11 0 65536 65536 8 1 - 1\n");
	CU_ASSERT_EQUAL(run_read_state(&machine, &state), 0);
	CU_ASSERT_STRING_EQUAL(state.network, "");
	CU_ASSERT_EQUAL(state.disk, makedev(8, 1));
}

static void test_run_nics(void)
{
	scoped_machine struct machine machine = { 0 };
	struct run_state state = { .init = 12, .keeper = 11, .network = "lan" }, read;
	scoped_text struct text line = { 0 };
	struct err err = { 0 };

	open_machine(&machine, "nics");
	make_run("nics");
	CU_ASSERT_EQUAL(run_add_nic(&state, "eth1", "far"), 0);
	CU_ASSERT_EQUAL(run_add_nic(&state, "eth2", "near"), 0);
	CU_ASSERT_EQUAL(run_add_nic(&state, "eth1", "farther"), 0);
	CU_ASSERT_EQUAL(run_write_state(&machine, &state, &err), 0);
	CU_ASSERT_EQUAL(run_read_state(&machine, &read), 0);
	CU_ASSERT_EQUAL(read.nic_count, 2);
	CU_ASSERT_STRING_EQUAL(run_nic_on(&read, "farther"), "eth1");
	CU_ASSERT_STRING_EQUAL(run_nic_on(&read, "lan"), "eth0");
	CU_ASSERT_PTR_NULL(run_nic_on(&read, "far"));
	CU_ASSERT_STRING_EQUAL(run_network_of(&read, "eth2"), "near");
	CU_ASSERT_STRING_EQUAL(run_network_of(&read, "eth0"), "lan");
	CU_ASSERT_PTR_NULL(run_network_of(&read, "eth3"));
	run_drop_nic(&read, "eth2");
	run_drop_nic(&read, "eth3");
	CU_ASSERT_EQUAL(read.nic_count, 1);
	/* Words that are none, and more than there can be, are not read. */
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1 0 0 8 1 - 1 eth1=a b =c\n", &read), 0);
	CU_ASSERT_EQUAL(read.nic_count, 1);
	text_add(&line, "12 11 1 0 0 8 1 - 1");
	for (int i = 0; i < NICS_MAX + 5; i++)
		text_add(&line, " n%d=l%d", i, i);
	CU_ASSERT_EQUAL(read_line(&machine, text_str(&line), &read), 0);
	CU_ASSERT_EQUAL(read.nic_count, NICS_MAX);
	CU_ASSERT_EQUAL(run_add_nic(&read, "more", "more"), -E2BIG);
}

static void expect_end(struct machine *machine, enum machine_state state, const char *how)
{
	struct machine_status status;
	char words[1024] = "";

	machine_status(machine, NULL, &status);
	CU_ASSERT_EQUAL(status.state, state);
	CU_ASSERT_TRUE(machine_is_down(status.state));
	machine_last_end(machine, words, sizeof words);
	CU_ASSERT_STRING_EQUAL(words, how);
}

static void test_ended(void)
{
	scoped_machine struct machine machine = { 0 };
	char lines[600] = "failed\nline";
	struct err err = { 0 };

	open_machine(&machine, "ended");
	CU_ASSERT_EQUAL(file_make_dirs(machine.folder, 0700, &err), 0);
	expect_end(&machine, MACHINE_STOPPED, "");
	CU_ASSERT_FALSE(ended_acknowledge(&machine));
	ended_write(&machine, "clean", "powered off");
	expect_end(&machine, MACHINE_STOPPED, "powered off");
	ended_write(&machine, "failed", "its init died");
	expect_end(&machine, MACHINE_FAILED, "its init died");
	CU_ASSERT_TRUE(ended_acknowledge(&machine));
	CU_ASSERT_FALSE(ended_acknowledge(&machine));
	expect_end(&machine, MACHINE_STOPPED, "its init died");
	/* However many lines a cause has, and whatever it begins with. */
	ended_write(&machine, "failed", lines);
	expect_end(&machine, MACHINE_FAILED, "failed line");
	CU_ASSERT_TRUE(ended_acknowledge(&machine));
	expect_end(&machine, MACHINE_STOPPED, "failed line");
	memset(lines, 'x', sizeof lines - 1);
	ended_write(&machine, "failed", lines);
	expect_end(&machine, MACHINE_FAILED, lines);
	/* A killed keeper has left it, until somebody cleans up. */
	ended_write(&machine, "clean", "powered off");
	make_run("ended");
	expect_end(&machine, MACHINE_FAILED, "its start was killed");
}

/* Of two pools without room, the one that holds a machine ends the hold. Without a cgroup only the mark is made. */
static void test_held_for_a_pool(void)
{
	scoped_machine struct machine machine = { 0 };
	struct err err = { 0 };
	char why[64] = "";

	open_machine(&machine, "held");
	CU_ASSERT_EQUAL_FATAL(file_make_dirs(machine.run, 0700, &err), 0);
	scoped_free char *alive = text_format("%s/keeper.lock", machine.run);
	scoped_free char *mark = text_format("%s/held", machine.run);
	CU_ASSERT_EQUAL(machine_hold(&machine, "p", "why"), -ESRCH);
	scoped_fd int lock = open(alive, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL_FATAL(flock(lock, LOCK_EX | LOCK_NB), 0);
	machine_hold(&machine, "p", "p is full");
	CU_ASSERT_TRUE(machine_held(&machine, why, sizeof why));
	CU_ASSERT_STRING_EQUAL(why, "p is full");
	CU_ASSERT_EQUAL(machine_hold(&machine, "q", NULL), -EBUSY);
	CU_ASSERT_EQUAL(machine_hold(&machine, "", NULL), -EBUSY);
	CU_ASSERT_TRUE(machine_held(&machine, NULL, 0));
	machine_hold(&machine, "p", NULL);
	CU_ASSERT_FALSE(machine_held(&machine, NULL, 0));
	/* That of an earlier version names no pool. */
	CU_ASSERT_EQUAL(file_replace(mark, "full", 4, 0600, &err), 0);
	CU_ASSERT_TRUE(machine_held(&machine, why, sizeof why));
	CU_ASSERT_STRING_EQUAL(why, "full");
	machine_hold(&machine, "q", NULL);
	CU_ASSERT_FALSE(machine_held(&machine, NULL, 0));
}

int main(void)
{
	setenv("BERTH_TEMPLATES", TEST_TEMPLATES, 1);
	static CU_TestInfo tests[] = {
		{ "a plan", test_plan },
		{ "plans that are refused", test_plan_refuses },
		{ "plan of a program", test_plan_app },
		{ "ranges of ids", test_ids },
		{ "several ranges for a machine with machines inside", test_ids_nesting },
		{ "a range whose holder is gone", test_ids_stale },
		{ "ranges by other settings", test_ids_of_other_settings },
		{ "ranges taken at once", test_ids_race },
		{ "identity", test_identity },
		{ "resolvers find what they read", test_resolver_seeds },
		{ "identity in a hostile root", test_identity_hostile },
		{ "limits", test_limits },
		{ "rates of I/O", test_rates },
		{ "head-room of the host", test_headroom },
		{ "names", test_names },
		{ "the state of a run", test_run_state },
		{ "formats of the state of a run", test_run_state_formats },
		{ "interfaces of a run", test_run_nics },
		{ "a password that logs nobody in", test_locked_password },
		{ "how a run ended", test_ended },
		{ "held for a pool", test_held_for_a_pool },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("machine", begin, end, tests);
}
