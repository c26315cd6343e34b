/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON of OCI images and of 'docker save', and names of whiteouts. */
#include "suite.h"

#include "base/scoped.h"
#include "image/unpack/layer.h"
#include "image/unpack/oci_json.h"

#include <stdlib.h>
#include <string.h>

#define SUM       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER     "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BLOB(sum) "\"digest\": \"sha256:" sum "\", \"size\": 7"
#define FOR(sum, arch) \
	"{" BLOB(sum) ", \"platform\": {\"os\": \"linux\", \"architecture\": \"" arch "\"}}"

static const char *index_says(const char *json, bool top)
{
	static struct err err;
	struct oci_choice choice;

	err = (struct err){ 0 };
	if (oci_index(json, strlen(json), "amd64", top, &choice, &err) == 0)
		return choice.blob.sha256[0] == '0' ? "first" : "second";
	return err.text;
}

static void test_index(void)
{
	CU_ASSERT_STRING_EQUAL(index_says("{\"manifests\": [{" BLOB(SUM) "}]}", true), "first");
	CU_ASSERT_STRING_EQUAL(
		index_says("{\"manifests\": [" FOR(SUM, "arm64") "," FOR(OTHER, "amd64") "]}",
			   true),
		"second");
	CU_ASSERT_STRING_EQUAL(
		index_says("{\"manifests\": [" FOR(SUM, "arm64") "," FOR(SUM, "s390x") "]}", true),
		"has no image for amd64, this host; it has arm64, s390x");
	/* Notes of build tools are no images, and one image may have two names. */
	CU_ASSERT_STRING_EQUAL(index_says("{\"manifests\": [" FOR(OTHER, "unknown") "," FOR(
						  SUM, "amd64") "," FOR(SUM, "amd64") "]}",
					  true),
			       "first");
	CU_ASSERT_PTR_NOT_NULL(strstr(
		index_says("{\"manifests\": [" FOR(SUM, "amd64") "," FOR(OTHER, "amd64") "]}",
			   true),
		"has several images"));
	CU_ASSERT_STRING_EQUAL(
		index_says("{\"manifests\": [" FOR(SUM, "amd64") "," FOR(OTHER, "amd64") "]}",
			   false),
		"first");
	CU_ASSERT_STRING_EQUAL(index_says("{}", true), "has no image");
}

static void test_config(void)
{
	static const char json[] =
		"{\"architecture\": \"amd64\", \"config\": {\"Entrypoint\": [\"/a\", \"b c\"], "
		"\"Cmd\": "
		"[\"it's\", \"\", \"x\\ny\"], \"Env\": [\"A=1\", \"B=\\u00e9 '\", \"1=2\", "
		"\"no\"], "
		"\"User\": \"x:y\", \"StopSignal\": \"QUIT\", \"WorkingDir\": \"/w\"}, \"rootfs\": "
		"{\"diff_ids\": [\"sha256:" SUM "\"]}}";
	scoped_text struct text facts = { 0 };
	struct oci_config config;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(oci_config(json, strlen(json), &config, &facts, &err), 0);
	CU_ASSERT_EQUAL(config.count, 1);
	CU_ASSERT_EQUAL(config.left, 2);
	CU_ASSERT_STRING_EQUAL(text_str(&facts),
			       "default.app.command = /a 'b c' 'it'\\''s' '' $'x\\x0ay'\n"
			       "default.app.directory = /w\n"
			       "default.env = A=1 'B=\xc3\xa9 '\\'''\n"
			       "default.app.signal = SIGQUIT\n"
			       "default.app.user = x:y\n"
			       "image.entrypoint = 2\n");
	free(config.sums);
	CU_ASSERT_EQUAL(oci_config("{\"config\": {\"WorkingDir\": \"w\"}}", 31, &config, &facts,
				   &err),
			-EINVAL);
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(oci_config("{\"config\": {\"User\": \"a\\nb\"}}", 28, &config, &facts,
				   &err),
			-EINVAL);
}

static void test_saved(void)
{
	static const char *const outside[] = { "/etc/passwd", "../x", "a/../../x", "" };
	static const char good[] = "[{\"Config\": \"c\", \"Layers\": [\"a/b\", \"..c/d\"]}]";
	struct oci_saved saved;
	struct err err = { 0 };

	CU_ASSERT_EQUAL(oci_saved(good, strlen(good), &saved, &err), 0);
	CU_ASSERT_EQUAL(saved.count, 2);
	CU_ASSERT_STRING_EQUAL(saved.layers[1], "..c/d");
	oci_saved_free(&saved);
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		scoped_free char *json =
			text_format("[{\"Config\": \"c\", \"Layers\": [\"%s\"]}]", outside[i]);
		err = (struct err){ 0 };
		CU_ASSERT_EQUAL(oci_saved(json, strlen(json), &saved, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "outside of the image"));
	}
}

static void test_whiteouts(void)
{
	CU_ASSERT_PTR_NULL(layer_whiteout("a/b"));
	CU_ASSERT_PTR_NULL(layer_whiteout(".wh.a/b"));
	CU_ASSERT_STRING_EQUAL(layer_whiteout("a/.wh.b"), "b");
	CU_ASSERT_STRING_EQUAL(layer_whiteout(".wh..wh..opq"), "/");
	CU_ASSERT_STRING_EQUAL(layer_whiteout("x/.wh..wh.plnk"), "");
	CU_ASSERT_STRING_EQUAL(layer_whiteout(".wh."), ".");
	CU_ASSERT_STRING_EQUAL(layer_whiteout(".wh..."), "..");
	CU_ASSERT_STRING_EQUAL(layer_whiteout(".wh.."), ".");
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "indexes", test_index },
		{ "settings", test_config },
		{ "docker save", test_saved },
		{ "whiteouts", test_whiteouts },
		CU_TEST_INFO_NULL,
	};

	return suite_run("oci", NULL, NULL, tests);
}
