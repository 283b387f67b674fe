/* SPDX-License-Identifier: Apache-2.0 */
/* The manager drives an engine. */
#include "bolt_engine.h"
#include "refused.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drives_an_engine),
		cmocka_unit_test(an_engine_fails),
		cmocka_unit_test(an_engine_lacks),
		cmocka_unit_test(bad_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
