/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/pull.h"

#include "base/scoped.h"
#include "image/import.h"
#include "image/registry.h"
#include "image/template.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { WAIT_SECONDS = 3600, RELEASES_SHOWN = 12 };

bool pull_is_remote(const char *word)
{
	return strchr(word, ':') != NULL;
}

/* "images:alpine/3.22" into its halves. */
static int split(const char *word, char remote[64], char image[128], struct err *err)
{
	const char *colon = strchr(word, ':');
	size_t n = colon ? (size_t)(colon - word) : 0;

	if (!colon || n == 0 || n > 63 || !colon[1] || text_print(image, 128, "%s", colon + 1) < 0)
		return err_set(
			err, EINVAL,
			"'%.100s' names no image; write REMOTE:DISTRIBUTION/RELEASE, such as "
			"images:alpine/3.22",
			word);
	memcpy(remote, word, n);
	remote[n] = '\0';
	return 0;
}

/* ---- Which image */

/* Two releases of a distribution, in any letters. */
static bool same_os(const struct offer *offer, const char *wanted, size_t length)
{
	return strncasecmp(offer->os, wanted, length) == 0 && !offer->os[length];
}

/* The releases of a distribution that the server has. */
static bool list_releases(const struct catalogue *catalogue, const char *wanted, struct text *out)
{
	size_t length = strcspn(wanted, "/");
	const char *last = "";
	unsigned count = 0;

	for (size_t i = 0; i < catalogue->count; i++) {
		const struct offer *offer = &catalogue->offers[i];
		if (!same_os(offer, wanted, length) || strcmp(last, offer->release) == 0)
			continue;
		last = offer->release;
		if (count++ < RELEASES_SHOWN)
			text_add(out, "%s%s", out->length ? ", " : "", offer->release);
	}
	if (count > RELEASES_SHOWN)
		text_add(out, " and %u more", count - RELEASES_SHOWN);
	return count > 0;
}

/* The nearest name to one that the server does not have. */
static const char *nearest_os(const struct catalogue *catalogue, const char *wanted)
{
	scoped_free char *word = strdup(wanted);
	const char **names = calloc(catalogue->count + 1, sizeof *names);
	const char *near = NULL;

	if (word && names) {
		word[strcspn(word, "/")] = '\0';
		for (size_t i = 0; i < catalogue->count; i++)
			names[i] = catalogue->offers[i].os;
		for (char *p = word; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		near = text_nearest(word, names);
	}
	free(names);
	return near;
}

static int tell_unknown(const struct catalogue *catalogue, const struct pull *pull, struct err *err)
{
	scoped_text struct text releases = { 0 };
	const char *near = nearest_os(catalogue, pull->image);

	if (list_releases(catalogue, pull->image, &releases))
		return err_set(err, ENOENT,
			       "remote '%s' has no '%s' for this host; of '%.*s' it has %s",
			       pull->remote, pull->image, (int)strcspn(pull->image, "/"),
			       pull->image, text_str(&releases));
	if (near)
		return err_set(
			err, ENOENT,
			"remote '%s' has no '%s' for this host; did you mean '%s'? See: berth "
			"template search %s:%s",
			pull->remote, pull->image, near, pull->remote, near);
	return err_set(err, ENOENT,
		       "remote '%s' has no '%s' for this host; see what it has: berth template "
		       "search %s:",
		       pull->remote, pull->image, pull->remote);
}

/* The one that has it as an alias; the newest, should there be several. */
static int choose(struct pull *pull, const struct catalogue *catalogue, struct err *err)
{
	const struct offer *found = NULL;

	for (size_t i = 0; i < catalogue->count; i++) {
		const struct offer *offer = &catalogue->offers[i];
		if (offer_is(offer, pull->image) &&
		    (!found || strcmp(offer->serial, found->serial) > 0))
			found = offer;
	}
	if (!found)
		return tell_unknown(catalogue, pull, err);
	pull->offer = *found;
	return 0;
}

/* The version of the image is known after the fetch only. */
static int begin_registry(struct pull *pull, struct err *err)
{
	pull->name = registry_name(pull->url, pull->image, err);
	if (!pull->name)
		return -err->code;
	if (text_print(pull->offer.product, sizeof pull->offer.product, "%s", pull->name) < 0)
		return err_set(err, ENAMETOOLONG, "'%.100s...' is too long a name", pull->name);
	return 0;
}

int pull_begin(struct pull *pull, const struct dirs *dirs, const char *word, struct err *err)
{
	struct catalogue catalogue;

	*pull = (struct pull){ .dirs = dirs, .lock_fd = -1, .metadata_fd = -1, .root_fd = -1 };
	if (split(word, pull->remote, pull->image, err) < 0 ||
	    remote_url(dirs, pull->remote, &pull->url, err) < 0)
		return -err->code;
	if (registry_is(pull->url))
		return begin_registry(pull, err);
	if (catalogue_fetch(dirs, pull->remote, &catalogue, err) < 0)
		return -err->code;
	int r = choose(pull, &catalogue, err);
	catalogue_free(&catalogue);
	return r;
}

void pull_end(struct pull *pull)
{
	scoped_close_fd(&pull->root_fd);
	scoped_close_fd(&pull->metadata_fd);
	if (pull->folder)
		registry_forget(pull->dirs, pull->name);
	scoped_close_fd(&pull->lock_fd);
	free(take_ptr(&pull->folder));
	free(take_ptr(&pull->name));
	free(take_ptr(&pull->url));
}

/* ---- Its files */

/* 1: that template is this image. 0: there is no template of that name. */
static int is_there(struct pull *pull, const char *name, struct err *err)
{
	struct template_config config = { 0 };
	struct err why = { 0 };
	int r = template_open(pull->dirs, name, &config, &why);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, why.code, "%s", why.text);
	bool same = strcmp(config.image_remote, pull->remote) == 0 &&
		    strcmp(config.image_product, pull->offer.product) == 0;
	/* A registry is not asked whether it has a newer image. */
	bool newest = pull->name || strcmp(config.image_serial, pull->offer.serial) == 0;
	if (!same)
		r = err_set(err, EEXIST,
			    "template '%s' is there already, and of something else; choose another "
			    "name: berth template pull %s:%s NAME",
			    name, pull->remote, pull->image);
	else if (!newest)
		r = err_set(err, EEXIST,
			    "template '%s' is there already, of version %s; '%s:%s' has %s: berth "
			    "template update %s",
			    name, config.image_serial, pull->remote, pull->image,
			    pull->offer.serial, name);
	if (r == 0 && pull->name)
		snprintf(pull->offer.serial, sizeof pull->offer.serial, "%s", config.image_serial);
	config_free(&template_schema, &config);
	return r < 0 ? r : 1;
}

enum { SERIAL_DIGITS = 12 };

static int fetch_registry(struct pull *pull, struct err *err)
{
	struct offer *offer = &pull->offer;

	if (registry_fetch(pull->dirs, pull->url, pull->name, &pull->folder, offer->root.sha256,
			   err) < 0)
		return -err->code;
	snprintf(offer->serial, sizeof offer->serial, "%.*s", SERIAL_DIGITS, offer->root.sha256);
	return 0;
}

static int fetch_files(struct pull *pull, const struct download *download, struct err *err)
{
	const struct offer *offer = &pull->offer;
	char sum[SHA256_HEX + 1];
	struct sha256 both;

	if (sha256_begin(&both, err) < 0)
		return -err->code;
	if (*offer->metadata.path) {
		pull->metadata_fd = download_file(&(struct download){ .dirs = download->dirs,
								      .url = download->url,
								      .map = download->map },
						  &offer->metadata, &both, err);
		if (pull->metadata_fd < 0)
			return pull->metadata_fd;
	}
	pull->root_fd = download_file(download, &offer->root, &both, err);
	if (pull->root_fd < 0)
		return pull->root_fd;
	sha256_end(&both, sum);
	if (*offer->combined && strcmp(sum, offer->combined) != 0)
		return err_set(
			err, EBADMSG,
			"metadata and root do not belong together: the index promises SHA-256 "
			"%.16s... of both, but it is %.16s...",
			offer->combined, sum);
	return 0;
}

int pull_fetch(struct pull *pull, const char *name, const struct download_watch *watch,
	       struct err *err)
{
	struct download download = { .dirs = pull->dirs, .url = pull->url, .watch = watch };
	char lock[32], what[200];
	int r = is_there(pull, name, err);

	if (r != 0)
		return r;
	if (pull->name)
		snprintf(lock, sizeof lock, "image.%016" PRIx64, text_hash(pull->name));
	else
		snprintf(lock, sizeof lock, "image.%.16s", pull->offer.root.sha256);
	snprintf(what, sizeof what, "image '%s:%s'", pull->remote, pull->image);
	pull->lock_fd = dirs_lock(pull->dirs, lock, WAIT_SECONDS, what, err);
	if (pull->lock_fd < 0)
		return -err->code;
	/* Another pull may have made it while we waited for the lock. */
	r = is_there(pull, name, err);
	if (r != 0)
		return r;
	if (pull->name)
		return fetch_registry(pull, err);
	if (import_ids(pull->dirs, &download.map, err) < 0)
		return -err->code;
	download_sweep(pull->dirs);
	return fetch_files(pull, &download, err) < 0
		       ? err_wrap(err, "image '%s:%s'", pull->remote, pull->image)
		       : 0;
}

int pull_unpack(struct pull *pull, const char *name, struct pool *pool, struct text *notes,
		struct err *err)
{
	const struct offer *offer = &pull->offer;
	scoped_free char *url =
		pull->name ? strdup(pull->name) : text_format("%s/%s", pull->url, offer->root.path);
	scoped_free char *aliases =
		pull->name ? strdup(pull->image)
			   : text_format("%s%s%s/%s/%s", offer->aliases, *offer->aliases ? "," : "",
					 offer->os, offer->release, offer->variant);
	scoped_fd int folder_fd = pull->folder ? import_open_folder(pull->folder, err) : -1;
	scoped_free char *description = text_format("%s:%s", pull->remote, pull->image);
	scoped_free char *origin =
		text_format("image %s:%s, version %s", pull->remote, pull->image, offer->serial);

	if (pull->folder && folder_fd < 0)
		return folder_fd;
	if (!url || !aliases || !description || !origin)
		return err_set(err, ENOMEM, "out of memory");
	struct pulled_image pulled = {
		.aliases = aliases,
		.product = offer->product,
		.remote = pull->remote,
		.serial = offer->serial,
		.sha256 = offer->root.sha256,
		.url = url,
	};
	struct import import = {
		.input = { pull->root_fd, pull->metadata_fd, folder_fd, NULL },
		.what = url,
		.description = description,
		.origin = origin,
		.pulled = &pulled,
	};
	if (import_opened(pull->dirs, name, pool, &import, notes, err) < 0)
		return -err->code;
	/* The template is what is kept of them. */
	download_forget(pull->dirs, &offer->metadata);
	download_forget(pull->dirs, &offer->root);
	return 0;
}

void pull_name(const char *image, char name[64])
{
	size_t n = 0;

	for (; *image && n < 63; image++) {
		if (isalnum((unsigned char)*image))
			name[n++] = (char)tolower((unsigned char)*image);
		else if (n > 0 && name[n - 1] != '-')
			name[n++] = '-';
	}
	while (n > 0 && name[n - 1] == '-')
		n--;
	name[n] = '\0';
}

/* ---- Templates that were pulled */

struct finding {
	const char *remote, *image;
	char *name;      /* owned: the newest so far */
	char serial[64]; /* of that */
};

static int compare(void *context, const char *name, const struct template_config *config,
		   const struct err *fault)
{
	struct finding *finding = context;

	(void)fault;
	if (!config || strcmp(config->image_remote, finding->remote) != 0 ||
	    !offer_has_alias(config->image_aliases, finding->image) ||
	    (finding->name && strcmp(config->image_serial, finding->serial) <= 0))
		return 0;
	snprintf(finding->serial, sizeof finding->serial, "%s", config->image_serial);
	return text_take(&finding->name, strdup(name));
}

char *pull_find_local(const struct dirs *dirs, const char *word, struct err *err)
{
	char remote[64], image[128];
	struct finding finding = { .remote = remote, .image = image };

	if (split(word, remote, image, err) < 0 ||
	    template_list(dirs, compare, &finding, err) < 0) {
		free(finding.name);
		return NULL;
	}
	return finding.name;
}

int pull_origin(const struct dirs *dirs, const char *template, char **word, char **serial,
		struct err *err)
{
	struct template_config config;

	*word = *serial = NULL;
	if (template_open(dirs, template, &config, err) < 0)
		return -err->code;
	if (*config.image_remote) {
		size_t n = strcspn(config.image_aliases, ",");
		*word = text_format("%s:%.*s", config.image_remote, (int)n, config.image_aliases);
		*serial = strdup(config.image_serial);
	}
	bool pulled = *config.image_remote, registry = registry_is(config.image_product);
	config_free(&template_schema, &config);
	if (!pulled)
		return err_set(err, EINVAL,
			       "template '%s' came from no image server, so that nothing newer is "
			       "known of; only those that were pulled can be updated",
			       template);
	if (registry)
		return err_set(
			err, EINVAL,
			"template '%s' came from a registry, which does not tell which image is "
			"newer; pull it by another name",
			template);
	return *word && *serial ? 0 : err_set(err, ENOMEM, "out of memory");
}
