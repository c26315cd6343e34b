/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/lsm_label.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROFILES "/sys/kernel/security/apparmor/profiles"
#define ENFORCE  "/sys/fs/selinux/enforce"

enum lsm_module lsm_label_host(void)
{
	if (access(PROFILES, R_OK) == 0)
		return LSM_APPARMOR;
	return access(ENFORCE, F_OK) == 0 ? LSM_SELINUX : LSM_NONE;
}

const char *lsm_label_why_none(void)
{
	scoped_free char *enabled = NULL;
	ssize_t n = file_read(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &enabled);

	if (n == -ENOENT)
		return "the kernel has no AppArmor";
	if (n > 0 && *enabled == 'N')
		return "AppArmor is off in the kernel (apparmor=1 security=apparmor turns it on)";
	return "AppArmor's policy is not in sight (/sys/kernel/security)";
}

int lsm_label_read(pid_t pid, struct lsm_label *label)
{
	const enum lsm_module module = lsm_label_host();
	scoped_free char *text = NULL;
	char path[64];

	*label = (struct lsm_label){ .fd = -1 };
	if (module == LSM_NONE)
		return 0;
	snprintf(path, sizeof path, "/proc/%d/attr/%scurrent", (int)pid,
		 module == LSM_APPARMOR ? "apparmor/" : "");
	ssize_t n = file_read(AT_FDCWD, path, 4096, &text);
	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	/* "PROFILE (enforce)" */
	char *mode = module == LSM_APPARMOR ? strstr(text, " (") : NULL;
	if (mode)
		*mode = '\0';
	if (!*text || (module == LSM_APPARMOR && strcmp(text, "unconfined") == 0))
		return 0;
	label->module = module;
	return text_print(label->text, sizeof label->text, "%s", text);
}

int lsm_label_is_loaded(const char *profile)
{
	scoped_free char *text = NULL;
	const size_t length = strlen(profile);
	ssize_t n = file_read(AT_FDCWD, PROFILES, 1 << 20, &text);

	if (n < 0)
		return (int)n;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, profile, length) == 0 && strncmp(line + length, " (", 2) == 0)
			return 1;
	}
	return 0;
}

/* The kernel checks a context: writing it fails with EINVAL if it is none. */
int lsm_label_is_known(const char *context)
{
	int r = file_write(AT_FDCWD, "/sys/fs/selinux/context", context);

	return r == -EINVAL ? 0 : r < 0 ? r : 1;
}

bool lsm_label_is_permissive(void)
{
	scoped_free char *mode = NULL;

	return file_read(AT_FDCWD, ENFORCE, 16, &mode) > 0 && *mode == '0';
}

int lsm_label_open(struct lsm_label *label)
{
	if (label->module == LSM_NONE)
		return 0;
	label->fd = open(label->module == LSM_APPARMOR ? "/proc/self/attr/apparmor/exec"
						       : "/proc/self/attr/exec",
			 O_WRONLY | O_CLOEXEC);
	return label->fd < 0 ? -errno : 0;
}

int lsm_label_apply(const struct lsm_label *label)
{
	char words[LSM_LABEL_MAX + 8];
	int n = snprintf(words, sizeof words, "%s%s", label->module == LSM_APPARMOR ? "exec " : "",
			 label->text);

	if (label->module == LSM_NONE)
		return 0;
	return write(label->fd, words, (size_t)n) == n ? 0 : -errno;
}
