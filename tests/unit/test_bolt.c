/* SPDX-License-Identifier: Apache-2.0 */
/* The manager: what it says of a host, what it makes of configurations, how it drives an engine. */
#include "host.h"

#include <unistd.h>

#include "nvbind/bolt.h"
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

/* What must fail does, with that code and a message in which that stands. */
static void refused(int rc, nvb_error **err, enum nvb_error_code code, const char *message)
{
	assert_int_equal(rc, -(int)code);
	assert_int_equal(nvb_error_code(*err), code);
	if (!strstr(nvb_error_message(*err), message))
		fail_msg("'%s' is not in: %s", message, nvb_error_message(*err));
	nvb_error_free(*err);
	*err = NULL;
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

/* An engine that writes down what it is told. */
struct engine {
	char told[1024];
	const char *fails; /* the function that does */
};

static int note(
	struct engine *engine, const char *function, const char *capsule, const char *what, nvb_error **err)
{
	size_t n = strlen(engine->told);

	snprintf(engine->told + n, sizeof(engine->told) - n, "%s %s %s\n", function, capsule,
		what ? what : "-");
	if (engine->fails && strcmp(engine->fails, function) == 0)
		return nvb_error_set(err, NVB_ERR_CONFLICT, "the engine does not want to", "ask it again");
	return engine->fails && strcmp(engine->fails, "silently") == 0 ? -NVB_ERR_BUSY : 0;
}

static int isolation(void *e, const char *c, const struct nvb_bolt_isolation *i, nvb_error **err)
{
	return note(e, "isolation", c, i->mode, err);
}

static int gaming(void *e, const char *c, const struct nvb_bolt_gaming_gpu_config *g, nvb_error **err)
{
	return note(e, "gaming", c, g->performance_profile, err);
}

static int aiml(void *e, const char *c, const struct nvb_bolt_aiml_config *a, nvb_error **err)
{
	return note(e, "aiml", c, a->profile, err);
}

static int devices(void *e, const char *c, const char *const *names, nvb_error **err)
{
	return note(e, "devices", c, names[0], err);
}

static int give(void *e, const char *c, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	return note(e, "gpus", c, config->gpus ? config->gpus[0] : NULL, err);
}

static int snapshot(void *e, const char *c, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	return note(e, "snapshot", c, config->snapshot_gpu_state ? "yes" : "no", err);
}

static const struct nvb_bolt_runtime_ops ops = {.size = sizeof(ops),
	.name = "test",
	.configure_gpu_isolation = isolation,
	.setup_gaming_optimization = gaming,
	.setup_aiml_optimization = aiml,
	.apply_cdi_devices = devices,
	.setup_gpu_for_capsule = give,
	.enable_gpu_snapshot = snapshot};

static const char *const all[] = {"all", NULL}, *const cdi[] = {"nvidia.com/gpu-bolt=0", NULL},
			 *const no_words[] = {NULL};
static const struct nvb_bolt_isolation exclusive = {.size = sizeof(exclusive), .mode = "exclusive"};
static const struct nvb_bolt_gaming_gpu_config game = {
	.size = sizeof(game), .performance_profile = "performance"};
static const struct nvb_bolt_aiml_config work = {.size = sizeof(work), .profile = "training"};
static const struct nvb_bolt_capsule_config everything = {.size = sizeof(everything),
	.gpus = all,
	.cdi_devices = cdi,
	.isolation = &exclusive,
	.gaming = &game,
	.aiml = &work,
	.snapshot_gpu_state = true};

static void drives_an_engine(void **state)
{
	static const char order[] = "isolation c exclusive\ngaming c performance\naiml c training\n"
				    "devices c nvidia.com/gpu-bolt=0\ngpus c all\nsnapshot c yes\n";
	struct nvb_bolt_capsule_config config = {.size = sizeof(config)};
	struct engine engine = {0};
	nvb_manager *manager;

	(void)state;
	assert_int_equal(nvb_manager_new_default(&manager, NULL), 0);
	assert_int_equal(nvb_manager_setup_capsule(manager, &ops, &engine, "c", &everything, NULL), 0);
	assert_string_equal(engine.told, order);
	/* Nothing is asked for: nobody is called. */
	engine.told[0] = '\0';
	config.gpus = config.cdi_devices = no_words;
	assert_int_equal(nvb_manager_setup_capsule(manager, &ops, &engine, "c", &config, NULL), 0);
	assert_string_equal(engine.told, "");
	config.gpus = all;
	assert_int_equal(nvb_manager_setup_capsule(manager, &ops, &engine, "c", &config, NULL), 0);
	assert_string_equal(engine.told, "gpus c all\n");
	nvb_manager_free(manager);
}

static void an_engine_fails(void **state)
{
	struct engine engine = {.fails = "aiml"};
	nvb_manager *manager;
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_manager_new_default(&manager, NULL), 0);
	assert_int_equal(
		nvb_manager_setup_capsule(manager, &ops, &engine, "c", &everything, &err), -NVB_ERR_CONFLICT);
	assert_string_equal(nvb_error_message(err), "the engine does not want to");
	assert_string_equal(nvb_error_hint(err), "ask it again");
	assert_non_null(strstr(engine.told, "aiml"));
	assert_null(strstr(engine.told, "gpus"));
	nvb_error_free(err);
	err = NULL;
	engine = (struct engine){.fails = "silently"};
	refused(nvb_manager_setup_capsule(manager, &ops, &engine, "c", &everything, &err), &err, NVB_ERR_BUSY,
		"capsule c: test failed without a reason");
	/* The caller wants only the code. */
	assert_int_equal(
		nvb_manager_setup_capsule(manager, &ops, &engine, "c", &everything, NULL), -NVB_ERR_BUSY);
	nvb_manager_free(manager);
}

/* An engine without a function is one that cannot do it. */
static void an_engine_lacks(void **state)
{
	static const struct {
		size_t offset;
		const char *name;
	} functions[] = {
		{offsetof(struct nvb_bolt_runtime_ops, configure_gpu_isolation), "configure_gpu_isolation"},
		{offsetof(struct nvb_bolt_runtime_ops, setup_gaming_optimization),
			"setup_gaming_optimization"},
		{offsetof(struct nvb_bolt_runtime_ops, setup_aiml_optimization), "setup_aiml_optimization"},
		{offsetof(struct nvb_bolt_runtime_ops, apply_cdi_devices), "apply_cdi_devices"},
		{offsetof(struct nvb_bolt_runtime_ops, setup_gpu_for_capsule), "setup_gpu_for_capsule"},
		{offsetof(struct nvb_bolt_runtime_ops, enable_gpu_snapshot), "enable_gpu_snapshot"},
	};
	const struct nvb_bolt_capsule_config nothing = {.size = sizeof(nothing)};
	nvb_manager *manager;

	(void)state;
	assert_int_equal(nvb_manager_new_default(&manager, NULL), 0);
	for (size_t i = 0; i < NVB_ELEMENTS(functions); i++) {
		struct nvb_bolt_runtime_ops less = ops;
		struct engine engine = {0};
		nvb_error *err = NULL;
		char text[80];

		memset((char *)&less + functions[i].offset, 0, sizeof(void *));
		snprintf(text, sizeof(text), "capsule c: test has no %s", functions[i].name);
		refused(nvb_manager_setup_capsule(manager, &less, &engine, "c", &everything, &err), &err,
			NVB_ERR_UNSUPPORTED, text);
		assert_int_equal(nvb_manager_setup_capsule(manager, &less, &engine, "c", &nothing, NULL), 0);
	}
	nvb_manager_free(manager);
}

static void bad_configurations(void **state)
{
	static const struct nvb_bolt_isolation limits = {.size = sizeof(limits), .memory_limit = "8GB"};
	const struct {
		struct nvb_bolt_capsule_config config;
		const char *message;
	} cases[] = {
		{{.size = 1}, "nvb_bolt_capsule_config.size is 1"},
		{{.size = sizeof(everything), .profiles = all}, "a profile, but no GPU was asked for"},
		{{.size = sizeof(everything), .gaming = &game}, "gaming, but no GPU"},
		{{.size = sizeof(everything), .aiml = &work}, "AI/ML, but no GPU"},
		{{.size = sizeof(everything), .isolation = &limits}, "a limit on GPUs, but no GPU"},
		{{.size = sizeof(everything), .snapshot_gpu_state = true}, "a snapshot of GPUs, but no GPU"},
		{{.size = sizeof(everything),
			 .gpus = all,
			 .isolation = &(struct nvb_bolt_isolation){.size = 2}},
			"nvb_bolt_isolation.size is 2"},
		{{.size = sizeof(everything),
			 .gpus = all,
			 .gaming = &(struct nvb_bolt_gaming_gpu_config){.size = 2}},
			"nvb_bolt_gaming_gpu_config.size is 2"},
		{{.size = sizeof(everything), .gpus = all, .aiml = &(struct nvb_bolt_aiml_config){.size = 2}},
			"nvb_bolt_aiml_config.size is 2"},
	};
	struct nvb_bolt_runtime_ops other = ops;
	struct engine engine = {0};
	nvb_manager *manager;
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_manager_new_default(&manager, NULL), 0);
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		refused(nvb_manager_setup_capsule(manager, &ops, &engine, "c", &cases[i].config, &err), &err,
			NVB_ERR_INVALID, cases[i].message);
	}
	other.size = 8;
	refused(nvb_manager_setup_capsule(manager, &other, &engine, "c", &everything, &err), &err,
		NVB_ERR_INVALID, "nvb_bolt_runtime_ops.size is 8");
	assert_string_equal(engine.told, "");
	nvb_manager_free(manager);
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

/* A program stands for bolt: what it was called with, and its status. */
static void runs(void **state)
{
	const char *const command[] = {"nvidia-smi", "-L", NULL};
	const struct nvb_inventory_options host = {.size = sizeof(host), .root = "/some/where"};
	char program[128], *text = NULL;
	struct nvb_bolt_config config = {.size = sizeof(config), .inventory = &host, .bolt = program};
	nvb_manager *manager = NULL;
	nvb_error *err = NULL;
	int status = -1;

	(void)state;
	snprintf(program, sizeof(program), "%s/bolt", scratch.path);
	scratch_write("bolt",
		"#!/bin/sh\nprintf '%s\\n' \"$@\" >\"${0%/*}/words\"\ncase \"$*\" in *kill*) kill -9 $$;; "
		"*ours*) exit 125;; esac\nexit 3\n");
	assert_int_equal(fchmodat(scratch.fd, "bolt", 0755, 0), 0);
	assert_int_equal(nvb_manager_new(&config, &manager, NULL), 0);
	assert_int_equal(nvb_manager_run(manager, "nvidia/cuda:latest", command, "all", &status, NULL), 0);
	assert_int_equal(status, 3);
	assert_int_equal(nvb_file_read(scratch.fd, "words", 4096, &text, NULL, NULL), 0);
	assert_string_equal(text,
		"--root\n/some/where\nsurge\nrun\n--gpu-runtime\nnvbind\n--rm\n--gpu\nall\nnvidia/"
		"cuda:latest\nnvidia-smi\n-L\n");
	free(text);
	assert_int_equal(nvb_manager_run(manager, "kill", NULL, NULL, &status, NULL), 0);
	assert_int_equal(status, 128 + 9);
	status = -1;
	refused(nvb_manager_run(manager, "ours", NULL, NULL, &status, &err), &err, NVB_ERR_SYSTEM,
		"bolt could not run ours");
	refused(nvb_manager_run(manager, "--privileged", NULL, NULL, &status, &err), &err, NVB_ERR_INVALID,
		"not a name");
	assert_int_equal(unlinkat(scratch.fd, "bolt", 0), 0);
	refused(nvb_manager_run(manager, "x", NULL, NULL, &status, &err), &err, NVB_ERR_NOT_FOUND,
		"starting ");
	assert_int_equal(status, -1);
	nvb_manager_free(manager);
}

/* bolt as a script: `surge run` prints an id, `capsule inspect` what the file "inspect" holds. */
static nvb_manager *manager_with_script(void)
{
	static char program[128];
	const struct nvb_bolt_config config = {.size = sizeof(config), .bolt = program};
	nvb_manager *manager = NULL;

	snprintf(program, sizeof(program), "%s/bolt", scratch.path);
	scratch_write("bolt",
		"#!/bin/sh\nhere=${0%/*}\nif [ \"$1\" = surge ]; then printf '%s\\n' \"$@\" >$here/words; "
		"echo 0123456789abcdef; case $* in *fails*) echo noise >&2; echo 'bolt: no such image "
		"(pull it)' >&2; exit 125;; esac\nelse echo \"$@\" >$here/asked; cat $here/inspect; fi\n");
	assert_int_equal(fchmodat(scratch.fd, "bolt", 0755, 0), 0);
	assert_int_equal(nvb_manager_new(&config, &manager, NULL), 0);
	return manager;
}

static void assert_file(const char *name, const char *wanted)
{
	char *text = NULL;

	assert_int_equal(nvb_file_read(scratch.fd, name, 4096, &text, NULL, NULL), 0);
	assert_string_equal(text, wanted);
	free(text);
}

static void starts_a_container(void **state)
{
	static const char *const command[] = {"sleep", "9", NULL}, *const extra[] = {"gaming", NULL};
	struct nvb_bolt_run run = {.size = sizeof(run),
		.id = "game",
		.image = "steam:latest",
		.rootfs = "/some/root",
		.command = command,
		.profiles = extra,
		.remove = true};
	nvb_manager *manager = manager_with_script();
	nvb_request *request = NULL;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "0,1:0", NULL), 0);
	assert_int_equal(nvb_request_add_docker_gpus(request, "2", NULL), 0);
	assert_int_equal(nvb_request_add_cdi_device(request, "nvidia.com/gpu=all", NULL), 0);
	assert_int_equal(nvb_request_set_capabilities(request, "compute,graphics", NULL), 0);
	assert_int_equal(nvb_request_set_isolation(request, "virtual", NULL), 0);
	assert_int_equal(nvb_request_set_memory_limit(request, "8GB", NULL), 0);
	assert_int_equal(nvb_request_set_compute_limit(request, "80%", NULL), 0);
	assert_int_equal(nvb_request_set_mig_match(request, "strict", NULL), 0);
	run.request = request;
	scratch_write(
		"inspect", "[{\"id\": \"x\", \"deep\": {\"pid\": 1}, \"pid\": 4711, \"status\": null}]");
	assert_int_equal(nvb_manager_run_rootfs(manager, &run, &pid, NULL), 0);
	assert_int_equal(pid, 4711);
	assert_file("words",
		"surge\nrun\n--gpu-runtime\nnvbind\n--detach\n--name\ngame\n--annotation\n"
		"org.opencontainers.image.ref.name=steam:latest\n--rm\n--gpu\n0\n--gpu\n1:0\n--gpus\n2\n"
		"--cdi-device\nnvidia.com/gpu=all\n--capabilities\ncompute,graphics\n--isolation\nvirtual\n"
		"--gpu-memory-limit\n8000000000B\n--gpu-compute-limit\n80%\n--mig-match\nstrict\n"
		"--profile\ngaming\n/some/root\nsleep\n9\n");
	assert_file("asked", "capsule inspect 0123456789abcdef\n");
	nvb_request_free(request);
	nvb_manager_free(manager);
}

static void starts_no_container(void **state)
{
	struct nvb_bolt_run run = {.size = 1};
	nvb_manager *manager = manager_with_script();
	nvb_request *request = NULL;
	nvb_error *err = NULL;
	pid_t pid = 7;

	(void)state;
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID,
		"nvb_bolt_run.size is 1");
	run.size = sizeof(run);
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID,
		"neither an image nor a root");
	run.rootfs = "here";
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID,
		"not an absolute path");
	run.rootfs = NULL;
	run.image = "-x";
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_INVALID, "not a name");
	run.image = "fails";
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_SYSTEM,
		"bolt: no such image (pull it)");
	run.image = "x";
	scratch_write("inspect", "[{\"pid\": null}]");
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_CANCELLED,
		"capsule 0123456789abcdef: its program has ended already");
	scratch_write("inspect", "[]");
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_CORRUPT, "no capsule in it");
	scratch_write("inspect", "pid 12");
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_CORRUPT,
		"capsule 0123456789abcdef");
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	run.request = request;
	assert_int_equal(nvb_request_add_features(request, NVB_FEATURE_GDS, true, NULL), 0);
	refused(nvb_manager_run_rootfs(manager, &run, &pid, &err), &err, NVB_ERR_UNSUPPORTED,
		"a request with features");
	assert_int_equal(pid, 7);
	nvb_request_free(request);
	nvb_manager_free(manager);
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
		cmocka_unit_test(drives_an_engine),
		cmocka_unit_test(an_engine_fails),
		cmocka_unit_test(an_engine_lacks),
		cmocka_unit_test(bad_configurations),
		scratch_test(games),
		scratch_test(settings_without_effect),
		scratch_test(aiml_work),
		scratch_test(cdi_specs),
		cmocka_unit_test(errors_of_callers),
		scratch_test(runs),
		scratch_test(starts_a_container),
		scratch_test(starts_no_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
