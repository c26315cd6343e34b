/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/provision_options.h"

#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/machine/cloud_init.h"
#include "cmd/machine/provision.h"
#include "cmd/machine/provision_host.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

const struct flag flag_file = { "file", 0, false, "SRC:DST[:OWNER[:MODE]]",
				"copy a file or a folder into it before its first start" };
const struct flag flag_keymap = { "keymap", 0, false, "LAYOUT[:VARIANT]",
				  "its keyboard layout, such as de:nodeadkeys; host: this host's" };
const struct flag flag_locale = { "locale", 0, false, "LOCALE",
				  "its locale, such as de_DE.UTF-8; host: this host's" };
const struct flag flag_password = { "password-hash", 0, false, "FILE",
				    "file with the hash of the user's password, or root's" };
const struct flag flag_provision_user = { "user", 0, false, "NAME[:UID]", "make a user in it" };
const struct flag flag_run = { "run", 0, false, "SCRIPT",
			       "run a script of this host in it when it has booted" };
const struct flag flag_ssh_key = { "ssh-key", 0, false, "FILE",
				   "public keys that may log in as the user, or as root" };
const struct flag flag_timezone = { "timezone", 0, false, "ZONE",
				    "its time zone, such as Europe/Berlin; host: this host's" };

int provision_each(const struct call *call, const struct flag *flag,
		   int (*visit)(const char *value, void *context, struct err *err), void *context,
		   struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < call->given_count; i++) {
		if (call->given[i].flag == flag)
			r = visit(call->given[i].value, context, err);
	}
	return r;
}

/* ---- The options */

static int refuse_file(const char *value, const char *why, struct err *err)
{
	err_set(err, EINVAL, "'%.200s' %s", value, why);
	return EXIT_USAGE;
}

/* Splits SRC:DST[:OWNER[:MODE]]. A source cannot have a colon in its name. */
int provision_split_file(const char *value, struct provision_file *option, struct err *err)
{
	scoped_free char *copy = strdup(value);
	char *rest = copy;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	const char *source = strsep(&rest, ":"), *target = strsep(&rest, ":");
	const char *owner = strsep(&rest, ":"), *mode = strsep(&rest, ":");
	*option = (struct provision_file){ .mode = -1 };
	if (rest || !*source || !target || *target != '/' || (owner && !*owner))
		return refuse_file(value, "is not SRC:DST[:OWNER[:MODE]] with an absolute DST",
				   err);
	if (mode && text_to_mode(mode, &option->mode) < 0)
		return refuse_file(value, "has a mode that is not octal digits such as 640", err);
	snprintf(option->source, sizeof option->source, "%s", source);
	snprintf(option->target, sizeof option->target, "%s", target);
	snprintf(option->owner, sizeof option->owner, "%s", owner ? owner : "");
	return 0;
}

static int check_file(const char *value, void *context, struct err *err)
{
	struct provision_file option;
	int r = provision_split_file(value, &option, err);

	(void)context;
	if (r == 0 && access(option.source, R_OK) < 0)
		err_set(err, errno, "read '%s': %s", option.source, strerror(errno));
	if (err->code)
		err_wrap(err, "--file");
	return err->code ? EXIT_USAGE : 0;
}

int provision_read(const char *path, const char *flag, char **text, struct err *err)
{
	ssize_t n = file_read(AT_FDCWD, path, PROVISION_TEXT_MAX, text);

	if (n >= 0 && strlen(*text) == (size_t)n && n > 0)
		return 0;
	if (n < 0)
		err_set(err, (int)-n, "read '%.200s' of --%s: %s", path, flag, file_why((int)n));
	else
		err_set(err, EINVAL, "'%.200s' of --%s is %s", path, flag,
			n == 0 ? "empty" : "no text");
	return EXIT_USAGE;
}

/* A line of authorized_keys contains a key type. A private key has none, and is refused. */
static int check_key(const char *path, void *context, struct err *err)
{
	static const char *const types[] = { "ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-", "sk-",
					     NULL };
	scoped_free char *text = NULL;
	int r = provision_read(path, "ssh-key", &text, err);

	(void)context;
	if (r != 0)
		return r;
	for (size_t i = 0; types[i]; i++) {
		if (strstr(text, types[i]) && !strstr(text, "PRIVATE KEY"))
			return 0;
	}
	err_set(err, EINVAL, "'%.200s' of --ssh-key has no public key; give a file such as %s",
		path, "~/.ssh/id_ed25519.pub");
	return EXIT_USAGE;
}

static int check_script(const char *path, void *context, struct err *err)
{
	scoped_fd int fd = file_open_regular(AT_FDCWD, path, 0);

	(void)context;
	if (fd >= 0)
		return 0;
	err_set(err, -fd, "read '%.200s' of --run: %s", path, file_why(fd));
	return EXIT_USAGE;
}

/* The file must have one line, "$6$salt$hash". */
static int check_password(const char *path, void *context, struct err *err)
{
	scoped_free char *text = NULL;
	int r = provision_read(path, "password-hash", &text, err);

	(void)context;
	if (r != 0)
		return r;
	char *hash = text_trim(text);
	if (*hash == '$' && !hash[strcspn(hash, ": \n")])
		return 0;
	err_set(err, EINVAL,
		"'%.200s' of --password-hash is no line of a hash, such as 'openssl passwd -6' "
		"prints",
		path);
	return EXIT_USAGE;
}

/* The name must be one that useradd takes: portable by POSIX, in lower case. */
static int check_user(const char *value, void *context, struct err *err)
{
	size_t n = strcspn(value, ":");
	uint64_t uid;
	bool good = n > 0 && n <= 32 && (islower((unsigned char)*value) || *value == '_');

	(void)context;
	for (size_t i = 0; i < n; i++)
		good = good && (islower((unsigned char)value[i]) ||
				isdigit((unsigned char)value[i]) || strchr("_-", value[i]));
	if (good && (!value[n] || text_to_u64(value + n + 1, 1, 65533, &uid) == 0))
		return 0;
	err_set(err, EINVAL,
		"--user cannot be '%.80s': use NAME or NAME:UID, with up to 32 of a-z, 0-9, '_' "
		"and '-', and a number from 1 to 65533",
		value);
	return EXIT_USAGE;
}

/* The word becomes a file name in the guest, and must not lead to another folder. */
static int check_word(const char *given, void *context, struct err *err)
{
	const char *flag = context;
	scoped_free char *value = NULL;

	if (provision_host_value(flag, given, &value, err) < 0)
		return EXIT_USAGE;
	bool good = isalpha((unsigned char)*value) && !strstr(value, "..");
	for (const char *c = value; *c; c++)
		good = good && (isalnum((unsigned char)*c) || strchr("/_-+.@", *c));
	if (good && strlen(value) < 100)
		return 0;
	err_set(err, EINVAL, "--%s cannot be '%.80s': use a name such as %s", flag, value,
		strcmp(flag, "locale") == 0 ? "de_DE.UTF-8" : "Europe/Berlin");
	return EXIT_USAGE;
}

/* The words of LAYOUT:VARIANT:MODEL:OPTIONS, the last of which has colons itself, become values of a file of the guest. */
static int check_keymap(const char *given, void *context, struct err *err)
{
	scoped_free char *value = NULL;

	if (provision_host_value(context, given, &value, err) < 0)
		return EXIT_USAGE;
	bool good = islower((unsigned char)*value) && strlen(value) < 200;
	for (const char *c = value; *c; c++)
		good = good && (isalnum((unsigned char)*c) || strchr("_-+.,:()", *c));
	if (good)
		return 0;
	err_set(err, EINVAL,
		"--keymap cannot be '%.80s': use LAYOUT[:VARIANT[:MODEL[:OPTIONS]]] of X, such as "
		"de:nodeadkeys or us,ru::pc105:grp:alt_shift_toggle",
		value);
	return EXIT_USAGE;
}

/* context: the file that was given before, NULL: none. */
static int check_cloud_init(const char *path, void *context, struct err *err)
{
	const char **before = context;

	if (*before) {
		err_set(err, EINVAL,
			"--cloud-init is given twice, '%.100s' and '%.100s'; write one file",
			*before, path);
		return EXIT_USAGE;
	}
	*before = path;
	return cloud_init_check(path, err);
}

bool provision_has_files(const struct call *call)
{
	return call_has(call, &flag_file) || call_has(call, &flag_cloud_init);
}

bool provision_has_steps(const struct call *call)
{
	return call_has(call, &flag_provision_user) || call_has(call, &flag_ssh_key) ||
	       call_has(call, &flag_password) || call_has(call, &flag_timezone) ||
	       call_has(call, &flag_keymap) || call_has(call, &flag_locale) ||
	       call_has(call, &flag_run);
}

int provision_check(const struct call *call, struct err *err)
{
	const struct {
		const struct flag *flag;
		int (*check)(const char *value, void *context, struct err *err);
	} checks[] = {
		{ &flag_file, check_file },           { &flag_ssh_key, check_key },
		{ &flag_run, check_script },          { &flag_password, check_password },
		{ &flag_provision_user, check_user }, { &flag_timezone, check_word },
		{ &flag_locale, check_word },         { &flag_keymap, check_keymap },
	};
	const char *user_data = NULL;
	int r = 0;

	if (call_has(call, &flag_console) && provision_has_steps(call)) {
		err_set(err, EINVAL,
			"--console excludes what is done after the boot, such as --user");
		return EXIT_USAGE;
	}
	for (size_t i = 0; r == 0 && i < sizeof checks / sizeof *checks; i++)
		r = provision_each(call, checks[i].flag, checks[i].check,
				   (void *)(uintptr_t)checks[i].flag->name, err);
	return r != 0 ? r
		      : provision_each(call, &flag_cloud_init, check_cloud_init, &user_data, err);
}
