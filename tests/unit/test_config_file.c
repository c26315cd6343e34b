/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of settings: their form, their faults, edits of one key or section, bytes at random. */
#include "config/values.h"
#include "test_config.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char folder[] = "/tmp/berth-test-config-file-XXXXXX";

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
	CU_ASSERT_EQUAL(config_load(&machine_schema, folder, &config, &err), -EISDIR);
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

static void test_berth_conf(void)
{
	struct dirs dirs = { .etc = folder };
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
		{ "an edit keeps all else", test_edit_keeps },
		{ "an edit that is refused", test_edit_refuses },
		{ "several changes at once", test_preview },
		{ "what berth found out", test_record },
		{ "rules between keys", test_check_machine },
		{ "berth.conf", test_berth_conf },
		{ "random bytes", test_random_bytes },
		{ "sections", test_sections },
		{ "bad sections", test_bad_sections },
		{ "rules of sections", test_rules_of_sections },
		{ "sections are edited", test_edit_sections },
		{ "too many nics", test_too_many_nics },
		{ "keys of sections are changed", test_change_sections },
		CU_TEST_INFO_NULL,
	};

	return suite_run("config files", make_folder, remove_folder, tests);
}
