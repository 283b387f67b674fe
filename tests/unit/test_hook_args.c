/* SPDX-License-Identifier: Apache-2.0 */
/* The hook's command line as written and read, and the state a runtime hands to it. */
#include "cmocka_all.h"

#include <string.h>

#include "base/str.h"
#include "container/hook_args.h"
#include "container/hook_state.h"

static struct nvb_edit link_edit(int scope, const char *path, const char *target)
{
	return (struct nvb_edit){
		.kind = NVB_EDIT_LINK, .scope = scope, .link = {.path = path, .target = target}};
}

static struct nvb_edit directory_edit(int scope, const char *directory)
{
	return (struct nvb_edit){
		.kind = NVB_EDIT_LDCACHE, .scope = scope, .ldcache = {.directory = directory}};
}

static void what_is_written_is_read(void **state _unused_)
{
	struct nvb_edit edits[] = {
		link_edit(NVB_SCOPE_COMMON, "/usr/lib64/libcuda.so.1", "libcuda.so.550.54.15"),
		link_edit(NVB_SCOPE_COMMON, "/with space/and=equals", "../a:b"),
		directory_edit(NVB_SCOPE_COMMON, "/usr/lib64"),
		directory_edit(NVB_SCOPE_COMMON, "/usr/lib"),
		directory_edit(NVB_SCOPE_COMMON, "/usr/lib64"),
		{.kind = NVB_EDIT_ENV, .scope = NVB_SCOPE_COMMON},
		{.kind = NVB_EDIT_COMPAT, .scope = NVB_SCOPE_COMMON, .compat = {"550.54.15", "/x"}},
		{.kind = NVB_EDIT_PARAMS, .scope = NVB_SCOPE_COMMON, .params = {"/p/params", "/y"}},
		{.kind = NVB_EDIT_PARAMS, .scope = 0, .params = {"/p/params", "/y"}},
		link_edit(0, "/dev/dri/by-path/pci-0000:3b:00.0-card", "../card0"),
	};
	struct nvb_plan plan = {.edits = edits, .edit_count = NVB_ELEMENTS(edits)};
	_cleanup_hook_command_ struct nvb_hook_command c = {0};
	_cleanup_strv_ char **argv = NULL;

	assert_int_equal(nvb_hook_arguments(&plan, false, &argv, NULL), 0);
	assert_string_equal(argv[0], "nvbind-hook");
	assert_int_equal(nvb_hook_parse(&c, (int)nvb_strv_length(argv), argv, NULL), 0);
	assert_int_equal(c.verb, NVB_HOOK_APPLY);
	assert_int_equal(c.work.link_count, 3);
	assert_string_equal(c.work.links[0].path, "/usr/lib64/libcuda.so.1");
	assert_string_equal(c.work.links[0].target, "libcuda.so.550.54.15");
	assert_string_equal(c.work.links[1].path, "/with space/and=equals");
	assert_string_equal(c.work.links[1].target, "../a:b");
	assert_string_equal(c.work.links[2].path, "/dev/dri/by-path/pci-0000:3b:00.0-card");
	assert_int_equal(c.work.directory_count, 2);
	assert_string_equal(c.work.directories[0], "/usr/lib64");
	assert_string_equal(c.work.directories[1], "/usr/lib");
	assert_string_equal(c.work.compat_driver, "550.54.15");
	assert_string_equal(c.params, "/p/params");
	assert_int_equal(nvb_strv_length(argv), 2 + 3 * 2 + 2 * 2 + 2 + 2);
	assert_false(c.work.may_mount);
}

static void a_spec_has_one_hook_for_all_devices(void **state _unused_)
{
	struct nvb_edit edits[] = {
		link_edit(NVB_SCOPE_COMMON, "/a", "common"),
		link_edit(0, "/dev/x/b", "../first"),
		link_edit(1, "/dev/x/c", "../second"),
	};
	struct nvb_plan plan = {.edits = edits, .edit_count = NVB_ELEMENTS(edits)};
	_cleanup_strv_ char **spec = NULL, **container = NULL;
	_cleanup_hook_command_ struct nvb_hook_command c = {0};

	assert_int_equal(nvb_hook_arguments(&plan, true, &spec, NULL), 0);
	assert_int_equal(nvb_hook_parse(&c, (int)nvb_strv_length(spec), spec, NULL), 0);
	assert_int_equal(c.work.link_count, 1);
	assert_string_equal(c.work.links[0].target, "common");
	assert_int_equal(c.work.device_link_count, 2);
	assert_string_equal(c.work.device_links[1].path, "/dev/x/c");
	nvb_hook_command_release(&c);
	assert_int_equal(nvb_hook_arguments(&plan, false, &container, NULL), 0);
	assert_int_equal(nvb_hook_parse(&c, (int)nvb_strv_length(container), container, NULL), 0);
	assert_int_equal(c.work.link_count, 3);
	assert_int_equal(c.work.device_link_count, 0);
}

static void meanings_of_links(void **state _unused_)
{
	static const struct {
		struct nvb_link link;
		const char *meaning;
	} known[] = {
		{{"/dev/dri/by-path/x", "../card1"}, "/dev/dri/card1"},
		{{"/dev/x", "null"}, "/dev/null"},
		{{"/x", "null"}, "/null"},
		{{"/a/b/c", "/d/./e"}, "/d/e"},
		{{"/a/b/c", "../../../../d"}, "/d"},
		{{"/a/b", ".."}, NULL},
	};
	char out[64];

	for (size_t i = 0; i < NVB_ELEMENTS(known); i++) {
		assert_int_equal(
			nvb_link_meaning(&known[i].link, out, sizeof(out)), known[i].meaning != NULL);
		if (known[i].meaning)
			assert_string_equal(out, known[i].meaning);
	}
	assert_false(nvb_link_meaning(&known[0].link, out, 14));
	assert_true(nvb_link_meaning(&known[0].link, out, 32));
}

static void what_could_be_misread_is_not_written(void **state _unused_)
{
	const struct nvb_edit bad[] = {
		link_edit(NVB_SCOPE_COMMON, "/a", "x::y"),
		link_edit(NVB_SCOPE_COMMON, "/a", "x:"),
		link_edit(NVB_SCOPE_COMMON, "/a", ""),
		link_edit(NVB_SCOPE_COMMON, "a", "x"),
		directory_edit(NVB_SCOPE_COMMON, "usr/lib"),
		{.kind = NVB_EDIT_PARAMS, .scope = NVB_SCOPE_COMMON, .params = {"params", "/y"}},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		struct nvb_edit edit = bad[i];
		struct nvb_plan plan = {.edits = &edit, .edit_count = 1};
		_cleanup_strv_ char **argv = NULL;

		assert_int_equal(nvb_hook_arguments(&plan, false, &argv, NULL), -NVB_ERR_INVALID);
		assert_null(argv);
	}
}

static void malformed_command_lines(void **state _unused_)
{
	static const struct {
		const char *argv[6], *message;
	} bad[] = {
		{{"nvbind-hook"}, "a verb is missing"},
		{{"nvbind-hook", "frobnicate"}, "frobnicate: unknown verb"},
		{{"nvbind-hook", "apply", "--link"}, "--link: its value is missing"},
		{{"nvbind-hook", "apply", "--link", "a:/b"}, "not of the form TARGET::PATH"},
		{{"nvbind-hook", "apply", "--link", "::/b"}, "not of the form TARGET::PATH"},
		{{"nvbind-hook", "apply", "--link=a::b"}, "must be absolute"},
		{{"nvbind-hook", "apply", "--device-link", "a"}, "--device-link a: not of the form"},
		{{"nvbind-hook", "apply", "--link", "a::/b/"}, "must be absolute and name a file"},
		{{"nvbind-hook", "apply", "--library-directory", "lib"}, "not an absolute path"},
		{{"nvbind-hook", "apply", "--log-level", "loud"}, "must be error, warning, info or debug"},
		{{"nvbind-hook", "apply", "--linked", "x"}, "--linked: unknown argument"},
		{{"nvbind-hook", "apply", "--cuda-compat", "latest"}, "not a driver version"},
		{{"nvbind-hook", "apply", "--cuda-compat", "1.2.3.4.5"}, "not a driver version"},
		{{"nvbind-hook", "apply", "--driver-params", "params"}, "not an absolute path"},
		{{"nvbind-hook", "apply", "--mount"}, "only together with --root"},
		{{"nvbind-hook", "apply", "--root", ""}, "name is empty"},
		{{"nvbind-hook", "apply", "--container-root", "merged"}, "not an absolute path"},
		{{"nvbind-hook", "apply", "--container-root", "/a", "--root", "/b"}, "give one of them"},
		{{"nvbind-hook", "apply", "stray"}, "stray: unknown argument"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_hook_command_ struct nvb_hook_command c = {.log_level = NVB_LOG_DEBUG};
		_cleanup_error_ nvb_error *err = NULL;
		char *const *argv = (char *const *)(uintptr_t)bad[i].argv;

		assert_int_equal(
			nvb_hook_parse(&c, (int)nvb_strv_length(argv), argv, &err), -NVB_ERR_INVALID);
		if (!strstr(nvb_error_message(err), bad[i].message))
			fail_msg("\"%s\" instead of \"%s\"", nvb_error_message(err), bad[i].message);
		assert_int_equal(c.log_level, NVB_LOG_DEBUG);
	}
}

static int parse_state(const char *json, struct nvb_hook_state *state)
{
	return nvb_hook_state_parse(state, json, strlen(json), NULL);
}

static void states(void **state _unused_)
{
	_cleanup_hook_state_ struct nvb_hook_state s = {0};

	assert_int_equal(
		parse_state("{\"ociVersion\":\"1.0.2\",\"id\":\"x\",\"status\":\"creating\",\"pid\":4242,"
			    "\"bundle\":\"/run/a\\u0062\",\"annotations\":{\"bundle\":\"/no\"}}",
			&s),
		0);
	assert_string_equal(s.bundle, "/run/ab");
	assert_string_equal(s.id, "x");
	assert_int_equal(s.pid, 4242);
	nvb_hook_state_release(&s);
	assert_int_equal(parse_state("{\"pid\":-1,\"bundle\":\"/run/ab\"}", &s), 0);
	assert_int_equal(s.pid, 0);
	assert_null(s.id);
	assert_int_equal(parse_state("{\"pid\":\"1\",\"bundle\":\"/run\"}", &s), -NVB_ERR_CORRUPT);
	assert_int_equal(parse_state("", &s), -NVB_ERR_CORRUPT);
	assert_int_equal(parse_state("{}", &s), -NVB_ERR_CORRUPT);
	assert_int_equal(parse_state("{\"bundle\":\"relative\"}", &s), -NVB_ERR_CORRUPT);
	assert_int_equal(parse_state("{\"bundle\":7}", &s), -NVB_ERR_CORRUPT);
	assert_int_equal(parse_state("{\"bundle\":\"/a\",\"bundle\":\"/b\"}", &s), -NVB_ERR_CORRUPT);
	assert_int_equal(parse_state("{\"bundle\":\"/a\"", &s), -NVB_ERR_CORRUPT);
	assert_string_equal(s.bundle, "/run/ab");
}

static int root_path(const char *json, char **path)
{
	return nvb_hook_root_path(json, strlen(json), path, NULL);
}

static void roots(void **state _unused_)
{
	_cleanup_free_ char *path = NULL;

	assert_int_equal(root_path("{\"process\":{\"root\":{\"path\":\"/no\"}},"
				   "\"root\":{\"readonly\":true,\"path\":\"rootfs\"},\"hooks\":[]}",
				 &path),
		0);
	assert_string_equal(path, "rootfs");
	assert_int_equal(root_path("{\"root\":{}}", &path), -NVB_ERR_CORRUPT);
	assert_int_equal(root_path("{\"root\":\"rootfs\"}", &path), -NVB_ERR_CORRUPT);
	assert_int_equal(root_path("{\"root\":{\"path\":\"\"}}", &path), -NVB_ERR_CORRUPT);
	assert_int_equal(root_path("[]", &path), -NVB_ERR_CORRUPT);
	assert_string_equal(path, "rootfs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_spec_has_one_hook_for_all_devices),
		cmocka_unit_test(meanings_of_links),
		cmocka_unit_test(what_could_be_misread_is_not_written),
		cmocka_unit_test(malformed_command_lines),
		cmocka_unit_test(states),
		cmocka_unit_test(roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
