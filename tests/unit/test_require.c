/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/str.h"
#include "fixture.h"
#include "request/require.h"

static const char *const tesla[] = {"nvidia", "tesla", NULL};

/* A host of CUDA 12.4, with an A100. */
static const struct nvb_facts usual = {
	.has_cuda = true,
	.cuda = {12, 4},
	.driver = "550.54.15",
	.has_arch = true,
	.arch = {8, 0},
	.brands = tesla,
};

static enum nvb_verdict verdict(const char *expression, const struct nvb_facts *facts)
{
	enum nvb_verdict verdict = (enum nvb_verdict) - 1;

	assert_int_equal(nvb_require_judge(expression, facts, &verdict, NULL), 0);
	return verdict;
}

static void conditions_are_judged(void **state)
{
	static const struct {
		const char *expression;
		enum nvb_verdict verdict;
	} rows[] = {
		{"", NVB_MET},
		{"   ", NVB_MET},
		{",, ,", NVB_MET},
		{"cuda>=12.4", NVB_MET},
		{"cuda>=12.5", NVB_REFUSED},
		{"cuda>12.4", NVB_REFUSED},
		{"cuda>12", NVB_MET},
		{"cuda=12.4", NVB_MET},
		{"cuda=12.4.0", NVB_MET},
		{"cuda=12", NVB_REFUSED},
		{"cuda!=12.4", NVB_REFUSED},
		{"cuda<13", NVB_MET},
		{"cuda<=12.4", NVB_MET},
		{"cuda>=9.10", NVB_MET},
		{"CUDA>=12.4", NVB_MET},
		{"driver>=550.54.15", NVB_MET},
		{"driver>=550.54.9", NVB_MET},
		{"driver<551", NVB_MET},
		{"driver>=550.100", NVB_REFUSED},
		{"arch>=8.0", NVB_MET},
		{"arch>8.0", NVB_REFUSED},
		/* A comma binds tighter than a space. */
		{"cuda>=12.5,driver>=500 arch<9", NVB_MET},
		{"cuda>=12.5 arch>=9,cuda>=12.0", NVB_REFUSED},
		{"cuda>=13.0 brand=quadro,driver>=550,driver<551", NVB_REFUSED},
		{"brand!=quadro", NVB_MET},
		{"brand=Quadro", NVB_REFUSED},
		/* It may be called either, but one of them it is. */
		{"brand=tesla", NVB_UNKNOWN},
		{"brand=tesla brand=nvidia", NVB_MET},
		{"brand=tesla,cuda>=13", NVB_REFUSED},
		/* What NVIDIA's images of CUDA 12.6 say, shortened. */
		{"cuda>=12.6 brand=unknown,driver>=470,driver<471 brand=tesla,driver>=550,driver<551 "
		 "brand=nvidia,driver>=550,driver<551",
			NVB_MET},
		{"cuda>=12.6 brand=unknown,driver>=470,driver<471 brand=tesla,driver>=535,driver<536",
			NVB_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++)
		if (verdict(rows[i].expression, &usual) != rows[i].verdict)
			fail_msg("'%s' is %d", rows[i].expression, (int)verdict(rows[i].expression, &usual));
}

static void what_is_not_known_refuses_nothing(void **state)
{
	static const struct nvb_facts nothing = {0};
	struct nvb_facts newer = usual;

	(void)state;
	assert_int_equal(verdict("cuda>=99", &nothing), NVB_UNKNOWN);
	assert_int_equal(verdict("driver>=99", &nothing), NVB_UNKNOWN);
	assert_int_equal(verdict("arch>=99", &nothing), NVB_UNKNOWN);
	assert_int_equal(verdict("brand=x", &nothing), NVB_UNKNOWN);
	newer.cuda_at_least = true;
	assert_int_equal(verdict("cuda>=12.4", &newer), NVB_MET);
	assert_int_equal(verdict("cuda>=12.5", &newer), NVB_UNKNOWN);
	assert_int_equal(verdict("cuda<12.4", &newer), NVB_REFUSED);
	assert_int_equal(verdict("cuda<14", &newer), NVB_UNKNOWN);
	assert_int_equal(verdict("cuda=12.4", &newer), NVB_UNKNOWN);
	assert_int_equal(verdict("cuda!=12.4", &newer), NVB_UNKNOWN);
}

static void mistakes_are_refused_wherever_they_stand(void **state)
{
	static const struct {
		const char *expression, *why;
	} rows[] = {
		{"cuda", "'cuda' is no condition: no comparison"},
		{"12.4", "unknown property"},
		{">=12.4", "unknown property"},
		{"cuda>=", "no value"},
		{"cuda=>12", "no value"},
		{"cuda>==12", "no value"},
		{"cuda!12", "no comparison"},
		{"cuda>=12.", "its value is no version"},
		{"cuda>=12..4", "its value is no version"},
		{"cuda>=v12", "its value is no version"},
		{"cuda>=-1", "its value is no version"},
		{"cuda>=99999999999", "its value is no version"},
		{"cuda>=1.2.3.4.5.6.7.8.9", "its value is no version"},
		{"brand>=tesla", "brands are equal or not"},
		{"memory>=1", "unknown property"},
		/* In a term that no longer matters, too: it is a mistake on every host. */
		{"cuda>=1 nonsense", "unknown property"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		enum nvb_verdict verdict;

		if (nvb_require_judge(rows[i].expression, &usual, &verdict, &err) != -NVB_ERR_INVALID ||
			!strstr(nvb_error_message(err), rows[i].why))
			fail_msg("'%s': %s", rows[i].expression, err ? nvb_error_message(err) : "accepted");
	}
}

static int check(const char *name, const char *value, const char *disable, bool rule, nvb_error **err)
{
	struct nvb_pair environment[] = {{name, value}, {"NVIDIA_DISABLE_REQUIRE", disable}};
	const struct nvb_asked asked = {.environment = environment, .environment_count = disable ? 2 : 1};
	const struct nvb_asked_rules rules = {.requirements = rule};
	struct nvb_inventory inventory;
	struct nvb_request *request = NULL;
	int rc;

	fixture_inventory(&inventory);
	inventory.gpus[0].device_id = 0x20b2;
	inventory.driver.module_version = "550.54.15";
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "0", NULL), 0);
	rc = nvb_require_check(&asked, &rules, request, &inventory, NULL, err);
	nvb_request_free(request);
	return rc;
}

static void a_container_is_checked_against_its_gpus(void **state)
{
	_cleanup_error_ nvb_error *err = NULL, *malformed = NULL, *disable = NULL;

	(void)state;
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "cuda>=12.4", NULL, true, NULL), 0);
	assert_int_equal(
		check("NVIDIA_REQUIRE_CUDA", "cuda>=12.5 arch>=9.0", NULL, true, &err), -NVB_ERR_UNSUPPORTED);
	assert_string_equal(nvb_error_message(err),
		"NVIDIA_REQUIRE_CUDA is not met: it wants cuda>=12.5 ..., this host has CUDA 12.4 by driver "
		"550.54.15, GPU 0 is of arch 8.0");
	assert_int_equal(check("NVIDIA_REQUIRE_ARCH", "arch>=8.0", NULL, true, NULL), 0);
	assert_int_equal(check("NVIDIA_REQUIRE_X", "arch>8.0", NULL, true, NULL), -NVB_ERR_UNSUPPORTED);
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "cuda>=13", "1", true, NULL), 0);
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "cuda>=13", "true", true, NULL), 0);
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "cuda>=13", "0", true, NULL), -NVB_ERR_UNSUPPORTED);
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "cuda>=13", "", true, NULL), -NVB_ERR_UNSUPPORTED);
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "cuda>=13", NULL, false, NULL), 0);
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "cuda>=12", "yes", true, &disable), -NVB_ERR_INVALID);
	assert_string_equal(
		nvb_error_message(disable), "NVIDIA_DISABLE_REQUIRE: 'yes' is neither true nor false");
	assert_int_equal(check("NVIDIA_REQUIRE_CUDA", "nonsense", NULL, true, &malformed), -NVB_ERR_INVALID);
	assert_non_null(strstr(nvb_error_message(malformed), "NVIDIA_REQUIRE_CUDA: 'nonsense'"));
	assert_int_equal(check("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all", NULL, true, NULL), 0);
	assert_int_equal(check("CUDA_VERSION", "12.4.1", NULL, true, NULL), 0);
	assert_int_equal(check("CUDA_VERSION", "12.5.0", NULL, true, NULL), -NVB_ERR_UNSUPPORTED);
	assert_int_equal(check("CUDA_VERSION", "13", NULL, true, NULL), -NVB_ERR_UNSUPPORTED);
}

static void drivers_speak_a_cuda(void **state)
{
	struct nvb_two_numbers cuda;
	bool at_least;

	(void)state;
	assert_true(nvb_cuda_of_driver("550.54.15", &cuda, &at_least));
	assert_int_equal(cuda.major * 100 + cuda.minor, 1204);
	assert_false(at_least);
	assert_true(nvb_cuda_of_driver("535.216.03", &cuda, &at_least));
	assert_int_equal(cuda.major * 100 + cuda.minor, 1202);
	assert_true(nvb_cuda_of_driver("560.35", &cuda, &at_least));
	assert_int_equal(cuda.major * 100 + cuda.minor, 1206);
	assert_true(nvb_cuda_of_driver("999.1", &cuda, &at_least));
	assert_true(at_least);
	assert_false(nvb_cuda_of_driver("340.108", &cuda, &at_least));
	assert_false(nvb_cuda_of_driver("unknown", &cuda, &at_least));
	assert_false(nvb_cuda_of_driver("", &cuda, &at_least));
}

/* Ids and compute capabilities of GPUs that everybody knows; the simulator's scenarios say the same. */
static void chips_have_an_arch(void **state)
{
	static const struct {
		uint32_t id;
		unsigned arch;
	} rows[] = {{0x102d, 37}, {0x1b06, 61}, {0x1db4, 70}, {0x1eb8, 75}, {0x20b2, 80}, {0x2204, 86},
		{0x2330, 90}, {0x2335, 90}, {0x2684, 89}, {0x2820, 89}, {0x2941, 100}, {0x2b85, 120},
		{0x0000, 0}, {0xffff, 0}, {0x3fff, 0}};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		struct nvb_two_numbers compute = {0, 0};

		assert_int_equal(nvb_compute_of_device(rows[i].id, &compute), rows[i].arch != 0);
		assert_int_equal(compute.major * 10 + compute.minor, rows[i].arch);
	}
}

static void names_have_a_brand(void **state)
{
	static const struct {
		const char *name, *brand;
	} rows[] = {{"Tesla V100-SXM2-16GB", "tesla"}, {"NVIDIA H200", "nvidia"},
		{"NVIDIA GeForce RTX 4090", "geforcertx"}, {"NVIDIA RTX A6000", "nvidiartx"},
		{"Quadro P2000", "quadro"}, {"NVIDIA A100-SXM4-40GB", "nvidia"}, {"NVIDIA A40-48Q", NULL},
		{"NVIDIA Graphics Device", NULL}, {"", NULL}};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		const char *const *brands = nvb_brands_of_name(rows[i].name);

		if (!rows[i].brand)
			assert_null(brands);
		else
			assert_string_equal(brands[0], rows[i].brand);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_are_judged),
		cmocka_unit_test(what_is_not_known_refuses_nothing),
		cmocka_unit_test(mistakes_are_refused_wherever_they_stand),
		cmocka_unit_test(a_container_is_checked_against_its_gpus),
		cmocka_unit_test(drivers_speak_a_cuda),
		cmocka_unit_test(chips_have_an_arch),
		cmocka_unit_test(names_have_a_brand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
