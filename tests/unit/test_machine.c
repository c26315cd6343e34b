/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine layer's parts that need no guest: here its plans and users, and the program with all of them. */
#include "test_machine.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "machine/manage/manage.h"
#include "machine/share/user.h"
#include "machine/start/plan.h"
#include "machine/state/private.h"
#include "suite.h"

#include <sys/file.h>
#include <sys/utsname.h>
#include <sys/wait.h>

char folder[] = "/tmp/berth-test-machine-XXXXXX";
struct dirs dirs;

static int begin(void)
{
	return mkdtemp(folder) ? dirs_open(&dirs, folder, &(struct err){ 0 }) : -1;
}

static int end(void)
{
	dirs_close(&dirs);
	return remove_tree(AT_FDCWD, folder);
}

void open_machine(struct machine *machine, const char *name)
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

void make_run(const char *name)
{
	char path[200];
	struct err err = { 0 };

	snprintf(path, sizeof path, "%s/run/machines/%s", folder, name);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
}

void expect(int root, const char *path, const char *text)
{
	scoped_free char *found = NULL;

	CU_ASSERT_TRUE(file_read(root, path, 4096, &found) >= 0);
	CU_ASSERT_TRUE(found && strcmp(found, text) == 0);
}

void put(int root, const char *path, const char *text)
{
	scoped_fd int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
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
		{ "index of machines", test_index },
		{ "damaged indexes", test_index_damaged },
		{ "interfaces of a run", test_run_nics },
		{ "a password that logs nobody in", test_locked_password },
		{ "how a run ended", test_ended },
		{ "held for a pool", test_held_for_a_pool },
		CU_TEST_INFO_NULL,
	};
	int skip = suite_needs_root();

	return skip ? skip : suite_run("machine", begin, end, tests);
}
