/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "cdi/import.h"

/* Two spec directories of the test's own. */
struct fixture {
	char base[64], low[80], high[80];
	const char *directories[3];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->base, "/tmp/nvb-cdi-XXXXXX");
	if (!mkdtemp(f->base))
		return -1;
	snprintf(f->low, sizeof(f->low), "%s/low", f->base);
	snprintf(f->high, sizeof(f->high), "%s/high", f->base);
	f->directories[0] = f->low;
	f->directories[1] = f->high;
	*state = f;
	return mkdir(f->low, 0755) || mkdir(f->high, 0755) ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int rc = nvb_file_remove_tree(AT_FDCWD, f->base, NULL);

	free(f);
	return rc;
}

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(nvb_file_write(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
}

#define SPEC(kind, devices) "cdiVersion: 0.5.0\nkind: " kind "\ndevices:\n" devices
#define DEVICE(name, edits) "- name: " name "\n  containerEdits: {" edits "}\n"

static void finds_the_spec_that_counts(void **state)
{
	struct fixture *f = *state;
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	const struct nvb_cdi_entry *entry;

	write_file(f->low, "a.yaml",
		SPEC("v.com/c", DEVICE("one", "env: [A=low]") DEVICE("two", "env: [A=low]")));
	write_file(f->low, "b.yml", SPEC("v.com/c", DEVICE("yml", "env: [A=b]")));
	write_file(f->low, "b.txt", "not a spec");
	write_file(f->high, "z.json",
		"{\"cdiVersion\": \"0.5.0\", \"kind\": \"v.com/c\", \"devices\": "
		"[{\"name\": \"two\", \"containerEdits\": {\"env\": [\"A=high\"]}}]}");
	assert_int_equal(nvb_cdi_registry_load(&registry, f->directories, NULL, NULL), 0);
	assert_int_equal(registry.fault_count, 0);
	assert_int_equal(registry.entry_count, 2);
	assert_string_equal(registry.entries[0].name, "v.com/c=one");
	assert_string_equal(registry.entries[1].name, "v.com/c=two");
	assert_int_equal(nvb_cdi_registry_find(&registry, "v.com/c=two", &entry, NULL), 0);
	assert_string_equal(entry->device->edits->env[0], "A=high");
	assert_int_equal(nvb_cdi_registry_find(&registry, "v.com/c=yml", &entry, NULL), -NVB_ERR_NOT_FOUND);
	assert_int_equal(nvb_cdi_registry_find(&registry, "two", &entry, NULL), -NVB_ERR_INVALID);
}

static void refuses_a_device_of_two_specs(void **state)
{
	struct fixture *f = *state;
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	_cleanup_error_ nvb_error *err = NULL;
	const struct nvb_cdi_entry *entry;

	write_file(
		f->low, "a.yaml", SPEC("v.com/c", DEVICE("one", "env: [A=a]") DEVICE("two", "env: [A=a]")));
	write_file(
		f->low, "b.yaml", SPEC("v.com/c", DEVICE("one", "env: [A=b]") DEVICE("two", "env: [A=b]")));
	write_file(f->high, "c.yaml", SPEC("v.com/c", DEVICE("two", "env: [A=c]")));
	assert_int_equal(nvb_cdi_registry_load(&registry, f->directories, NULL, NULL), 0);
	assert_int_equal(nvb_cdi_registry_find(&registry, "v.com/c=one", &entry, &err), -NVB_ERR_CONFLICT);
	assert_non_null(strstr(nvb_error_message(err), "low/a.yaml and "));
	assert_non_null(strstr(nvb_error_message(err), "low/b.yaml"));
	/* A later directory settles what an earlier one leaves open. */
	assert_int_equal(nvb_cdi_registry_find(&registry, "v.com/c=two", &entry, NULL), 0);
	assert_string_equal(entry->device->edits->env[0], "A=c");
}

static void goes_on_beside_a_broken_spec(void **state)
{
	struct fixture *f = *state;
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	_cleanup_error_ nvb_error *err = NULL;
	const struct nvb_cdi_entry *entry;
	char fifo[160];

	write_file(f->low, "a.yaml", SPEC("v.com/c", DEVICE("one", "env: [A=a]")));
	write_file(f->low, "b.yaml", SPEC("v.com/c", DEVICE("two", "env: [A]")));
	snprintf(fifo, sizeof(fifo), "%s/c.yaml", f->low);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	f->directories[1] = "/nonexistent/cdi";
	assert_int_equal(nvb_cdi_registry_load(&registry, f->directories, NULL, NULL), 0);
	assert_int_equal(registry.fault_count, 2);
	assert_int_equal(nvb_cdi_registry_find(&registry, "v.com/c=one", &entry, NULL), 0);
	assert_int_equal(nvb_cdi_registry_find(&registry, "v.com/c=two", &entry, &err), -NVB_ERR_NOT_FOUND);
	assert_non_null(strstr(nvb_error_hint(err), "b.yaml:5: devices[0].containerEdits.env[0]"));
}

static const struct nvb_edit *find_edit(const struct nvb_plan *plan, enum nvb_edit_kind kind)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == kind)
			return &plan->edits[i];
	return NULL;
}

static size_t count_edits(const struct nvb_plan *plan, enum nvb_edit_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->edit_count; i++)
		n += plan->edits[i].kind == kind;
	return n;
}

static void imports_devices(void **state)
{
	struct fixture *f = *state;
	struct nvb_cdi_registry registry = {0};
	struct nvb_plan *plan = calloc(1, sizeof(*plan));
	static const char *const names[] = {"v.com/c=0", "v.com/c=1", "v.com/c=0"};
	const struct nvb_edit *edit;
	char rule[160];

	write_file(f->low, "a.yaml",
		"cdiVersion: 0.7.0\nkind: v.com/c\ndevices:\n"
		"- name: 0\n  containerEdits:\n"
		"    deviceNodes: [{path: /dev/mine, hostPath: /dev/null, permissions: wr, uid: 7}]\n"
		"- name: 1\n  containerEdits: {env: [B=1=2]}\n"
		"containerEdits:\n"
		"  env: [A=0]\n"
		"  mounts: [{hostPath: /tmp, containerPath: /t, options: [ro, rbind]}]\n"
		"  additionalGids: [0, 44]\n"
		"  hooks:\n"
		"  - {hookName: poststop, path: /bin/other, args: [other, x], timeout: 2}\n"
		"  - hookName: createContainer\n    path: /usr/bin/nvbind-hook\n"
		"    args: [nvbind-hook, apply, --link, \"a::/b/c\", --library-directory, /lib,\n"
		"      --cuda-compat, \"550.54.15\", --driver-params, /proc/driver/nvidia/params,\n"
		"      --device-link, \"../mine::/dev/x/y\", --device-link, \"../other::/dev/x/z\"]\n");
	assert_int_equal(nvb_cdi_registry_load(&registry, f->directories, NULL, NULL), 0);
	assert_int_equal(nvb_cdi_import(plan, &registry, names, 3, NULL), 0);
	nvb_cdi_registry_release(&registry); /* the plan keeps nothing of it */
	assert_int_equal(count_edits(plan, NVB_EDIT_DEVICE), 1);
	assert_int_equal(count_edits(plan, NVB_EDIT_ENV), 2);
	assert_int_equal(count_edits(plan, NVB_EDIT_MOUNT), 1);
	assert_int_equal(count_edits(plan, NVB_EDIT_HOOK), 1);
	assert_int_equal(count_edits(plan, NVB_EDIT_GID), 1);
	edit = find_edit(plan, NVB_EDIT_DEVICE);
	assert_string_equal(edit->device.host, "/dev/null");
	assert_string_equal(edit->device.container, "/dev/mine");
	assert_true(edit->device.known_numbers);
	assert_int_equal(edit->device.major, 1);
	assert_int_equal(edit->device.minor, 3);
	assert_string_equal(edit->device.type, "c");
	assert_string_equal(edit->device.access, "rw");
	assert_true(edit->device.has_uid);
	assert_int_equal(edit->device.uid, 7);
	assert_false(edit->device.has_gid);
	assert_true(edit->required);
	snprintf(rule, sizeof(rule), "cdi:%s/a.yaml", f->low);
	assert_string_equal(edit->rule, rule);
	assert_string_equal(edit->reason, "v.com/c=0");
	edit = find_edit(plan, NVB_EDIT_MOUNT);
	assert_int_equal(edit->mount.file_kind, NVB_FILE_DIRECTORY);
	assert_string_equal(edit->mount.options[1], "rbind");
	assert_null(edit->mount.options[2]);
	edit = find_edit(plan, NVB_EDIT_ENV);
	assert_string_equal(edit->env.name, "A");
	assert_string_equal(edit->reason, "all devices of v.com/c");
	assert_int_equal(find_edit(plan, NVB_EDIT_GID)->gid, 44);
	edit = find_edit(plan, NVB_EDIT_HOOK);
	assert_string_equal(edit->hook.when, "poststop");
	assert_string_equal(edit->hook.args[1], "x");
	assert_int_equal(edit->hook.timeout, 2);
	assert_int_equal(count_edits(plan, NVB_EDIT_LINK), 2);
	assert_string_equal(plan->edits[plan->edit_count - 2].link.path, "/dev/x/y");
	assert_string_equal(find_edit(plan, NVB_EDIT_LINK)->link.target, "a");
	assert_string_equal(find_edit(plan, NVB_EDIT_LINK)->link.path, "/b/c");
	assert_string_equal(find_edit(plan, NVB_EDIT_LDCACHE)->ldcache.directory, "/lib");
	assert_string_equal(find_edit(plan, NVB_EDIT_COMPAT)->compat.driver_version, "550.54.15");
	assert_string_equal(find_edit(plan, NVB_EDIT_PARAMS)->params.host, "/proc/driver/nvidia/params");
	nvb_plan_free(plan);
}

static void refuses_what_no_plan_can_hold(void **state)
{
	static const struct {
		const char *edits;
		enum nvb_error_code code;
		const char *message;
	} cases[] = {
		{"deviceNodes: [{path: /dev/nvb-none}]", NVB_ERR_NOT_FOUND, "the device node /dev/nvb-none"},
		{"deviceNodes: [{path: /dev/null, type: b}]", NVB_ERR_CORRUPT, "type 'c', not 'b'"},
		{"deviceNodes: [{path: /tmp}]", NVB_ERR_CORRUPT, "/tmp is no device node"},
		{"mounts: [{hostPath: /nvb-none, containerPath: /x}]", NVB_ERR_NOT_FOUND, "/nvb-none"},
		{"mounts: [{hostPath: tmpfs, containerPath: /x, type: tmpfs}]", NVB_ERR_UNSUPPORTED,
			"'tmpfs'"},
		{"intelRdt: {closID: a}", NVB_ERR_UNSUPPORTED, "intelRdt"},
		{"netDevices: [{hostInterfaceName: a, name: b}]", NVB_ERR_UNSUPPORTED, "netDevices"},
	};
	static const char *const names[] = {"v.com/c=a"};
	struct fixture *f = *state;

	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
		_cleanup_error_ nvb_error *err = NULL;
		struct nvb_plan *plan = calloc(1, sizeof(*plan));
		char text[256];

		snprintf(text, sizeof(text),
			"cdiVersion: 1.1.0\nkind: v.com/c\ndevices:\n- name: a\n  containerEdits: {%s}\n",
			cases[i].edits);
		write_file(f->low, "a.yaml", text);
		assert_int_equal(nvb_cdi_registry_load(&registry, f->directories, NULL, NULL), 0);
		assert_int_equal(nvb_cdi_import(plan, &registry, names, 1, &err), -(int)cases[i].code);
		assert_non_null(strstr(nvb_error_message(err), cases[i].message));
		nvb_plan_free(plan);
	}
}

/* A spec that gives type and number needs no node on the host. */
static void believes_a_complete_node(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"v.com/c=a"};
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	struct nvb_plan *plan = calloc(1, sizeof(*plan));
	const struct nvb_edit *edit;

	write_file(f->low, "a.yaml",
		SPEC("v.com/c",
			DEVICE("a", "deviceNodes: [{path: /dev/nvb-none, type: b, major: 7, minor: 9, "
				    "fileMode: 0600, permissions: none}]")));
	assert_int_equal(nvb_cdi_registry_load(&registry, f->directories, NULL, NULL), 0);
	assert_int_equal(nvb_cdi_import(plan, &registry, names, 1, NULL), 0);
	edit = find_edit(plan, NVB_EDIT_DEVICE);
	assert_string_equal(edit->device.type, "b");
	assert_int_equal(edit->device.major, 7);
	assert_int_equal(edit->device.minor, 9);
	assert_true(edit->device.has_mode);
	assert_int_equal(edit->device.mode, 0600);
	assert_string_equal(edit->device.access, "");
	nvb_plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_the_spec_that_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_device_of_two_specs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(goes_on_beside_a_broken_spec, set_up, tear_down),
		cmocka_unit_test_setup_teardown(imports_devices, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_no_plan_can_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(believes_a_complete_node, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
