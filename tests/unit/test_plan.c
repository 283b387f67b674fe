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
		else if (e->kind == NVB_EDIT_COMPAT)
			nvb_sb_add(&sb, e->compat.driver_version);
		else if (e->kind == NVB_EDIT_PARAMS)
			nvb_sb_add(&sb, e->params.host);
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
		"cuda-compat common 550.54.15\n"
		"driver-params common /proc/driver/nvidia/params\n"
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
		"driver-params common /proc/driver/nvidia/params\n"
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
		"cuda-compat common 550.54.15\n"
		"driver-params common /proc/driver/nvidia/params\n"
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
		"cuda-compat common 550.54.15\n"
		"driver-params common /proc/driver/nvidia/params\n"
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
		"cuda-compat common 550.54.15\n"
		"driver-params common /proc/driver/nvidia/params\n"
		"env common NVIDIA_VISIBLE_DEVICES=void\n"
		"device 2 /dev/nvidia0 rw\n");
}

/* What is asked for beside the GPU `gpus` (NULL: no GPU). */
static struct nvb_plan *make_with(const char *gpus, unsigned features, bool required, const char *channels,
	enum nvb_error_code code, const char *message)
{
	_cleanup_error_ nvb_error *err = NULL;
	nvb_request *request = NULL;
	struct nvb_plan *plan = NULL;
	int rc;

	assert_int_equal(nvb_request_new(&request, NULL), 0);
	if (gpus)
		assert_int_equal(nvb_request_add_gpus(request, gpus, NULL), 0);
	if (channels)
		assert_int_equal(nvb_request_add_imex_channels(request, channels, NULL), 0);
	assert_int_equal(nvb_request_add_features(request, features, required, NULL), 0);
	rc = nvb_planner_make(request, &inventory, NULL, &plan, &err);
	nvb_request_free(request);
	assert_int_equal(rc, -(int)code);
	if (message)
		assert_non_null(strstr(nvb_error_message(err), message));
	return plan;
}

static void expect_with(const char *gpus, unsigned features, const char *channels, const char *expected)
{
	struct nvb_plan *plan = make_with(gpus, features, true, channels, 0, NULL);
	_cleanup_free_ char *text = lines(plan);

	assert_string_equal(text, expected);
	nvb_plan_free(plan);
}

#define VOID "env common NVIDIA_VISIBLE_DEVICES=void\n"

static void features_alone_need_no_gpu(void **state)
{
	(void)state;
	inventory.driver = (struct nvb_driver){0};
	expect_with(NULL, NVB_FEATURE_GDS, NULL,
		VOID "device common /dev/nvidia-fs0 rw\n"
		     "mount common /etc/cufile.json\n");
	expect_with(NULL, NVB_FEATURE_NVSWITCH | NVB_FEATURE_MIG_CONFIG | NVB_FEATURE_MIG_MONITOR, NULL,
		VOID "device common /dev/nvidia-nvswitchctl rw\n"
		     "mount common /run/nvidia-fabricmanager/socket\n"
		     "device common /dev/nvidia-caps/nvidia-cap1 r\n"
		     "device common /dev/nvidia-caps/nvidia-cap2 r\n");
}

static void imex_channels_alone_are_devices(void **state)
{
	(void)state;
	expect_with(NULL, 0, "all",
		VOID "device 0 /dev/nvidia-caps-imex-channels/channel0 rw\n"
		     "device 5 /dev/nvidia-caps-imex-channels/channel5 rw\n");
	expect_with(NULL, 0, "5", VOID "device 5 /dev/nvidia-caps-imex-channels/channel5 rw\n");
	expect_with(NULL, NVB_FEATURE_MIG_MONITOR, "5",
		VOID "device common /dev/nvidia-caps/nvidia-cap2 r\n"
		     "device common /dev/nvidia-caps-imex-channels/channel5 rw\n");
	make_with("2", 0, true, "1", NVB_ERR_NOT_FOUND, "there is no IMEX channel 1");
}

static void features_stand_beside_gpus(void **state)
{
	(void)state;
	/* The fabric manager's socket comes once, with video or with NVSwitches. */
	inventory.files[7].capabilities = NVB_CAP_COMPUTE;
	expect_with("2", NVB_FEATURE_NVSWITCH, "0",
		"device common /dev/nvidia-uvm rw\n"
		"device common /dev/nvidia-uvm-tools rw\n"
		"device common /dev/nvidiactl rw\n"
		"mount common /run/nvidia-persistenced/socket\n"
		"mount common /usr/bin/nvidia-smi\n"
		"mount common /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so.1 -> libcuda.so.550.54.15\n"
		"link common /usr/lib/x86_64-linux-gnu/libcuda.so -> libcuda.so.1\n"
		"mount common /run/nvidia-fabricmanager/socket\n"
		"ldcache common /usr/lib/x86_64-linux-gnu\n"
		"cuda-compat common 550.54.15\n"
		"driver-params common /proc/driver/nvidia/params\n" VOID
		"device common /dev/nvidia-nvswitchctl rw\n"
		"device common /dev/nvidia-caps-imex-channels/channel0 rw\n"
		"device 2 /dev/nvidia0 rw\n");
	inventory.files[7].capabilities = NVB_CAP_VIDEO;
}

static void management_brings_every_node(void **state)
{
	struct nvb_plan *plan;
	_cleanup_free_ char *text = NULL;

	(void)state;
	plan = make_with("all", NVB_FEATURE_MANAGEMENT | NVB_FEATURE_MIG_CONFIG, true, "0", 0, NULL);
	text = lines(plan);
	assert_int_equal(plan->device_count, 0);
	assert_non_null(strstr(text, "device common /dev/nvidia-modeset rw\n"));
	assert_non_null(strstr(text, VOID "device common /dev/nvidia3 rw\n"
					  "device common /dev/nvidia1 rw\n"
					  "device common /dev/nvidia-caps/nvidia-cap12 rw\n"
					  "device common /dev/nvidia-caps/nvidia-cap13 rw\n"
					  "device common /dev/nvidia-caps/nvidia-cap21 rw\n"
					  "device common /dev/nvidia-caps/nvidia-cap22 rw\n"
					  "device common /dev/nvidia0 rw\n"
					  "device common /dev/nvidia2 rw\n"
					  "device common /dev/nvidia-caps-imex-channels/channel0 rw\n"
					  "device common /dev/nvidia-caps-imex-channels/channel5 rw\n"
					  "device common /dev/nvidia-caps/nvidia-cap1 rw\n"
					  "device common /dev/nvidia-caps/nvidia-cap2 rw\n"));
	assert_null(strstr(text, "nvidia-fs0"));
	assert_null(strstr(text, "nvswitch"));
	nvb_plan_free(plan);
	make_with("2", NVB_FEATURE_MANAGEMENT, true, NULL, NVB_ERR_INVALID, "management brings all GPUs");
	inventory.platform = NVB_PLATFORM_WSL2;
	make_with(NULL, NVB_FEATURE_MANAGEMENT, true, NULL, NVB_ERR_UNSUPPORTED, "WSL2");
}

static const char *last_warning(const struct nvb_plan *plan)
{
	size_t count = nvb_strv_length(plan->warnings);

	assert_true(count > 0);
	return plan->warnings[count - 1];
}

static void what_is_not_there_is_refused_or_warned_of(void **state)
{
	struct nvb_plan *plan;

	(void)state;
	make_with("2", NVB_FEATURE_GDRCOPY, true, NULL, NVB_ERR_NOT_FOUND,
		"this host does not have GDRCopy (/dev/gdrdrv)");
	plan = make_with("2", NVB_FEATURE_GDRCOPY, false, NULL, 0, NULL);
	assert_non_null(strstr(last_warning(plan), "GDRCopy (/dev/gdrdrv): left out"));
	nvb_plan_free(plan);
	inventory.special_count = 2;
	plan = make_with("2", 0, false, "all", 0, NULL);
	assert_non_null(strstr(last_warning(plan), "any IMEX channel"));
	nvb_plan_free(plan);
	make_with(NULL, 0, false, "all", NVB_ERR_NOT_FOUND, "any IMEX channel");
}

static size_t count(const struct nvb_plan *plan, enum nvb_edit_kind kind)
{
	size_t found = 0;

	for (size_t i = 0; i < plan->edit_count; i++)
		found += plan->edits[i].kind == kind;
	return found;
}

static void counts(const char *gpus, size_t compat, size_t params)
{
	struct nvb_plan *plan = NULL;

	assert_int_equal(make(gpus, "compute", NVB_LAYOUT_FILES, &plan, NULL), 0);
	assert_int_equal(count(plan, NVB_EDIT_COMPAT), compat);
	assert_int_equal(count(plan, NVB_EDIT_PARAMS), params);
	nvb_plan_free(plan);
}

static void compat_is_for_gpus_that_take_it(void **state)
{
	(void)state;
	counts("all", 1, 1);
	inventory.gpus[3].name = "NVIDIA GeForce RTX 4090";
	counts("all", 0, 1);
	counts("0", 1, 1);
	counts("3", 0, 1);
	inventory.gpus[0].name = NULL; /* nothing says that it does not */
	counts("0", 1, 1);
	inventory.driver.kind = NVB_DRIVER_DXG;
	counts("0", 0, 0);
}

static void edits_of_the_driver_can_be_left_out(void **state)
{
	const struct nvb_plan_options options = {
		.size = sizeof(options), .no_cuda_compat = true, .no_params_mask = true};
	struct nvb_plan *plan = NULL;
	nvb_request *request = NULL;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "0", NULL), 0);
	assert_int_equal(nvb_planner_make(request, &inventory, &options, &plan, NULL), 0);
	assert_int_equal(count(plan, NVB_EDIT_COMPAT) + count(plan, NVB_EDIT_PARAMS), 0);
	nvb_plan_free(plan);
	nvb_request_free(request);
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

/* Whether a plan for GPU 0 with those limits warns that nobody keeps one; *edits counts them. */
static bool is_warned_of(nvb_request *request, size_t *edits)
{
	struct nvb_plan *plan = NULL;
	bool warned = false;

	assert_int_equal(nvb_request_add_gpus(request, "0", NULL), 0);
	assert_int_equal(nvb_planner_make(request, &inventory, NULL, &plan, NULL), 0);
	*edits = count(plan, NVB_EDIT_LIMIT);
	nvb_strv_foreach (warning, plan->warnings)
		warned |= strstr(*warning, "nobody enforces it") != NULL;
	nvb_plan_free(plan);
	nvb_request_free(request);
	return warned;
}

static void limits_say_who_keeps_them(void **state)
{
	const struct nvb_limit kept = {.kind = NVB_LIMIT_MEMORY,
		.enforcement = NVB_ENFORCED_HARDWARE,
		.asked = 8000000000,
		.granted = 9000000000,
		.by = "MIG 1g.10gb",
		.reason = "its memory"};
	_cleanup_error_ nvb_error *err = NULL;
	nvb_request *request = NULL;
	struct nvb_plan *plan = NULL;
	size_t edits;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_set_memory_limit(request, "8GB", NULL), 0);
	assert_int_equal(nvb_request_set_compute_limit(request, "80%", NULL), 0);
	assert_true(is_warned_of(request, &edits));
	assert_int_equal(edits, 2);

	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_limit(request, &kept, NULL), 0);
	request->decided = true;
	assert_false(is_warned_of(request, &edits));
	assert_int_equal(edits, 1);

	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_set_isolation(request, "virtual", NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "0", NULL), 0);
	assert_int_equal(nvb_planner_make(request, &inventory, NULL, &plan, &err), -NVB_ERR_UNSUPPORTED);
	nvb_request_free(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_one_gpu_what_it_needs, setup),
		cmocka_unit_test_setup(capabilities_choose_nodes_and_files, setup),
		cmocka_unit_test_setup(compat32_adds_the_32_bit_twin, setup),
		cmocka_unit_test_setup(mig_devices_bring_their_rights, setup),
		cmocka_unit_test_setup(the_tree_is_one_mount, setup),
		cmocka_unit_test_setup(features_alone_need_no_gpu, setup),
		cmocka_unit_test_setup(imex_channels_alone_are_devices, setup),
		cmocka_unit_test_setup(features_stand_beside_gpus, setup),
		cmocka_unit_test_setup(management_brings_every_node, setup),
		cmocka_unit_test_setup(what_is_not_there_is_refused_or_warned_of, setup),
		cmocka_unit_test_setup(compat_is_for_gpus_that_take_it, setup),
		cmocka_unit_test_setup(edits_of_the_driver_can_be_left_out, setup),
		cmocka_unit_test_setup(none_is_nothing, setup),
		cmocka_unit_test_setup(refuses_hosts_that_cannot, setup),
		cmocka_unit_test_setup(an_optional_node_that_is_missing_is_a_warning, setup),
		cmocka_unit_test_setup(a_driver_without_its_main_library_is_a_warning, setup),
		cmocka_unit_test_setup(json_is_json, setup),
		cmocka_unit_test(limits_say_who_keeps_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
