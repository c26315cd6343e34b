/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A certificate by GnuTLS, which libmicrohttpd serves with. */
#include "gateway/tls.h"

#include "base/dirs.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
	MOST = 64 << 10,
	YEARS = 10,
	YEAR = 365 * 86400,
	SOON = 30 * 86400, /* before its end: its own is made anew, another is told of */
	HOST = 256,
	MOST_NAMES = 16, /* of its own certificate; the oldest go */
};

/* The names for which a certificate is good. */
struct names {
	size_t count;
	struct name {
		int kind; /* GNUTLS_SAN_ */
		size_t size;
		unsigned char bytes[HOST];
	} all[MOST_NAMES];
};

/* A pair that is being made. Zeroed: nothing. */
struct pair {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
	gnutls_datum_t key_text, certificate_text;
};

static void free_pair(struct pair *pair)
{
	if (pair->key)
		gnutls_x509_privkey_deinit(pair->key);
	if (pair->certificate)
		gnutls_x509_crt_deinit(pair->certificate);
	gnutls_free(pair->key_text.data);
	gnutls_free(pair->certificate_text.data);
}

static bool has_name(const struct names *names, const struct name *name)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct name *one = &names->all[i];
		if (one->kind == name->kind && one->size == name->size &&
		    memcmp(one->bytes, name->bytes, name->size) == 0)
			return true;
	}
	return false;
}

static void add_name(struct names *names, const struct name *name)
{
	if (names->count < MOST_NAMES && name->size > 0 && !has_name(names, name))
		names->all[names->count++] = *name;
}

static void add_host(struct names *names, const char *host)
{
	struct name name = { .kind = GNUTLS_SAN_DNSNAME, .size = strlen(host) };

	memcpy(name.bytes, host, name.size);
	add_name(names, &name);
}

/* The names that its own certificate needs: that of the host, localhost, and the address. */
static void want_names(struct names *names, const char *host, const char *address)
{
	struct name name = { .kind = GNUTLS_SAN_IPADDRESS };

	add_host(names, host);
	add_host(names, "localhost");
	name.size = inet_pton(AF_INET, address, name.bytes) == 1    ? 4
		    : inet_pton(AF_INET6, address, name.bytes) == 1 ? 16
								    : 0;
	add_name(names, &name);
}

static int name_pair(struct pair *pair, const char *host, const struct names *names)
{
	gnutls_x509_crt_t crt = pair->certificate;
	int r = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, host,
					      (unsigned)strnlen(host, 64));

	for (size_t i = 0; r >= 0 && i < names->count; i++) {
		const struct name *name = &names->all[i];
		r = gnutls_x509_crt_set_subject_alt_name(crt,
							 (gnutls_x509_subject_alt_name_t)name->kind,
							 name->bytes, (unsigned)name->size,
							 i == 0 ? GNUTLS_FSAN_SET
								: GNUTLS_FSAN_APPEND);
	}
	return r;
}

static int sign_pair(struct pair *pair)
{
	unsigned char serial[16];
	gnutls_x509_crt_t crt = pair->certificate;
	time_t now = time(NULL);
	int r = getrandom(serial, sizeof serial, 0) == sizeof serial ? 0 : GNUTLS_E_RANDOM_FAILED;

	serial[0] &= 0x7f;
	if (r >= 0)
		r = gnutls_x509_crt_set_version(crt, 3);
	if (r >= 0)
		r = gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
	/* A clock that is a little behind is no reason to refuse it. */
	if (r >= 0)
		r = gnutls_x509_crt_set_activation_time(crt, now - 86400);
	if (r >= 0)
		r = gnutls_x509_crt_set_expiration_time(crt, now + (time_t)YEARS * YEAR);
	if (r >= 0)
		r = gnutls_x509_crt_set_key(crt, pair->key);
	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	if (r >= 0)
		r = gnutls_x509_crt_sign2(crt, crt, pair->key, GNUTLS_DIG_SHA256, 0);
	return r;
}

static int make_pair(struct pair *pair, const char *host, const struct names *names)
{
	int r = gnutls_x509_privkey_init(&pair->key);

	if (r >= 0)
		r = gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_ECDSA,
						 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
						 0);
	if (r >= 0)
		r = gnutls_x509_crt_init(&pair->certificate);
	if (r >= 0)
		r = name_pair(pair, host, names);
	if (r >= 0)
		r = sign_pair(pair);
	if (r >= 0)
		r = gnutls_x509_privkey_export2(pair->key, GNUTLS_X509_FMT_PEM, &pair->key_text);
	if (r >= 0)
		r = gnutls_x509_crt_export2(pair->certificate, GNUTLS_X509_FMT_PEM,
					    &pair->certificate_text);
	return r;
}

/* Makes the pair anew. */
static int make_own(const struct tls_spec *files, const char *host, const struct names *names,
		    struct err *err)
{
	const char *key = files->key, *certificate = files->certificate;
	struct pair pair = { 0 };
	int r = make_pair(&pair, host, names);

	/* Never is there a certificate beside a key of another one. */
	if (r < 0)
		err_set(err, EIO, "make a certificate: %s", gnutls_strerror(r));
	else if (unlink(certificate) < 0 && errno != ENOENT)
		err_set(err, errno, "remove '%s': %s", certificate, strerror(errno));
	else if (file_replace(key, (const char *)pair.key_text.data, pair.key_text.size, 0600,
			      err) == 0)
		file_replace(certificate, (const char *)pair.certificate_text.data,
			     pair.certificate_text.size, 0644, err);
	free_pair(&pair);
	return -err->code;
}

static gnutls_x509_crt_t import(const char *text, int *r)
{
	gnutls_datum_t datum = { .data = (unsigned char *)(uintptr_t)text,
				 .size = (unsigned)strlen(text) };
	gnutls_x509_crt_t crt = NULL;

	*r = gnutls_x509_crt_init(&crt);
	if (*r >= 0)
		*r = gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_PEM);
	if (*r >= 0)
		return crt;
	gnutls_x509_crt_deinit(crt);
	return NULL;
}

/* Whether a certificate has all of these names; adds those that it has besides. */
static bool merge_names(gnutls_x509_crt_t crt, struct names *names)
{
	struct names found = { 0 };
	bool all = true;

	for (unsigned i = 0; found.count < MOST_NAMES; i++) {
		struct name name = { .size = sizeof name.bytes };
		name.kind =
			gnutls_x509_crt_get_subject_alt_name(crt, i, name.bytes, &name.size, NULL);
		if (name.kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (name.kind == GNUTLS_SAN_DNSNAME || name.kind == GNUTLS_SAN_IPADDRESS)
			add_name(&found, &name);
	}
	for (size_t i = 0; i < names->count; i++)
		all &= has_name(&found, &names->all[i]);
	for (size_t i = 0; i < found.count; i++)
		add_name(names, &found.all[i]);
	return all;
}

/* The library's own use of them, done once where the cause of a failure can be told. */
static int check_pair(const struct tls *tls, const struct tls_spec *files, struct err *err)
{
	gnutls_datum_t key = { .data = (unsigned char *)tls->key,
			       .size = (unsigned)strlen(tls->key) },
		       certificate = { .data = (unsigned char *)tls->certificate,
				       .size = (unsigned)strlen(tls->certificate) };
	gnutls_certificate_credentials_t credentials = NULL;
	int r = gnutls_certificate_allocate_credentials(&credentials);

	if (r >= 0)
		r = gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key,
							GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	return r >= 0 ? 0
		      : err_set(err, EINVAL, "'%s' is not the key of the certificate in '%s': %s",
				files->key, files->certificate, gnutls_strerror(r));
}

/* A kill, or the loss of power, may have left a key beside the certificate of another one, or half a file. */
static bool is_pair(const struct tls_spec *files, const char *certificate)
{
	scoped_free char *key = NULL;
	ssize_t n = file_read(AT_FDCWD, files->key, MOST, &key);
	const struct tls both = { .key = key, .certificate = (char *)(uintptr_t)certificate };

	if (n < 0)
		return false;
	bool good = check_pair(&both, files, &(struct err){ 0 }) == 0;
	explicit_bzero(key, (size_t)n);
	return good;
}

/* Makes a pair of its own, unless there is one that is good for some time, and for this host and address. */
static int keep_own(struct tls *tls, const struct tls_spec *files, struct err *err)
{
	scoped_free char *text = NULL;
	struct names names = { 0 };
	char host[HOST] = "";
	int r;

	gethostname(host, sizeof host - 1);
	want_names(&names, host, files->address);
	if (file_read(AT_FDCWD, files->certificate, MOST, &text) < 0 || !is_pair(files, text))
		return make_own(files, host, &names, err);
	gnutls_x509_crt_t crt = import(text, &r);
	time_t until = crt ? gnutls_x509_crt_get_expiration_time(crt) : 0;
	bool named = !crt || merge_names(crt, &names);
	gnutls_x509_crt_deinit(crt);
	if (named && until - time(NULL) > SOON)
		return 0;
	if (!named)
		text_print(tls->note, sizeof tls->note,
			   "the certificate is new, for the one before did not name '%.40s' or the "
			   "name of the host; a browser has to take it anew",
			   files->address);
	return make_own(files, host, &names, err);
}

static void note_names(struct tls *tls, gnutls_x509_crt_t crt)
{
	size_t count = 0;

	for (unsigned i = 0; count < TLS_NAMES; i++) {
		size_t size = TLS_NAME;
		int kind = gnutls_x509_crt_get_subject_alt_name(crt, i, tls->names[count], &size,
								NULL);
		if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (kind == GNUTLS_SAN_DNSNAME && size < TLS_NAME && *tls->names[count] != '*')
			tls->names[count++][size] = '\0';
		else
			*tls->names[count] = '\0';
	}
}

static void note_time(struct tls *tls, gnutls_x509_crt_t crt, const char *path)
{
	time_t until = gnutls_x509_crt_get_expiration_time(crt), now = time(NULL);
	struct tm date;
	char day[16];

	if (gnutls_x509_crt_get_activation_time(crt) > now) {
		text_print(tls->note, sizeof tls->note,
			   "the certificate in '%.64s' is not valid yet; is the clock right?",
			   path);
	} else if (until - now <= SOON && gmtime_r(&until, &date)) {
		strftime(day, sizeof day, "%Y-%m-%d", &date);
		text_print(tls->note, sizeof tls->note,
			   "the certificate in '%.64s' %s on %s; give another one by --cert", path,
			   until <= now ? "has ended" : "ends", day);
	}
}

static int describe(struct tls *tls, const struct tls_spec *files, struct err *err)
{
	unsigned char sum[32];
	size_t size = sizeof sum;
	int r;
	gnutls_x509_crt_t crt = import(tls->certificate, &r);

	if (r >= 0)
		r = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, sum, &size);
	if (crt) {
		note_names(tls, crt);
		note_time(tls, crt, files->certificate);
	}
	gnutls_x509_crt_deinit(crt);
	if (r < 0)
		return err_set(err, EINVAL, "'%s' is no certificate: %s", files->certificate,
			       gnutls_strerror(r));
	for (size_t i = 0; i < size; i++)
		snprintf(tls->fingerprint + 3 * i, sizeof tls->fingerprint - 3 * i, "%02X%s",
			 sum[i], i + 1 < size ? ":" : "");
	return check_pair(tls, files, err);
}

static int read_text(const char *path, char **out, struct err *err)
{
	ssize_t n = file_read(AT_FDCWD, path, MOST, out);

	return n < 0 ? err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n)) : 0;
}

int tls_open(struct tls *tls, const struct tls_spec *spec, struct err *err)
{
	scoped_dirs struct dirs dirs = { 0 };

	if (dirs_open(&dirs, NULL, err) < 0)
		return -err->code;
	scoped_free char *folder = dirs_state_path(&dirs, "api");
	scoped_free char *own_key = dirs_state_path(&dirs, "api/key.pem");
	scoped_free char *own_certificate = dirs_state_path(&dirs, "api/certificate.pem");
	struct tls_spec files = { .key = spec->key ? spec->key : own_key,
				  .certificate = spec->key ? spec->certificate : own_certificate,
				  .address = spec->address };

	if (!folder || !own_key || !own_certificate)
		return err_set(err, ENOMEM, "out of memory");
	if (!spec->key && file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	if (!spec->key && keep_own(tls, &files, err) < 0)
		return -err->code;
	if (read_text(files.key, &tls->key, err) < 0 ||
	    read_text(files.certificate, &tls->certificate, err) < 0)
		return -err->code;
	return describe(tls, &files, err);
}

void tls_close(struct tls *tls)
{
	if (tls->key)
		explicit_bzero(tls->key, strlen(tls->key));
	free(tls->key);
	free(tls->certificate);
	*tls = (struct tls){ 0 };
}
