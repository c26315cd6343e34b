/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/unpack/oci_json.h"

#include "base/scoped.h"
#include "config/config.h"
#include "config/values.h"
#include "image/shared/goarch.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>

static const char nowhere[] = "names a file that lies outside of the image";

/* Fit to be shown. */
static void show(const char *s, char *out, size_t room)
{
	size_t n = 0;

	for (; *s && n + 1 < room; s++)
		out[n++] = *s < ' ' || *s > '~' ? '?' : *s;
	out[n] = '\0';
}

/* The caller releases it; NULL with err. */
static json_t *load(const char *json, size_t length, bool is_array, struct err *err)
{
	json_error_t fault;
	char why[JSON_ERROR_TEXT_LENGTH];
	json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &fault);

	if (!root) {
		show(fault.text, why, sizeof why);
		err_set(err, EINVAL, "is no JSON: line %d: %s", fault.line, why);
	} else if (is_array ? !json_is_array(root) : !json_is_object(root)) {
		err_set(err, EINVAL, "is not JSON of an image: it is no %s",
			is_array ? "array" : "object");
		json_decref(root);
		root = NULL;
	}
	return root;
}

static const char *string_of(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

const char *oci_arch(void)
{
	static struct utsname host;

	return uname(&host) < 0 ? "unknown" : goarch_of(host.machine);
}

/* ---- Descriptors */

/* "sha256:..." of lower-case digits, into its sum. */
static bool take_digest(const char *digest, char sum[SHA256_HEX + 1])
{
	if (!text_starts(digest, "sha256:"))
		return false;
	digest += strlen("sha256:");
	if (strlen(digest) != SHA256_HEX || strspn(digest, "0123456789abcdef") != SHA256_HEX)
		return false;
	memcpy(sum, digest, SHA256_HEX + 1);
	return true;
}

static int take_blob(const json_t *descriptor, const char *what, struct oci_blob *blob,
		     struct err *err)
{
	const json_t *size = json_object_get(descriptor, "size");
	const char *type = string_of(descriptor, "mediaType");

	if (json_array_size(json_object_get(descriptor, "urls")) > 0 || strstr(type, "foreign") ||
	    strstr(type, "nondistributable"))
		return err_set(err, ENOTSUP,
			       "has %s that is not in the image but elsewhere: berth fetches none",
			       what);
	if (!take_digest(string_of(descriptor, "digest"), blob->sha256))
		return err_set(err, EINVAL, "has %s without a SHA-256 digest", what);
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return err_set(err, EINVAL, "has %s without a size", what);
	blob->size = (uint64_t)json_integer_value(size);
	return 0;
}

/* ---- Indexes */

struct choosing {
	const char *arch;
	bool top;
	struct oci_choice *choice;
	size_t found;
	struct text others, names; /* owned: architectures; names of the images found */
};

static bool is_index(const json_t *descriptor)
{
	const char *type = string_of(descriptor, "mediaType");

	return strstr(type, "image.index") || strstr(type, "manifest.list");
}

static void note(struct text *list, const char *word)
{
	char shown[80];

	show(word, shown, sizeof shown);
	if (*shown && list->length < 400 && !(list->length && strstr(text_str(list), shown)))
		text_add(list, "%s%s", list->length ? ", " : "", shown);
}

static void note_name(struct text *list, const json_t *descriptor)
{
	const json_t *notes = json_object_get(descriptor, "annotations");
	const char *name = string_of(notes, "org.opencontainers.image.ref.name");

	note(list, *name ? name : string_of(descriptor, "digest"));
}

/* Whether it is an image for this host, or may be: an index often does not say what it is for. */
static bool is_wanted(struct choosing *choosing, const json_t *descriptor)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const char *arch = string_of(platform, "architecture"), *os = string_of(platform, "os");

	if (!*arch)
		return true;
	/* Attestations, which build tools put beside an image, have this. */
	if (strcmp(arch, "unknown") == 0)
		return false;
	if (strcmp(arch, choosing->arch) == 0 && strcmp(os, "linux") == 0)
		return true;
	scoped_free char *name = text_format("%s%s%s", strcmp(os, "linux") == 0 ? "" : os,
					     strcmp(os, "linux") == 0 ? "" : "/", arch);
	note(&choosing->others, name ? name : "");
	return false;
}

static int consider(struct choosing *choosing, const json_t *descriptor, struct err *err)
{
	struct oci_choice choice = { .is_index = is_index(descriptor) };

	if (!is_wanted(choosing, descriptor))
		return 0;
	if (take_blob(descriptor, "an image", &choice.blob, err) < 0)
		return -err->code;
	/* One image may have several names. */
	bool same = choosing->found > 0 &&
		    strcmp(choice.blob.sha256, choosing->choice->blob.sha256) == 0;
	note_name(&choosing->names, descriptor);
	if (choosing->found == 0)
		*choosing->choice = choice;
	if (!same)
		choosing->found++;
	return 0;
}

static int judge(const struct choosing *choosing, struct err *err)
{
	if (choosing->others.failed || choosing->names.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (choosing->found == 0 && choosing->others.length)
		return err_set(err, ENOENT, "has no image for %s, this host; it has %s",
			       choosing->arch, text_str(&choosing->others));
	if (choosing->found == 0)
		return err_set(err, ENOENT, "has no image");
	if (choosing->found > 1 && choosing->top)
		return err_set(err, EINVAL, "has several images: %s; save or copy only one into it",
			       text_str(&choosing->names));
	return 0;
}

int oci_index(const char *json, size_t length, const char *arch, bool top,
	      struct oci_choice *choice, struct err *err)
{
	struct choosing choosing = { .arch = arch, .top = top, .choice = choice };
	json_t *root = load(json, length, false, err), *descriptor;
	size_t i;
	int r = 0;

	if (!root)
		return -err->code;
	json_array_foreach(json_object_get(root, "manifests"), i, descriptor)
	{
		r = consider(&choosing, descriptor, err);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = judge(&choosing, err);
	text_free(&choosing.others);
	text_free(&choosing.names);
	json_decref(root);
	return r;
}

/* ---- Manifests */

static int too_many(size_t count, struct err *err)
{
	return err_set(err, E2BIG, "has %zu layers; at most %d are taken", count, OCI_LAYERS_MAX);
}

static int take_layers(const json_t *list, struct oci_manifest *manifest, struct err *err)
{
	size_t count = json_array_size(list), i;
	json_t *descriptor;

	if (count > OCI_LAYERS_MAX)
		return too_many(count, err);
	manifest->layers = calloc(count + 1, sizeof *manifest->layers);
	if (!manifest->layers)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(list, i, descriptor)
	{
		if (take_blob(descriptor, "a layer", &manifest->layers[i], err) < 0)
			return -err->code;
	}
	manifest->count = count;
	return 0;
}

int oci_manifest(const char *json, size_t length, struct oci_manifest *manifest, struct err *err)
{
	json_t *root = load(json, length, false, err);
	const json_t *layers = json_object_get(root, "layers");
	int r = 0;

	*manifest = (struct oci_manifest){ 0 };
	if (!root)
		return -err->code;
	if (!json_is_array(layers))
		r = err_set(err, EINVAL, "is no manifest of an image: it has no layers");
	if (r == 0)
		r = take_blob(json_object_get(root, "config"), "a config", &manifest->config, err);
	if (r == 0)
		r = take_layers(layers, manifest, err);
	if (r < 0)
		free(take_ptr(&manifest->layers));
	json_decref(root);
	return r;
}

/* ---- manifest.json of docker save */

/* Links in the archive are allowed, since old versions of docker write them; they stay inside. */
static bool is_inside(const char *path)
{
	if (*path == '/' || !*path)
		return false;
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			return false;
		path += n;
		path += strspn(path, "/");
	}
	return true;
}

static int take_path(const json_t *value, char **out, struct err *err)
{
	const char *path = json_string_value(value);

	if (!path || !is_inside(path))
		return err_set(err, EINVAL, "%s", path ? nowhere : "names a file that is no text");
	*out = strdup(path);
	return *out ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int take_saved(const json_t *image, struct oci_saved *saved, struct err *err)
{
	const json_t *layers = json_object_get(image, "Layers");
	size_t count = json_array_size(layers);

	if (!json_is_array(layers) || !json_is_string(json_object_get(image, "Config")))
		return err_set(err, EINVAL,
			       "is not of 'docker save': it has no Config or no Layers");
	if (count > OCI_LAYERS_MAX)
		return too_many(count, err);
	saved->layers = calloc(count + 1, sizeof *saved->layers);
	if (!saved->layers)
		return err_set(err, ENOMEM, "out of memory");
	if (take_path(json_object_get(image, "Config"), &saved->config, err) < 0)
		return -err->code;
	for (; saved->count < count; saved->count++) {
		if (take_path(json_array_get(layers, saved->count), &saved->layers[saved->count],
			      err) < 0)
			return -err->code;
	}
	return 0;
}

static int refuse_several(const json_t *root, struct err *err)
{
	scoped_text struct text names = { 0 };
	json_t *image;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)root, i, image)
	{
		const char *name =
			json_string_value(json_array_get(json_object_get(image, "RepoTags"), 0));
		note(&names, name ? name : "one without a name");
	}
	return err_set(err, EINVAL, "has several images: %s; save only one", text_str(&names));
}

int oci_saved(const char *json, size_t length, struct oci_saved *saved, struct err *err)
{
	json_t *root = load(json, length, true, err);
	int r = 0;

	*saved = (struct oci_saved){ 0 };
	if (!root)
		return -err->code;
	if (json_array_size(root) == 0)
		r = err_set(err, ENOENT, "has no image");
	else if (json_array_size(root) > 1)
		r = refuse_several(root, err);
	else
		r = take_saved(json_array_get(root, 0), saved, err);
	if (r < 0)
		oci_saved_free(saved);
	json_decref(root);
	return r;
}

void oci_saved_free(struct oci_saved *saved)
{
	for (size_t i = 0; i < saved->count; i++)
		free(saved->layers[i]);
	free(saved->layers);
	free(saved->config);
	*saved = (struct oci_saved){ 0 };
}

/* ---- Configs */

static int take_sums(const json_t *list, struct oci_config *config, struct err *err)
{
	size_t count = json_array_size(list), i;
	json_t *sum;

	if (count > OCI_LAYERS_MAX)
		return too_many(count, err);
	config->sums = calloc(count + 1, sizeof *config->sums);
	if (!config->sums)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(list, i, sum)
	{
		const char *digest = json_string_value(sum);
		if (!digest || !take_digest(digest, config->sums[i]))
			return err_set(err, EINVAL, "has a layer without a SHA-256 digest");
	}
	config->count = count;
	return 0;
}

/* Returns how many words those are. */
static unsigned add_words(const json_t *list, struct text *out)
{
	unsigned count = 0;
	json_t *word;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, word)
	{
		if (!json_is_string(word))
			continue;
		config_add_word(out, json_string_value(word));
		count++;
	}
	return count;
}

static void add_env(const json_t *list, struct oci_config *config, struct text *out)
{
	json_t *word;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, word)
	{
		const char *text = json_string_value(word);
		if (!text || config_variable_fault(text)) {
			config->left++;
			continue;
		}
		config_add_word(out, text);
	}
}

static int put_line(struct text *facts, const char *key, const char *value, struct err *err)
{
	if (facts->length + strlen(value) > OCI_FACTS_MAX - 256)
		return err_set(err, E2BIG, "has settings that are longer than berth keeps");
	if (*value)
		text_add(facts, "%s = %s\n", key, value);
	return 0;
}

/* The signal "QUIT", "SIGQUIT" or "3" as settings name it. */
static void add_signal(const char *signal, struct text *out)
{
	if (*signal && strspn(signal, "0123456789") == strlen(signal)) {
		const char *name = strlen(signal) < 3 ? sigabbrev_np(atoi(signal)) : NULL;
		text_add(out, "%s%s", name ? "SIG" : "", name ? name : "");
	} else if (strlen(signal) < 20) {
		text_add(out, "%s%s", !*signal || text_starts(signal, "SIG") ? "" : "SIG", signal);
	}
}

static bool is_text(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

/* The program of an image is its entrypoint, with its command as arguments. */
static int add_facts(const json_t *settings, struct oci_config *config, struct text *facts,
		     struct err *err)
{
	scoped_text struct text command = { 0 }, env = { 0 }, signal = { 0 };
	const char *directory = string_of(settings, "WorkingDir");
	const char *user = string_of(settings, "User");

	if (!is_text(directory) || !is_text(user) || !is_text(string_of(settings, "StopSignal")))
		return err_set(err, EINVAL, "has settings with control characters");
	if (*directory && *directory != '/')
		return err_set(err, EINVAL, "has a WorkingDir that is no absolute path");
	unsigned entrypoint = add_words(json_object_get(settings, "Entrypoint"), &command);
	add_words(json_object_get(settings, "Cmd"), &command);
	add_env(json_object_get(settings, "Env"), config, &env);
	add_signal(string_of(settings, "StopSignal"), &signal);
	if (command.failed || env.failed || signal.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (put_line(facts, "default.app.command", text_str(&command), err) < 0 ||
	    put_line(facts, "default.app.directory", directory, err) < 0 ||
	    put_line(facts, "default.env", text_str(&env), err) < 0 ||
	    put_line(facts, "default.app.signal", text_str(&signal), err) < 0 ||
	    put_line(facts, "default.app.user", user, err) < 0)
		return -err->code;
	if (entrypoint > 0)
		text_add(facts, "image.entrypoint = %u\n", entrypoint);
	return facts->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int oci_config(const char *json, size_t length, struct oci_config *config, struct text *facts,
	       struct err *err)
{
	json_t *root = load(json, length, false, err);
	int r;

	*config = (struct oci_config){ 0 };
	if (!root)
		return -err->code;
	show(string_of(root, "architecture"), config->arch, sizeof config->arch);
	r = take_sums(json_object_get(json_object_get(root, "rootfs"), "diff_ids"), config, err);
	if (r == 0)
		r = add_facts(json_object_get(root, "config"), config, facts, err);
	if (r < 0)
		free(take_ptr(&config->sums));
	json_decref(root);
	return r;
}
