/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/str.h"
#include "cdi/read.h"
#include "cdi/validate.h"

#define HEAD "cdiVersion: 0.5.0\nkind: vendor.com/class\n"
#define DEV  "devices:\n- name: \"0\"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/x\n"

static void reads_every_field(void **state)
{
	static const char text[] =
		"cdiVersion: \"1.1.0\"\n"
		"kind: vendor.com/class\n"
		"annotations: {a: b, \"vendor.com/c\": \"d e\"}\n"
		"devices:\n"
		"  - name: 0\n"
		"    annotations:\n"
		"      k: v\n"
		"    containerEdits:\n"
		"      deviceNodes:\n"
		"        - {path: /dev/a, hostPath: /dev/b, type: c, major: 195, minor: 0x10, fileMode: "
		"0666, "
		"permissions: rw, uid: 1, gid: 4294967295}\n"
		"      netDevices: [{hostInterfaceName: eth0, name: net0}]\n"
		"containerEdits:\n"
		"  env: [A=1, 'B=']\n"
		"  hooks:\n"
		"    - {hookName: prestart, path: /bin/true, args: [a, \"\"], env: [X=y], timeout: 3}\n"
		"  mounts:\n"
		"    - {hostPath: /a, containerPath: /b, options: [ro, bind], type: bind}\n"
		"  intelRdt: {closID: c, l3CacheSchema: L3, memBwSchema: MB, schemata: [x], "
		"enableMonitoring: yes}\n"
		"  additionalGids: [1, 2]\n";
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	const struct nvb_cdi_device_node *node;
	const struct nvb_cdi_edits *edits;

	(void)state;
	assert_int_equal(nvb_cdi_parse(&spec, text, sizeof(text) - 1, NVB_CDI_YAML, "t", NULL), 0);
	assert_string_equal(spec.version, "1.1.0");
	assert_string_equal(spec.kind, "vendor.com/class");
	assert_int_equal(spec.annotation_count, 2);
	assert_string_equal(spec.annotations[1].key, "vendor.com/c");
	assert_string_equal(spec.annotations[1].value, "d e");
	assert_int_equal(spec.device_count, 1);
	assert_string_equal(spec.devices[0].name, "0");
	assert_string_equal(spec.devices[0].annotations[0].value, "v");
	node = &spec.devices[0].edits->device_nodes[0];
	assert_string_equal(node->path, "/dev/a");
	assert_string_equal(node->host_path, "/dev/b");
	assert_string_equal(node->type, "c");
	assert_int_equal(node->major, 195);
	assert_int_equal(node->minor, 16);
	assert_int_equal(node->file_mode, 0666);
	assert_string_equal(node->permissions, "rw");
	assert_int_equal(node->uid, 1);
	assert_int_equal(node->gid, 4294967295u);
	assert_string_equal(spec.devices[0].edits->net_devices[0].host_name, "eth0");
	assert_string_equal(spec.devices[0].edits->net_devices[0].name, "net0");
	edits = spec.edits;
	assert_string_equal(edits->env[1], "B=");
	assert_string_equal(edits->hooks[0].name, "prestart");
	assert_string_equal(edits->hooks[0].path, "/bin/true");
	assert_string_equal(edits->hooks[0].args[1], "");
	assert_string_equal(edits->hooks[0].env[0], "X=y");
	assert_int_equal(edits->hooks[0].timeout, 3);
	assert_string_equal(edits->mounts[0].host_path, "/a");
	assert_string_equal(edits->mounts[0].container_path, "/b");
	assert_string_equal(edits->mounts[0].options[1], "bind");
	assert_string_equal(edits->mounts[0].type, "bind");
	assert_string_equal(edits->rdt->clos_id, "c");
	assert_string_equal(edits->rdt->l3_cache_schema, "L3");
	assert_string_equal(edits->rdt->mem_bw_schema, "MB");
	assert_string_equal(edits->rdt->schemata[0], "x");
	assert_true(edits->rdt->enable_monitoring);
	assert_int_equal(edits->gid_count, 2);
	assert_int_equal(edits->gids[1], 2);
}

/* Text of a spec, and the first problem: where it is and which rule it breaks. */
static const struct {
	enum nvb_cdi_format format;
	const char *text;
	unsigned line;
	const char *path, *rule, *message, *hint;
} broken[] = {
	{NVB_CDI_YAML, "kind: vendor.com/class\n" DEV, 1, "", "schema.required", "must have 'cdiVersion'",
		NULL},
	{NVB_CDI_YAML, "cdiVersion: 0.5.0\n" DEV, 1, "", "schema.required", "must have 'kind'", NULL},
	{NVB_CDI_YAML, HEAD, 1, "", "schema.required", "must have 'devices'", NULL},
	{NVB_CDI_YAML, HEAD "devices: []\n", 3, "devices", "devices.empty", "at least one device", NULL},
	{NVB_CDI_YAML, HEAD "devices: {}\n", 3, "devices", "schema.type", "must be a list, not a map", NULL},
	{NVB_CDI_YAML, HEAD "devices: null\n", 3, "devices", "schema.type", "not null",
		"leave the field out"},
	{NVB_CDI_YAML, HEAD "devices:\n- 3\n", 4, "devices[0]", "schema.type", "must be a map, not a number",
		NULL},
	{NVB_CDI_YAML, HEAD "devices:\n- name: a\n", 4, "devices[0]", "schema.required", "'containerEdits'",
		NULL},
	{NVB_CDI_YAML, HEAD "devices:\n- name: a\n  containerEdits: {}\n", 5, "devices[0].containerEdits",
		"device.empty-edits", "at least one edit", NULL},
	{NVB_CDI_YAML, HEAD DEV "containeredits: {}\n", 8, "containeredits", "schema.unknown-field",
		"a CDI spec has no field 'containeredits'", "'containerEdits'"},
	{NVB_CDI_YAML, HEAD DEV "      hostpath: /dev/y\n", 8,
		"devices[0].containerEdits.deviceNodes[0].hostpath", "schema.unknown-field",
		"a device node has no field 'hostpath'", "'hostPath'"},
	{NVB_CDI_YAML, "cdiVersion: 0.9.0\nkind: v.com/c\n" DEV, 1, "cdiVersion", "version.released",
		"'0.9.0' is no version", "one of 0.3.0"},
	{NVB_CDI_YAML, "cdiVersion: 0.4.0\nkind: v.com/c\n" DEV, 1, "cdiVersion", "version.too-low",
		"0.4.0 has no device name '0'", "at least 0.5.0"},
	{NVB_CDI_YAML, HEAD DEV "containerEdits: {additionalGids: [5]}\n", 1, "cdiVersion", "version.too-low",
		"no additionalGids", "at least 0.7.0"},
	{NVB_CDI_YAML, HEAD DEV "annotations: {a: b}\n", 1, "cdiVersion", "version.too-low", "no annotations",
		"at least 0.6.0"},
	{NVB_CDI_YAML, "cdiVersion: 0.5.0\nkind: v.com/c.d\n" DEV, 1, "cdiVersion", "version.too-low",
		"a class with a dot", "at least 0.6.0"},
	{NVB_CDI_YAML,
		"cdiVersion: 0.3.0\nkind: v.com/c\ndevices: [{name: a, containerEdits: {mounts: "
		"[{hostPath: /a, containerPath: /a, type: bind}]}}]\n",
		1, "cdiVersion", "version.too-low", "no type", "at least 0.4.0"},
	{NVB_CDI_YAML,
		"cdiVersion: 1.1.0\nkind: v.com/c\n" DEV "containerEdits: {intelRdt: {enableCMT: true}}\n", 1,
		"cdiVersion", "version.too-low", "no enableCMT any more", NULL},
	{NVB_CDI_YAML,
		"cdiVersion: 1.0.0\nkind: v.com/c\n" DEV
		"containerEdits: {intelRdt: {enableMonitoring: true}}\n",
		1, "cdiVersion", "version.too-low", "no enableMonitoring", "at least 1.1.0"},
	{NVB_CDI_YAML, "cdiVersion: 0.5.0\nkind: vendor\n" DEV, 2, "kind", "kind.syntax", "VENDOR/CLASS",
		NULL},
	{NVB_CDI_YAML, "cdiVersion: 0.5.0\nkind: 1v.com/c\n" DEV, 2, "kind", "kind.syntax",
		"the vendor '1v.com' must begin with a letter", NULL},
	{NVB_CDI_YAML, "cdiVersion: 0.5.0\nkind: v.com/\n" DEV, 2, "kind", "kind.syntax",
		"the class '' is empty", NULL},
	{NVB_CDI_YAML, "cdiVersion: 0.5.0\nkind: v.com/c/d\n" DEV, 2, "kind", "kind.syntax",
		"the class 'c/d' has a character", NULL},
	{NVB_CDI_YAML, HEAD DEV "- name: \"0\"\n  containerEdits: {env: [A=b]}\n", 8, "devices[1].name",
		"device.duplicate", "'0' stands twice", NULL},
	{NVB_CDI_YAML, HEAD "devices:\n- name: a/b\n  containerEdits: {env: [A=b]}\n", 4, "devices[0].name",
		"device.name", "'a/b' has a character that is not allowed", NULL},
	{NVB_CDI_YAML, HEAD "devices:\n- name: a-\n  containerEdits: {env: [A=b]}\n", 4, "devices[0].name",
		"device.name", "must end with", NULL},
	{NVB_CDI_YAML, HEAD DEV "containerEdits:\n  env:\n  - A=1\n  - B\n", 11, "containerEdits.env[1]",
		"env.syntax", "'B' must be NAME=VALUE", NULL},
	{NVB_CDI_YAML, HEAD DEV "containerEdits: {env: [=1]}\n", 8, "containerEdits.env[0]", "env.syntax",
		"'=1'", NULL},
	{NVB_CDI_YAML, HEAD DEV "      type: d\n", 8, "devices[0].containerEdits.deviceNodes[0].type",
		"device-node.type", "'d' is no type", NULL},
	{NVB_CDI_YAML, HEAD DEV "      permissions: rx\n", 8,
		"devices[0].containerEdits.deviceNodes[0].permissions", "device-node.permissions", "'rx'",
		NULL},
	{NVB_CDI_YAML, HEAD DEV "      major: -1\n", 8, "devices[0].containerEdits.deviceNodes[0].major",
		"device-node.number", "-1", NULL},
	{NVB_CDI_YAML, HEAD DEV "      minor: 1048576\n", 8, "devices[0].containerEdits.deviceNodes[0].minor",
		"device-node.number", "1048576", NULL},
	{NVB_CDI_YAML, HEAD DEV "      uid: 4294967296\n", 8, "devices[0].containerEdits.deviceNodes[0].uid",
		"schema.range", "from 0 to 4294967295, not 4294967296", NULL},
	{NVB_CDI_YAML, HEAD DEV "      major: 9223372036854775808\n", 8,
		"devices[0].containerEdits.deviceNodes[0].major", "schema.range", "9223372036854775808",
		NULL},
	{NVB_CDI_YAML, HEAD DEV "      major: 1.5\n", 8, "devices[0].containerEdits.deviceNodes[0].major",
		"schema.range", "1.5", NULL},
	{NVB_CDI_YAML, HEAD DEV "      major: \"195\"\n", 8, "devices[0].containerEdits.deviceNodes[0].major",
		"schema.type", "a whole number, not a string", NULL},
	{NVB_CDI_YAML, HEAD DEV "      fileMode: 262144\n", 8,
		"devices[0].containerEdits.deviceNodes[0].fileMode", "device-node.file-mode", "262144", NULL},
	{NVB_CDI_YAML, HEAD DEV "    - path: dev/x\n", 8, "devices[0].containerEdits.deviceNodes[1].path",
		"device-node.path", "'dev/x' must be an absolute path", NULL},
	{NVB_CDI_YAML, HEAD DEV "    mounts:\n    - {hostPath: a, containerPath: /a}\n", 9,
		"devices[0].containerEdits.mounts[0].hostPath", "mount.path", "'a' must be an absolute path",
		NULL},
	{NVB_CDI_YAML, HEAD DEV "    mounts:\n    - {hostPath: /a, containerPath: a}\n", 9,
		"devices[0].containerEdits.mounts[0].containerPath", "mount.path", "absolute", NULL},
	{NVB_CDI_YAML, HEAD DEV "    mounts:\n    - {hostPath: /a}\n", 9,
		"devices[0].containerEdits.mounts[0]", "schema.required", "a mount must have 'containerPath'",
		NULL},
	{NVB_CDI_YAML, HEAD DEV "    hooks:\n    - {hookName: createcontainer, path: /h}\n", 9,
		"devices[0].containerEdits.hooks[0].hookName", "hook.name", "is no hook",
		"'createContainer'"},
	{NVB_CDI_YAML, HEAD DEV "    hooks:\n    - {hookName: prestart, path: h}\n", 9,
		"devices[0].containerEdits.hooks[0].path", "hook.path", "absolute", NULL},
	{NVB_CDI_YAML, HEAD DEV "    hooks:\n    - {hookName: prestart, path: /h, timeout: 0}\n", 9,
		"devices[0].containerEdits.hooks[0].timeout", "hook.timeout", "greater than 0", NULL},
	{NVB_CDI_YAML, HEAD DEV "    hooks:\n    - {hookName: prestart, path: /h, env: [\"=\"]}\n", 9,
		"devices[0].containerEdits.hooks[0].env[0]", "env.syntax", "NAME=VALUE", NULL},
	{NVB_CDI_YAML, "cdiVersion: 0.7.0\nkind: v.com/c\n" DEV "    intelRdt: {closID: a/b}\n", 8,
		"devices[0].containerEdits.intelRdt.closID", "intel-rdt.clos-id", "no file name", NULL},
	{NVB_CDI_YAML,
		"cdiVersion: 1.1.0\nkind: v.com/c\n" DEV
		"    netDevices: [{hostInterfaceName: a, name: b}, {hostInterfaceName: a, name: c}]\n",
		8, "devices[0].containerEdits.netDevices[1].hostInterfaceName", "net-device.duplicate", "'a'",
		NULL},
	{NVB_CDI_YAML,
		"cdiVersion: 1.1.0\nkind: v.com/c\n" DEV
		"    netDevices: [{hostInterfaceName: a, name: b}, {hostInterfaceName: d, name: b}]\n",
		8, "devices[0].containerEdits.netDevices[1].name", "net-device.duplicate", "'b'", NULL},
	{NVB_CDI_YAML,
		"cdiVersion: 1.1.0\nkind: v.com/c\n" DEV
		"    netDevices: [{hostInterfaceName: a-name-that-is-long, name: b}]\n",
		8, "devices[0].containerEdits.netDevices[0].hostInterfaceName", "net-device.name",
		"interface", NULL},
	{NVB_CDI_YAML, HEAD DEV "<<: {}\n", 8, "[\"<<\"]", "schema.unknown-field", "'<<'", "merge keys"},
	{NVB_CDI_JSON,
		"{\n\"cdiVersion\": \"0.5.0\",\n\"kind\": \"v.com/c\",\n\"devices\": [\n{\"name\": 0,\n"
		"\"containerEdits\": {\"env\": [\"A=b\"]}}]}",
		5, "devices[0].name", "schema.type", "a string, not a number", NULL},
	{NVB_CDI_JSON,
		"{\"cdiVersion\": \"0.5.0\", \"kind\": \"v.com/c\", \"devices\": [\n{\"name\": \"a\",\n"
		"\"containerEdits\": {\"deviceNodes\": [\n{\"path\": \"/dev/a\",\n\"major\": 1.0}]}}]}",
		5, "devices[0].containerEdits.deviceNodes[0].major", "schema.range", "1.0", NULL},
	{NVB_CDI_JSON, "[]", 1, "", "schema.type", "must be a map, not a list", NULL},
};

static void names_the_place_and_the_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(broken); i++) {
		_cleanup_cdi_report_ struct nvb_cdi_report report = {0};
		_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
		_cleanup_error_ nvb_error *err = NULL;
		const struct nvb_cdi_problem *problem;

		assert_int_equal(nvb_cdi_check(&spec, broken[i].text, strlen(broken[i].text),
					 broken[i].format, "file", &report, &err),
			0);
		if (report.count != 1)
			print_error("%s: %zu problems\n", broken[i].text, report.count);
		assert_int_equal(report.count, 1);
		problem = &report.problems[0];
		assert_string_equal(nvb_cdi_rule_info(problem->rule)->id, broken[i].rule);
		assert_string_equal(problem->path, broken[i].path);
		assert_int_equal(problem->line, broken[i].line);
		if (!strstr(problem->message, broken[i].message))
			print_error("%s\nlacks: %s\n", problem->message, broken[i].message);
		assert_non_null(strstr(problem->message, broken[i].message));
		if (broken[i].hint)
			assert_non_null(strstr(problem->hint, broken[i].hint));
		assert_int_equal(nvb_cdi_report_fail(&report, &err), -NVB_ERR_CORRUPT);
	}
}

/* What is no document of ours at all. */
static const struct {
	enum nvb_cdi_format format;
	const char *text, *message;
} unreadable[] = {
	{NVB_CDI_YAML, "", "f:1: empty"},
	{NVB_CDI_YAML, "a: b\na: c\n", "f:2: the key 'a' stands twice (first in line 1)"},
	{NVB_CDI_YAML, "a: [", "f:2: not YAML"},
	{NVB_CDI_YAML, "a: b\n\tc: d\n", "f:2: not YAML"},
	{NVB_CDI_YAML, "a: b\n---\na: b\n", "f:2: more than one document"},
	{NVB_CDI_YAML, "a: !x b\n", "f:1: tags are not used"},
	{NVB_CDI_YAML, "a: \"\\0\"\n", "f:1: a string holds a NUL"},
	{NVB_CDI_YAML, "[a]: b\n", "f:1: a key must be a plain string"},
	{NVB_CDI_YAML, "a: *b\n", "f:1: an alias without its anchor"},
	{NVB_CDI_YAML, "a: &b [*b]\n", "f:1: an alias inside what it stands for"},
	{NVB_CDI_YAML, "a: \xff\n", "not YAML"},
	{NVB_CDI_YAML,
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
		"f:6: aliases expand to too much"},
	{NVB_CDI_YAML, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply"},
	{NVB_CDI_JSON, "", "f: "},
	{NVB_CDI_JSON, "{\"a\": 1, \"a\": 2}", "a"},
	{NVB_CDI_JSON, "{\"a\": \"\\u0000\"}", "a: "},
	{NVB_CDI_JSON, "{} {}", "f: "},
	{NVB_CDI_JSON, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply"},
};

static void refuses_what_is_no_document(void **state)
{
	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(unreadable); i++) {
		struct nvb_cdi_spec spec = {0};
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_cdi_parse(&spec, unreadable[i].text, strlen(unreadable[i].text),
					 unreadable[i].format, "f", &err),
			-NVB_ERR_CORRUPT);
		if (!strstr(nvb_error_message(err), unreadable[i].message))
			print_error("%s\nlacks: %s\n", nvb_error_message(err), unreadable[i].message);
		assert_non_null(strstr(nvb_error_message(err), unreadable[i].message));
		assert_null(spec.version);
	}
}

static void resolves_aliases(void **state)
{
	static const char text[] = HEAD "devices:\n- name: a\n  containerEdits: &e {env: [A=b]}\n"
					"- name: b\n  containerEdits: *e\n";
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};

	(void)state;
	assert_int_equal(nvb_cdi_parse(&spec, text, sizeof(text) - 1, NVB_CDI_YAML, "f", NULL), 0);
	assert_string_equal(spec.devices[1].edits->env[0], "A=b");
}

static void warns_of_what_readers_take(void **state)
{
	static const char text[] =
		"cdiVersion: v0.6.0\nkind: my_vendor.com/c\nannotations: {\"a b\": c}\n" DEV;
	_cleanup_cdi_report_ struct nvb_cdi_report report = {0};
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};

	(void)state;
	assert_int_equal(nvb_cdi_check(&spec, text, sizeof(text) - 1, NVB_CDI_YAML, "f", &report, NULL), 0);
	for (size_t i = 0; i < report.count; i++)
		if (!nvb_cdi_rule_info(report.problems[i].rule)->warning)
			print_error("%s\n", report.problems[i].message);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.warnings, 3);
	assert_int_equal(nvb_cdi_report_fail(&report, NULL), 0);
}

static void counts_problems_it_does_not_keep(void **state)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_cdi_report_ struct nvb_cdi_report report = {0};
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	nvb_sb_add(&text, HEAD DEV);
	for (int i = 0; i < 1000; i++)
		nvb_sb_addf(&text, "u%d: 1\n", i);
	assert_int_equal(nvb_cdi_check(&spec, text.s, text.len, NVB_CDI_YAML, "f", &report, &err), 0);
	assert_int_equal(report.errors, 1000);
	assert_int_equal(report.count, NVB_CDI_REPORT_MAX);
	assert_int_equal(nvb_cdi_report_fail(&report, &err), -NVB_ERR_CORRUPT);
	assert_non_null(strstr(nvb_error_message(err), "(and 999 more)"));
}

static void takes_names_apart(void **state)
{
	static const char *const bad[] = {"", "0", "gpu=0", "/dev/x", "vendor.com/gpu",
		"vendor.com/gpu=", "/gpu=0", "vendor.com/=0", "vendor.com/gpu=0/1", "vendor.com/gpu=-1",
		"vendor.com/gpu=a b", "1.com/gpu=0", "vendor.com/gpu=0=1"};
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_cdi_name name;

	(void)state;
	assert_int_equal(nvb_cdi_name_parse("nvidia.com/gpu=0:1", &name, NULL), 0);
	assert_int_equal(name.vendor_size, 10);
	assert_int_equal(name.class_size, 3);
	assert_memory_equal(name.class, "gpu", 3);
	assert_string_equal(name.device, "0:1");
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_int_equal(nvb_cdi_name_parse(bad[i], &name, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_cdi_name_parse("nvidia.com/gpu=a,b", &name, &err), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(err),
		"'nvidia.com/gpu=a,b' is no CDI device name: the device has "
		"a character that is not allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_field),
		cmocka_unit_test(names_the_place_and_the_rule),
		cmocka_unit_test(refuses_what_is_no_document),
		cmocka_unit_test(resolves_aliases),
		cmocka_unit_test(warns_of_what_readers_take),
		cmocka_unit_test(counts_problems_it_does_not_keep),
		cmocka_unit_test(takes_names_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
