/* The settings layer: the tables are whole, every key goes around, bad input gets its sentence. */
#include "config/config.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct schema *const schemas[] = { &machine_schema, &site_schema, &pool_schema,
						&network_schema, &template_schema };
enum { SCHEMAS = sizeof schemas / sizeof schemas[0] };

/* Room for any schema's struct. */
union any {
	struct machine_config machine;
	struct site_config site;
	struct pool_config pool;
	struct network_config network;
	struct template_config template;
};

static char folder[] = "/tmp/berth-test-config-XXXXXX";

static char *path_to(const char *name)
{
	return text_format("%s/%s", folder, name);
}

static void write_file(const char *path, const char *text)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(file_replace(path, text, strlen(text), 0600, &err), 0);
}

/* Parses text as a machine.conf; the sentence, or "" when it is good. */
static const char *machine_sentence(const char *text)
{
	static struct err err;
	struct machine_config config;

	err = (struct err){ 0 };
	if (config_parse(&machine_schema, "m", text, strlen(text), &config, &err) == 0)
		config_free(&machine_schema, &config);
	return err.text;
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
			bool ranged = key->kind == KEY_NUMBER || key->kind == KEY_SIZE ||
				      key->kind == KEY_DURATION || key->kind == KEY_CPUS ||
				      key->kind == KEY_ROOM;
			CU_ASSERT(key->name && *key->name && key->fallback);
			CU_ASSERT(key->help && *key->help && !text_ends(key->help, "."));
			CU_ASSERT(key->offset + sizeof(bool) <= schemas[s]->size);
			CU_ASSERT_EQUAL(ranged, key->max != 0);
			CU_ASSERT_EQUAL(key->kind == KEY_CHOICE, key->choices != NULL);
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
			bytes += schemas[s]->keys[i].kind == KEY_BOOL ? sizeof(bool) : 8;
		for (size_t i = 0; schemas[s]->sections && schemas[s]->sections[i]; i++)
			bytes += sizeof(struct section *);
		CU_ASSERT(bytes <= schemas[s]->size);
		CU_ASSERT(schemas[s]->size - bytes < 8);
	}
}

/* Also that each is in canonical form, by which config_save knows what differs from it. */
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

/* Something other than the default for each kind, and how it must come back. */
static void sample(const struct key *key, const char **in, const char **out)
{
	static const char *const samples[][2] = {
		[KEY_TEXT] = { "  caf\xc3\xa9 = # 1 ", "caf\xc3\xa9 = # 1" },
		[KEY_LABEL] = { "web-1", "web-1" },
		[KEY_LABELS] = { "web-1,db  x ,", "web-1 db x" },
		[KEY_DOMAIN] = { "lan.example.org", "lan.example.org" },
		[KEY_LINK] = { "br_0.x", "br_0.x" },
		[KEY_PATH] = { "/a/b c", "/a/b c" },
		[KEY_NUMBER] = { "70000", "70000" },
		[KEY_SIZE] = { "512KiB", "512K" },
		[KEY_ROOM] = { "2048M", "2G" },
		[KEY_DURATION] = { "7200", "2h" },
		[KEY_CPUS] = { "1.50", "1.5" },
		[KEY_SIGNAL] = { "rtmin+3", "SIGRTMIN+3" },
		[KEY_MAC] = { "10:66:6A:01:02:03", "10:66:6a:01:02:03" },
		[KEY_ADDRESS] = { "10.1.2.3", "10.1.2.3" },
		[KEY_SUBNET] = { "10.1.2.0/24", "10.1.2.0/24" },
		[KEY_UUID] = { "0B1F2C3D-0001-4002-8003-0123456789AB",
			       "0b1f2c3d-0001-4002-8003-0123456789ab" },
		[KEY_PRESS] = { "^A", "^A" },
		[KEY_CAPS] = { "-NET_RAW,CAP_SYS_TIME  +syslog", "sys_time syslog -net_raw" },
		[KEY_ENV] = { "A=b 'C=d e' F=\"g \\\" h\"", "A=b 'C=d e' F=\"g \\\" h\"" },
	};

	*in = *out = "";
	if (key->kind == KEY_BOOL) {
		*out = strcmp(key->fallback, "yes") == 0 ? "no" : "yes";
		*in = strcmp(key->fallback, "yes") == 0 ? "Off" : "1";
	} else if (key->kind == KEY_CHOICE) {
		*in = *out = key->choices[strcmp(key->fallback, key->choices[0]) == 0];
	} else if (key->kind == KEY_NUMBER && key->max < 70000) {
		*in = *out = "17";
	} else {
		*in = samples[key->kind][0];
		*out = samples[key->kind][1];
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
	CU_ASSERT_EQUAL(file_read(AT_FDCWD, path, 4096, &text), 0);
	config_free(&machine_schema, &config);

	CU_ASSERT_EQUAL(config_defaults(&pool_schema, &config, &err), 0);
	CU_ASSERT_EQUAL(config_save(&pool_schema, path, &config, &err), 0);
	CU_ASSERT(file_read(AT_FDCWD, path, 4096, &driver) > 0);
	CU_ASSERT_STRING_EQUAL(driver, "driver = dir\n");
	config_free(&pool_schema, &config);
}

static void test_file_form(void)
{
	static const char text[] = "# comment \xff\xfe\n;another\n\n  stop.timeout=5m\r\n"
				   "\tdescription  =  a = b ; c  \nnetwork = lan";
	struct machine_config config;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_parse(&machine_schema, "m", text, strlen(text), &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_EQUAL(config.stop_timeout, 300);
	CU_ASSERT_STRING_EQUAL(config.description, "a = b ; c");
	CU_ASSERT_STRING_EQUAL(config.network, "lan");
	config_free(&machine_schema, &config);
}

static void test_file_faults(void)
{
	static const char control[] = "m:1: the value of description has a control character in it";
	static const char bytes[] = "m:1: the value of description is not UTF-8 text";
	static const char *const cases[][2] = {
		{ "stop.timout = 5\n",
		  "m:1: unknown key 'stop.timout'; did you mean 'stop.timeout'?" },
		{ "\n\nqqqqq = 5\n",
		  "m:3: unknown key 'qqqqq'; machine.conf(5) lists the keys of a machine" },
		{ "= 5\n", "m:1: there is no key before the '='" },
		{ "network\n", "m:1: 'network' has no value; write 'network = value'" },
		{ "network = a\n#\nnetwork = b\n",
		  "m:3: 'network' is in line 1 already; keep one of both" },
		{ "\x1b[31m = 5\n", "m:1: there is text that is no key of a machine" },
		{ "description = \x1b[31m\n", control },
		{ "description = a\xc2\x9b"
		  "31m\n",
		  control },
		{ "description = \xe9t\xe9\n", bytes },
		{ "description = \xed\xa0\x80\n", bytes },
		{ "description = \xc0\xaf\n", bytes },
		{ "description = \xf4\x90\x80\x80\n", bytes },
		{ "description = \xe2\x82\n", bytes },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CU_ASSERT_STRING_EQUAL(machine_sentence(cases[i][0]), cases[i][1]);
}

static void test_file_limits(void)
{
	scoped_free char *big = malloc(CONFIG_FILE_MAX + 2);
	struct machine_config config;
	struct err err = { 0 };

	CU_ASSERT_FATAL(big != NULL);
	memset(big, '\n', CONFIG_FILE_MAX + 1);
	CU_ASSERT_EQUAL(config_parse(&machine_schema, "m", big, CONFIG_FILE_MAX + 1, &config, &err),
			-EFBIG);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(config_parse(&machine_schema, "m", big, CONFIG_FILE_MAX, &config, &err), 0);
	config_free(&machine_schema, &config);
	memset(big, '#', CONFIG_LINE_MAX + 1);
	CU_ASSERT_EQUAL(config_parse(&machine_schema, "m", big, 8192, &config, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "m:1: the line is longer than 4096 bytes");
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(config_parse(&machine_schema, "m", "#\n#\0#\n", 6, &config, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "m:2: there is a NUL byte; this is not a text file");
	CU_ASSERT_PTR_NULL(config.network);
}

static void test_load_faults(void)
{
	scoped_free char *path = path_to("absent");
	struct machine_config config;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_load(&machine_schema, path, &config, &err), -ENOENT);
	CU_ASSERT_PTR_NULL(config.network);
	/* An unknown key must not look like a file that is not there. */
	err = (struct err){ 0 };
	write_file(path, "qqqqq = 1\n");
	CU_ASSERT_EQUAL(config_load(&machine_schema, path, &config, &err), -EINVAL);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(config_load(&machine_schema, folder, &config, &err), -EISDIR);
}

/* The sentence for setting the first key of that kind to value, "" when it is taken. */
static const char *kind_sentence(enum key_kind kind, const char *value)
{
	static struct err err;

	for (size_t s = 0; s < SCHEMAS; s++) {
		for (size_t i = 0; i < schemas[s]->count; i++) {
			union any config = { 0 };
			if (schemas[s]->keys[i].kind != kind)
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

static const struct {
	enum key_kind kind;
	const char *value;
	const char *begin, *end; /* of the sentence: "KEY cannot be 'VALUE'", then end */
} bad_values[] = {
	{ KEY_LABEL, "Web", "network", ", which has upper case letters; use lower case" },
	{ KEY_LABEL, "..", "network", ", which has characters other than a-z, 0-9 and '-'" },
	{ KEY_LABELS, "db Web", "boot.after", "name 'Web' has upper case letters; use lower case" },
	{ KEY_DOMAIN, "a..b", "domain", labels },
	{ KEY_DOMAIN, "a.", "domain", labels },
	{ KEY_LINK, "0123456789abcdef", "bridge", "the kernel takes at most 15 characters" },
	{ KEY_LINK, "a/b", "bridge", "use letters, digits, '-', '_' and '.'" },
	{ KEY_CAPS, "sys_tiem", "security.caps",
	  "there is no capability 'sys_tiem'; use names of capabilities(7) such as sys_time, with "
	  "'-' in front to take one away" },
	{ KEY_CAPS, "21", "security.caps",
	  "there is no capability '21'; use names of capabilities(7) such as sys_time, with '-' in "
	  "front to take one away" },
	{ KEY_CAPS, "-chown chown", "security.caps", "'chown' is both given and taken away" },
	{ KEY_LINK, "..", "bridge", "the kernel takes no such name" },
	{ KEY_PATH, "sbin/init", "init", "use an absolute path, one that begins with '/'" },
	{ KEY_BOOL, "maybe", "boot.autostart", "use yes or no" },
	{ KEY_BOOL, "", "boot.autostart", "use yes or no" },
	{ KEY_NUMBER, "-1", "boot.order", "use a number from 0 to 1000000" },
	{ KEY_NUMBER, "99999999999999999999", "boot.order", "use a number from 0 to 1000000" },
	{ KEY_SIZE, "1K", "console.log.size", "use a size such as 512K or 20G from 4K to 1G" },
	{ KEY_SIZE, "17179869185T", "console.log.size",
	  "use a size such as 512K or 20G from 4K to 1G" },
	{ KEY_ROOM, "some", "limits.memory",
	  "use max, or a size such as 512K or 20G from 0 to 1048576T" },
	{ KEY_DURATION, "86401", "boot.delay", "use a time such as 90s, 5m or 1h from 0s to 1d" },
	{ KEY_DURATION, "18446744073709551615d", "boot.delay",
	  "use a time such as 90s, 5m or 1h from 0s to 1d" },
	{ KEY_CPUS, "1.", "limits.cpus",
	  "use a number of processors such as 2 or 0.5 from 0 to 1024" },
	{ KEY_CPUS, "0.125", "limits.cpus",
	  "use a number of processors such as 2 or 0.5 from 0 to 1024" },
	{ KEY_DURATION, "5 m", "boot.delay", "use a time such as 90s, 5m or 1h from 0s to 1d" },
	{ KEY_SIGNAL, "SIGNOPE", "stop.signal",
	  "use a signal's name, such as SIGPWR or SIGRTMIN+3" },
	{ KEY_SIGNAL, "RTMIN+31", "stop.signal",
	  "use a signal's name, such as SIGPWR or SIGRTMIN+3" },
	{ KEY_PRESS, "", "console.escape", "use one key, such as ^] or ^A" },
	{ KEY_PRESS, "^1", "console.escape", "use one key, such as ^] or ^A" },
	{ KEY_PRESS, "\303\244", "console.escape", "use one key, such as ^] or ^A" },
	{ KEY_MAC, "10:66:6a:01:02", "network.mac",
	  "use six bytes in hexadecimal, such as 10:66:6a:01:02:03" },
	{ KEY_MAC, "11:66:6a:01:02:03", "network.mac",
	  "use an address of one card: the first byte is even" },
	{ KEY_MAC, "10:66:6a:01:02:03:04", "network.mac", "use six bytes, no more" },
	{ KEY_ADDRESS, "10.1.2.256", "network.address", "use an IPv4 address, such as 10.1.2.3" },
	{ KEY_ADDRESS, "127.0.0.1", "network.address", "no machine can have that address" },
	{ KEY_SUBNET, "10.1.2.3/24", "subnet", "that is one address; its network is 10.1.2.0/24" },
	{ KEY_SUBNET, "10.1.2.0", "subnet",
	  "use an IPv4 network with 8 to 30 bits, such as 10.1.2.0/24" },
	{ KEY_SUBNET, "224.0.0.0/8", "subnet", "no machine can have such addresses" },
	{ KEY_UUID, "0b1f2c3d-0001-4002-8003", "uuid",
	  "use a UUID, such as 0b1f2c3d-0001-4002-8003-0123456789ab" },
	{ KEY_CHOICE, "zfs", "lxcfs", "use auto or no" },
	{ KEY_CHOICE, "", "lxcfs", "use auto or no" },
};

static void test_kind_faults(void)
{
	for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++) {
		const char *end = bad_values[i].end;
		scoped_free char *want =
			text_format("%s cannot be '%s'%s%s", bad_values[i].begin,
				    bad_values[i].value, *end == ',' ? "" : ": ", end);
		CU_ASSERT_STRING_EQUAL(kind_sentence(bad_values[i].kind, bad_values[i].value),
				       want);
	}
	CU_ASSERT_STRING_EQUAL(kind_sentence(KEY_TEXT, "a\nb"),
			       "the value of arch has a control character in it");
}

static void test_env_faults(void)
{
	static const char *const cases[][2] = {
		{ "A=1 'B=2", "env: ''B=2' has a quote that is not closed" },
		{ "A=1 2B=3",
		  "env: '2B=3' has a name with other characters than letters, digits and '_'" },
		{ "plain", "env: 'plain' is not NAME=value" },
		{ "=1", "env: '=1' is not NAME=value" },
		{ "A=b\\", "env: 'A=b\\' ends with a backslash; double it" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		CU_ASSERT_STRING_EQUAL(kind_sentence(KEY_ENV, cases[i][0]), cases[i][1]);
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
	write_file(path, "network = lan\nbad = 1\n");
	CU_ASSERT_EQUAL(config_edit(&machine_schema, path, "network", "x", &err), -EINVAL);
	CU_ASSERT(strstr(err.text, "refuse:2: unknown key 'bad'") != NULL);
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

static void test_site_file(void)
{
	struct site site = { .etc = folder };
	scoped_free char *path = path_to("berth.conf");
	struct site_config config;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_load_site(&site, &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.pool, "default");
	config_free(&site_schema, &config);
	write_file(path, "idmap.base = 4294836224\nidmap.machines = 1\n");
	CU_ASSERT_EQUAL(config_load_site(&site, &config, &err), 0);
	config_free(&site_schema, &config);
	write_file(path, "idmap.base = 4294836224\nidmap.machines = 2\n");
	CU_ASSERT_EQUAL(config_load_site(&site, &config, &err), -EINVAL);
	CU_ASSERT(strstr(err.text, "/berth.conf: idmap.base and idmap.machines make host ids up to "
				   "4294967295, ") != NULL);
	err = (struct err){ 0 };
	write_file(path, "pool = \n");
	CU_ASSERT_EQUAL(config_load_site(&site, &config, &err), -EINVAL);
	err = (struct err){ 0 };
	write_file(path, "poll = a\n");
	CU_ASSERT_EQUAL(config_load_site(&site, &config, &err), -EINVAL);
	CU_ASSERT(text_ends(err.text, "/berth.conf:1: unknown key 'poll'; did you mean 'pool'?"));
}

/* Seeded, so that a failure comes back. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void parse_random(const char *data, size_t length, const struct schema *schema)
{
	/* A copy of just that size, so that a sanitizer sees a read beyond it. */
	scoped_free char *exact = malloc(length + !length);
	union any config;
	struct err err = { 0 };

	CU_ASSERT_FATAL(exact != NULL);
	memcpy(exact, data, length);
	int r = config_parse(schema, "random", exact, length, &config, &err);
	if ((r < 0) != (err.code != 0) || (r < 0) != (err.text[0] != '\0'))
		CU_FAIL("a failure without its sentence, or the other way round");
	if (r == 0)
		config_free(schema, &config);
}

/* Plain bytes, and bytes strewn over good text: either must end in a struct or in a sentence. */
static void test_random_bytes(void)
{
	static const char good[] =
		"# c\nenv = A=1 'B=2'\nnetwork.mac = 10:66:6a:01:02:03\nstop.timeout = 5m\n"
		"uuid = 0b1f2c3d-0001-4002-8003-0123456789ab\ndescription = caf\xc3\xa9\n";
	uint32_t state = 4711;
	char data[600];

	for (int round = 0; round < 20000; round++) {
		size_t length = next_random(&state) % sizeof data;
		for (size_t i = 0; i < length; i++)
			data[i] = (char)next_random(&state);
		if (round % 4) {
			length = sizeof good - 1;
			memcpy(data, good, length);
			for (unsigned n = next_random(&state) % 4; n > 0; n--)
				data[next_random(&state) % length] = (char)next_random(&state);
			parse_random(data, length, &machine_schema);
		} else {
			parse_random(data, length, schemas[next_random(&state) % SCHEMAS]);
		}
	}
}

/* Every key has its ".It Ic key" in the manual, and the manual has no other. */
static void test_manual(void)
{
	static const char path[] = SOURCE_FOLDER "/doc/machine.conf.5";
	scoped_free char *page = NULL;
	bool found[SCHEMA_KEYS_MAX] = { false };

	CU_ASSERT_FATAL(file_read(AT_FDCWD, path, 1 << 20, &page) > 0);
	char *rest = page;
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct err err = { 0 };
		if (!text_starts(line, ".It Ic "))
			continue;
		if (text_starts(line + 7, "mount.") || text_starts(line + 7, "device."))
			continue;
		const struct key *key = config_find(&machine_schema, line + 7, &err);
		CU_ASSERT_STRING_EQUAL(err.text, "");
		if (key)
			found[key - machine_schema.keys] = true;
	}
	for (size_t i = 0; i < machine_schema.count; i++) {
		if (!found[i])
			fprintf(stderr, "not in machine.conf(5): %s\n",
				machine_schema.keys[i].name);
		CU_ASSERT(found[i]);
	}
}

/* The same of its sections, whose keys stand there with the section's word. */
static void test_manual_sections(void)
{
	static const char path[] = SOURCE_FOLDER "/doc/machine.conf.5";
	scoped_free char *page = NULL;

	CU_ASSERT_FATAL(file_read(AT_FDCWD, path, 1 << 20, &page) > 0);
	for (const struct schema *const *kind = machine_schema.sections; *kind; kind++) {
		for (size_t i = 0; i < (*kind)->count; i++) {
			scoped_free char *line = text_format("\n.It Ic %s.%s\n", (*kind)->what,
							     (*kind)->keys[i].name);
			CU_ASSERT_PTR_NOT_NULL(strstr(page, line));
		}
	}
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
		{ "[disk a]\n", "m:1: unknown section 'disk'; there are 'device' and 'mount'" },
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
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(sections_sentence(bad[i][0]), bad[i][1]));
	CU_ASSERT_STRING_EQUAL(sections_sentence(with_sections), "");
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
		{ "form of a file", test_file_form },
		{ "faults of a file", test_file_faults },
		{ "limits of a file", test_file_limits },
		{ "files that cannot be loaded", test_load_faults },
		{ "faults of each kind", test_kind_faults },
		{ "faults of environments", test_env_faults },
		{ "a refused value leaves the old one", test_refused_keeps },
		{ "signals", test_signal },
		{ "a key of a keyboard", test_press },
		{ "environments", test_env },
		{ "an edit keeps all else", test_edit_keeps },
		{ "an edit that is refused", test_edit_refuses },
		{ "rules between keys", test_check_machine },
		{ "site file", test_site_file },
		{ "random bytes", test_random_bytes },
		{ "machine.conf(5) lists every key", test_manual },
		{ "and every key of sections", test_manual_sections },
		{ "sections", test_sections },
		{ "bad sections", test_bad_sections },
		{ "rules of sections", test_rules_of_sections },
		{ "sections are edited", test_edit_sections },
		{ "owners of mounts", test_owner },
		CU_TEST_INFO_NULL,
	};

	return suite_run("config", make_folder, remove_folder, tests);
}
