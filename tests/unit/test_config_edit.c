/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edits of settings: one key, several, sections. */
#include "config/config.h"
#include "config_files.h"

#include "base/file.h"
#include "base/scoped.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void expect_edit(const char *path, const char *name, const char *value, const char *after)
{
	scoped_free char *text = NULL;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_edit(&machine_schema, path, name, value, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT(file_read(AT_FDCWD, path, 4096, &text) >= 0);
	CU_ASSERT_STRING_EQUAL(text, after);
}

static void test_edit_keeps(void)
{
	scoped_free char *path = path_to("edit");
	struct stat st;

	write_file(path, "# top\ndescription = x\n\n ; why\nstop.timeout = 5 # no comment\n");
	/* The line edited may be the one that is bad. */
	expect_edit(path, "stop.timeout", "90s",
		    "# top\ndescription = x\n\n ; why\nstop.timeout = 90s\n");
	expect_edit(path, "network", "lan",
		    "# top\ndescription = x\n\n ; why\nstop.timeout = 90s\nnetwork = lan\n");
	expect_edit(path, "description", "y",
		    "# top\ndescription = y\n\n ; why\nstop.timeout = 90s\nnetwork = lan\n");
	expect_edit(path, "stop.timeout", NULL,
		    "# top\ndescription = y\n\n ; why\nnetwork = lan\n");
	expect_edit(path, "stop.timeout", NULL,
		    "# top\ndescription = y\n\n ; why\nnetwork = lan\n");
	write_file(path, "# no end of line");
	expect_edit(path, "ephemeral", "true", "# no end of line\nephemeral = yes\n");
	CU_ASSERT_EQUAL(unlink(path), 0);
	expect_edit(path, "ephemeral", "on", "ephemeral = yes\n");
	CU_ASSERT_EQUAL(chmod(path, 0640), 0);
	expect_edit(path, "ephemeral", NULL, "");
	CU_ASSERT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640);
}

static void expect_no_edit(const char *path, const char *name, const char *value,
			   const char *sentence)
{
	scoped_free char *before = NULL;
	scoped_free char *after = NULL;
	struct err err = { 0 };

	CU_ASSERT(file_read(AT_FDCWD, path, 4096, &before) >= 0);
	CU_ASSERT(config_edit(&machine_schema, path, name, value, &err) < 0);
	CU_ASSERT_STRING_EQUAL(err.text, sentence);
	CU_ASSERT(file_read(AT_FDCWD, path, 4096, &after) >= 0);
	CU_ASSERT_STRING_EQUAL(after, before);
}

static void expect_no_format(const char *path, const char *name, const char *value)
{
	scoped_free char *sentence = text_format("%s:1: the file has format 2, this berth knows "
						 "those up to 1; use the newer berth that "
						 "wrote it",
						 path);

	expect_no_edit(path, name, value, sentence);
}

static void test_edit_refuses(void)
{
	scoped_free char *path = path_to("refuse");
	struct err err = { 0 };

	write_file(path, "network = lan\n");
	expect_no_edit(path, "uuid", "", "uuid is made by berth and cannot be set");
	expect_no_edit(path, "networc", "x", "unknown key 'networc'; did you mean 'network'?");
	expect_no_edit(
		path, "stop.timeout", "x",
		"stop.timeout cannot be 'x': use a time such as 90s, 5m or 1h from 1s to 1d");
	expect_no_edit(path, "description", "a\nuuid = b",
		       "the value of description has a control character in it");
	expect_no_edit(path, "format", "1", "format is made by berth and cannot be set");
	/* berth neither adds lines to a file of another format nor removes any. */
	write_file(path, "format = 2\nnetwork = lan\nbad = 1\n");
	expect_no_format(path, "network", "x");
	expect_no_format(path, "bad", NULL);
	write_file(path, "network = lan\nbad = 1\n");
	CU_ASSERT_EQUAL(config_edit(&machine_schema, path, "network", "x", &err), -EINVAL);
	CU_ASSERT(strstr(err.text, "refuse:2: unknown key 'bad'") != NULL);
}

/* Rules between keys hold for all changes together, and an unknown key can be taken out. */
static void test_preview(void)
{
	static const struct config_change both[] = { { "network.address", "10.1.2.3" },
						     { "network", "lan" } };
	static const struct config_change odd = { "bogus", NULL }, new_odd = { "bogus", "1" };
	scoped_free char *path = path_to("preview");
	scoped_text struct text text = { 0 };
	struct machine_config config;
	struct err err = { 0 };

	write_file(path, "bogus = 1\ninit = /sbin/init\n\n[mount a]\nsource = /a\ntarget = /b\n");
	CU_ASSERT_EQUAL(config_preview(&machine_schema, path, both, 2, &text, &config, &err),
			-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "unknown key 'bogus'"));
	text_free(&text);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(config_edit(&machine_schema, path, new_odd.name, new_odd.value, &err),
			-ENOENT);
	err = (struct err){ 0 };
	expect_edit(path, odd.name, odd.value,
		    "init = /sbin/init\n\n[mount a]\nsource = /a\ntarget = /b\n");
	expect_no_edit(path, odd.name, odd.value,
		       "unknown key 'bogus'; machine.conf(5) lists the keys");
	CU_ASSERT_EQUAL(config_preview(&machine_schema, path, both, 2, &text, &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(text_str(&text),
			       "init = /sbin/init\n\nnetwork.address = 10.1.2.3\nnetwork = lan\n"
			       "[mount a]\nsource = /a\ntarget = /b\n");
	CU_ASSERT_STRING_EQUAL(config.address, "10.1.2.3");
	config_free(&machine_schema, &config);
}

/* Changes of others, and comments of people, are kept. */
static void test_record(void)
{
	static const char *const names[] = { "devices", "size", "source", NULL };
	scoped_free char *path = path_to("record");
	scoped_free char *text = NULL;
	struct pool_config config;
	struct err err = { 0 };

	write_file(path, "# the fast one\nsource = /dev/sda\nvolume.size = 20G\nsize = 1G\n");
	CU_ASSERT_EQUAL(config_defaults(&pool_schema, &config, &err), 0);
	free(config.source);
	config.source = strdup("/dev/sdb");
	free(config.devices);
	config.devices = strdup("/dev/sdc /dev/sdd");
	CU_ASSERT_EQUAL(config_record(&pool_schema, path, &config, names, &err), 0);
	config_free(&pool_schema, &config);
	CU_ASSERT(file_read(AT_FDCWD, path, 4096, &text) >= 0);
	CU_ASSERT_STRING_EQUAL(text, "# the fast one\nsource = /dev/sdb\nvolume.size = 20G\n"
				     "devices = /dev/sdc /dev/sdd\n");
}

static void test_check_machine(void)
{
	static const char sentence[] = "network.address is 10.1.2.3 but there is no network; set "
				       "network as well, or unset network.address";
	scoped_free char *path = path_to("check");

	write_file(path, "network = lan\nnetwork.address = 10.1.2.3\n");
	expect_no_edit(path, "network", NULL, sentence);
	expect_edit(path, "network.address", NULL, "network = lan\n");
	expect_edit(path, "network", "", "network = \n");
	expect_no_edit(path, "network.address", "10.1.2.3", sentence);
	expect_no_edit(path, "init", "/sbin/",
		       "init is '/sbin/', which is a folder; name a program");
}

static const char with_sections[] =
	"# mine\nnetwork = lan\n\n[mount data]\nsource = /srv/x\ntarget = /data\nreadonly = yes\n"
	"\n[device fuse]\npath = /dev/fuse\n# kept\n";

static void test_sections(void)
{
	struct machine_config config;
	struct err err = { 0 };

	CU_ASSERT_EQUAL_FATAL(config_parse(&machine_schema, "m", with_sections,
					   strlen(with_sections), &config, &err),
			      0);
	const struct mount_config *mount =
		(const struct mount_config *)config_section(config.mounts, "data");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mount);
	CU_ASSERT_STRING_EQUAL(mount->source, "/srv/x");
	CU_ASSERT(mount->readonly && !mount->optional && !*mount->owner);
	CU_ASSERT_PTR_NULL(config_section(config.mounts, "fuse"));
	CU_ASSERT_PTR_NOT_NULL(config_section(config.devices, "fuse"));
	scoped_free char *path = path_to("sections");
	CU_ASSERT_EQUAL(config_save(&machine_schema, path, &config, &err), 0);
	config_free(&machine_schema, &config);
	CU_ASSERT_EQUAL_FATAL(config_load(&machine_schema, path, &config, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(config_section(config.mounts, "data"));
	config_free(&machine_schema, &config);
}

static void test_bad_sections(void)
{
	static const char *const bad[][2] = {
		{ "[mount]\n", "m:1: a section begins with a line such as [mount NAME]" },
		{ "[mount a\n", "m:1: a section begins with a line such as [mount NAME]" },
		{ "[disk a]\n", "m:1: unknown section 'disk'; known sections are 'device', "
				"'forward', 'mount', 'nic', 'rule' and 'volume'" },
		{ "[volume a]\ntarget = x\n", "m:2: target" },
		{ "[mount A]\n", "m:1: mount 'A' has a name that" },
		{ "[mount a]\n[mount a]\n", "m:2: mount 'a' is there already" },
		{ "[mount a]\nsorce = /x\n", "m:2: unknown key 'sorce'; did you mean 'source'?" },
		{ "[mount a]\nsource = /x\nsource = /y\n", "m:3: 'source' is in line 2 already" },
		{ "[mount a]\nnetwork = lan\n", "m:2: unknown key 'network'" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CU_ASSERT(text_starts(machine_sentence(bad[i][0]), bad[i][1]));
}

static const char *sections_sentence(const char *text)
{
	static struct err err;
	struct machine_config config;

	err = (struct err){ 0 };
	if (config_parse(&machine_schema, "m", text, strlen(text), &config, &err) == 0) {
		config_check_machine(&config, &err);
		config_free(&machine_schema, &config);
	}
	return err.text;
}

static void test_rules_of_sections(void)
{
	static const char *const bad[][2] = {
		{ "[mount a]\nsource = /x\n", "has no target" },
		{ "[mount a]\ntarget = /x\n", "has no source" },
		{ "[mount a]\nsource=/x\ntarget=/proc\n", "is a place that berth fills" },
		{ "[mount a]\nsource=/x\ntarget=/a/../b\n", "'.' or '..'" },
		{ "[mount a]\nsource=/x\ntarget=/\n", "is the machine's root" },
		{ "[mount a]\nsource=/x\ntarget=/y\nowner = a:b:c\n", "has a name with other" },
		{ "[mount a]\nsource=/x\ntarget=/y\n[mount b]\nsource=/z\ntarget=/y\n",
		  "the same target" },
		{ "[device a]\npath = /etc/passwd\n", "use a node below '/dev'" },
		{ "[device a]\npath = /dev/../x\n", "use a node below '/dev'" },
		{ "[device a]\npath = /dev/null\n", "every machine has its own" },
		{ "[device a]\npath = /dev/fuse\nmode = 4755\n", "octal digits" },
		{ "[nic eth1]\n", "has no line 'network = NETWORK'" },
		{ "[nic eth0]\nnetwork = lan\n", "choose another name, such as eth1" },
		{ "[nic all]\nnetwork = lan\n", "the kernel uses itself" },
		{ "[nic abcdefghijklmnop]\nnetwork = lan\n", "of 16 characters" },
		{ "network = lan\n[nic eth1]\nnetwork = lan\n", "which eth0 is on" },
		{ "[nic a]\nnetwork = lan\n[nic b]\nnetwork = lan\n", "on the same network" },
		{ "[nic a]\nnetwork = l\nroute = yes\n[nic b]\nnetwork = m\nroute = yes\n",
		  "one default route" },
		{ "[nic a]\nnetwork = l\nmac = 02:00:00:00:00:01\n[nic b]\nnetwork = m\n"
		  "mac = 02:00:00:00:00:01\n",
		  "the same hardware address" },
		{ "network.mac = 02:00:00:00:00:01\n[nic a]\nnetwork = l\n"
		  "mac = 02:00:00:00:00:01\n",
		  "which eth0 has" },
		{ "[nic a]\nnetwork = lan\nmtu = 1279\n", "1280 to 65535" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(sections_sentence(bad[i][0]), bad[i][1]));
	CU_ASSERT_STRING_EQUAL(sections_sentence(with_sections), "");
	CU_ASSERT_STRING_EQUAL(sections_sentence("network = lan\n[nic abcdefghijklmno]\n"
						 "network = far\nroute = yes\nmtu = 1280\n"),
			       "");
	CU_ASSERT_STRING_EQUAL(sections_sentence(
				       "[mount a]\nsource=/x\ntarget=/process\nowner=1000:www\n"),
			       "");
}

static void expect_file(const char *path, const char *text)
{
	scoped_free char *found = NULL;

	CU_ASSERT(file_read(AT_FDCWD, path, 1 << 16, &found) >= 0);
	CU_ASSERT_STRING_EQUAL(found, text);
}

static void test_edit_sections(void)
{
	scoped_free char *path = path_to("edited");
	struct err err = { 0 };
	char source[] = "/a", target[] = "/b", name[] = "new", none[] = "";
	struct mount_config mount = {
		.section.name = name, .owner = none, .source = source, .target = target
	};

	/* A key of the machine's comes before the first section. */
	write_file(path, with_sections);
	CU_ASSERT_EQUAL(config_edit(&machine_schema, path, "stop.timeout", "5s", &err), 0);
	CU_ASSERT_EQUAL(config_edit(&machine_schema, path, "stop.timeout", NULL, &err), 0);
	expect_file(path, with_sections);
	CU_ASSERT_EQUAL(config_add_section(&machine_schema, path, &mount_schema, &mount.section,
					   &err),
			0);
	CU_ASSERT_EQUAL(config_add_section(&machine_schema, path, &mount_schema, &mount.section,
					   &err),
			-EEXIST);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(config_remove_section(&machine_schema, path, &mount_schema, "new", &err),
			0);
	expect_file(path, with_sections);
	CU_ASSERT_EQUAL(config_remove_section(&machine_schema, path, &mount_schema, "new", &err),
			-ENOENT);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(config_remove_section(&machine_schema, path, &mount_schema, "data", &err),
			0);
	expect_file(path, "# mine\nnetwork = lan\n\n[device fuse]\npath = /dev/fuse\n# kept\n");
}

static void test_too_many_nics(void)
{
	scoped_text struct text text = { 0 };

	for (int i = 1; i < NICS_MAX; i++)
		text_add(&text, "[nic n%d]\nnetwork = l%d\n", i, i);
	CU_ASSERT_STRING_EQUAL(sections_sentence(text_str(&text)), "");
	text_add(&text, "[nic more]\nnetwork = more\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(sections_sentence(text_str(&text)), "at most 32 nics"));
}

/* Writes the text after a change of keys in "[nic eth1]". 0, or -code. */
static int change_nic(const char *path, const struct config_change *changes, size_t count,
		      struct err *err)
{
	scoped_text struct text text = { 0 };
	struct machine_config config;

	if (config_preview_section(&machine_schema, path, &nic_schema, "eth1", changes, count,
				   &text, &config, err) < 0)
		return -err->code;
	config_free(&machine_schema, &config);
	return config_write(path, &text, err);
}

static void test_change_sections(void)
{
	static const char before[] = "# mine\nnetwork = lan\n\n[nic eth1]\n# the far one\n"
				     "network = far\nmtu = 1400\n\n[mount data]\nsource = /a\n"
				     "target = /b\n";
	static const char after[] = "# mine\nnetwork = lan\n\n[nic eth1]\n# the far one\n"
				    "network = far\nmac = 02:00:00:00:00:0a\n\n[mount data]\n"
				    "source = /a\ntarget = /b\n";
	const struct config_change good[] = { { "mac", "02:00:00:00:00:0A" }, { "mtu", NULL } };
	const struct config_change bad[] = { { "network", "lan" } }, none[] = { { "speed", "1" } };
	scoped_free char *path = path_to("changed");
	struct err err = { 0 };

	write_file(path, before);
	CU_ASSERT_EQUAL(change_nic(path, good, 2, &err), 0);
	expect_file(path, after);
	CU_ASSERT_EQUAL(change_nic(path, bad, 1, &err), -EEXIST);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(change_nic(path, none, 1, &err), -ENOENT);
	err = (struct err){ 0 };
	expect_file(path, after);
	write_file(path, "network = lan\n");
	CU_ASSERT_EQUAL(change_nic(path, good, 2, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "there is no nic 'eth1'"));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an edit keeps all else", test_edit_keeps },
		{ "an edit that is refused", test_edit_refuses },
		{ "several changes at once", test_preview },
		{ "what berth found out", test_record },
		{ "rules between keys", test_check_machine },
		{ "sections", test_sections },
		{ "bad sections", test_bad_sections },
		{ "rules of sections", test_rules_of_sections },
		{ "sections are edited", test_edit_sections },
		{ "too many nics", test_too_many_nics },
		{ "keys of sections are changed", test_change_sections },
		CU_TEST_INFO_NULL,
	};

	return suite_run("edits of settings", config_files_begin, config_files_end, tests);
}
