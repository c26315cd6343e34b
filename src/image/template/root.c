/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about a root tree, from its files alone: nothing in it is run, and nothing in it is trusted. */
#include "image/template/root.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/template/init.h"

#include <ctype.h>
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum {
	PROGRAM_MAX = 8 << 20,
	RELEASE_MAX = 64 << 10,
	INITTAB_MAX = 64 << 10,
	LINKS_MAX = 16,
	ENTRIES_MAX = 4096
};

/*
 * Opens a regular file of the root, or -errno. It is first opened with O_PATH, so that a FIFO or a device of that name
 * is never really opened.
 */
static int open_regular(int root_fd, const char *path, struct stat *st)
{
	scoped_fd int place = file_open_in_root(root_fd, path, O_PATH, 0);
	char self[32];

	if (place < 0)
		return place;
	if (fstat(place, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	snprintf(self, sizeof self, "/proc/self/fd/%d", place);
	int fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_program(int root_fd, const char *path)
{
	struct stat st;
	int fd = open_regular(root_fd, path, &st);

	if (fd >= 0 && !(st.st_mode & 0111)) {
		close(fd);
		return -EACCES;
	}
	return fd;
}

static ssize_t read_opened(int fd, size_t max, char **out)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return file_read(AT_FDCWD, self, max, out);
}

/* Follows the last component of path while it is a link. openat2 follows the links before it. */
static int resolve(int root_fd, const char *path, char out[PATH_MAX])
{
	char target[PATH_MAX];
	int r = text_print(out, PATH_MAX, "%s", path);

	for (int i = 0; r == 0 && i < LINKS_MAX; i++) {
		scoped_fd int fd = file_open_in_root(root_fd, out, O_PATH | O_NOFOLLOW, 0);
		if (fd < 0)
			return fd;
		ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
		if (n < 0)
			return 0;
		target[n] = '\0';
		char *slash = strrchr(out, '/');
		size_t folder = target[0] == '/' || !slash ? 0 : (size_t)(slash - out) + 1;
		r = text_print(out + folder, PATH_MAX - folder, "%s", target);
	}
	return r < 0 ? r : -ELOOP;
}

/* The machine of an ELF header, in the words of uname -m; "": it has none. */
static const char *elf_machine(const unsigned char *header, ssize_t length)
{
	Elf32_Ehdr elf; /* e_machine stands at the same place in both classes */

	if (length < (ssize_t)sizeof elf || memcmp(header, ELFMAG, SELFMAG) != 0)
		return "";
	memcpy(&elf, header, sizeof elf);
	bool little = elf.e_ident[EI_DATA] == ELFDATA2LSB;
	bool wide = elf.e_ident[EI_CLASS] == ELFCLASS64;
	switch (little ? le16toh(elf.e_machine) : be16toh(elf.e_machine)) {
	case EM_X86_64:
		return "x86_64";
	case EM_386:
		return "i686";
	case EM_AARCH64:
		return "aarch64";
	case EM_ARM:
		return "armv7l";
	case EM_RISCV:
		return wide ? "riscv64" : "riscv32";
	case EM_PPC64:
		return little ? "ppc64le" : "ppc64";
	case EM_S390:
		return wide ? "s390x" : "s390";
	case EM_LOONGARCH:
		return "loongarch64";
	default:
		return "";
	}
}

static void read_arch(int root_fd, struct root_facts *facts)
{
	const char *const programs[] = { facts->init_path, "/bin/sh", "/bin/busybox", "/bin/bash",
					 "/usr/bin/env" };
	unsigned char header[sizeof(Elf32_Ehdr)];

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		scoped_fd int fd = *programs[i] ? open_program(root_fd, programs[i]) : -1;
		ssize_t n = fd < 0 ? -1 : read(fd, header, sizeof header);
		const char *machine = elf_machine(header, n);
		if (*machine) {
			snprintf(facts->arch, sizeof facts->arch, "%s", machine);
			return;
		}
	}
}

/*
 * A value of os-release without its quotes. Characters that no such word has are dropped, because the value is shown.
 */
static void copy_word(const char *value, char *out, size_t room)
{
	size_t n = 0;

	for (; *value && n + 1 < room; value++) {
		if (isalnum((unsigned char)*value) || strchr("._-+~", *value))
			out[n++] = *value;
	}
	out[n] = '\0';
}

/* os-release(5): ID, and VERSION_CODENAME or else VERSION_ID. */
static void read_release(int root_fd, struct root_facts *facts)
{
	static const char *const places[] = { "/etc/os-release", "/usr/lib/os-release" };
	scoped_free char *data = NULL;
	char version[sizeof facts->release] = "";
	struct stat st;

	for (size_t i = 0; !data && i < sizeof places / sizeof *places; i++) {
		scoped_fd int fd = open_regular(root_fd, places[i], &st);
		if (fd >= 0)
			read_opened(fd, RELEASE_MAX, &data);
	}
	char *rest = data;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		if (text_starts(line, "ID="))
			copy_word(line + 3, facts->distribution, sizeof facts->distribution);
		else if (text_starts(line, "VERSION_CODENAME="))
			copy_word(line + 17, facts->release, sizeof facts->release);
		else if (text_starts(line, "VERSION_ID="))
			copy_word(line + 11, version, sizeof version);
	}
	if (!facts->release[0])
		memcpy(facts->release, version, sizeof version);
}

/* The version from the name of the library that systemd has had beside it since 231: libsystemd-shared-252.so. */
static unsigned version_in_folder(int root_fd, const char *path)
{
	static const char prefix[] = "libsystemd-shared-";
	int fd = file_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int left = ENTRIES_MAX;

	if (fd >= 0 && !dir)
		close(fd);
	for (struct dirent *e; dir && left-- > 0 && (e = readdir(dir));) {
		if (text_starts(e->d_name, prefix))
			return (unsigned)strtoul(e->d_name + sizeof prefix - 1, NULL, 10) % 10000;
	}
	return 0;
}

/* Debian has it in a folder that is named after the architecture. */
static unsigned version_in_multiarch(int root_fd)
{
	int fd = file_open_in_root(root_fd, "/usr/lib", O_RDONLY | O_DIRECTORY, 0);
	scoped_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned version = 0;
	int left = ENTRIES_MAX;

	if (fd >= 0 && !dir)
		close(fd);
	for (struct dirent *e; dir && !version && left-- > 0 && (e = readdir(dir));) {
		char path[PATH_MAX];
		if (strstr(e->d_name, "-linux-") &&
		    text_print(path, sizeof path, "/usr/lib/%s/systemd", e->d_name) == 0)
			version = version_in_folder(root_fd, path);
	}
	return version;
}

/* Versions before 231 have all code in the program itself, and "systemd 219" in its --version. */
static unsigned version_in_program(const char *content, size_t length)
{
	static const char word[] = "systemd ";
	const char *end = content + length;

	for (const char *p = content;
	     p && (p = memmem(p, (size_t)(end - p), word, sizeof word - 1));) {
		p += sizeof word - 1;
		if (end - p >= 4 && isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1]) &&
		    isdigit((unsigned char)p[2]) && !isalnum((unsigned char)p[3]))
			return (unsigned)strtoul(p, NULL, 10);
	}
	return 0;
}

static unsigned systemd_version(int root_fd, int program_fd)
{
	static const char *const folders[] = { "/usr/lib/systemd", "/lib/systemd",
					       "/usr/lib64/systemd" };
	scoped_free char *content = NULL;
	unsigned version = 0;

	for (size_t i = 0; !version && i < sizeof folders / sizeof *folders; i++)
		version = version_in_folder(root_fd, folders[i]);
	if (!version)
		version = version_in_multiarch(root_fd);
	if (version)
		return version;
	ssize_t n = read_opened(program_fd, PROGRAM_MAX, &content);
	return n < 0 ? 0 : version_in_program(content, (size_t)n);
}

/* A start calls this, so the content is only read if the path does not tell enough. */
static enum init_kind kind_of_init(int program_fd, const char *resolved)
{
	scoped_free char *content = NULL;
	enum init_kind kind = init_identify(resolved, NULL, 0);

	if (kind != INIT_OTHER)
		return kind;
	ssize_t n = read_opened(program_fd, PROGRAM_MAX, &content);
	return n < 0 ? INIT_OTHER : init_identify(resolved, content, (size_t)n);
}

/*
 * Whether the console is served. systemd and guest-init serve a container's console by themselves. Other inits do what
 * inittab(5) says, usually for a computer with screens.
 */
static bool wants_screen(int root_fd, enum init_kind kind)
{
	struct stat st;
	scoped_free char *data = NULL;

	if (kind == INIT_SYSTEMD || kind == INIT_NONE)
		return false;
	scoped_fd int fd = open_regular(root_fd, "/etc/inittab", &st);
	if (fd >= 0)
		read_opened(fd, INITTAB_MAX, &data);
	char *rest = data;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		if (*text_trim(line) != '#' && strstr(line, "getty") && strstr(line, "console"))
			return false;
	}
	return true;
}

/* 0, or -errno: there is no such program. */
static int read_init(int root_fd, const char *path, struct root_facts *facts)
{
	char resolved[PATH_MAX];
	scoped_fd int fd = open_program(root_fd, path);

	if (fd < 0)
		return fd;
	int r = resolve(root_fd, path, resolved);
	if (r < 0)
		return r;
	r = text_print(facts->init_path, sizeof facts->init_path, "%s", path);
	if (r < 0)
		return r;
	facts->init = kind_of_init(fd, resolved);
	if (facts->init == INIT_SYSTEMD)
		facts->systemd_version = systemd_version(root_fd, fd);
	return 0;
}

static int find_init(int root_fd, const char *wanted, struct root_facts *facts, struct err *err)
{
	/* The kernel's search paths, and the places of distributions that use a link. */
	static const char *const places[] = { "/sbin/init",
					      "/lib/systemd/systemd",
					      "/usr/lib/systemd/systemd",
					      "/etc/init",
					      "/bin/init",
					      "/init" };

	if (strcmp(wanted, GUEST_INIT_PATH) == 0)
		return 0;
	if (*wanted) {
		int r = read_init(root_fd, wanted, facts);
		if (r == -EACCES || r == -EINVAL)
			return err_set(err, -r, "init '%s' is not a program", wanted);
		if (r < 0)
			return err_set(err, ENOENT, "init '%s' is not in the root: %s", wanted,
				       strerror(-r));
		return 0;
	}
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (read_init(root_fd, places[i], facts) == 0)
			return 0;
	}
	return 0;
}

int root_inspect(int root_fd, const char *init_path, struct root_facts *facts, struct err *err)
{
	*facts = (struct root_facts){ .init = INIT_NONE };
	int r = find_init(root_fd, init_path, facts, err);
	if (r < 0)
		return r;
	facts->wants_screen = wants_screen(root_fd, facts->init);
	scoped_fd int shell = open_program(root_fd, "/bin/sh");
	facts->has_shell = shell >= 0;
	read_arch(root_fd, facts);
	read_release(root_fd, facts);
	return 0;
}

bool root_runs_here(const struct root_facts *facts)
{
	struct utsname host;

	if (!facts->arch[0] || uname(&host) < 0 || strcmp(facts->arch, host.machine) == 0)
		return true;
	if (strcmp(host.machine, "x86_64") == 0)
		return strcmp(facts->arch, "i686") == 0;
	if (strcmp(host.machine, "aarch64") == 0)
		return strcmp(facts->arch, "armv7l") == 0;
	return false;
}
