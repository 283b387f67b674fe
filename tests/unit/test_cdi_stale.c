/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <sys/sysmacros.h>

#include "base/str.h"
#include "cdi/read.h"
#include "cdi/recipe.h"
#include "cdi/stale.h"
#include "scratch.h"

/* How a spec was made, what two specs say differently, what makes a spec wrong for its host. */

static void parse(struct nvb_cdi_spec *spec, const char *text)
{
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_cdi_parse(spec, text, strlen(text), NVB_CDI_YAML, "a.yaml", &err) < 0)
		fail_msg("%s", nvb_error_message(err));
}

/* --- recipes --- */

static void a_recipe_is_read_as_it_was_written(void **state)
{
	static const struct nvb_cdi_recipe recipes[] = {
		{.mode = NULL},
		{.mode = "gds", .root = "/run/nvidia/driver"},
		{.profile = "it's",
			.tree_directory = "/var/a b",
			.hook = "/x;rm -rf",
			.vendor = "",
			.class = "\\"},
		{.library_path = "/a:/b", .naming = "index,uuid", .dev_root = "/d", .channels = "0,4"},
	};
	static const char *const lines[] = {
		"nvbind cdi generate",
		"nvbind cdi generate --mode gds --root /run/nvidia/driver",
		("nvbind cdi generate --profile 'it'\\''s' --vendor '' --class '\\' --tree-dir '/var/a b' "
		 "--hook-path '/x;rm -rf'"),
		("nvbind cdi generate --imex-channel 0,4 --device-name-strategy index,uuid --dev-root /d "
		 "--library-path /a:/b"),
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(recipes); i++) {
		_cleanup_recipe_ struct nvb_cdi_recipe read = {0};
		_cleanup_free_ char *line = NULL, *again = NULL, *comment = NULL, *found = NULL;

		assert_int_equal(nvb_cdi_recipe_format(&recipes[i], &line, NULL), 0);
		assert_string_equal(line, lines[i]);
		assert_int_equal(nvb_cdi_recipe_parse(&read, line, NULL), 0);
		assert_int_equal(nvb_cdi_recipe_format(&read, &again, NULL), 0);
		assert_string_equal(again, line);
		comment = nvb_cdi_recipe_comment(line);
		assert_int_equal(nvb_cdi_recipe_find(NULL, comment, &found, NULL), 0);
		assert_string_equal(found, line);
	}
}

static void what_is_no_recipe_is_refused(void **state)
{
	static const char *const lines[] = {"", "nvbind cdi generatex", "nvbind cdi generate --mode",
		"nvbind cdi generate --mode gds --mode gds", "nvbind cdi generate --output /etc/passwd",
		"nvbind cdi generate --mode 'gds", "nvbind cdi generate gds", "rm -rf /",
		"nvbind cdi generate --mode \x01"};
	const struct nvb_cdi_recipe bad = {.vendor = "a\nb"}, not_utf8 = {.vendor = "\xff"};
	char *line = NULL;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(lines); i++) {
		_cleanup_recipe_ struct nvb_cdi_recipe recipe = {0};
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_cdi_recipe_parse(&recipe, lines[i], &err), -NVB_ERR_INVALID);
		assert_non_null(err);
	}
	assert_int_equal(nvb_cdi_recipe_format(&bad, &line, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_cdi_recipe_format(&not_utf8, &line, NULL), -NVB_ERR_INVALID);
	assert_null(line);
}

static void only_the_head_of_a_file_has_a_recipe(void **state)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"# nvbind cdi generate --mode gds\r\nkind: x\n", "nvbind cdi generate --mode gds"},
		{"# another\n#\n# nvbind cdi generate", "nvbind cdi generate"},
		{"kind: x\n# nvbind cdi generate\n", NULL},
		{"\n# nvbind cdi generate\n", NULL},
		{"#nvbind cdi generate\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *line = NULL;

		assert_int_equal(nvb_cdi_recipe_find(NULL, cases[i].text, &line, NULL), 0);
		if (cases[i].line)
			assert_string_equal(line, cases[i].line);
		else
			assert_null(line);
	}
}

/* --- differences --- */

#define HEAD "cdiVersion: 0.5.0\nkind: a.com/b\n"

/* All changes, a line each. */
static char *changes(const char *a, const char *b)
{
	_cleanup_cdi_spec_ struct nvb_cdi_spec x = {0}, y = {0};
	_cleanup_cdi_diff_ struct nvb_cdi_diff diff = {0};
	struct nvb_strbuf sb = {0};

	parse(&x, a);
	parse(&y, b);
	assert_int_equal(nvb_cdi_diff(&diff, &x, &y, NULL), 0);
	nvb_sb_add(&sb, "");
	for (size_t i = 0; i < diff.count; i++) {
		const struct nvb_cdi_change *c = &diff.changes[i];

		nvb_sb_addc(&sb, c->before && c->after ? '~' : c->before ? '-' : '+');
		nvb_sb_addc(&sb, ' ');
		nvb_cdi_change_describe(&sb, c);
		nvb_sb_addc(&sb, '\n');
	}
	return nvb_sb_finish(&sb);
}

static void expect_changes(const char *a, const char *b, const char *expected)
{
	_cleanup_free_ char *text = changes(a, b);

	assert_string_equal(text, expected);
}

static void order_and_writing_are_no_difference(void **state)
{
	(void)state;
	expect_changes(HEAD
		"devices:\n"
		"- name: \"0\"\n"
		"  containerEdits:\n"
		"    env: [A=1, B=2]\n"
		"    mounts: [{hostPath: /a, containerPath: /x, options: [ro, bind]}, {hostPath: /b, "
		"containerPath: /y}]\n"
		"- {name: \"1\", containerEdits: {env: [C=]}}\n",
		"kind: a.com/b\ncdiVersion: 0.5.0\ndevices:\n"
		"- {name: 1, containerEdits: {env: [\"C=\"]}}\n"
		"- name: 0\n"
		"  containerEdits:\n"
		"    mounts: [{hostPath: /b, containerPath: /y}, {options: [bind, ro], containerPath: /x, "
		"hostPath: "
		"/a}]\n"
		"    env: [B=2, A=1]\n",
		"");
}

static void differences_have_names(void **state)
{
	(void)state;
	expect_changes(HEAD "devices:\n"
			    "- {name: \"0\", containerEdits: {deviceNodes: [{path: /dev/a, hostPath: /h/a}], "
			    "env: [A=1]}}\n"
			    "- {name: gone, containerEdits: {env: [A=1]}}\n"
			    "containerEdits:\n"
			    "  mounts: [{hostPath: /l/x.1, containerPath: /l/x, options: [ro]}]\n"
			    "  hooks: [{hookName: createContainer, path: /usr/bin/h, args: [h, go, --link, "
			    "\"a::/b\", --dir, "
			    "/l]}]\n",
		"cdiVersion: 0.6.0\nkind: a.com/c\n"
		"devices:\n"
		"- {name: \"0\", containerEdits: {deviceNodes: [{path: /dev/a, permissions: r}, {path: "
		"/dev/b}], env: "
		"[A=2]}}\n"
		"- {name: new, containerEdits: {env: [A=1]}}\n"
		"containerEdits:\n"
		"  mounts: [{hostPath: /l/x.2, containerPath: /l/x, options: [rw]}]\n"
		"  hooks: [{hookName: createContainer, path: /opt/h, args: [h, go, --dir, /l, --link, "
		"\"c::/b\"]}]\n",
		"~ cdiVersion: 0.5.0 -> 0.6.0\n"
		"~ kind: a.com/b -> a.com/c\n"
		"~ device 0: env A: 1 -> 2\n"
		"- device 0: deviceNodes /dev/a: hostPath: /h/a\n"
		"+ device 0: deviceNodes /dev/a: permissions: r\n"
		"+ device 0: deviceNodes /dev/b\n"
		"- devices gone (containerEdits given)\n"
		"+ devices new (containerEdits given)\n"
		"~ hooks createContainer h go: path: /usr/bin/h -> /opt/h\n"
		"- hooks createContainer h go: args: --link a::/b\n"
		"+ hooks createContainer h go: args: --link c::/b\n"
		"~ mounts /l/x: hostPath: /l/x.1 -> /l/x.2\n"
		"- mounts /l/x: options: ro\n"
		"+ mounts /l/x: options: rw\n");
}

/* --- a spec and its host --- */

/* "node gone: ..." a line each. */
static char *found(struct nvb_cdi_findings *findings)
{
	struct nvb_strbuf sb = {0};

	nvb_cdi_findings_sort(findings);
	nvb_sb_add(&sb, "");
	for (size_t i = 0; i < findings->count; i++)
		nvb_sb_addf(&sb, "%s: %s\n", nvb_cdi_stale_name(findings->items[i].kind),
			findings->items[i].message);
	return nvb_sb_finish(&sb);
}

static void looks_at_what_a_spec_names(void **state)
{
	static const char text[] =
		HEAD "devices:\n"
		     "- {name: a, containerEdits: {deviceNodes: [{path: /dev/null, major: 1, minor: 3}]}}\n"
		     "- {name: b, containerEdits: {deviceNodes: [{path: /dev/n, hostPath: /dev/null, type: "
		     "c, major: 9, "
		     "minor: 9}]}}\n"
		     "- {name: c, containerEdits: {deviceNodes: [{path: /nothing/here}, {path: /etc}]}}\n"
		     "- {name: d, containerEdits: {deviceNodes: [{path: /nothing/here}]}}\n"
		     "containerEdits:\n"
		     "  mounts: [{hostPath: /etc, containerPath: /x}, {hostPath: /not/libcuda.so.550.54.15, "
		     "containerPath: /y}, {hostPath: tmpfs, containerPath: /z, type: tmpfs}]\n"
		     "  hooks: [{hookName: createContainer, path: /bin/sh}, {hookName: createContainer, "
		     "path: /etc}, "
		     "{hookName: createContainer, path: /no/hook}]\n";
	struct nvb_inventory inventory = {.driver = {.module_version = "560.1.2"},
		.roots = {.proc = {.fd = -1, .path = (char[]){"/"}}}};
	_cleanup_findings_ struct nvb_cdi_findings findings = {0};
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	_cleanup_free_ char *lines = NULL;

	(void)state;
	parse(&spec, text);
	assert_int_equal(nvb_cdi_look_at_host(&findings, &spec, &inventory, NULL), 0);
	lines = found(&findings);
	assert_string_equal(lines,
		"driver: driver 550.54.15 in the spec, 560.1.2 on this host\n"
		"node: /etc is no device node any more\n"
		"node: device node /nothing/here: gone\n"
		"numbers: device node /dev/null: 9:9 in the spec, 1:3 on this host\n"
		"gone: /not/libcuda.so.550.54.15: gone\n"
		"hook: hook /etc: no program that can be run, so no container starts with this spec\n"
		"hook: hook /no/hook: not there, so no container starts with this spec\n");
}

static void finds_versions_in_names(void **state)
{
	static const struct {
		const char *path, *version;
	} cases[] = {
		{"/usr/lib/libcuda.so.550.54.15", "550.54.15"},
		{"/usr/lib/libnvidia-ml.so.575.57.08", "575.57.08"},
		{"/var/lib/nvbind/cdi/550.54.15-0123456789abcdef0123456789abcdef", "550.54.15"},
		{"/var/lib/nvbind/cdi/550.54.15-0123456789abcdef0123456789abcde", NULL},
		{"/usr/lib/libcuda.so.1", NULL},
		{"/usr/lib/libcuda.so", NULL},
		{"/usr/lib/libother.so.550.54.15", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *version = nvb_cdi_driver_version_in(cases[i].path);

		if (cases[i].version)
			assert_string_equal(version, cases[i].version);
		else
			assert_null(version);
	}
}

static void differences_become_reasons(void **state)
{
	static const char old[] = HEAD "devices:\n"
				       "- {name: \"0\", containerEdits: {deviceNodes: [{path: /dev/nvidia0, "
				       "hostPath: /dev/null}]}}\n"
				       "- {name: \"1:0\", containerEdits: {deviceNodes: [{path: "
				       "/dev/nvidia1, hostPath: /dev/null}]}}\n"
				       "containerEdits:\n"
				       "  env: [A=1]\n"
				       "  mounts: [{hostPath: /l/libcuda.so.1.2, containerPath: "
				       "/l/libcuda.so.1.2}, {hostPath: /etc, "
				       "containerPath: /e}]\n"
				       "  hooks: [{hookName: createContainer, path: /usr/bin/nvbind-hook, "
				       "args: [nvbind-hook, apply, "
				       "--link, \"libcuda.so.1.2::/l/libcuda.so\"]}]\n";
	static const char now[] =
		HEAD "devices:\n"
		     "- {name: \"0\", containerEdits: {deviceNodes: [{path: /dev/nvidia3, hostPath: "
		     "/dev/zero}]}}\n"
		     "- {name: \"1\", containerEdits: {deviceNodes: [{path: /dev/nvidia1, hostPath: "
		     "/dev/null}]}}\n"
		     "containerEdits:\n"
		     "  env: [A=2]\n"
		     "  mounts: [{hostPath: /l/libcuda.so.3.4, containerPath: /l/libcuda.so.3.4}]\n"
		     "  hooks: [{hookName: createContainer, path: /opt/nvbind-hook, args: [nvbind-hook, "
		     "apply, --link, "
		     "\"libcuda.so.3.4::/l/libcuda.so\"]}]\n";
	_cleanup_findings_ struct nvb_cdi_findings findings = {0};
	_cleanup_cdi_spec_ struct nvb_cdi_spec a = {0}, b = {0};
	_cleanup_free_ char *lines = NULL;

	(void)state;
	parse(&a, old);
	parse(&b, now);
	assert_int_equal(nvb_cdi_look_at_changes(&findings, &a, &b, NULL), 0);
	lines = found(&findings);
	assert_string_equal(lines,
		"driver: driver 1.2 in the spec, 3.4 on this host\n"
		"gpus: device 0 does not have /dev/null\n"
		"gpus: device 0 has now /dev/zero\n"
		"gpus: device 1 is new\n"
		"mig: MIG device 1:0 is gone\n"
		"new: /l/libcuda.so.3.4 is not in the spec\n"
		"hook: hook /usr/bin/nvbind-hook in the spec, /opt/nvbind-hook is what would be named now\n"
		"other: env A: 1 -> 2\n"
		"other: /etc is not part of it any more\n");
}

static void looks_at_the_specs_beside(void **state)
{
#define DEVICE(name, node) \
	"- {name: " name ", containerEdits: {deviceNodes: [{path: /dev/x, hostPath: " node "}]}}\n"
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	_cleanup_free_ char *low = NULL, *high = NULL;

	(void)state;
	scratch_mkdir("low");
	scratch_mkdir("high");
	scratch_write("low/a.yaml", HEAD "devices:\n" DEVICE("x", "/dev/x0") DEVICE("y", "/dev/y0"));
	scratch_write("low/b.yaml", HEAD "devices:\n" DEVICE("y", "/dev/y0") DEVICE("z", "/dev/z0"));
	scratch_write("high/c.yaml", HEAD "devices:\n" DEVICE("x", "/dev/x1") DEVICE("z", "/dev/z0"));
	low = strdup(scratch_path("low"));
	high = strdup(scratch_path("high"));
	assert_int_equal(
		nvb_cdi_registry_load(&registry, (const char *const[]){low, high, NULL}, NULL, NULL), 0);
	assert_int_equal(registry.source_count, 3);
	for (size_t i = 0; i < 3; i++) {
		_cleanup_findings_ struct nvb_cdi_findings findings = {0};

		assert_int_equal(nvb_cdi_look_at_others(&findings, &registry, &registry.sources[i], NULL), 0);
		assert_int_equal(findings.by_kind[NVB_CDI_STALE_CONFLICT], i < 2);
		/* a: hidden, and by another node; b: hidden; c: neither. */
		assert_int_equal(findings.by_kind[NVB_CDI_STALE_HIDDEN], i == 0 ? 2 : i == 1 ? 1 : 0);
		nvb_cdi_findings_sort(&findings);
		if (i == 0)
			assert_non_null(strstr(
				findings.items[2].message, "a.com/b=x is /dev/x0 here and /dev/x1 in"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recipe_is_read_as_it_was_written),
		cmocka_unit_test(what_is_no_recipe_is_refused),
		cmocka_unit_test(only_the_head_of_a_file_has_a_recipe),
		cmocka_unit_test(order_and_writing_are_no_difference),
		cmocka_unit_test(differences_have_names),
		cmocka_unit_test(looks_at_what_a_spec_names),
		cmocka_unit_test(finds_versions_in_names),
		cmocka_unit_test(differences_become_reasons),
		scratch_test(looks_at_the_specs_beside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
