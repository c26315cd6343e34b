/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/share/user.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Larger files are no lists of users, and longer lines no users or groups. */
enum { LIST_MAX = 1 << 20, ENTRY_MAX = 64 << 10 };

static bool is_it(const struct passwd *entry, const char *name, bool by_number, uint64_t number)
{
	/* "+ann" and "-ann" of nis(5) are no users; the C library gives them no folder and no shell. */
	if (strchr("+-", *entry->pw_name))
		return false;
	return by_number ? entry->pw_uid == number : strcmp(entry->pw_name, name) == 0;
}

static void take_entry(struct user *user, const struct passwd *entry)
{
	text_print(user->name, sizeof user->name, "%s", entry->pw_name);
	text_print(user->home, sizeof user->home, "%s", entry->pw_dir);
	text_print(user->shell, sizeof user->shell, "%s",
		   *entry->pw_shell ? entry->pw_shell : USER_SHELL);
	user->uid = entry->pw_uid;
	user->gid = entry->pw_gid;
}

struct list {
	char *text; /* owned */
	FILE *file; /* reads text */
};

static void list_close(struct list *list)
{
	if (list->file)
		fclose(list->file);
	free(list->text);
}

#define scoped_list __attribute__((cleanup(list_close)))

/* The C library reads a long line again and again from its beginning. */
static size_t drop_long_lines(char *text, size_t length)
{
	size_t kept = 0;

	for (size_t from = 0; from < length;) {
		char *end = memchr(text + from, '\n', length - from);
		size_t n = end ? (size_t)(end - text) + 1 - from : length - from;
		if (n <= ENTRY_MAX) {
			memmove(text + kept, text + from, n);
			kept += n;
		}
		from += n;
	}
	return kept;
}

/*
 * Reads a file once, with bounds, so that the checked text is the used one: the guest's root may have put anything
 * there, such as a FIFO or a file without end.
 */
static struct list open_list(int root_fd, const char *path)
{
	scoped_fd int fd = file_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct list list = { NULL, NULL };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return list;
	ssize_t n = file_read_opened(fd, LIST_MAX, &list.text);
	size_t kept = n > 0 ? drop_long_lines(list.text, (size_t)n) : 0;
	if (kept)
		list.file = fmemopen(list.text, kept, "r");
	return list;
}

int user_look_up(struct user *user, int root_fd, const char *name, struct err *err)
{
	scoped_list struct list passwd = open_list(root_fd, "etc/passwd");
	uint64_t number = 0;
	bool by_number = text_to_u64(name, 0, UINT32_MAX - 1, &number) == 0;

	for (struct passwd *entry; passwd.file && (entry = fgetpwent(passwd.file));) {
		if (is_it(entry, name, by_number, number)) {
			take_entry(user, entry);
			return 0;
		}
	}
	/* A number needs no name, and root exists even in a root without a passwd file. */
	if (!by_number && strcmp(name, "root") != 0)
		return err_set(err, ENOKEY, "no user '%s' in the machine's /etc/passwd", name);
	text_print(user->name, sizeof user->name, "%s", name);
	text_print(user->home, sizeof user->home, "%s", number == 0 ? "/root" : "/");
	text_print(user->shell, sizeof user->shell, "%s", USER_SHELL);
	user->uid = (uid_t)number;
	user->gid = (gid_t)number;
	return 0;
}

static bool is_locked(const char *password)
{
	return *password == '!' || *password == '*';
}

bool user_locked(int root_fd, const char *name)
{
	scoped_list struct list passwd = open_list(root_fd, "etc/passwd");
	struct passwd *entry = NULL;

	while (passwd.file && (entry = fgetpwent(passwd.file)) && strcmp(entry->pw_name, name) != 0)
		;
	if (!entry || strcmp(entry->pw_passwd, "x") != 0)
		return entry && is_locked(entry->pw_passwd);

	scoped_list struct list shadow = open_list(root_fd, "etc/shadow");
	struct spwd *secret = NULL;
	while (shadow.file && (secret = fgetspent(shadow.file)) &&
	       strcmp(secret->sp_namp, name) != 0)
		;
	return secret && is_locked(secret->sp_pwdp);
}

/* Replaces an entry with the same name, so that all readers of the environment see the same value. */
static int add_env(struct user *user, size_t *n, char *word)
{
	size_t name = word ? strcspn(word, "=") + 1 : 0;

	for (size_t i = 0; word && i < *n; i++) {
		if (strncmp(user->env[i], word, name) == 0) {
			free(user->env[i]);
			user->env[i] = word;
			return 0;
		}
	}
	char **env = word ? realloc(user->env, (*n + 2) * sizeof *env) : NULL;
	if (!env)
		return -ENOMEM;
	user->env = env;
	env[(*n)++] = word;
	env[*n] = NULL;
	return 0;
}

/* A terminal's name is one word; any other text of ours is not for the guest. */
static const char *terminal_name(void)
{
	const char *term = getenv("TERM");
	size_t n = term ? strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789+-._")
			: 0;

	return n > 0 && n < NAME_MAX && !term[n] ? term : "xterm";
}

/* The session of a user who is logged in or lingers; without it no service of the user answers. */
static int add_session(struct user *user, size_t *n)
{
	char folder[64], bus[80];
	struct stat st;

	snprintf(folder, sizeof folder, "/run/user/%u", (unsigned)user->uid);
	snprintf(bus, sizeof bus, "%s/bus", folder);
	if (lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != user->uid)
		return 0;
	int r = add_env(user, n, text_format("XDG_RUNTIME_DIR=%s", folder));
	if (r == 0 && lstat(bus, &st) == 0 && S_ISSOCK(st.st_mode))
		r = add_env(user, n, text_format("DBUS_SESSION_BUS_ADDRESS=unix:path=%s", bus));
	return r;
}

static int fill_env(struct user *user, const char *const *more, bool terminal)
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	size_t n = 0;
	int r = add_env(user, &n, strdup(path)) || add_env(user, &n, strdup("LANG=C.UTF-8")) ||
		add_env(user, &n, strdup("container=berth")) ||
		add_env(user, &n, text_format("HOME=%s", user->home)) ||
		add_env(user, &n, text_format("USER=%s", user->name)) ||
		add_env(user, &n, text_format("LOGNAME=%s", user->name)) ||
		add_env(user, &n, text_format("SHELL=%s", user->shell)) || add_session(user, &n);

	if (!r && terminal)
		r = add_env(user, &n, text_format("TERM=%s", terminal_name()));
	for (const char *const *word = more; !r && word && *word; word++)
		r = add_env(user, &n, strdup(*word));
	return r;
}

static void name_login(struct user *user)
{
	const char *slash = strrchr(user->shell, '/');

	text_print(user->login_name, sizeof user->login_name, "-%s",
		   slash ? slash + 1 : user->shell);
}

int user_set_shell(struct user *user, const char *shell)
{
	size_t n = 0;

	while (user->env[n])
		n++;
	text_print(user->shell, sizeof user->shell, "%s", shell);
	name_login(user);
	return add_env(user, &n, text_format("SHELL=%s", shell));
}

int user_find(struct user *user, const char *name, const char *const *env, bool terminal,
	      struct err *err)
{
	scoped_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped_free char *alone = strdup(name ? name : "root");
	char *group = alone ? strchr(alone, ':') : NULL;

	if (root < 0)
		return err_set(err, errno, "open the machine's root: %s", strerror(errno));
	if (!alone)
		return err_set(err, ENOMEM, "out of memory");
	if (group)
		*group++ = '\0';
	if (user_look_up(user, root, *alone ? alone : "root", err) < 0 ||
	    (group && user_group(root, group, &user->gid, err) < 0))
		return -err->code;
	name_login(user);
	return fill_env(user, env, terminal) ? err_set(err, ENOMEM, "out of memory") : 0;
}

int user_group(int root_fd, const char *name, gid_t *gid, struct err *err)
{
	scoped_list struct list list = open_list(root_fd, "etc/group");
	uint64_t number = 0;

	if (text_to_u64(name, 0, UINT32_MAX - 1, &number) == 0) {
		*gid = (gid_t)number;
		return 0;
	}
	for (struct group *group; list.file && (group = fgetgrent(list.file));) {
		if (strcmp(group->gr_name, name) == 0) {
			*gid = group->gr_gid;
			return 0;
		}
	}
	return err_set(err, ENOKEY, "no group '%s' in the machine's /etc/group", name);
}

/* Groups that list the user, from the guest's /etc/group alone. */
static int set_groups(const struct user *user)
{
	scoped_list struct list list = open_list(AT_FDCWD, "/etc/group");
	gid_t groups[256] = { user->gid };
	size_t n = 1;

	for (struct group *group; list.file && n < 256 && (group = fgetgrent(list.file));) {
		for (char **member = group->gr_mem; *member; member++) {
			if (strcmp(*member, user->name) == 0 && group->gr_gid != user->gid) {
				groups[n++] = group->gr_gid;
				break;
			}
		}
	}
	return setgroups(n, groups) < 0 ? -errno : 0;
}

int user_become(const struct user *user, const char *cwd, struct err *err)
{
	int r = set_groups(user);

	if (r == 0 && (setresgid(user->gid, user->gid, user->gid) < 0 ||
		       setresuid(user->uid, user->uid, user->uid) < 0))
		r = -errno;
	if (r < 0)
		return err_set(err, -r, "become user '%s': %s", user->name, strerror(-r));
	/* Untraceable until the exec: the change of ids may have changed that. */
	prctl(PR_SET_DUMPABLE, 0);
	if (cwd && chdir(cwd) < 0)
		return err_set(err, errno, "change to folder '%s' in the machine: %s", cwd,
			       strerror(errno));
	/* A user without a home folder gets /, as with login(1). */
	if (!cwd && chdir(user->home) < 0 && chdir("/") < 0)
		return err_set(err, errno, "change to the machine's root: %s", strerror(errno));
	return 0;
}
