/* SPDX-License-Identifier: Apache-2.0 */
/* The manager: what it says of a host and what it makes of configurations. */
#include "host.h"

#include <unistd.h>

#include "bolt_engine.h"
#include "refused.h"
#include "request/request.h"

static char profiles[128], heard[4096];

static void hear(void *data, enum nvb_log_level level, const char *message)
{
	size_t n = strlen(heard);

	(void)data;
	(void)level;
	snprintf(heard + n, sizeof(heard) - n, "%s\n", message);
}

static const struct nvb_log hearing = {NVB_LOG_INFO, hear, NULL};

static void make_host(void)
{
	heard[0] = '\0';
	host_module("550.54.15");
	host_gpu("0000:17:00.0", 0, HOST_UUID(1));
	host_gpu("0000:3b:00.0", 1, HOST_UUID(2));
	host_lib("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1");
	host_link("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "libcuda.so.550.54.15");
	host_lib("/usr/lib/x86_64-linux-gnu/libGLX_nvidia.so.550.54.15", "libGLX_nvidia.so.0");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-ngx.so.550.54.15", "libnvidia-ngx.so.1");
}

static bool make_nodes(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"dev/nvidia0", 195, 0}, {"dev/nvidia1", 195, 1}, {"dev/nvidiactl", 195, 255},
		{"dev/nvidia-uvm", 510, 0}, {"dev/nvidia-uvm-tools", 510, 1},
		{"dev/nvidia-modeset", 195, 254}};

	scratch_mkdir("dev");
	for (size_t i = 0; i < NVB_ELEMENTS(nodes); i++)
		if (mknodat(scratch.fd, nodes[i].name, S_IFCHR | 0666,
			    makedev(nodes[i].major, nodes[i].minor)) < 0)
			return false;
	return true;
}

static nvb_manager *manager_with(bool strict)
{
	const struct nvb_inventory_options host = {.size = sizeof(host), .root = scratch.path};
	struct nvb_bolt_config config = {.size = sizeof(config),
		.inventory = &host,
		.bolt = "/bin/true",
		.hook = "/opt/nvbind-hook",
		.strict = strict,
		.log = &hearing};
	nvb_manager *manager = NULL;

	snprintf(profiles, sizeof(profiles), "%s/profiles", getenv("NVB_TEST_SOURCE"));
	config.profiles = profiles;
	assert_int_equal(nvb_manager_new(&config, &manager, NULL), 0);
	return manager;
}

static void configurations(void **state)
{
	struct nvb_bolt_config config = {.size = 3};
	const struct nvb_inventory_options host = {.size = 5};
	nvb_manager *manager = NULL;
	nvb_error *err = NULL;

	(void)state;
	refused(nvb_manager_new(&config, &manager, &err), &err, NVB_ERR_INVALID, "nvb_bolt_config.size is 3");
	config = (struct nvb_bolt_config){.size = sizeof(config), .inventory = &host};
	refused(nvb_manager_new(&config, &manager, &err), &err, NVB_ERR_INVALID,
		"nvb_inventory_options.size is 5");
	assert_null(manager);
	assert_int_equal(nvb_manager_new_default(&manager, NULL), 0);
	nvb_manager_free(manager);
	nvb_manager_free(NULL);
}

static void gpus(void **state)
{
	nvb_manager *manager;
	struct nvb_gpu_info *list = NULL;
	const nvb_inventory *once, *twice;
	size_t count = 0;

	(void)state;
	make_host();
	manager = manager_with(false);
	assert_int_equal(nvb_manager_gpus(manager, &list, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[1].uuid, HOST_UUID(2));
	assert_string_equal(list[1].pci_address, "0000:3b:00.0");
	free(list);
	assert_int_equal(nvb_manager_inventory(manager, &once, NULL), 0);
	assert_int_equal(nvb_manager_inventory(manager, &twice, NULL), 0);
	assert_ptr_equal(once, twice);
	nvb_manager_free(manager);
}

static void no_gpus(void **state)
{
	nvb_manager *manager;
	struct nvb_gpu_info *list = (void *)&list;
	size_t count = 7;

	(void)state;
	host_text("/proc/version", "");
	manager = manager_with(false);
	assert_int_equal(nvb_manager_gpus(manager, &list, &count, NULL), 0);
	assert_true(!list && count == 0);
	nvb_manager_free(manager);
}

static void missing(nvb_manager *manager, enum nvb_bolt_feature feature, const char *text)
{
	char *reason = NULL;

	assert_int_equal(nvb_manager_missing_feature(manager, feature, &reason, NULL), 0);
	if (!text)
		assert_null(reason);
	else if (!reason || !strstr(reason, text))
		fail_msg("'%s' is not in: %s", text, reason ? reason : "nothing");
	free(reason);
}

static void compatibility(void **state)
{
	struct nvb_bolt_compatibility found = {.size = sizeof(found)};
	nvb_manager *manager;
	nvb_error *err = NULL;
	char *reason = NULL;

	(void)state;
	make_host();
	manager = manager_with(false);
	assert_int_equal(nvb_manager_bolt_compatibility(manager, &found, NULL), 0);
	assert_true(found.compatible && !found.reason && found.gpu_count == 2);
	assert_string_equal(found.driver_version, "550.54.15");
	assert_int_equal(found.features, NVB_BOLT_GPUS | NVB_BOLT_GPU_SELECTION | NVB_BOLT_COMPUTE |
						 NVB_BOLT_GRAPHICS | NVB_BOLT_DLSS | NVB_BOLT_GREEN_CONTEXTS |
						 NVB_BOLT_CAPSULES);
	missing(manager, NVB_BOLT_GPUS, NULL);
	missing(manager, NVB_BOLT_RAY_TRACING, "libnvidia-rtcore is not installed");
	missing(manager, NVB_BOLT_WINE_32BIT, "32-bit libraries are not installed");
	missing(manager, NVB_BOLT_MIG, "no GPU is divided");
	missing(manager, NVB_BOLT_GPU_SNAPSHOTS, "driver 550.54.15: saving the state of GPUs began with 570");
	/* Every name once, and nothing else has one. */
	for (unsigned bit = 1; bit && bit <= NVB_BOLT_CAPSULES; bit <<= 1)
		assert_non_null(nvb_bolt_feature_name((enum nvb_bolt_feature)bit));
	assert_null(nvb_bolt_feature_name((enum nvb_bolt_feature)(NVB_BOLT_CAPSULES << 1)));
	assert_null(nvb_bolt_feature_name((enum nvb_bolt_feature)3));
	refused(nvb_manager_missing_feature(manager, (enum nvb_bolt_feature)3, &reason, &err), &err,
		NVB_ERR_INVALID, "0x3 is no feature");
	found.size--;
	refused(nvb_manager_bolt_compatibility(manager, &found, &err), &err, NVB_ERR_INVALID, "size");
	nvb_manager_free(manager);
}

static void incompatible(const char *why)
{
	struct nvb_bolt_compatibility found = {.size = sizeof(found)}, again = found;
	nvb_manager *manager = manager_with(false);

	assert_int_equal(nvb_manager_bolt_compatibility(manager, &found, NULL), 0);
	assert_false(found.compatible);
	assert_string_equal(found.reason, why);
	assert_int_equal(found.features & ~(unsigned)NVB_BOLT_CAPSULES, 0);
	assert_int_equal(nvb_manager_bolt_compatibility(manager, &again, NULL), 0);
	assert_ptr_equal(found.reason, again.reason);
	nvb_manager_free(manager);
}

static void incompatible_without_driver(void **state)
{
	(void)state;
	host_text("/proc/version", "");
	incompatible("no NVIDIA driver is loaded");
}

static void incompatible_with_two_versions(void **state)
{
	(void)state;
	host_module("550.54.14");
	host_gpu("0000:17:00.0", 0, HOST_UUID(1));
	host_lib("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1");
	host_link("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "libcuda.so.550.54.15");
	incompatible(
		"libraries 550.54.15 and kernel module 550.54.14 differ: reboot, or load the module anew");
}

static void incompatible_without_libraries(void **state)
{
	(void)state;
	host_module("550.54.15");
	host_gpu("0000:17:00.0", 0, HOST_UUID(1));
	incompatible("the driver's libraries are not installed");
}

static nvb_request *new_request(void)
{
	nvb_request *request = NULL;

	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "all", NULL), 0);
	return request;
}

static bool sets(const nvb_request *request, const char *name, const char *value)
{
	for (size_t i = request->setting_count; i-- > 0;)
		if (nvb_streq0(request->settings[i].name, name))
			return nvb_streq0(request->settings[i].value, value);
	return false;
}

static void games(void **state)
{
	static const char *const names[] = {
		NULL, "ultra-low-latency", "performance", "balanced", "efficiency"};
	struct nvb_bolt_gaming_config config = {.size = sizeof(config), .dlss_enabled = NVB_OFF};
	struct nvb_bolt_gaming_gpu_config gpu = {.size = sizeof(gpu)};
	nvb_request *request = new_request();
	nvb_manager *manager = manager_with(false);
	nvb_error *err = NULL;

	(void)state;
	for (int i = NVB_GAMING_UNSAID; i <= NVB_GAMING_EFFICIENCY; i++) {
		config.profile = (enum nvb_gaming_profile)i;
		assert_int_equal(nvb_bolt_gaming_gpu_config(&config, &gpu, NULL), 0);
		assert_true(nvb_streq0(gpu.performance_profile, names[i]));
		assert_int_equal(gpu.dlss_enabled, NVB_OFF);
	}
	assert_int_equal(NVB_GAMING_COMPETITIVE, NVB_GAMING_ULTRA_LOW_LATENCY);
	config.profile = (enum nvb_gaming_profile)77;
	refused(nvb_bolt_gaming_gpu_config(&config, &gpu, &err), &err, NVB_ERR_INVALID, "77 is none");

	gpu = (struct nvb_bolt_gaming_gpu_config){.size = sizeof(gpu), .performance_profile = "ultra"};
	assert_int_equal(nvb_manager_add_gaming(manager, request, &gpu, NULL), 0);
	assert_true(sets(request, "__GL_MaxFramesAllowed", "1"));
	err = NULL;
	gpu.performance_profile = "no-such-profile";
	refused(nvb_manager_add_gaming(manager, request, &gpu, &err), &err, NVB_ERR_NOT_FOUND,
		"no-such-profile");
	nvb_request_free(request);
	nvb_manager_free(manager);
}

/* VRS is the game's alone: no library or variable of the driver's switches it. */
static void settings_without_effect(void **state)
{
	const struct nvb_bolt_gaming_gpu_config gpu = {.size = sizeof(gpu), .vrs_enabled = NVB_ON};
	nvb_request *request = new_request(), *other = new_request();
	nvb_manager *manager = manager_with(false), *strict = manager_with(true);
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_manager_add_gaming(manager, request, &gpu, NULL), 0);
	assert_non_null(strstr(heard, "vrs_enabled: "));
	refused(nvb_manager_add_gaming(strict, other, &gpu, &err), &err, NVB_ERR_UNSUPPORTED,
		"vrs_enabled: ");
	nvb_request_free(request);
	nvb_request_free(other);
	nvb_manager_free(manager);
	nvb_manager_free(strict);
}

static void aiml_work(void **state)
{
	struct nvb_bolt_aiml_config config = {
		.size = sizeof(config), .profile = "training", .tensor_cores_enabled = NVB_OFF};
	nvb_request *request = new_request();
	nvb_manager *manager = manager_with(false);
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_manager_add_aiml(manager, request, &config, NULL), 0);
	assert_true(sets(request, "NVIDIA_TF32_OVERRIDE", "0"));
	config.mig_enabled = NVB_ON;
	refused(nvb_manager_add_aiml(manager, request, &config, &err), &err, NVB_ERR_INVALID,
		"isolation is not \"virtual\"");
	assert_int_equal(nvb_request_set_isolation(request, "virtual", NULL), 0);
	assert_int_equal(nvb_manager_add_aiml(manager, request, &config, NULL), 0);
	nvb_request_free(request);
	nvb_manager_free(manager);
}

static void cdi_specs(void **state)
{
	const struct nvb_bolt_gaming_gpu_config gpu = {.size = sizeof(gpu), .performance_profile = "ultra"};
	struct nvb_bolt_runtime_ops deaf = ops;
	nvb_bolt_cdi_spec *spec = NULL, *game_spec = NULL;
	struct engine engine = {0};
	nvb_manager *manager;
	nvb_error *err = NULL;
	char directory[128], *path = NULL, *text = NULL;

	(void)state;
	make_host();
	if (!make_nodes())
		skip(); /* making device nodes takes root */
	manager = manager_with(false);
	snprintf(directory, sizeof(directory), "%s/cdi", scratch.path);
	if (nvb_manager_cdi_spec(manager, "bolt-gaming", &spec, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_string_equal(nvb_cdi_spec_kind(spec), "nvidia.com/gpu-bolt");
	assert_non_null(strstr(nvb_cdi_spec_text(spec), "nvbind cdi generate"));
	assert_non_null(strstr(nvb_cdi_spec_text(spec), "path: /opt/nvbind-hook"));
	assert_int_equal(nvb_cdi_spec_write(spec, directory, &path, NULL), 0);
	assert_non_null(strstr(path, "/cdi/nvidia.com-gpu-bolt.yaml"));
	assert_int_equal(nvb_file_read(AT_FDCWD, path, 1 << 20, &text, NULL, NULL), 0);
	assert_string_equal(text, nvb_cdi_spec_text(spec));
	free(text);
	free(path);

	assert_int_equal(nvb_cdi_spec_apply(spec, directory, "all", &ops, &engine, "c", NULL), 0);
	assert_string_equal(engine.told, "devices c nvidia.com/gpu-bolt=all\n");
	refused(nvb_cdi_spec_apply(spec, directory, "9", &ops, &engine, "c", &err), &err, NVB_ERR_NOT_FOUND,
		"has no device '9'");
	deaf.apply_cdi_devices = NULL;
	refused(nvb_cdi_spec_apply(spec, directory, "all", &deaf, &engine, "c", &err), &err,
		NVB_ERR_UNSUPPORTED, "test has no apply_cdi_devices");
	nvb_cdi_spec_free(spec);

	assert_int_equal(nvb_manager_gaming_cdi_spec(manager, &gpu, &game_spec, NULL), 0);
	assert_non_null(strstr(nvb_cdi_spec_text(game_spec), "__GL_MaxFramesAllowed=1"));
	nvb_cdi_spec_free(game_spec);
	nvb_cdi_spec_free(NULL);
	err = NULL;
	refused(nvb_manager_cdi_spec(manager, "no-such-profile", &spec, &err), &err, NVB_ERR_NOT_FOUND,
		"no-such-profile");
	nvb_manager_free(manager);
}

static void errors_of_callers(void **state)
{
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_error_set(NULL, NVB_ERR_BUSY, "x", NULL), -NVB_ERR_BUSY);
	assert_int_equal(nvb_error_set(&err, NVB_ERR_BUSY, "somebody has it", NULL), -NVB_ERR_BUSY);
	assert_int_equal(nvb_error_set(&err, NVB_ERR_STALE, "too late", "h"), -NVB_ERR_STALE);
	assert_string_equal(nvb_error_message(err), "somebody has it");
	assert_null(nvb_error_hint(err));
	nvb_error_free(err);
	err = NULL;
	assert_int_equal(nvb_error_set(&err, (enum nvb_error_code)4711, NULL, NULL), -NVB_ERR_SYSTEM);
	assert_string_equal(nvb_error_message(err), "no reason given");
	nvb_error_free(err);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(configurations),
		scratch_test(gpus),
		scratch_test(no_gpus),
		scratch_test(compatibility),
		scratch_test(incompatible_without_driver),
		scratch_test(incompatible_with_two_versions),
		scratch_test(incompatible_without_libraries),
		scratch_test(games),
		scratch_test(settings_without_effect),
		scratch_test(aiml_work),
		scratch_test(cdi_specs),
		cmocka_unit_test(errors_of_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
