/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/str.h"
#include "fixture.h"
#include "request/request.h"

/* Resolves `selector` and writes what came of it as "0 1:0 1:1" into out; returns the code. */
static int resolve(const char *selector, bool docker, char *out, size_t size, nvb_error **err)
{
	struct nvb_inventory inventory;
	struct nvb_device *devices = NULL;
	nvb_request *request = NULL;
	size_t count = 0, used = 0;
	int rc;

	fixture_inventory(&inventory);
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	rc = docker ? nvb_request_add_docker_gpus(request, selector, err)
		    : nvb_request_add_gpus(request, selector, err);
	if (rc == 0)
		rc = nvb_request_resolve(request, &inventory, &devices, &count, err);
	*out = '\0';
	for (size_t i = 0; rc == 0 && i < count; i++)
		used += (size_t)snprintf(out + used, size - used, devices[i].mig ? "%s%u:%u" : "%s%u",
			i ? " " : "", devices[i].gpu->index, devices[i].mig ? devices[i].mig->index : 0);
	free(devices);
	nvb_request_free(request);
	return rc;
}

static void selects_devices(void **state)
{
	static const struct {
		const char *selector, *expected;
	} cases[] = {
		{"all", "0 1:0 1:1 2 3"},
		{"gpu:all", "0 1:0 1:1 2 3"},
		{"none", ""},
		{"0", "0"},
		{"gpu:2", "2"},
		{"3,0", "0 3"},
		{"0,0,gpu:0", "0"},
		{"1", "1:0 1:1"},
		{"1:1", "1:1"},
		{"1:1,1", "1:0 1:1"},
		{"GPU-33333333-0000-0000-0000-000000000000", "2"},
		{"gpu-x", NULL},
		{"GPU-33333333", "2"},
		{"MIG-aaaaaaaa-0000-0000-0000-000000000000", "1:0"},
		{"0000:86:00.0", "2"},
		{"86:00.0", "2"},
		{"00000000:86:00.0", "2"},
		{"0001:3b:00.0", "3"},
		{"00000001:3B:00.0", "3"},
		{"3b:00.0", "1:0 1:1"},
		{"4", NULL},
		{"1:2", NULL},
		{"0:0", NULL},
		{"", NULL},
		{"1,,2", NULL},
		{",1", NULL},
		{"1,", NULL},
		{"-1", NULL},
		{"1:", NULL},
		{":1", NULL},
		{"0x0", NULL},
		{"99999999999", NULL},
		{"GPU-", NULL},
		{"0002:3b:00.0", NULL},
		{"none,0", NULL},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		int rc = resolve(cases[i].selector, false, out, sizeof(out), &err);

		if (!cases[i].expected) {
			if (rc == 0)
				fail_msg("'%s' gave '%s' instead of an error", cases[i].selector, out);
			assert_non_null(nvb_error_hint(err));
			continue;
		}
		if (rc < 0)
			fail_msg("'%s': %s", cases[i].selector, nvb_error_message(err));
		if (!nvb_streq(out, cases[i].expected))
			fail_msg("'%s' gave '%s'", cases[i].selector, out);
	}
}

static void reads_dockers_spelling(void **state)
{
	static const struct {
		const char *value, *expected;
	} cases[] = {
		{"all", "0 1:0 1:1 2 3"},
		{"1", "0"},
		{"count=1", "0"},
		{"device=2", "2"},
		{"\"device=0,2\"", "0 2"},
		{"\"device=0,2\",capabilities=utility", "0 2"},
		{"\"capabilities=compute,utility\",device=3", "3"},
		{"device=GPU-33333333-0000-0000-0000-000000000000", "2"},
		{"driver=nvidia,count=all", "0 1:0 1:1 2 3"},
		{"5", NULL},
		{"0", NULL},
		{"", NULL},
		{"\"device=0", NULL},
		{"device=0,count=1", NULL},
		{"devices=0", NULL},
		{"capabilities=fly", NULL},
		{"driver=amd", NULL},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		int rc = resolve(cases[i].value, true, out, sizeof(out), &err);

		if ((rc == 0) != (cases[i].expected != NULL))
			fail_msg("--gpus '%s': %s", cases[i].value, rc ? nvb_error_message(err) : out);
		if (cases[i].expected && !nvb_streq(out, cases[i].expected))
			fail_msg("--gpus '%s' gave '%s'", cases[i].value, out);
	}
}

static void docker_capabilities_replace_the_default(void **state)
{
	nvb_request *request = NULL;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(request->capabilities, NVB_CAP_DEFAULT);
	assert_int_equal(nvb_request_add_docker_gpus(request, "all,capabilities=utility", NULL), 0);
	assert_int_equal(request->capabilities, NVB_CAP_UTILITY);
	nvb_request_free(request);
}

static void names_what_there_is_instead(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;
	char out[64];

	(void)state;
	assert_int_equal(resolve("7", false, out, sizeof(out), &err), -NVB_ERR_NOT_FOUND);
	assert_string_equal(nvb_error_message(err), "no such GPU: 7");
	assert_string_equal(nvb_error_hint(err), "this host has GPUs 0 to 3; 'nvbind info' lists them");
}

static void parses_and_prints_capabilities(void **state)
{
	char text[NVB_CAPABILITIES_TEXT];
	_cleanup_error_ nvb_error *err = NULL;
	unsigned bits = 0;

	(void)state;
	assert_int_equal(nvb_capabilities_parse("utility,compute", &bits, NULL), 0);
	assert_int_equal(bits, NVB_CAP_DEFAULT);
	assert_string_equal(nvb_capabilities_format(bits, text), "compute,utility");
	assert_int_equal(nvb_capabilities_parse("all", &bits, NULL), 0);
	assert_int_equal(bits, NVB_CAP_ALL);
	assert_string_equal(
		nvb_capabilities_format(bits, text), "compute,compat32,graphics,utility,video,display,ngx");
	assert_int_equal(nvb_capabilities_parse("grahpics", &bits, &err), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_hint(err), "did you mean 'graphics'?");
	assert_int_equal(bits, NVB_CAP_ALL);
	assert_int_equal(nvb_capabilities_parse(",", &bits, NULL), -NVB_ERR_INVALID);
}

static void wsl_gives_all_or_nothing(void **state)
{
	struct nvb_inventory inventory = {.platform = NVB_PLATFORM_WSL2};
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_device *devices = NULL;
	nvb_request *request = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "all", NULL), 0);
	assert_int_equal(nvb_request_resolve(request, &inventory, &devices, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_null(devices[0].gpu);
	free(devices);
	assert_int_equal(nvb_request_add_gpus(request, "0", NULL), 0);
	assert_int_equal(
		nvb_request_resolve(request, &inventory, &devices, &count, &err), -NVB_ERR_UNSUPPORTED);
	nvb_request_free(request);
}

static void asks_nvml_only_for_what_it_alone_knows(void **state)
{
	static const struct {
		const char *selector;
		bool needed;
	} cases[] = {
		{"all", false}, {"1:1", false}, {"GPU-44444444", true}, /* GPU 3 has no UUID yet */
		{"MIG-aaaaaaaa-0000-0000-0000-000000000000", true},	/* 1:1 has none */
	};
	struct nvb_inventory inventory;

	(void)state;
	fixture_inventory(&inventory);
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		nvb_request *request = NULL;

		assert_int_equal(nvb_request_new(&request, NULL), 0);
		assert_int_equal(nvb_request_add_gpus(request, cases[i].selector, NULL), 0);
		assert_int_equal(nvb_request_needs_nvml(request, &inventory), cases[i].needed);
		nvb_request_free(request);
	}
}

static void a_failure_changes_nothing(void **state)
{
	static const char *const selectors[] = {"1,nonsense", "none,1", "none,2,nonsense"},
				 *const dockers[] = {
					 "\"device=1,nonsense\"", "\"device=none,1\",capabilities=all"};
	nvb_request *request = NULL;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "0", NULL), 0);
	for (size_t i = 0; i < NVB_ELEMENTS(selectors); i++)
		assert_int_equal(nvb_request_add_gpus(request, selectors[i], NULL), -NVB_ERR_INVALID);
	for (size_t i = 0; i < NVB_ELEMENTS(dockers); i++)
		assert_int_equal(nvb_request_add_docker_gpus(request, dockers[i], NULL), -NVB_ERR_INVALID);
	assert_int_equal(request->selector_count, 1);
	assert_int_equal(request->capabilities, NVB_CAP_DEFAULT);
	assert_false(request->none);
	nvb_request_free(request);

	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "none", NULL), 0);
	assert_int_equal(nvb_request_add_cdi_device(request, "nvidia.com/gpu=0", NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_request_add_count(request, "1", 1, NULL), -NVB_ERR_INVALID);
	assert_int_equal(request->selector_count, 0);
	assert_true(request->none);
	nvb_request_free(request);
}

static void adds_imex_channels(void **state)
{
	static const struct {
		const char *list;
		int rc;
		size_t count; /* of numbers, 3 being there already */
		bool all;
	} cases[] = {
		{"0", 0, 2, false},
		{"channel0,channel7", 0, 3, false},
		{"3,3", 0, 1, false},
		{"1048575", 0, 2, false},
		{"all", 0, 1, true},
		{"all,2", 0, 2, true},
		{"1048576", -NVB_ERR_INVALID, 1, false},
		{"1,x", -NVB_ERR_INVALID, 1, false},
		{"all,-1", -NVB_ERR_INVALID, 1, false},
		{"", -NVB_ERR_INVALID, 1, false},
		{"1,", -NVB_ERR_INVALID, 1, false},
		{",1", -NVB_ERR_INVALID, 1, false},
		{"channel", -NVB_ERR_INVALID, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		nvb_request *request = NULL;

		assert_int_equal(nvb_request_new(&request, NULL), 0);
		assert_int_equal(nvb_request_add_imex_channels(request, "3", NULL), 0);
		assert_int_equal(nvb_request_add_imex_channels(request, cases[i].list, &err), cases[i].rc);
		assert_int_equal(request->channel_count, cases[i].count);
		assert_int_equal(request->all_channels, cases[i].all);
		assert_true(!err == !cases[i].rc);
		nvb_request_free(request);
	}
}

static void adds_features(void **state)
{
	nvb_request *request = NULL, *copy = NULL;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_features(request, NVB_FEATURE_GDS, true, NULL), 0);
	assert_int_equal(
		nvb_request_add_features(request, NVB_FEATURE_GDS | NVB_FEATURE_MOFED, false, NULL), 0);
	assert_int_equal(nvb_request_add_features(request, 1u << 30, false, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_request_add_imex_channels(request, "2,1", NULL), 0);
	assert_int_equal(nvb_request_new(&copy, NULL), 0);
	assert_int_equal(nvb_request_take_rest(copy, request, NULL), 0);
	assert_int_equal(copy->features, NVB_FEATURE_GDS | NVB_FEATURE_MOFED);
	assert_int_equal(copy->required_features, NVB_FEATURE_GDS);
	assert_int_equal(copy->channel_count, 2);
	assert_int_equal(copy->channels[0], 2);
	nvb_request_free(request);
	nvb_request_free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selects_devices),
		cmocka_unit_test(a_failure_changes_nothing),
		cmocka_unit_test(reads_dockers_spelling),
		cmocka_unit_test(docker_capabilities_replace_the_default),
		cmocka_unit_test(names_what_there_is_instead),
		cmocka_unit_test(parses_and_prints_capabilities),
		cmocka_unit_test(adds_imex_channels),
		cmocka_unit_test(adds_features),
		cmocka_unit_test(wsl_gives_all_or_nothing),
		cmocka_unit_test(asks_nvml_only_for_what_it_alone_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
