/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/registry.h"

#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/offer.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

enum { FETCH_SECONDS = 3600, DIGEST_MAX = 200 };

bool registry_is(const char *url)
{
	return text_starts(url, "docker://") || text_starts(url, "docker+http://");
}

char *registry_name(const char *url, const char *image, struct err *err)
{
	const char *host = strstr(url, "://") + 3;
	bool fit = isalnum((unsigned char)*image);

	for (const char *p = image; *p; p++)
		fit &= isalnum((unsigned char)*p) || strchr("._-/:@", *p);
	if (!fit) {
		err_set(err, EINVAL,
			"'%.100s' is no name of an image; write NAME:TAG or NAME@sha256:DIGEST, "
			"such as alpine:3.22",
			image);
		return NULL;
	}
	/* skopeo finds the registry in the name, and takes this one if there is none. */
	char *name = strcmp(url, REGISTRY_DEFAULT_URL) == 0
			     ? text_format("docker://%s", image)
			     : text_format("docker://%s/%s", host, image);
	if (!name)
		err_set(err, ENOMEM, "out of memory");
	return name;
}

static char *spool_of(const struct dirs *dirs, const char *name)
{
	return dirs_state_path(dirs, "cache/images/registry.%016" PRIx64, text_hash(name));
}

void registry_forget(const struct dirs *dirs, const char *name)
{
	scoped_free char *spool = spool_of(dirs, name);

	if (spool)
		remove_tree(AT_FDCWD, spool);
}

/* No file of it may be larger than the root of any other image. */
static int run_limited(const char *const *argv, struct text *errors, struct err *err)
{
	struct child_io io = { .errors = errors, .seconds = FETCH_SECONDS };
	struct rlimit old, less;

	if (getrlimit(RLIMIT_FSIZE, &old) < 0)
		return err_set(err, errno, "look at limits: %s", strerror(errno));
	less = old;
	if (less.rlim_cur > OFFER_ROOT_MAX)
		less.rlim_cur = OFFER_ROOT_MAX;
	setrlimit(RLIMIT_FSIZE, &less);
	int r = child_run(argv, &io, err);
	setrlimit(RLIMIT_FSIZE, &old);
	return r;
}

/* The last line of what it said holds the cause. */
static int tell(const char *name, const struct text *errors, const struct err *why, struct err *err)
{
	scoped_free char *said = strdup(text_str(errors));
	char *last = said ? text_trim(said) : NULL;

	if (last && strrchr(last, '\n'))
		last = strrchr(last, '\n') + 1;
	if (!last || !*last)
		return err_set(err, why->code, "'%s': %s", name, why->text);
	for (char *p = last; *p; p++)
		*p = *p < ' ' || *p > '~' ? '?' : *p;
	return err_set(err, why->code == ETIMEDOUT ? ETIMEDOUT : EIO,
		       "fetch '%s': skopeo says: %.600s", name, last);
}

static int run_skopeo(const char *url, const char *name, const char *digest, const char *target,
		      struct err *err)
{
	scoped_free char *program = child_find("skopeo");
	scoped_text struct text errors = { 0 };
	struct err why = { 0 };
	const char *argv[12];
	size_t n = 0;

	if (!program)
		return err_set(
			err, ENOENT,
			"images of registries are fetched by skopeo, which is not installed; "
			"install it, or import what 'docker save' writes");
	argv[n++] = program;
	/* Without this file skopeo refuses every image; with it, the host's policy counts. */
	if (access("/etc/containers/policy.json", F_OK) < 0)
		argv[n++] = "--insecure-policy";
	argv[n++] = "copy";
	argv[n++] = "--quiet";
	if (text_starts(url, "docker+http://"))
		argv[n++] = "--src-tls-verify=false";
	argv[n++] = "--digestfile";
	argv[n++] = digest;
	argv[n++] = name;
	argv[n++] = target;
	argv[n] = NULL;
	return run_limited(argv, &errors, &why) < 0 ? tell(name, &errors, &why, err) : 0;
}

static int read_digest(const char *path, char sum[SHA256_HEX + 1], struct err *err)
{
	scoped_free char *text = NULL;
	ssize_t n = file_read(AT_FDCWD, path, DIGEST_MAX, &text);
	const char *digest = n < 0 ? "" : text_trim(text);
	size_t prefix = strlen("sha256:");

	if (!text_starts(digest, "sha256:") || strlen(digest) != prefix + SHA256_HEX ||
	    strspn(digest + prefix, "0123456789abcdef") != SHA256_HEX)
		return err_set(err, EBADMSG, "skopeo tells no SHA-256 digest of the image");
	memcpy(sum, digest + prefix, SHA256_HEX);
	sum[SHA256_HEX] = '\0';
	return 0;
}

int registry_fetch(const struct dirs *dirs, const char *url, const char *name, char **folder,
		   char sum[SHA256_HEX + 1], struct err *err)
{
	scoped_free char *spool = spool_of(dirs, name);
	scoped_free char *digest = text_format("%s/digest", spool ? spool : "");
	scoped_free char *image = text_format("%s/image", spool ? spool : "");
	scoped_free char *target = text_format("oci:%s/image:image", spool ? spool : "");

	if (!spool || !digest || !image || !target)
		return err_set(err, ENOMEM, "out of memory");
	registry_forget(dirs, name);
	if (file_make_dirs(spool, 0700, err) < 0 ||
	    run_skopeo(url, name, digest, target, err) < 0 || read_digest(digest, sum, err) < 0) {
		registry_forget(dirs, name);
		return -err->code;
	}
	*folder = take_ptr(&image);
	return 0;
}
