/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <json-c/json.h>

#include "base/str.h"
#include "fixture.h"
#include "plan/plan.h"

static struct nvb_inventory inventory;

static int make(const char *gpus, const char *capabilities, enum nvb_layout layout, struct nvb_plan **plan,
	nvb_error **err)
{
	const struct nvb_plan_options options = {
		.size = sizeof(options), .layout = layout, .tree = "/var/tree"};
	nvb_request *request = NULL;
	int rc;

	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_set_capabilities(request, capabilities, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, gpus, NULL), 0);
	rc = nvb_planner_make(request, &inventory, &options, plan, err);
	nvb_request_free(request);
	return rc;
}

/* One line for every edit, in order: "device common /dev/nvidiactl" ... */
static char *lines(const struct nvb_plan *plan)
{
	struct nvb_strbuf sb = {0};

	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *e = &plan->edits[i];

		nvb_sb_addf(&sb, "%s %s ", nvb_edit_kind_name(e->kind),
			e->scope == NVB_SCOPE_COMMON ? "common" : plan->devices[e->scope].name);
		if (e->kind == NVB_EDIT_DEVICE)
			nvb_sb_addf(&sb, "%s %s", e->device.container, e->device.access);
		else if (e->kind == NVB_EDIT_MOUNT)
			nvb_sb_addf(&sb, "%s%s", e->mount.container,
				e->mount.via == NVB_VIA_LAYER ? " layer" : "");
		else if (e->kind == NVB_EDIT_LINK)
			nvb_sb_addf(&sb, "%s -> %s", e->link.path, e->link.target);
		else if (e->kind == NVB_EDIT_LDCACHE)
			nvb_sb_add(&sb, e->ldcache.directory);
		else
			nvb_sb_addf(&sb, "%s=%s", e->env.name, e->env.value);
		nvb_sb_addc(&sb, '\n');
	}
	return nvb_sb_finish(&sb);
}

static void expect(const char *gpus, const char *capabilities, enum nvb_layout layout, const char *expected)
{
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *text = NULL;
	struct nvb_plan *plan = NULL;

	if (make(gpus, capabilities, layout, &plan, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	text = lines(plan);
	assert_string_equal(text, expected);
	nvb_plan_free(plan);
}

static void gives_one_gpu_what_it_needs(void **state)
{
	(void)state;
	expect("2", "compute,utility", NVB_LAYOUT_FILES,
		"device common /dev/nvidia-uvm rw\n"
		"device common /dev/nvidia-uvm-tools rw\n"
		"device common /dev/nvidiactl rw\n"
		"mount common /run/nvidia-persistenced/socket\n"
		"mount common /usr/bin/nvidia-smi\n"
		"mount common /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so.1 -> libcuda.so.550.54.15\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so -> libcuda.so.1\n"
		"ldcache common /usr/lib/x86_64-linux-gnu\n"
		"env common NVIDIA_VISIBLE_DEVICES=void\n"
		"device 2 /dev/nvidia0 rw\n");
}

static void capabilities_choose_nodes_and_files(void **state)
{
	(void)state;
	expect("0", "graphics,compat32", NVB_LAYOUT_FILES,
		"device common /dev/nvidia-modeset rw\n"
		"device common /dev/nvidia-uvm rw\n"
		"device common /dev/nvidiactl rw\n"
		"mount common /usr/lib/x86_64-linux-gnu/libnvidia-allocator.so.550.54.15\n"
		"link common /usr/lib/x86_64-linux-gnu/gbm/nvidia-drm_gbm.so -> ../libnvidia-allocator.so.1\n"
		"link common /usr/lib/x86_64-linux-gnu/libnvidia-allocator.so.1 -> "
		"libnvidia-allocator.so.550.54.15\n"
		"mount common /usr/share/vulkan/icd.d/nvidia_icd.json\n"
		"ldcache common /usr/lib/x86_64-linux-gnu\n"
		"env common NVIDIA_VISIBLE_DEVICES=void\n"
		"device 0 /dev/nvidia3 rw\n"
		"device 0 /dev/dri/card1 rw\n"
		"link 0 /dev/dri/by-path/pci-0000:17:00.0-card -> ../card1\n"
		"device 0 /dev/dri/renderD128 rw\n");
}

static void compat32_adds_the_32_bit_twin(void **state)
{
	(void)state;
	expect("2", "compute,compat32", NVB_LAYOUT_LAYER,
		"device common /dev/nvidia-uvm rw\n"
		"device common /dev/nvidia-uvm-tools rw\n"
		"device common /dev/nvidiactl rw\n"
		"mount common /usr/lib/i386-linux-gnu/libcuda.so.550.54.15 layer\n"
		"mount common /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15 layer\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so.1 -> libcuda.so.550.54.15\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so -> libcuda.so.1\n"
		"ldcache common /usr/lib/x86_64-linux-gnu\n"
		"ldcache common /usr/lib/i386-linux-gnu\n"
		"env common NVIDIA_VISIBLE_DEVICES=void\n"
		"device 2 /dev/nvidia0 rw\n");
}

static void mig_devices_bring_their_rights(void **state)
{
	(void)state;
	expect("1:1", "compute", NVB_LAYOUT_LAYER,
		"device common /dev/nvidia-uvm rw\n"
		"device common /dev/nvidia-uvm-tools rw\n"
		"device common /dev/nvidiactl rw\n"
		"mount common /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15 layer\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so.1 -> libcuda.so.550.54.15\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so -> libcuda.so.1\n"
		"ldcache common /usr/lib/x86_64-linux-gnu\n"
		"env common NVIDIA_VISIBLE_DEVICES=void\n"
		"device 1:1 /dev/nvidia1 rw\n"
		"device 1:1 /dev/nvidia-caps/nvidia-cap21 r\n"
		"device 1:1 /dev/nvidia-caps/nvidia-cap22 r\n");
}

static void the_tree_is_one_mount(void **state)
{
	(void)state;
	expect("2", "compute,utility,graphics", NVB_LAYOUT_TREE,
		"device common /dev/nvidia-modeset rw\n"
		"device common /dev/nvidia-uvm rw\n"
		"device common /dev/nvidia-uvm-tools rw\n"
		"device common /dev/nvidiactl rw\n"
		"mount common /run/nvbind/driver\n"
		"mount common /run/nvidia-persistenced/socket\n"
		"link common /usr/bin/nvidia-smi -> /run/nvbind/driver/usr/bin/nvidia-smi\n"
		"link common /usr/lib/x86_64-linux-gnu/gbm/nvidia-drm_gbm.so -> "
		"/run/nvbind/driver/usr/lib/x86_64-linux-gnu/gbm/nvidia-drm_gbm.so\n"
		"link common /usr/share/vulkan/icd.d/nvidia_icd.json -> "
		"/run/nvbind/driver/usr/share/vulkan/icd.d/nvidia_icd.json\n"
		"ldcache common /run/nvbind/driver/usr/lib/x86_64-linux-gnu\n"
		"env common NVIDIA_VISIBLE_DEVICES=void\n"
		"device 2 /dev/nvidia0 rw\n");
}

static void none_is_nothing(void **state)
{
	(void)state;
	expect("none", "all", NVB_LAYOUT_FILES, "");
}

static void refuses(enum nvb_error_code code, const char *message)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_plan *plan = NULL;

	assert_int_equal(make("0", "compute", NVB_LAYOUT_FILES, &plan, &err), -(int)code);
	assert_string_equal(nvb_error_message(err), message);
	assert_non_null(nvb_error_hint(err));
	assert_null(plan);
}

static void refuses_hosts_that_cannot(void **state)
{
	(void)state;
	inventory.driver.kind = NVB_DRIVER_NOUVEAU;
	refuses(NVB_ERR_UNSUPPORTED, "the GPU is driven by nouveau, which has no CUDA or NVML");
	fixture_inventory(&inventory);
	inventory.driver.module_version = "550.90.07";
	inventory.driver.mismatch = true;
	refuses(NVB_ERR_STALE,
		"the driver's libraries are 550.54.15 but the loaded kernel module is 550.90.07");
	fixture_inventory(&inventory);
	inventory.driver.kind = NVB_DRIVER_NONE;
	refuses(NVB_ERR_UNSUPPORTED, "no NVIDIA kernel module is loaded");
	fixture_inventory(&inventory);
	inventory.driver.version = NULL;
	refuses(NVB_ERR_NOT_FOUND, "no driver libraries (libcuda.so.<version>) found below /");
	fixture_inventory(&inventory);
	inventory.gpus[0].node.present = false;
	refuses(NVB_ERR_NOT_FOUND, "GPU 0: device node /dev/nvidia3 is missing");
	fixture_inventory(&inventory);
	inventory.control[3].present = false;
	refuses(NVB_ERR_NOT_FOUND, "driver: device node /dev/nvidiactl is missing");
}

static void an_optional_node_that_is_missing_is_a_warning(void **state)
{
	struct nvb_plan *plan = NULL;

	(void)state;
	inventory.control[2].present = false;
	assert_int_equal(make("0", "compute", NVB_LAYOUT_FILES, &plan, NULL), 0);
	assert_int_equal(nvb_strv_length(plan->warnings), 1);
	nvb_plan_free(plan);
}

static void a_driver_without_its_main_library_is_a_warning(void **state)
{
	struct nvb_plan *plan = NULL;

	(void)state;
	for (size_t i = 0; i < inventory.file_count; i++)
		if (inventory.files[i].soname && nvb_streq(inventory.files[i].soname, "libcuda.so.1"))
			inventory.files[i].soname = "libother.so.1";
	assert_int_equal(make("0", "compute", NVB_LAYOUT_FILES, &plan, NULL), 0);
	assert_int_equal(nvb_strv_length(plan->warnings), 1);
	assert_non_null(strstr(plan->warnings[0], "libcuda.so.1 was not found"));
	nvb_plan_free(plan);
	assert_int_equal(make("0", "video", NVB_LAYOUT_FILES, &plan, NULL), 0);
	assert_int_equal(nvb_strv_length(plan->warnings), 0);
	nvb_plan_free(plan);
}

static void json_is_json(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct json_object *root, *edits, *edit, *value;
	struct nvb_plan *plan = NULL;

	(void)state;
	assert_int_equal(make("all", "all", NVB_LAYOUT_FILES, &plan, NULL), 0);
	assert_int_equal(nvb_plan_to_json(plan, &text, NULL), 0);
	root = json_tokener_parse(text);
	assert_non_null(root);
	assert_true(json_object_object_get_ex(root, "edits", &edits));
	assert_int_equal(json_object_array_length(edits), plan->edit_count);
	for (size_t i = 0; i < plan->edit_count; i++) {
		edit = json_object_array_get_idx(edits, i);
		assert_true(json_object_object_get_ex(edit, "reason", &value));
		assert_true(json_object_get_string_len(value) > 0);
		assert_true(json_object_object_get_ex(edit, "rule", &value));
		assert_true(json_object_object_get_ex(edit, "required", &value));
	}
	json_object_put(root);
	nvb_plan_free(plan);
}

static int setup(void **state)
{
	(void)state;
	fixture_inventory(&inventory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_one_gpu_what_it_needs, setup),
		cmocka_unit_test_setup(capabilities_choose_nodes_and_files, setup),
		cmocka_unit_test_setup(compat32_adds_the_32_bit_twin, setup),
		cmocka_unit_test_setup(mig_devices_bring_their_rights, setup),
		cmocka_unit_test_setup(the_tree_is_one_mount, setup),
		cmocka_unit_test_setup(none_is_nothing, setup),
		cmocka_unit_test_setup(refuses_hosts_that_cannot, setup),
		cmocka_unit_test_setup(an_optional_node_that_is_missing_is_a_warning, setup),
		cmocka_unit_test_setup(a_driver_without_its_main_library_is_a_warning, setup),
		cmocka_unit_test_setup(json_is_json, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
