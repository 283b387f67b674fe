/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmocka_all.h"
#include "engine/diff.h"
#include "engine/document.h"

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

static char *set(
	const struct document_format *format, const char *text, const char *const *path, const char *value)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_strbuf out = {0};
	int rc = document_set(format, text, strlen(text), path, value, "f", &out, &err);

	if (rc < 0)
		fail_msg("%s\n%s", nvb_error_message(err), text);
	return out.s;
}

static char *unset(const struct document_format *format, const char *text, const char *const *path)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_strbuf out = {0};
	int rc = document_unset(format, text, strlen(text), path, "f", &out, &err);

	if (rc < 0)
		fail_msg("%s\n%s", nvb_error_message(err), text);
	return out.s;
}

static void assert_same(
	const struct document_format *format, const char *text, const char *const *path, const char *value)
{
	_cleanup_free_ char *now = NULL;

	assert_int_equal(format->get(text, strlen(text), path, "f", &now, NULL), 0);
	assert_non_null(now);
	assert_int_equal(format->same(now, value, NULL), 1);
}

/*
 * Sets all values of a list one after another; each stands there then, a second setting changes no byte.
 * Taking them away again in reverse, with the tables that they brought, gives the text as it was.
 */
struct wish {
	const char *const *path;
	const char *value;
};

static void there_and_back(
	const struct document_format *format, const char *original, const struct wish *wishes, size_t count)
{
	_cleanup_free_ char *text = strdup(original);
	bool made[8][8] = {{false}};

	for (size_t i = 0; i < count; i++) {
		const char *const *path = wishes[i].path;
		size_t depth = document_path_depth(path);
		char *next, *again;

		for (size_t n = 1; n < depth; n++) {
			const char *prefix[8] = {NULL};

			memcpy(prefix, path, n * sizeof(*prefix));
			made[i][n] = format->stands(text, strlen(text), prefix, "f", NULL) == 0;
		}
		next = set(format, text, path, wishes[i].value);
		assert_same(format, next, path, wishes[i].value);
		again = set(format, next, path, wishes[i].value);
		assert_string_equal(again, next);
		free(again);
		free(text);
		text = next;
	}
	for (size_t i = count; i-- > 0;) {
		const char *const *path = wishes[i].path;
		char *next = unset(format, text, path);

		free(text);
		text = next;
		for (size_t n = document_path_depth(path); n-- > 1;) {
			const char *prefix[8] = {NULL};

			memcpy(prefix, path, n * sizeof(*prefix));
			if (!made[i][n])
				continue;
			next = unset(format, text, prefix);
			free(text);
			text = next;
		}
	}
	assert_string_equal(text, original);
}

static const struct wish docker[] = {
	{PATH("runtimes", "nvbind", "path"), "\"/usr/bin/nvbind-runtime\""},
	{PATH("default-runtime"), "\"nvbind\""},
	{PATH("features", "cdi"), "true"},
};

static void json_layouts(void **state)
{
	static const char *const layouts[] = {
		"{\"a\":1}",
		"{\"a\": 1}\n",
		"{\"a\": 1, \"b\": [1, 2]}\n",
		"{\n  \"a\": 1\n}\n",
		"{\n\t\"log-driver\": \"local\",\n\t\"features\": {\n\t\t\"buildkit\": true\n\t}\n}\n",
		"{\r\n    \"a\": {\"b\": \"c\"},\r\n    \"d\": null\r\n}\r\n",
		"{\n    \"runtimes\": {\"kata\": {\"path\": \"/k\"}},\n    \"z\": 0.1\n}",
		"{\n  \"runtimes\": {\n    \"kata\": {\n      \"path\": \"/k\"\n    }\n  }\n}\n",
		"  {  \"a\"  :  1  }  ",
		"{\"features\":{\"cdi-old\":false},\"n\":18446744073709551615}",
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(layouts); i++)
		there_and_back(&document_json, layouts[i], docker, NVB_ELEMENTS(docker));
}

static void json_looks_like_what_is_there(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{"{\n\t\"a\": 1\n}\n",
			"{\n\t\"a\": 1,\n\t\"runtimes\": {\n\t\t\"nvbind\": {\n\t\t\t\"path\": "
			"\"/r\"\n\t\t}\n\t}\n}\n"},
		{"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2,\"runtimes\":{\"nvbind\":{\"path\":\"/r\"}}}"},
		{"", "{\n    \"runtimes\": {\n        \"nvbind\": {\n            \"path\": \"/r\"\n        "
		     "}\n    "
		     "}\n}\n"},
		{"{\n  \"runtimes\": {\n    \"kata\": {\"path\": \"/k\"}\n  }\n}",
			"{\n  \"runtimes\": {\n    \"kata\": {\"path\": \"/k\"},\n    \"nvbind\": {\n      "
			"\"path\": \"/r\"\n    }\n  }\n}"},
		{"{\n  \"runtimes\": {\"nvbind\": {\"path\": \"/old\", \"runtimeArgs\": [\"-x\"]}}\n}",
			"{\n  \"runtimes\": {\"nvbind\": {\"path\": \"/r\", \"runtimeArgs\": [\"-x\"]}}\n}"},
		{"{\n  \"runtimes\": null,\n  \"b\": 1\n}", "{\n  \"runtimes\": {\n    \"nvbind\": {\n      "
							    "\"path\": \"/r\"\n    }\n  },\n  \"b\": 1\n}"},
		{"{\n  \"runtimes\": {}\n}",
			"{\n  \"runtimes\": {\n    \"nvbind\": {\n      \"path\": \"/r\"\n    }\n  }\n}"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *after =
			set(&document_json, cases[i].before, PATH("runtimes", "nvbind", "path"), "\"/r\"");

		assert_string_equal(after, cases[i].after);
	}
}

static void json_refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"{\n  \"a\": 1,\n}", "f:3:1: not JSON: a ',' before its '}'"},
		{"{\n  // a comment\n}", "f:2:3: not JSON: expected a key in quotes"},
		{"{\"a\": \"\u00e4\", b}", "f:1:12: not JSON: expected a key in quotes"},
		{"[]", "f:1:1: must be an object, is an array"},
		{"{\"runtimes\": []}", "f: \"runtimes\" must be an object, is an array"},
		{"{\"runtimes\": {\"nvbind\": \"x\"}}", "f: \"nvbind\" must be an object, is a string"},
		{"{\"runtimes\": {}, \"runtimes\": {}}",
			"f:1:18: not JSON: the key \"runtimes\" stands twice"},
		{"{} {}", "f:1:4: not JSON: something stands behind the end of the document"},
		{"{\"a\": 1", "f:1:8: not JSON: ends before its '}'"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		struct nvb_strbuf out = {0};

		assert_true(document_set(&document_json, cases[i].text, strlen(cases[i].text),
				    PATH("runtimes", "nvbind", "path"), "\"/r\"", "f", &out, &err) < 0);
		assert_string_equal(nvb_error_message(err), cases[i].message);
		assert_null(out.s);
	}
}

#define CRI  "io.containerd.grpc.v1.cri"
#define QCRI "\"io.containerd.grpc.v1.cri\""

static const struct wish containerd[] = {
	{PATH("plugins", CRI, "enable_cdi"), "true"},
	{PATH("plugins", CRI, "containerd", "default_runtime_name"), "\"nvbind\""},
	{PATH("plugins", CRI, "containerd", "runtimes", "nvbind", "runtime_type"),
		"\"io.containerd.runc.v2\""},
	{PATH("plugins", CRI, "containerd", "runtimes", "nvbind", "options", "BinaryName"), "\"/r\""},
	{PATH("plugins", CRI, "containerd", "runtimes", "nvbind", "options", "SystemdCgroup"), "true"},
};

static void toml_layouts(void **state)
{
	static const char *const layouts[] = {
		"",
		"# only a comment\n",
		"# only a comment",
		"version = 2\n",
		"version = 2",
		"version = 2\r\n\r\n[grpc]\r\n  address = \"/run/x.sock\"\r\n",
		"\xef\xbb\xbfversion = 2\n",
		"version = 2\n[plugins]\n",
		"version = 2\n\n[plugins." QCRI
		"]\n  sandbox_image = \"x\" # pinned\n\n# metrics\n[metrics]\n  address = "
		"\"\"\n",
		"version = 2\n[plugins." QCRI ".containerd.runtimes.runc]\n  runtime_type = "
		"\"io.containerd.runc.v2\"\n  [plugins." QCRI
		".containerd.runtimes.runc.options]\n    SystemdCgroup = true\n\n\n",
		"plugins." QCRI ".sandbox_image = \"x\"\nversion = 2\n",
		"[plugins]\n" QCRI ".containerd.snapshotter = \"overlayfs\"\n",
		"[plugins." QCRI "]\ncontainerd = { snapshotter = \"overlayfs\" }\n",
		"[plugins." QCRI "]\ncontainerd = {runtimes = {runc = {runtime_type = \"t\"}}, n = 1}\n",
		"[plugins.'io.containerd.grpc.v1.cri']\nx = '''\n# no comment\n[no.header]\n'''\n[z]\n",
		"[a]\nx = \"\"\"\n# looks like one\"\"\"\n[plugins." QCRI ".containerd]\n\n\n[b]\n",
		"[[stream_processors]]\nid = 1\n[[stream_processors]]\nid = 2\n[stream_processors.env]\nk = "
		"'v'\n",
		"\t[plugins]\n\t\t[plugins." QCRI "]\n\t\t\ta = [ 1,\n\t\t\t2 ]\n",
		"[ plugins . " QCRI " . containerd ]\n# runtimes come later\n\n#[commented.out]\n#key = 1\n",
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(layouts); i++)
		there_and_back(&document_toml, layouts[i], containerd, NVB_ELEMENTS(containerd));
}

static void toml_looks_like_what_is_there(void **state)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{"[engine]\nx = 1 # one\n#y = 2\n\n# tables\n[network]\n",
			"[engine]\nx = 1 # one\n#y = 2\n\n[engine.runtimes]\nnvbind = [\"/r\"]\n\n# "
			"tables\n[network]\n"},
		{"[engine.runtimes]\n#crun = [\"/c\"]\n",
			"[engine.runtimes]\nnvbind = [\"/r\"]\n#crun = [\"/c\"]\n"},
		{"[engine]\nruntimes.crun = [\"/c\"]\n",
			"[engine]\nruntimes.crun = [\"/c\"]\nruntimes.nvbind = [\"/r\"]\n"},
		{"[engine]\nruntimes = { crun = [\"/c\"] } # both\n",
			"[engine]\nruntimes = { crun = [\"/c\"], nvbind = [\"/r\"] } # both\n"},
		{"[engine]\nruntimes = {}\n", "[engine]\nruntimes = { nvbind = [\"/r\"] }\n"},
		{"[engine.runtimes]\nnvbind = [\n  \"/old\", # ours\n] # end\n",
			"[engine.runtimes]\nnvbind = [\"/r\"] # end\n"},
		{"\n[engine.runtimes.more]\nx = 1\n",
			"\n[engine.runtimes]\nnvbind = [\"/r\"]\n\n[engine.runtimes.more]\nx = 1\n"},
		{"[engine.runtimes]\r\n  crun = []\r\n",
			"[engine.runtimes]\r\n  crun = []\r\n  nvbind = [\"/r\"]\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *after = set(
			&document_toml, cases[i].before, PATH("engine", "runtimes", "nvbind"), "[\"/r\"]");

		assert_string_equal(after, cases[i].after);
	}
}

static void toml_root_keys_go_behind_a_heading(void **state)
{
	static const char *const cases[][2] = {
		{"", "version = 2\n"},
		{"# mine\n", "# mine\nversion = 2\n"},
		{"# mine", "# mine\nversion = 2"},
		{"# mine\n\n[a]\n", "# mine\nversion = 2\n\n[a]\n"},
		{"# about a\n[a]\n", "version = 2\n# about a\n[a]\n"},
		{"root = 1\n[a]\n", "root = 1\nversion = 2\n[a]\n"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *after = set(&document_toml, cases[i][0], PATH("version"), "2");
		_cleanup_free_ char *back = unset(&document_toml, after, PATH("version"));

		assert_string_equal(after, cases[i][1]);
		assert_string_equal(back, cases[i][0]);
	}
}

static void toml_refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"[engine\n", "f:1:8: the end of the line where ']' should close the header"},
		{"engine = 1\n", "f:1: 'engine' is no table here"},
		{"[engine]\nruntimes = []\n", "f:2: 'runtimes' is no table here"},
		{"[[engine]]\n", "f:1: 'engine' is an array of tables here"},
		{"[engine.runtimes.nvbind]\nx = 1\n", "f:1: 'nvbind' is a table here"},
		{"[engine]\nruntimes = {nvbind = {}}\n", "f:2: 'nvbind' is a table here"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		struct nvb_strbuf out = {0};

		assert_true(document_set(&document_toml, cases[i].text, strlen(cases[i].text),
				    PATH("engine", "runtimes", "nvbind"), "[\"/r\"]", "f", &out, &err) < 0);
		assert_string_equal(nvb_error_message(err), cases[i].message);
	}
}

static void taking_away_keeps_what_is_not_ours(void **state)
{
	static const struct {
		const struct document_format *format;
		const char *before, *after;
	} cases[] = {
		{&document_toml, "[a]\nb = 1 # why\nc = 2\n", "[a]\n# why\nc = 2\n"},
		{&document_toml, "a = { b = 1, c = 2 }\n", "a = { c = 2 }\n"},
		{&document_toml, "a = { c = 2, b = 1 }\n", "a = { c = 2 }\n"},
		{&document_toml, "a = { b = { x = 1 } }\n", "a = { b = { x = 1 } }\n"},
		{&document_toml, "[a.b]\nx = 1\n", "[a.b]\nx = 1\n"},
		{&document_toml, "[a.b]\n[a.b.c]\nx = 1\n", "[a.b.c]\nx = 1\n"},
		{&document_toml, "[[a.b]]\n", "[[a.b]]\n"},
		{&document_json, "{\"a\": {\"b\": {\"x\": 1}}}", "{\"a\": {\"b\": {\"x\": 1}}}"},
		{&document_json, "{\"a\": {\"b\": {}, \"c\": 1}}", "{\"a\": {\"c\": 1}}"},
		{&document_json, "{\"a\": {\n \"b\": 2\n}}", "{\"a\": {}}"},
		{&document_json, "{\"a\": null}", "{\"a\": null}"},
		{&document_json, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *after = unset(cases[i].format, cases[i].before, PATH("a", "b"));

		assert_string_equal(after, cases[i].after);
	}
}

/* The judge must be able to say no. */
static void verifying_notices_damage(void **state)
{
	static const struct {
		const struct document_format *format;
		const char *before, *after;
	} cases[] = {
		{&document_toml, "x = 1\n", "x = 2\n[a]\nb = 1\n"},
		{&document_toml, "x = 1\n", "[a]\nb = 1\n"},
		{&document_toml, "x = 1\n", "x = 1\n[a]\nb = 2\n"},
		{&document_toml, "[a]\nc = [1, {d = 2}]\n", "[a]\nb = 1\nc = [1, {d = 3}]\n"},
		{&document_toml, "x = 1\n", "x = 1\na = 2\n"},
		{&document_json, "{\"x\": 1}", "{\"x\": 2, \"a\": {\"b\": 1}}"},
		{&document_json, "{\"x\": 1}", "{\"a\": {\"b\": 1}}"},
		{&document_json, "{\"a\": {\"c\": [1]}}", "{\"a\": {\"b\": 1, \"c\": [2]}}"},
		{&document_json, "{}", "{\"a\": {\"b\": 2}}"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(
			cases[i].format->verify(cases[i].before, strlen(cases[i].before), cases[i].after,
				strlen(cases[i].after), PATH("a", "b"), "1", "f", &err),
			-NVB_ERR_CONFLICT);
	}
}

static void diff_is_what_patch_reads(void **state)
{
	static const struct {
		const char *old, *new, *diff;
	} cases[] = {
		{"a\nb\n", "a\nb\n", ""},
		{NULL, "a\n", "--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+a\n"},
		{"a\n", NULL, "--- f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
			"--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"a", "a\nb",
			"--- f\n+++ f\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No "
			"newline at end of file\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n",
			"--- f\n+++ f\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -6,4 +7,3 @@\n 6\n 7\n 8\n-9\n"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_strbuf_ struct nvb_strbuf out = {0};
		const char *old = cases[i].old, *new = cases[i].new;

		assert_true(
			nvb_diff_unified(&out, "f", old, old ? strlen(old) : 0, new, new ? strlen(new) : 0));
		assert_string_equal(out.s ? out.s : "", cases[i].diff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_layouts),
		cmocka_unit_test(json_looks_like_what_is_there),
		cmocka_unit_test(json_refuses),
		cmocka_unit_test(toml_layouts),
		cmocka_unit_test(toml_looks_like_what_is_there),
		cmocka_unit_test(toml_root_keys_go_behind_a_heading),
		cmocka_unit_test(toml_refuses),
		cmocka_unit_test(taking_away_keeps_what_is_not_ours),
		cmocka_unit_test(verifying_notices_damage),
		cmocka_unit_test(diff_is_what_patch_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
