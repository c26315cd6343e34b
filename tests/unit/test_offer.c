/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Indexes of image servers, honest and not, and the lines that offers are passed on by. */
#include "suite.h"

#include "base/scoped.h"
#include "image/fetch/streams.h"
#include "image/shared/offer.h"

#include <string.h>

#define SUM_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SUM_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const struct offer good = {
	.product = "alpine:3.22:amd64:default",
	.os = "Alpine",
	.release = "3.22",
	.variant = "default",
	.serial = "20251126_13:00",
	.aliases = "alpine/3.22/default,alpine/3.22",
	.combined = SUM_C,
	.metadata = { "images/alpine/lxd.tar.xz", 900, SUM_A },
	.root = { "images/alpine/20251126_13:00/root.tar.xz", 3000000, SUM_B },
};

static void test_line(void)
{
	struct text line = { 0 };
	struct offer back;

	CU_ASSERT_PTR_NULL(offer_fault(&good));
	offer_print(&good, &line);
	CU_ASSERT_TRUE(text_ends(text_str(&line), "\n"));
	line.data[line.length - 1] = '\0';
	CU_ASSERT_TRUE(offer_parse(line.data, &back));
	CU_ASSERT_EQUAL(memcmp(&back, &good, sizeof good), 0);
	text_free(&line);
	CU_ASSERT_FALSE(offer_parse((char[]){ "" }, &back));
	CU_ASSERT_FALSE(offer_parse((char[]){ "a\tb\tc\td\te\tf\tg" }, &back));
}

static void refuse_path(const char *path)
{
	struct offer bad = good;

	snprintf(bad.root.path, sizeof bad.root.path, "%s", path);
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	snprintf(bad.metadata.path, sizeof bad.metadata.path, "%s", path);
	CU_ASSERT(!*path || offer_fault(&bad));
}

static void test_faults(void)
{
	static const char *const paths[] = {
		"",      "/etc/passwd", "../root",    "a/../b",   "a/..", "a//b",
		"a/./b", "a/",          "a b",        "a\nb",     "a\tb", "a%2e",
		"a?b",   "a#b",         "http://x/y", "a\x1b[2J", "a\\b", "a\xff",
	};
	struct offer bad;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		refuse_path(paths[i]);
	bad = good;
	bad.root.size = 0;
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	bad.root.size = OFFER_ROOT_MAX + 1;
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	bad.metadata.size = OFFER_METADATA_MAX + 1;
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	bad.root.sha256[5] = 'g';
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	bad.root.sha256[60] = '\0';
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	strcpy(bad.combined, "12");
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	strcpy(bad.serial, "a\nb");
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	strcpy(bad.aliases, "a b");
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
	bad = good;
	bad.os[0] = '\0';
	CU_ASSERT_PTR_NOT_NULL(offer_fault(&bad));
}

static void test_names(void)
{
	CU_ASSERT_TRUE(offer_is(&good, "alpine/3.22"));
	CU_ASSERT_TRUE(offer_is(&good, "Alpine/3.22/default"));
	CU_ASSERT_FALSE(offer_is(&good, "alpine"));
	CU_ASSERT_FALSE(offer_is(&good, "alpine/3.2"));
	CU_ASSERT_FALSE(offer_is(&good, "alpine/3.22/cloud"));
	CU_ASSERT_FALSE(offer_is(&good, ""));
	CU_ASSERT_FALSE(offer_is(&good, "alpine/3.22/default,alpine/3.22"));
}

/* ---- The indexes */

static int index_of(const char *json, struct streams_files *files, struct err *err)
{
	*err = (struct err){ 0 };
	return streams_index(json, strlen(json), files, err);
}

#define STREAM(path)                                                                               \
	"{\"datatype\": \"image-downloads\", \"format\": \"products:1.0\", \"path\": \"" path "\"" \
	"}"

static void test_index(void)
{
	struct streams_files files;
	struct err err;

	CU_ASSERT_EQUAL(
		index_of("{\"format\": \"index:1.0\", \"index\": {\"images\": " STREAM(
				 "streams/v1/images.json") ", \"aws\": {\"datatype\": "
							   "\"image-ids\", \"path\": \"x\"}}}",
			 &files, &err),
		0);
	CU_ASSERT_EQUAL(files.count, 1);
	CU_ASSERT_STRING_EQUAL(files.path[0], "streams/v1/images.json");
	CU_ASSERT_TRUE(index_of("", &files, &err) < 0);
	CU_ASSERT_TRUE(index_of("<html>", &files, &err) < 0);
	CU_ASSERT_TRUE(index_of("[]", &files, &err) < 0);
	CU_ASSERT_TRUE(index_of("{}", &files, &err) < 0);
	CU_ASSERT_TRUE(index_of("{\"index\": 7}", &files, &err) < 0);
	CU_ASSERT_TRUE(index_of("{\"index\": {\"a\": 7}}", &files, &err) < 0);
	CU_ASSERT_TRUE(index_of("{\"index\": {\"a\": " STREAM("../../x") "}}", &files, &err) < 0);
	CU_ASSERT_TRUE(index_of("{\"index\": {\"a\": " STREAM("https://x/y") "}}", &files, &err) <
		       0);
	CU_ASSERT_TRUE(index_of("{\"index\": {\"a\": " STREAM("a") ", \"a\": " STREAM("b") "}}",
				&files, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "duplicate"));
}

static void test_many_streams(void)
{
	struct text json = { 0 };
	struct streams_files files;
	struct err err = { 0 };

	text_add(&json, "{\"index\": {\"a\": " STREAM("a"));
	for (unsigned i = 0; i < STREAMS_FILES_MAX; i++)
		text_add(&json, ", \"%u\": " STREAM("a"), i);
	text_add(&json, "}}");
	CU_ASSERT_EQUAL(streams_index(text_str(&json), json.length, &files, &err), -E2BIG);
	text_free(&json);
}

#define ITEM(type, path, sum)                                       \
	"\"" type "\": {\"ftype\": \"" type "\", \"path\": \"" path \
	"\", \"size\": 10, \"sha256\": \"" sum "\"}"
#define META                                                                                    \
	"\"m\": {\"ftype\": \"lxd.tar.xz\", \"path\": \"m\", \"size\": 9, \"sha256\": \"" SUM_A \
	"\", \"combined_rootxz_sha256\": \"" SUM_C "\", \"combined_squashfs_sha256\": \"" SUM_B \
	"\"}"
#define PRODUCT(name, arch, versions)                                     \
	"\"" name "\": {\"arch\": \"" arch                                \
	"\", \"os\": \"Os\", \"release\": \"1\", \"aliases\": \"os/1\", " \
	"\"versions\": {" versions "}}"
#define ISSUE(serial, items) "\"" serial "\": {\"items\": {" items "}}"

static int products_of(const char *json, struct streams_result *result, struct err *err)
{
	scoped_free char *whole = text_format("{\"products\": {%s}}", json);

	text_free(&result->lines);
	*result = (struct streams_result){ 0 };
	*err = (struct err){ 0 };
	return streams_products(whole, strlen(whole), "amd64", result, err);
}

static void expect_root(const char *json, const char *serial, const char *metadata,
			const char *root, const char *combined)
{
	struct streams_result result = { 0 };
	struct offer offer;
	struct err err;

	CU_ASSERT_EQUAL(products_of(json, &result, &err), 0);
	CU_ASSERT_EQUAL(result.count, 1);
	CU_ASSERT_EQUAL(result.skipped, 0);
	if (result.count == 1) {
		result.lines.data[result.lines.length - 1] = '\0';
		CU_ASSERT_TRUE(offer_parse(result.lines.data, &offer));
		CU_ASSERT_STRING_EQUAL(offer.serial, serial);
		CU_ASSERT_STRING_EQUAL(offer.variant, "default");
		CU_ASSERT_STRING_EQUAL(offer.metadata.path, metadata);
		CU_ASSERT_STRING_EQUAL(offer.root.path, root);
		CU_ASSERT_STRING_EQUAL(offer.combined, combined);
	}
	text_free(&result.lines);
}

static void test_choice(void)
{
	/* A tar before a squashfs, and the newest version that has what is needed. */
	expect_root(PRODUCT("p", "amd64",
			    ISSUE("1", META ", " ITEM("root.tar.xz", "old", SUM_B)) ", " ISSUE(
				    "3",
				    ITEM("disk-kvm.img", "vm",
					 SUM_B)) ", " ISSUE("2",
							    ITEM("squashfs", "sq",
								 SUM_B) ", " META
									", " ITEM("root.tar.xz",
										  "tar", SUM_B))),
		    "2", "m", "tar", SUM_C);
	expect_root(PRODUCT("p", "amd64", ISSUE("1", META ", " ITEM("squashfs", "sq", SUM_B))), "1",
		    "m", "sq", SUM_B);
	expect_root(PRODUCT("p", "amd64",
			    ISSUE("1", ITEM("lxd_combined.tar.gz", "one",
					    SUM_B))) ", " PRODUCT("q", "arm64",
								  ISSUE("1",
									ITEM("lxd_combined.tar.gz",
									     "one", SUM_B))),
		    "1", "", "one", "");
}

/* A bad image does not hide the others. */
static void test_skipped(void)
{
	struct streams_result result = { 0 };
	struct err err;

	CU_ASSERT_EQUAL(
		products_of(
			PRODUCT("good", "amd64", ISSUE("1", ITEM("lxd_combined.tar.gz", "a/b", SUM_B))) ", " PRODUCT(
				"up", "amd64",
				ISSUE("1",
				      ITEM("lxd_combined.tar.gz", "../b",
					   SUM_B))) ", " PRODUCT("line\\nfeed", "amd64",
								 ISSUE("1",
								       ITEM("lxd_combined.tar."
									    "gz",
									    "b",
									    SUM_B))) ","
										     " " PRODUCT(
											     "sum",
											     "amd6"
											     "4",
											     ISSUE("1",
												   ITEM("lxd_combined.tar.gz",
													"b",
													"12"))) ", "
														"\"number\": 7, \"list\": [], \"null\": null, "
														"\"odd\": {\"arch\": \"amd64\", \"versions\": [1, {}]}",
			&result, &err),
		0);
	CU_ASSERT_EQUAL(result.count, 1);
	CU_ASSERT_EQUAL(result.skipped, 3);
	CU_ASSERT_STRING_EQUAL(result.why, "'up' has a path with an empty part, '.' or '..'");
	text_free(&result.lines);
}

static void test_bad_lists(void)
{
	struct streams_result result = { 0 };
	struct text deep = { 0 };
	struct err err;

	CU_ASSERT_TRUE(products_of("\"a\": {}, \"a\": {}", &result, &err) < 0);
	CU_ASSERT_TRUE(products_of("\"a\": \"b\xff\"", &result, &err) < 0);
	err = (struct err){ 0 };
	CU_ASSERT_TRUE(streams_products("{\"products\": []}", 16, "amd64", &result, &err) < 0);
	for (unsigned i = 0; i < 100000; i++)
		text_add(&deep, "{\"a\":");
	err = (struct err){ 0 };
	CU_ASSERT_TRUE(streams_products(text_str(&deep), deep.length, "amd64", &result, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "depth"));
	text_free(&deep);
	text_free(&result.lines);
}

static void test_sums(void)
{
	static const struct {
		const char *text, *sum;
	} known[] = {
		/* FIPS 180-2, appendix B */
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	};
	char hex[SHA256_HEX + 1];
	struct sha256 sum;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		CU_ASSERT_EQUAL(sha256_begin(&sum, &err), 0);
		sha256_add(&sum, known[i].text, strlen(known[i].text));
		sha256_end(&sum, hex);
		CU_ASSERT_STRING_EQUAL(hex, known[i].sum);
	}
	CU_ASSERT_EQUAL(sha256_begin(&sum, &err), 0);
	for (unsigned i = 0; i < 10000; i++)
		sha256_add(&sum,
			   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			   100);
	sha256_end(&sum, hex);
	CU_ASSERT_STRING_EQUAL(hex,
			       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "an offer is passed on by a line", test_line },
		{ "offers with faults", test_faults },
		{ "names of an image", test_names },
		{ "the first index", test_index },
		{ "an index that names too much", test_many_streams },
		{ "which files of which version", test_choice },
		{ "images with faults are left out", test_skipped },
		{ "lists that are refused", test_bad_lists },
		{ "sums that are known", test_sums },
		CU_TEST_INFO_NULL,
	};

	return suite_run("offer", NULL, NULL, tests);
}
