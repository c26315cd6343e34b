/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of registries, which skopeo fetches as OCI image layouts. */
#include "image/source/source.h"

#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/source/import.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

/* A URL without TLS begins with docker+http. */
static const char scheme[] = "docker://", plain_scheme[] = "docker+http://";

enum { FETCH_SECONDS = 3600, DIGEST_MAX = 200, SERIAL_DIGITS = 12 };

/* Also the name of an image, which begins as the URL does. */
static bool fits(const struct source *source)
{
	return source->url &&
	       (text_starts(source->url, scheme) || text_starts(source->url, plain_scheme));
}

/* The name of an image as skopeo takes it; the caller frees it. */
static char *full_name(const char *url, const char *image, struct err *err)
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
	/* skopeo finds the registry in the name, and takes docker.io if there is none. */
	char *name = strcmp(host, "docker.io") == 0 && text_starts(url, scheme)
			     ? text_format("%s%s", scheme, image)
			     : text_format("%s%s/%s", scheme, host, image);
	if (!name)
		err_set(err, ENOMEM, "out of memory");
	return name;
}

static int begin(struct source *source, struct err *err)
{
	struct offer *offer = &source->offer;

	source->what = full_name(source->url, source->image, err);
	if (!source->what)
		return -err->code;
	snprintf(source->lock, sizeof source->lock, "image.%016" PRIx64, text_hash(source->what));
	if (text_print(offer->product, sizeof offer->product, "%s", source->what) < 0)
		return err_set(err, ENAMETOOLONG, "'%.100s...' is too long a name", source->what);
	source->aliases = strdup(source->image);
	return source->aliases ? 0 : err_set(err, ENOMEM, "out of memory");
}

static char *spool_of(const struct dirs *dirs, const char *name)
{
	return dirs_state_path(dirs, "cache/images/registry.%016" PRIx64, text_hash(name));
}

/* Removes what a fetch of that image has left, also after a kill. */
static void forget(const struct dirs *dirs, const char *name)
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
			"install skopeo, or import what 'docker save' writes: docker save IMAGE | "
			"berth template import - NAME");
	argv[n++] = program;
	/* Without this file skopeo refuses every image; with it, the host's policy counts. */
	if (access("/etc/containers/policy.json", F_OK) < 0)
		argv[n++] = "--insecure-policy";
	argv[n++] = "copy";
	argv[n++] = "--quiet";
	if (text_starts(url, plain_scheme))
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

/* Fetches the image into a new folder below the cache. */
static int fetch_folder(struct source *source, struct err *err)
{
	scoped_free char *spool = spool_of(source->dirs, source->what);
	scoped_free char *digest = text_format("%s/digest", spool ? spool : "");
	scoped_free char *target = text_format("oci:%s/image:image", spool ? spool : "");

	source->folder = text_format("%s/image", spool ? spool : "");
	if (!spool || !digest || !source->folder || !target)
		return err_set(err, ENOMEM, "out of memory");
	forget(source->dirs, source->what);
	if (file_make_dirs(spool, 0700, err) < 0 ||
	    run_skopeo(source->url, source->what, digest, target, err) < 0 ||
	    read_digest(digest, source->offer.root.sha256, err) < 0)
		return -err->code;
	return 0;
}

/* The digest of the fetched image becomes its version, which a registry does not tell before. */
static int fetch(struct source *source, const struct download_watch *watch, struct err *err)
{
	struct offer *offer = &source->offer;

	(void)watch;
	if (fetch_folder(source, err) < 0)
		return -err->code;
	snprintf(offer->serial, sizeof offer->serial, "%.*s", SERIAL_DIGITS, offer->root.sha256);
	source->input.folder_fd = import_open_folder(source->folder, err);
	return source->input.folder_fd < 0 ? -err->code : 0;
}

static void end(struct source *source, bool made)
{
	(void)made;
	if (source->folder)
		forget(source->dirs, source->what);
}

const struct source_ops source_registry = {
	.noun = "image",
	.fits = fits,
	.begin = begin,
	.fetch = fetch,
	.end = end,
};
