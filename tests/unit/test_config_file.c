/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of settings: their form, their faults, bytes at random. */
#include "config/values.h"
#include "config_files.h"
#include "test_config.h"

#include "base/file.h"
#include "base/scoped.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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
	/* Every file that berth writes begins with this line; a file without it is older. */
	CU_ASSERT_STRING_EQUAL(machine_sentence("format = 1\nnetwork = lan\n"), "");
}

static void test_file_faults(void)
{
	static const char control[] = "m:1: the value of description has a control character in it";
	static const char bytes[] = "m:1: the value of description is not UTF-8 text";
	static const char *const cases[][2] = {
		{ "stop.timout = 5\n",
		  "m:1: unknown key 'stop.timout'; did you mean 'stop.timeout'?" },
		{ "memory = 5\n", "m:1: unknown key 'memory'; did you mean 'limits.memory'?" },
		{ "\n\nqqqqq = 5\n", "m:3: unknown key 'qqqqq'; machine.conf(5) lists the keys" },
		{ "= 5\n", "m:1: there is no key before the '='" },
		{ "network\n", "m:1: 'network' has no value; write 'network = value'" },
		{ "network = a\n#\nnetwork = b\n",
		  "m:3: 'network' is in line 1 already; keep one of both" },
		{ "format = 2\nnew = 5\n", "m:1: the file has format 2, this berth knows those up "
					   "to 1; use the newer berth that "
					   "wrote it" },
		{ "format = x\n", "m:1: format is a number that berth writes; write 'format = 1'" },
		{ "format\n", "m:1: format is a number that berth writes; write 'format = 1'" },
		{ "[mount a]\nformat = 1\n",
		  "m:2: unknown key 'format'; machine.conf(5) lists the keys" },
		{ "\x1b[31m = 5\n", "m:1: the key is not text" },
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

static void test_labels(void)
{
	static const char text[] = "label.role = web\nlabel.a-b_c.D = x = y\n[mount m]\n";
	static const char *const faults[][2] = {
		{ "label.role = a\nlabel.role = b\n",
		  "m:2: 'label.role' is there already; keep one of both" },
		{ "label. = a\n", "m:1: label '' needs another name: use 1 to 63 letters, digits, "
				  "'.', '_' and '-', and begin with a letter or a digit" },
		{ "label.-a = a\n",
		  "m:1: label '-a' needs another name: use 1 to 63 letters, "
		  "digits, '.', '_' and '-', and begin with a letter or a digit" },
		{ "label.role\n", "m:1: 'label.role' has no value; write 'label.role = value'" },
		{ "label.role = \x1b\n", "m:1: the value of label has a control character in it" },
		{ "[mount m]\nlabel.role = a\n",
		  "m:2: unknown key 'label.role'; machine.conf(5) lists the keys" },
	};
	struct machine_config config;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_parse(&machine_schema, "m", text, strlen(text), &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.labels->name, "a-b_c.D");
	CU_ASSERT_STRING_EQUAL(config_label(config.labels, "a-b_c.D"), "x = y");
	CU_ASSERT_STRING_EQUAL(config_label(config.labels, "role"), "web");
	CU_ASSERT_PTR_NULL(config_label(config.labels, "rol"));
	config_free(&machine_schema, &config);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		CU_ASSERT_STRING_EQUAL(machine_sentence(faults[i][0]), faults[i][1]);
}

/* Lines that older versions wrote are read as presets, and a preset of the name counts instead, wherever it is. */
static void test_older_templates(void)
{
	static const char text[] = "format = 1\napp.command = /bin/x 'a b'\napp.env = A=1\n"
				   "app.signal =\ndefault.env = A=2\n";
	static const struct config_change changes[] = { { "default.app.command", NULL } };
	char path[] = "/tmp/berth-unit.XXXXXX";
	scoped_text struct text changed = { 0 };
	struct template_config config;
	struct err err = { 0 };
	scoped_fd int fd = mkstemp(path);

	CU_ASSERT_EQUAL(config_parse(&template_schema, "t", text, strlen(text), &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_STRING_EQUAL(config_label(config.presets, "app.command"), "/bin/x 'a b'");
	CU_ASSERT_STRING_EQUAL(config_label(config.presets, "env"), "A=2");
	CU_ASSERT_PTR_NULL(config_label(config.presets, "app.signal"));
	config_free(&template_schema, &config);
	CU_ASSERT(config_parse(&template_schema, "t", "app.signal = SIGNO\n", 19, &config, &err) <
		  0);
	err = (struct err){ 0 };
	/* A change of the preset replaces the older line. */
	CU_ASSERT_EQUAL_FATAL(file_write_all(fd, text, strlen(text), 0), 0);
	CU_ASSERT_EQUAL(config_preview(&template_schema, path, changes, 1, &changed, &config, &err),
			0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	CU_ASSERT_PTR_NULL(strstr(text_str(&changed), "app.command"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text_str(&changed), "app.env = A=1"));
	config_free(&template_schema, &config);
	unlink(path);
}

/* The value of a credential that a text makes gives that text back. */
static bool credential_comes_back(const char *text, const char *value)
{
	struct err err = { 0 };
	scoped_text struct text made = { 0 };
	scoped_free char *back = NULL;

	return config_credential_value(text, &made, &err) == 0 &&
	       strcmp(text_str(&made), value) == 0 &&
	       config_credential(text_str(&made), &back, &err) == 0 && strcmp(back, text) == 0;
}

static void test_credentials(void)
{
	static const char *const good[][2] = {
		{ "plain", "plain" },
		{ "with 'quotes' and \\", "with 'quotes' and \\" },
		{ "two\nlines\n", "$'two\\x0alines\\x0a'" },
		{ " blank before", "$' blank before'" },
		{ "after ", "$'after '" },
		{ "$'a'\\", "$'$\\'a\\'\\\\'" },
		{ "\xff\xc3\xa4", "$'\\xff\\xc3\\xa4'" },
		{ "\xc3\xa4", "\xc3\xa4" },
	};
	static const char *const faults[][2] = {
		{ "credential.a = $'b\n",
		  "m:1: credential.a: '$'b' has a quote that is not closed" },
		{ "credential.a = $'b'c\n",
		  "m:1: credential.a: '$'b'c' goes on after the quote that ends it" },
		{ "credential.a = b\ncredential.a = c\n",
		  "m:2: 'credential.a' is there already; keep one of both" },
		{ "credential.a/b = c\n",
		  "m:1: credential 'a/b' needs another name: use 1 to 63 letters, digits, '.', "
		  "'_' and '-', and begin with a letter or a digit" },
	};
	scoped_text struct text value = { 0 };
	scoped_free char *longest = calloc(1, CONFIG_LINE_MAX + 2);

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		CU_ASSERT_TRUE(credential_comes_back(good[i][0], good[i][1]));
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		CU_ASSERT_STRING_EQUAL(machine_sentence(faults[i][0]), faults[i][1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(longest);
	memset(longest, 'x', CONFIG_LINE_MAX + 1);
	CU_ASSERT_EQUAL(config_credential_value(longest, &value, &(struct err){ 0 }), -E2BIG);
}

static const char *forward_sentence(const char *lines)
{
	static struct err err;
	struct machine_config config;
	scoped_text struct text text = { 0 };

	err = (struct err){ 0 };
	text_add(&text, "%s", lines);
	if (config_parse(&machine_schema, "m", text_str(&text), text.length, &config, &err) < 0)
		return err.text;
	config_check_machine(&config, &err);
	config_free(&machine_schema, &config);
	return err.text;
}

static void test_forwards(void)
{
	static const char *const good[] = {
		"[forward a]\nport = 80\n[forward b]\nport = 80\nprotocol = udp\n",
		"[forward a]\nport=8\nlisten=1.1.1.1\n[forward b]\nport=8\nlisten=1.1.1.2\n",
		"[forward a]\nport=8\nlisten=fd00::2\n[forward b]\nport=8\nlisten=fd00::1\n",
		"[forward a]\nport=8\nlisten=::\n[forward b]\nport=8\nlisten=0.0.0.0\n",
		"[forward a]\nport=8\nlisten=::\n[forward b]\nport=8\nlisten=1.1.1.1\n",
		"[forward a]\nport = 1-65535\n",
		"[forward a]\nport = 80-179\nmode = proxy\nheader = yes\n",
		"[forward a]\nport = 80\nmode = proxy\nlisten = ::1\n",
		"[forward a]\nport = 80\nmode = proxy\non_demand = yes\n",
		"[forward a]\nport = 8000-8099\ntarget = 65436\n",
	};
	static const char *const bad[][2] = {
		{ "[forward a]\n", "forward 'a' has no line 'port = PORT'" },
		{ "[forward a]\nport = 8000-8100\ntarget = 1\n", "more than 100 ports" },
		{ "[forward a]\nport = 8000-8099\ntarget = 65437\n", "ends at 65535" },
		{ "[forward a]\nport = 80-\n", "cannot have port '80-'" },
		{ "[forward a]\nport = 70-90\n[forward b]\nport = 80\nlisten = 10.0.0.1\n",
		  "forwards 'a' and 'b' have a port of the host in common" },
		{ "[forward a]\nport = 80\nlisten = fe80::1\n", "cannot have listen 'fe80::1'" },
		{ "[forward a]\nport = 80\nlisten = ::1\n", "cannot have listen '::1'" },
		{ "[forward a]\nport = 80\nlisten = ::ffff:1.2.3.4\n", "cannot have listen" },
		{ "[forward a]\nport = 80\nlisten = ff02::1\n", "cannot have listen" },
		{ "[forward a]\nport = 80\n[forward b]\nport = 80\nlisten = fd00::1\n",
		  "a port of the host in common" },
		{ "[forward a]\nport = 80\nlisten = ::\n[forward b]\nport = 80\nlisten = fd00::1\n",
		  "a port of the host in common" },
		{ "[forward a]\nport = 80\nlisten = fd00::1\n[forward b]\nport = 80\n"
		  "listen = fd00:0::1\n",
		  "a port of the host in common" },
		{ "[forward a]\nport = 80\nprotocol = sctp\n", "protocol" },
		{ "[forward a]\nport = 80\nmode = proxy\nprotocol = udp\n",
		  "cannot be of udp in mode proxy" },
		{ "[forward a]\nport = 80-180\nmode = proxy\n",
		  "more than 100 ports in mode proxy" },
		{ "[forward a]\nport = 80\nheader = yes\n",
		  "cannot have header 'yes' in mode nat" },
		{ "[forward a]\nport = 80\non_demand = yes\n",
		  "cannot have on_demand 'yes' in mode nat" },
		{ "[forward a]\nport = 80\nmode = proxy\nlisten = fe80::1\n",
		  "cannot have listen 'fe80::1'" },
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		CU_ASSERT_STRING_EQUAL(forward_sentence(good[i]), "");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(forward_sentence(bad[i][0]), bad[i][1]));
}

static void test_rules(void)
{
	static const char *const good[] = {
		"[rule a]\n[rule b]\naction = deny\ndirection = out\nprotocol = icmp\n",
		"[rule a]\nprotocol = tcp\nport = 1,2-3,65535\n",
		"[rule a]\nprotocol = udp\nport = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n",
		"[rule a]\npeer = 0.0.0.0/0\n[rule b]\npeer = ::/0\n",
		"[rule c]\npeer = 10.0.0.128/25\n",
		"[rule a]\npeer = fd00:1::/33\n[rule b]\npeer = web-1\nnic = eth7\nlog = yes\n",
	};
	static const char *const bad[][2] = {
		{ "[rule a]\nprotocol = tcp\nport = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n",
		  "rule 'a' has more than 16 ports and ranges" },
		{ "[rule a]\nprotocol = tcp\nport = 65536\n", "cannot have port '65536'" },
		{ "[rule a]\nprotocol = tcp\nport = 3-2\n", "cannot have port '3-2'" },
		{ "[rule a]\nprotocol = tcp\nport = 1,,2\n", "cannot have port '1,,2'" },
		{ "[rule a]\nprotocol = tcp\nport = 1-2-3\n", "cannot have port" },
		{ "[rule a]\nprotocol = tcp\nport = 00000000000000000001\n", "cannot have port" },
		{ "[rule a]\nport = 1\n", "which protocol any does not have" },
		{ "[rule a]\nprotocol = icmp\nport = 1\n", "which protocol icmp does not have" },
		{ "[rule a]\npeer = 10.0.0.1/24\n", "in which the bits behind its prefix are 0" },
		{ "[rule a]\npeer = fd00::1/127\n", "in which the bits behind its prefix are 0" },
		{ "[rule a]\npeer = 10.0.0.0/\n", "cannot have peer" },
		{ "[rule a]\npeer = fd00::/129\n", "cannot have peer" },
		{ "[rule a]\npeer = label:x\n", "cannot have peer 'label:x'" },
		{ "[rule a]\npeer = Web\n", "or the name of a machine" },
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		CU_ASSERT_STRING_EQUAL(forward_sentence(good[i]), "");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(forward_sentence(bad[i][0]), bad[i][1]));
}

static void test_rules_most(void)
{
	scoped_text struct text text = { 0 };

	for (int i = 0; i < RULES_MAX; i++)
		text_add(&text, "[rule a%d]\n", i);
	CU_ASSERT_STRING_EQUAL(forward_sentence(text_str(&text)), "");
	text_add(&text, "[rule b]\n");
	CU_ASSERT(text_starts(forward_sentence(text_str(&text)),
			      "there are 201 rules, and 200 are the most"));
}

static void test_variables_are_put(void)
{
	struct err err = { 0 };
	scoped_free char *value = strdup("A=1 'B=two words' AB=3");

	CU_ASSERT_EQUAL(config_put_env(&value, "B=four", &err), 0);
	CU_ASSERT_STRING_EQUAL(value, "A=1 AB=3 B=four");
	CU_ASSERT_EQUAL(config_put_env(&value, "A=", &err), 0);
	CU_ASSERT_STRING_EQUAL(value, "AB=3 B=four A=");
	CU_ASSERT_EQUAL(config_put_env(&value, "word", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(value, "AB=3 B=four A=");
}

/* What a template has for its machines is checked as their settings, line by line and together. */
static void test_presets(void)
{
	static const char text[] = "init = systemd\ndefault.limits.memory = 1024M\ndefault.env =\n"
				   "default.label.role = web\n";
	static const char *const faults[][2] = {
		{ "default.env = A=1\ndefault.env = A=2\n",
		  "t:2: 'default.env' is there already; keep one of both" },
		{ "default.envy = A=1\n",
		  "t:1: unknown key 'default.envy'; did you mean 'default.env'?" },
		{ "default.uuid = 1\n", "t:1: uuid is made by berth and cannot be set" },
		{ "default.env\n", "t:1: 'default.env' has no value; write 'default.env = value'" },
		{ "default.default.env = 1\n",
		  "t:1: unknown key 'default.default.env'; machine.conf(5) lists the keys" },
	};
	struct template_config config;
	struct machine_config machine;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_parse(&template_schema, "t", text, strlen(text), &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.init, "systemd");
	CU_ASSERT_STRING_EQUAL(config_label(config.presets, "limits.memory"), "1G");
	CU_ASSERT_STRING_EQUAL(config_label(config.presets, "env"), "");
	CU_ASSERT_EQUAL_FATAL(config_defaults(&machine_schema, &machine, &err), 0);
	CU_ASSERT_EQUAL(config_apply_presets(&config, &machine, &err), 0);
	CU_ASSERT_EQUAL(machine.memory, 1 << 30);
	CU_ASSERT_STRING_EQUAL(config_label(machine.labels, "role"), "web");
	config_free(&template_schema, &config);
	CU_ASSERT_EQUAL(config_keep_presets(&machine, &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config_label(config.presets, "limits.memory"), "1G");
	CU_ASSERT_PTR_NULL(config_label(config.presets, "label.role"));
	config_free(&template_schema, &config);
	config_free(&machine_schema, &machine);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		err = (struct err){ 0 };
		CU_ASSERT(config_parse(&template_schema, "t", faults[i][0], strlen(faults[i][0]),
				       &config, &err) < 0);
		CU_ASSERT_STRING_EQUAL(err.text, faults[i][1]);
	}
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
	CU_ASSERT_EQUAL(config_load(&machine_schema, config_files_folder(), &config, &err),
			-EISDIR);
}

static void test_berth_conf(void)
{
	struct dirs dirs = { .etc = config_files_folder() };
	scoped_free char *path = path_to("berth.conf");
	struct berth_config config;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(config_load_berth(&dirs, &config, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.pool, "default");
	config_free(&berth_schema, &config);
	write_file(path, "idmap.base = 4294836224\nidmap.machines = 1\n");
	CU_ASSERT_EQUAL(config_load_berth(&dirs, &config, &err), 0);
	config_free(&berth_schema, &config);
	write_file(path, "idmap.base = 4294836224\nidmap.machines = 2\n");
	CU_ASSERT_EQUAL(config_load_berth(&dirs, &config, &err), -EINVAL);
	CU_ASSERT(strstr(err.text, "/berth.conf: idmap.base and idmap.machines need host ids up to "
				   "4294967295, ") != NULL);
	err = (struct err){ 0 };
	write_file(path, "pool = \n");
	CU_ASSERT_EQUAL(config_load_berth(&dirs, &config, &err), -EINVAL);
	err = (struct err){ 0 };
	write_file(path, "poll = a\n");
	CU_ASSERT_EQUAL(config_load_berth(&dirs, &config, &err), -EINVAL);
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

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "form of a file", test_file_form },
		{ "faults of a file", test_file_faults },
		{ "labels", test_labels },
		{ "credentials", test_credentials },
		{ "forwards", test_forwards },
		{ "firewall rules", test_rules },
		{ "the most firewall rules", test_rules_most },
		{ "variables are put", test_variables_are_put },
		{ "presets", test_presets },
		{ "keys of older templates", test_older_templates },
		{ "limits of a file", test_file_limits },
		{ "files that cannot be loaded", test_load_faults },
		{ "berth.conf", test_berth_conf },
		{ "random bytes", test_random_bytes },
		CU_TEST_INFO_NULL,
	};

	return suite_run("config files", config_files_begin, config_files_end, tests);
}
