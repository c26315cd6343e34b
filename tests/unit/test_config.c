/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of settings: they are whole, every key goes around, every kind refuses in a sentence. */
#include "test_config.h"
#include "config/values.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "config/build_file.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char folder[] = "/tmp/berth-test-config-XXXXXX";

static char *path_to(const char *name)
{
	return text_format("%s/%s", folder, name);
}

static void test_table_sorted(void)
{
	for (size_t s = 0; s < SCHEMAS; s++) {
		const struct schema *schema = schemas[s];
		CU_ASSERT(schema->count > 0 && schema->count <= SCHEMA_KEYS_MAX);
		CU_ASSERT(schema->size <= sizeof(union any));
		for (size_t i = 1; i < schema->count; i++)
			CU_ASSERT(strcmp(schema->keys[i - 1].name, schema->keys[i].name) < 0);
	}
}

static void test_table_whole(void)
{
	for (size_t s = 0; s < SCHEMAS; s++) {
		for (size_t i = 0; i < schemas[s]->count; i++) {
			const struct key *key = &schemas[s]->keys[i];
			bool ranged = key->type == KEY_NUMBER || key->type == KEY_SIZE ||
				      key->type == KEY_DURATION || key->type == KEY_CPUS ||
				      key->type == KEY_ROOM || key->type == KEY_MTU;
			CU_ASSERT(key->name && *key->name && key->fallback);
			CU_ASSERT(key->help && *key->help && !text_ends(key->help, "."));
			CU_ASSERT(key->offset + sizeof(bool) <= schemas[s]->size);
			CU_ASSERT_EQUAL(ranged, key->max != 0);
			CU_ASSERT_EQUAL(key->type == KEY_CHOICE, key->choices != NULL);
			for (size_t j = 0; j < i; j++)
				CU_ASSERT_NOT_EQUAL(key->offset, schemas[s]->keys[j].offset);
		}
	}
}

/* A field without a row would be neither loaded nor freed: the rows' fields fill the struct. */
static void test_every_field_has_a_row(void)
{
	for (size_t s = 0; s < SCHEMAS; s++) {
		size_t bytes = 0;
		for (size_t i = 0; i < schemas[s]->count; i++)
			bytes += schemas[s]->keys[i].type == KEY_BOOL ? sizeof(bool) : 8;
		for (size_t i = 0; schemas[s]->sections && schemas[s]->sections[i]; i++)
			bytes += sizeof(struct section *);
		for (const struct key_family *f = schemas[s]->families; f && f->prefix; f++)
			bytes += sizeof(struct label *);
		bytes += schemas[s]->presets_of ? sizeof(struct label *) : 0;
		CU_ASSERT(bytes <= schemas[s]->size);
		CU_ASSERT(schemas[s]->size - bytes < 8);
	}
}

/* Each default is in canonical form, with which config_save compares values. */
static void test_defaults(void)
{
	for (size_t s = 0; s < SCHEMAS; s++) {
		union any config;
		struct err err = { 0 };
		CU_ASSERT_EQUAL(config_defaults(schemas[s], &config, &err), 0);
		CU_ASSERT_STRING_EQUAL(err.text, "");
		for (size_t i = 0; i < schemas[s]->count; i++) {
			scoped_text struct text text = { 0 };
			config_text(&config, &schemas[s]->keys[i], &text);
			CU_ASSERT_STRING_EQUAL(text_str(&text), schemas[s]->keys[i].fallback);
		}
		config_free(schemas[s], &config);
	}
}

/* A value other than the default for each type, and its canonical form. */
static void sample(const struct key *key, const char **in, const char **out)
{
	static const char *const samples[][2] = {
		[KEY_TEXT] = { "  caf\xc3\xa9 = # 1 ", "caf\xc3\xa9 = # 1" },
		[KEY_LABEL] = { "web-1", "web-1" },
		[KEY_LABELS] = { "web-1,db  x ,", "web-1 db x" },
		[KEY_DOMAIN] = { "lan.example.org", "lan.example.org" },
		[KEY_LINK] = { "br_0.x", "br_0.x" },
		[KEY_PATH] = { "/a/b c", "/a/b c" },
		[KEY_PLACE] = { "ssh:ann@[fe80::1]:/a/b c", "ssh:ann@[fe80::1]:/a/b c" },
		[KEY_PATHS] = { "/dev/b,/dev/c  /d ,", "/dev/b /dev/c /d" },
		[KEY_NUMBER] = { "70000", "70000" },
		[KEY_SIZE] = { "512KiB", "512K" },
		[KEY_ROOM] = { "2048M", "2G" },
		[KEY_MTU] = { "1280", "1280" },
		[KEY_DURATION] = { "7200", "2h" },
		[KEY_CPUS] = { "1.50", "1.5" },
		[KEY_SIGNAL] = { "rtmin+3", "SIGRTMIN+3" },
		[KEY_MAC] = { "10:66:6A:01:02:03", "10:66:6a:01:02:03" },
		[KEY_ADDRESS] = { "10.1.2.3", "10.1.2.3" },
		[KEY_ADDRESS6] = { "FD00:1::0:5", "fd00:1::5" },
		[KEY_SERVERS] = { "9.9.9.9, 2620:fe::fe", "9.9.9.9 2620:fe::fe" },
		[KEY_SUBNET] = { "10.1.2.0/24", "10.1.2.0/24" },
		[KEY_SUBNET6] = { "FD00:1:0:0::/64", "fd00:1::/64" },
		[KEY_ROUTES] = { "FD09::/48  via FD00::7,10.9.0.0/16 via 10.1.0.7",
				 "fd09::/48 via fd00::7, 10.9.0.0/16 via 10.1.0.7" },
		[KEY_UUID] = { "0B1F2C3D-0001-4002-8003-0123456789AB",
			       "0b1f2c3d-0001-4002-8003-0123456789ab" },
		[KEY_PRESS] = { "^A", "^A" },
		[KEY_ACCESS] = { "bob:manage,  ann:use", "bob:manage ann:use" },
		[KEY_CAPS] = { "-NET_RAW,CAP_SYS_TIME  +syslog", "sys_time syslog -net_raw" },
		[KEY_RLIMIT] = { "1024:1024", "1024:1024" },
		[KEY_SCHEDULE] = { " Weekly SUN  3:05", "weekly sun 03:05" },
		[KEY_KEEP] = { "daily 7,last 3 , hourly 24", "last 3, hourly 24, daily 7" },
		[KEY_WORDS] = { "a 'b c' $'d\\n'", "a 'b c' $'d\\n'" },
		[KEY_ENV] = { "A=b 'C=d e' F=\"g \\\" h\"", "A=b 'C=d e' F=\"g \\\" h\"" },
	};

	*in = *out = "";
	if (key->type == KEY_NUMBER && key->max < 70000) {
		*in = *out = "1501";
	} else if (key->type == KEY_BOOL) {
		*out = strcmp(key->fallback, "yes") == 0 ? "no" : "yes";
		*in = strcmp(key->fallback, "yes") == 0 ? "Off" : "1";
	} else if (key->type == KEY_CHOICE) {
		*in = *out = key->choices[strcmp(key->fallback, key->choices[0]) == 0];
	} else if (key->type == KEY_NUMBER && key->max < 70000) {
		*in = *out = "17";
	} else {
		*in = samples[key->type][0];
		*out = samples[key->type][1];
	}
}

static void expect_round_trip(const struct schema *schema, const struct key *key)
{
	scoped_free char *path = path_to("round");
	scoped_text struct text set = { 0 };
	scoped_text struct text loaded = { 0 };
	const char *in, *out;
	struct err err = { 0 };
	union any config;

	sample(key, &in, &out);
	CU_ASSERT_EQUAL(config_defaults(schema, &config, &err), 0);
	CU_ASSERT_EQUAL(config_set(schema, &config, key, in, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	config_text(&config, key, &set);
	CU_ASSERT_STRING_EQUAL(text_str(&set), out);
	CU_ASSERT_EQUAL(config_save(schema, path, &config, &err), 0);
	config_free(schema, &config);
	CU_ASSERT_EQUAL(config_load(schema, path, &config, &err), 0);
	config_text(&config, key, &loaded);
	CU_ASSERT_STRING_EQUAL(text_str(&loaded), out);
	config_free(schema, &config);
}

/* Set, print, save, load, print: each key of each schema by itself. */
static void test_round_trip(void)
{
	for (size_t s = 0; s < SCHEMAS; s++) {
		for (size_t i = 0; i < schemas[s]->count; i++)
			expect_round_trip(schemas[s], &schemas[s]->keys[i]);
	}
}

static void test_save_only_differences(void)
{
	scoped_free char *path = path_to("save");
	scoped_free char *text = NULL;
	scoped_free char *driver = NULL;
	struct err err = { 0 };
	union any config;

	CU_ASSERT_EQUAL(config_defaults(&machine_schema, &config, &err), 0);
	CU_ASSERT_EQUAL(config_save(&machine_schema, path, &config, &err), 0);
	CU_ASSERT(file_read(AT_FDCWD, path, 4096, &text) > 0);
	CU_ASSERT_STRING_EQUAL(text, "format = 1\n");
	config_free(&machine_schema, &config);

	CU_ASSERT_EQUAL(config_defaults(&pool_schema, &config, &err), 0);
	CU_ASSERT_EQUAL(config_save(&pool_schema, path, &config, &err), 0);
	CU_ASSERT(file_read(AT_FDCWD, path, 4096, &driver) > 0);
	CU_ASSERT_STRING_EQUAL(driver, "format = 1\ndriver = dir\n");
	config_free(&pool_schema, &config);
}

/* The sentence for setting the first key of that type to value, "" when it is taken. */
static const char *type_sentence(enum key_type type, const char *value)
{
	static struct err err;

	for (size_t s = 0; s < SCHEMAS; s++) {
		for (size_t i = 0; i < schemas[s]->count; i++) {
			union any config = { 0 };
			if (schemas[s]->keys[i].type != type)
				continue;
			err = (struct err){ 0 };
			config_set(schemas[s], &config, &schemas[s]->keys[i], value, &err);
			config_free(schemas[s], &config);
			return err.text;
		}
	}
	return "no key of that kind";
}

static const char labels[] = "use labels of a-z, 0-9 and '-' joined by dots, such as "
			     "lan.example.org";

#define schedule_words                                                                            \
	"use hourly, 'daily 03:30', 'weekly sun 03:30', 'monthly 03:30', each with or without a " \
	"time, 'every 15m' from 5m to 1d, or an empty value for never"
#define keep_words                                                                          \
	"use all, or numbers for last, hourly, daily, weekly, monthly and yearly, such as " \
	"'hourly 24, daily 7'"

static const struct {
	enum key_type type;
	const char *value;
	const char *begin, *end; /* of the sentence: "KEY cannot be 'VALUE'", then end */
} bad_values[] = {
	{ KEY_LABEL, "Web", "network", ", which has upper case letters; use lower case" },
	{ KEY_LABEL, "..", "network", ", which has characters other than a-z, 0-9 and '-'" },
	{ KEY_LABELS, "db Web", "boot.after", "name 'Web' has upper case letters; use lower case" },
	{ KEY_DOMAIN, "a..b", "domain", labels },
	{ KEY_DOMAIN, "a.", "domain", labels },
	{ KEY_DOMAIN, "a234567890123456789012345678901234567890123456789012345678901234", "domain",
	  labels },
	{ KEY_LINK, "0123456789abcdef", "bridge", "the kernel takes at most 15 characters" },
	{ KEY_LINK, "a/b", "bridge", "use letters, digits, '-', '_' and '.'" },
	{ KEY_CAPS, "sys_tiem", "security.caps",
	  "there is no capability 'sys_tiem'; use names of capabilities(7) such as sys_time, with "
	  "'-' in front to take one away" },
	{ KEY_CAPS, "21", "security.caps",
	  "there is no capability '21'; use names of capabilities(7) such as sys_time, with '-' in "
	  "front to take one away" },
	{ KEY_CAPS, "-chown chown", "security.caps", "'chown' is both given and taken away" },
	{ KEY_ACCESS, "ann", "access.users", "'ann' is no right: use USER:use or USER:manage" },
	{ KEY_ACCESS, "ann:own", "access.users",
	  "'ann:own' is no right: use USER:use or USER:manage" },
	{ KEY_ACCESS, "-a:use", "access.users",
	  "'-a:use' is no right: use USER:use or USER:manage" },
	{ KEY_ACCESS, "ann:use bob:use ann:manage", "access.users", "user 'ann' is named twice" },
	{ KEY_LINK, "..", "bridge", "the kernel takes no such name" },
	{ KEY_PATH, "sbin/init", "app.directory",
	  "use an absolute path, one that begins with '/'" },
	{ KEY_PLACE, "srv/backups", "backup.target",
	  "use an absolute path, one that begins with '/', or ssh:[USER@]HOST:/FOLDER" },
	{ KEY_PLACE, "ssh:host:srv", "backup.target",
	  "use ssh:[USER@]HOST:/FOLDER, with an absolute path" },
	{ KEY_PLACE, "ssh:-oX:/srv", "backup.target",
	  "the host has a character that no name of one has" },
	{ KEY_PATHS, "/dev/b sdc", "devices",
	  "use absolute paths, which begin with '/', with blanks between them" },
	{ KEY_BOOL, "maybe", "backup.freeze", "use yes or no" },
	{ KEY_BOOL, "", "backup.freeze", "use yes or no" },
	{ KEY_NUMBER, "-1", "boot.order", "use a number from 0 to 1000000" },
	{ KEY_NUMBER, "99999999999999999999", "boot.order", "use a number from 0 to 1000000" },
	{ KEY_SIZE, "1K", "console.log.size", "use a size such as 512K or 20G from 4K to 1G" },
	{ KEY_SIZE, "17179869185T", "console.log.size",
	  "use a size such as 512K or 20G from 4K to 1G" },
	{ KEY_ROOM, "some", "limits.memory",
	  "use max, or a size such as 512K or 20G from 0 to 1048576T" },
	{ KEY_MTU, "1279", "mtu", "use 0 for the kernel's default, or 1280 to 65535" },
	{ KEY_MTU, "65536", "mtu", "use 0 for the kernel's default, or 1280 to 65535" },
	{ KEY_DURATION, "86401", "boot.delay", "use a time such as 90s, 5m or 1h from 0s to 1d" },
	{ KEY_DURATION, "18446744073709551615d", "boot.delay",
	  "use a time such as 90s, 5m or 1h from 0s to 1d" },
	{ KEY_CPUS, "1.", "limits.cpus",
	  "use a number of processors such as 2 or 0.5 from 0 to 1024" },
	{ KEY_CPUS, "0.125", "limits.cpus",
	  "use a number of processors such as 2 or 0.5 from 0 to 1024" },
	{ KEY_DURATION, "5 m", "boot.delay", "use a time such as 90s, 5m or 1h from 0s to 1d" },
	{ KEY_SCHEDULE, "fortnightly", "backup.full", schedule_words },
	{ KEY_SCHEDULE, "yearly", "backup.full", schedule_words },
	{ KEY_SCHEDULE, "hourly 03:30", "backup.full", schedule_words },
	{ KEY_SCHEDULE, "daily 24:00", "backup.full", schedule_words },
	{ KEY_SCHEDULE, "daily 03:30 04:30", "backup.full", schedule_words },
	{ KEY_SCHEDULE, "every 4m", "backup.full", schedule_words },
	{ KEY_SCHEDULE, "every", "backup.full", schedule_words },
	{ KEY_KEEP, "", "backup.keep", keep_words },
	{ KEY_KEEP, "daily", "backup.keep", keep_words },
	{ KEY_KEEP, "daily 7 hourly 3", "backup.keep", keep_words },
	{ KEY_KEEP, "daily 7, daily 3", "backup.keep", keep_words },
	{ KEY_KEEP, "daily 0", "backup.keep", keep_words },
	{ KEY_KEEP, "daily 10001", "backup.keep", keep_words },
	{ KEY_SIGNAL, "SIGNOPE", "app.signal",
	  "use a signal's name, such as SIGPWR or SIGRTMIN+3" },
	{ KEY_SIGNAL, "RTMIN+31", "app.signal",
	  "use a signal's name, such as SIGPWR or SIGRTMIN+3" },
	{ KEY_PRESS, "", "console.escape", "use one key, such as ^] or ^A" },
	{ KEY_PRESS, "^1", "console.escape", "use one key, such as ^] or ^A" },
	{ KEY_PRESS, "\303\244", "console.escape", "use one key, such as ^] or ^A" },
	{ KEY_MAC, "10:66:6a:01:02", "network.mac",
	  "use six bytes in hexadecimal, such as 10:66:6a:01:02:03" },
	{ KEY_MAC, "11:66:6a:01:02:03", "network.mac",
	  "use an address of one card: the first byte is even" },
	{ KEY_MAC, "10:66:6a:01:02:03:04", "network.mac", "use six bytes, no more" },
	{ KEY_MAC, "00:00:00:00:00:00", "network.mac", "no card has that address" },
	{ KEY_ADDRESS, "10.1.2.256", "network.address", "use an IPv4 address, such as 10.1.2.3" },
	{ KEY_ADDRESS, "127.0.0.1", "network.address", "no machine can have that address" },
	{ KEY_SERVERS, "9.9.9.9 none", "dns.servers",
	  "use IP addresses, such as 9.9.9.9 or 2620:fe::fe, with blanks between them, or 'none'" },
	{ KEY_ADDRESS6, "10.1.2.3", "network.address6",
	  "use an IPv6 address, such as fd00:1:2:3::100" },
	{ KEY_ADDRESS6, "fe80::1", "network.address6", "no machine can have that address" },
	{ KEY_ADDRESS6, "ff02::1", "network.address6", "no machine can have that address" },
	{ KEY_ADDRESS6, "::ffff:10.1.2.3", "network.address6", "no machine can have that address" },
	{ KEY_SUBNET6, "fd00:1::5/64", "subnet6",
	  "that is one address; its network is fd00:1::/64" },
	{ KEY_SUBNET6, "fd00:1::", "subnet6",
	  "use an IPv6 network with 64 to 96 bits, such as fd00:1:2:3::/64, or auto, or none" },
	{ KEY_SUBNET6, "fd00:1::/63", "subnet6",
	  "use an IPv6 network with 64 to 96 bits, such as fd00:1:2:3::/64, or auto, or none" },
	{ KEY_SUBNET6, "fe80::/64", "subnet6", "no machine can have such addresses" },
	{ KEY_SUBNET, "10.1.2.3/24", "subnet", "that is one address; its network is 10.1.2.0/24" },
	{ KEY_SUBNET, "10.1.2.0", "subnet",
	  "use an IPv4 network with 8 to 30 bits, such as 10.1.2.0/24" },
	{ KEY_SUBNET, "224.0.0.0/8", "subnet", "no machine can have such addresses" },
	{ KEY_UUID, "0b1f2c3d-0001-4002-8003", "uuid",
	  "use a UUID, such as 0b1f2c3d-0001-4002-8003-0123456789ab" },
	{ KEY_RLIMIT, "many", "limits.rlimit.core",
	  "use a number such as 1024 or 64M, or max, or two of them as SOFT:HARD" },
	{ KEY_RLIMIT, "1:", "limits.rlimit.core",
	  "use a number such as 1024 or 64M, or max, or two of them as SOFT:HARD" },
	{ KEY_RLIMIT, "max:1", "limits.rlimit.core",
	  "the first, which is the soft limit, is higher than the second, the hard one; give the "
	  "higher one last" },
	{ KEY_CHOICE, "zfs", "desktop.clipboard", "use both, in, out or off" },
	{ KEY_CHOICE, "", "desktop.clipboard", "use both, in, out or off" },
};

static void test_type_faults(void)
{
	for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++) {
		const char *end = bad_values[i].end;
		scoped_free char *want =
			text_format("%s cannot be '%s'%s%s", bad_values[i].begin,
				    bad_values[i].value, *end == ',' ? "" : ": ", end);
		CU_ASSERT_STRING_EQUAL(type_sentence(bad_values[i].type, bad_values[i].value),
				       want);
	}
	CU_ASSERT_STRING_EQUAL(type_sentence(KEY_TEXT, "a\nb"),
			       "the value of app.user has a control character in it");
}

static void test_env_faults(void)
{
	static const char *const cases[][2] = {
		{ "A=1 'B=2", "env: ''B=2' has a quote that is not closed" },
		{ "A=1 2B=3", "env: '2B=3' has a name that begins with a digit" },
		{ "A=1 B-C=3",
		  "env: 'B-C=3' has a name with other characters than letters, digits and '_'" },
		{ "plain", "env: 'plain' is not NAME=value" },
		{ "=1", "env: '=1' is not NAME=value" },
		{ "A=b\\", "env: 'A=b\\' ends with a backslash; double it" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CU_ASSERT_STRING_EQUAL(type_sentence(KEY_ENV, cases[i][0]), cases[i][1]);
}

static void test_words(void)
{
	char **words = NULL;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_words("/bin/sh -c $'a\\n\\x41\\'b\\\\'$x \"c d\"''", &words, &err),
			0);
	CU_ASSERT_STRING_EQUAL(words[0], "/bin/sh");
	CU_ASSERT_STRING_EQUAL(words[2], "a\nA'b\\$x");
	CU_ASSERT_STRING_EQUAL(words[3], "c d");
	CU_ASSERT_PTR_NULL(words[4]);
	free(words);
	static const char *const bad[] = { "$'a",    "$'\\", "$'\\x4'", "$'\\x00'",
					   "$'\\q'", "'",    "a\\" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err = (struct err){ 0 };
		CU_ASSERT_EQUAL(config_words(bad[i], &words, &err), -EINVAL);
	}
}

/* A refused value leaves the old one. */
static void test_refused_keeps(void)
{
	struct err err = { 0 };
	struct machine_config config;

	CU_ASSERT_EQUAL(config_defaults(&machine_schema, &config, &err), 0);
	const struct key *key = config_find(&machine_schema, "stop.timeout", &err);
	CU_ASSERT_EQUAL(config_set(&machine_schema, &config, key, "x", &err), -EINVAL);
	CU_ASSERT_EQUAL(config.stop_timeout, 60);
	config_free(&machine_schema, &config);
}

static void test_signal(void)
{
	CU_ASSERT_EQUAL(config_signal("SIGPWR"), 30);
	CU_ASSERT_EQUAL(config_signal("SIGRTMIN+3"), 37);
	CU_ASSERT_EQUAL(config_signal("SIGRTMAX-1"), 63);
	CU_ASSERT_EQUAL(config_signal("SIGRTMIN"), 34);
	CU_ASSERT_EQUAL(config_signal("PWR"), -EINVAL);
	CU_ASSERT_EQUAL(config_signal("SIG"), -EINVAL);
	CU_ASSERT_EQUAL(config_signal(""), -EINVAL);
}

static void test_press(void)
{
	CU_ASSERT_EQUAL(config_press("^]"), 0x1d);
	CU_ASSERT_EQUAL(config_press("^a"), 1);
	CU_ASSERT_EQUAL(config_press("^@"), 0);
	CU_ASSERT_EQUAL(config_press("^"), '^');
	CU_ASSERT_EQUAL(config_press("~"), '~');
	CU_ASSERT_EQUAL(config_press(""), -EINVAL);
	CU_ASSERT_EQUAL(config_press("^AA"), -EINVAL);
	CU_ASSERT_EQUAL(config_press("ab"), -EINVAL);
}

static void test_env(void)
{
	static const char text[] = " A=1  'B= 2 '\tC=\"x \\\"y\\\\ \\z\" D=a\\ b E='\\' F=";
	struct err err = { 0 };
	char **words = NULL;

	CU_ASSERT_EQUAL_FATAL(config_env(text, &words, &err), 0);
	CU_ASSERT_STRING_EQUAL(words[0], "A=1");
	CU_ASSERT_STRING_EQUAL(words[1], "B= 2 ");
	CU_ASSERT_STRING_EQUAL(words[2], "C=x \"y\\ \\z");
	CU_ASSERT_STRING_EQUAL(words[3], "D=a b");
	CU_ASSERT_STRING_EQUAL(words[4], "E=\\");
	CU_ASSERT_STRING_EQUAL(words[5], "F=");
	CU_ASSERT_PTR_NULL(words[6]);
	free(words);
	CU_ASSERT_EQUAL_FATAL(config_env("", &words, &err), 0);
	CU_ASSERT_PTR_NULL(words[0]);
	free(words);
}

/* Every key has its ".It Ic key" in the manual, and the manual has no other. */
static void expect_page(const struct schema *schema, const char *path)
{
	scoped_free char *page = NULL;
	bool found[SCHEMA_KEYS_MAX] = { false };

	CU_ASSERT_FATAL(file_read(AT_FDCWD, path, 1 << 20, &page) > 0);
	char *rest = page;
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct err err = { 0 };
		if (!text_starts(line, ".It Ic "))
			continue;
		if (text_starts(line + 7, "mount.") || text_starts(line + 7, "device.") ||
		    text_starts(line + 7, "forward.") || text_starts(line + 7, "nic.") ||
		    text_starts(line + 7, "rule.") ||
		    (schema == &machine_schema && text_starts(line + 7, "volume.")) ||
		    text_starts(line + 7, "recipe.") || text_starts(line + 7, "remote.") ||
		    config_family(schema, line + 7, NULL) || config_preset_name(schema, line + 7))
			continue;
		const struct key *key = config_find(schema, line + 7, &err);
		CU_ASSERT_STRING_EQUAL(err.text, "");
		if (key)
			found[key - schema->keys] = true;
	}
	for (size_t i = 0; i < schema->count; i++) {
		if (!found[i])
			fprintf(stderr, "not in %s: %s\n", path, schema->keys[i].name);
		CU_ASSERT(found[i]);
	}
}

static void test_manual(void)
{
	expect_page(&machine_schema, SOURCE_FOLDER "/doc/machine.conf.5");
	expect_page(&network_schema, SOURCE_FOLDER "/doc/network.conf.5");
	expect_page(&pool_schema, SOURCE_FOLDER "/doc/pool.conf.5");
	expect_page(&berth_schema, SOURCE_FOLDER "/doc/berth.conf.5");
	expect_page(&template_schema, SOURCE_FOLDER "/doc/template.conf.5");
	expect_page(&volume_schema, SOURCE_FOLDER "/doc/volume.conf.5");
	expect_page(&build_schema, SOURCE_FOLDER "/doc/berth.template.5");
}

/* The same of its sections, whose keys stand there with the section's word. */
static void expect_sections(const struct schema *schema, const char *path)
{
	scoped_free char *page = NULL;

	CU_ASSERT_FATAL(file_read(AT_FDCWD, path, 1 << 20, &page) > 0);
	for (const struct schema *const *kind = schema->sections; *kind; kind++) {
		for (size_t i = 0; i < (*kind)->count; i++) {
			scoped_free char *line = text_format("\n.It Ic %s.%s\n", (*kind)->what,
							     (*kind)->keys[i].name);
			CU_ASSERT_PTR_NOT_NULL(strstr(page, line));
		}
	}
}

static void test_manual_sections(void)
{
	expect_sections(&machine_schema, SOURCE_FOLDER "/doc/machine.conf.5");
	expect_sections(&network_schema, SOURCE_FOLDER "/doc/network.conf.5");
	expect_sections(&berth_schema, SOURCE_FOLDER "/doc/berth.conf.5");
}

static void test_owner(void)
{
	struct config_owner owner;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_owner("", &owner, &err), 0);
	CU_ASSERT(!owner.all && !*owner.host && !*owner.guest);
	CU_ASSERT_EQUAL(config_owner("all", &owner, &err), 0);
	CU_ASSERT(owner.all);
	CU_ASSERT_EQUAL(config_owner("alice:33", &owner, &err), 0);
	CU_ASSERT_STRING_EQUAL(owner.host, "alice");
	CU_ASSERT_STRING_EQUAL(owner.guest, "33");
	CU_ASSERT_EQUAL(config_owner(":www-data", &owner, &err), 0);
	CU_ASSERT(!*owner.host && strcmp(owner.guest, "www-data") == 0);
	CU_ASSERT_EQUAL(config_owner("a/b", &owner, &err), -EINVAL);
}

static int make_folder(void)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void)
{
	return remove_tree(AT_FDCWD, folder);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "tables are sorted", test_table_sorted },
		{ "tables are whole", test_table_whole },
		{ "every field has a row", test_every_field_has_a_row },
		{ "defaults parse and are canonical", test_defaults },
		{ "every key goes around", test_round_trip },
		{ "only differences are saved", test_save_only_differences },
		{ "faults of each kind", test_type_faults },
		{ "faults of environments", test_env_faults },
		{ "words of commands", test_words },
		{ "a refused value leaves the old one", test_refused_keeps },
		{ "signals", test_signal },
		{ "a key of a keyboard", test_press },
		{ "environments", test_env },
		{ "the manual lists every key", test_manual },
		{ "and every key of sections", test_manual_sections },
		{ "owners of mounts", test_owner },
		CU_TEST_INFO_NULL,
	};

	return suite_run("config", make_folder, remove_folder, tests);
}
