/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: records of them, the ways that are decided without a driver, and environments that lead around MPS.
 */
#include <unistd.h>

#include "cmocka_all.h"
#include "isolation/dmem.h"
#include "isolation/grant.h"

static void records_come_back(void **state)
{
	const struct nvb_grant_record record = {.container = (char *)"4f3c",
		.mode = (char *)"virtual",
		.program = (char *)"/usr/bin/nvidia-cuda-mps-control",
		.mig_pci = (char *)"0000:3b:00.0",
		.daemon = {.pid = 4711, .started = 12},
		.mig_gi = 3,
		.mig_ci = 1,
		.limits = (char *)"[{\"of\": \"memory\"}]"};
	_cleanup_grant_record_ struct nvb_grant_record read = {0};
	_cleanup_free_ char *text = nvb_grant_record_format(&record);

	(void)state;
	assert_non_null(text);
	assert_int_equal(nvb_grant_record_parse(text, &read, NULL), 0);
	assert_string_equal(read.container, "4f3c");
	assert_string_equal(read.program, record.program);
	assert_string_equal(read.limits, record.limits);
	assert_string_equal(read.mig_pci, "0000:3b:00.0");
	assert_int_equal(read.daemon.pid, 4711);
	assert_int_equal(read.daemon.started, 12);
	assert_int_equal(read.mig_gi, 3);
	assert_int_equal(read.mig_ci, 1);
	assert_null(read.library_path);
}

static void records_that_are_none(void **state)
{
	static const char *const bad[] = {"", "mode shared\n", "container c\nmps relative\n",
		"container c\nmig x\n", "container c\nmig 0000:3b:00.0 1 0 7\n", "container c\ncontainer d\n",
		"word\n", "container c\ndaemon 1 2\n", "container c\ndaemon 12\n",
		"container c\ndaemon x 2\n", "container c\ndaemon 12 2\ndaemon 12 2\n"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		struct nvb_grant_record record = {0};

		assert_int_equal(nvb_grant_record_parse(bad[i], &record, NULL), -NVB_ERR_CORRUPT);
		assert_null(record.container);
	}
}

static void regions_of_device_memory(void **state)
{
	static const char capacity[] = "drm/0000:03:00.0/stolen 100\ndrm/0000:03:00.0/vram0 8514437120\n"
				       "drm/0000:03:00.0/vram1 5\nnvidia/0001:3B:00.0 85899345920\n"
				       "drm/0000:04:00.0/vram0 many\ndrm/0000:05:00.01/vram0 7\n";
	static const struct {
		const char *pci, *region;
		uint64_t bytes;
	} cases[] = {{"0000:03:00.0", "drm/0000:03:00.0/vram0", 8514437120},
		{"0001:3b:00.0", "nvidia/0001:3B:00.0", 85899345920}, {"0000:04:00.0", NULL, 0},
		{"0000:05:00.0", NULL, 0}, {"0000:06:00.0", NULL, 0}};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		uint64_t bytes = 0;
		_cleanup_free_ char *region = nvb_dmem_region(capacity, cases[i].pci, &bytes);

		assert_true(nvb_streq0(region, cases[i].region));
		assert_int_equal(bytes, cases[i].bytes);
	}
	assert_null(nvb_dmem_region("", "0000:03:00.0", &(uint64_t){0}));
}

static void a_container_with_mps(struct nvb_plan *plan)
{
	static struct nvb_edit edit = {.kind = NVB_EDIT_MOUNT, .mount = {.container = NVB_MPS_PIPES}};

	*plan = (struct nvb_plan){.edits = &edit, .edit_count = 1};
}

static void environments_that_lead_around_it(void **state)
{
	char *fine[] = {(char *)"PATH=/bin", (char *)"CUDA_MPS_PIPE_DIRECTORY=" NVB_MPS_PIPES, NULL},
	     *other[] = {(char *)"CUDA_MPS_PIPE_DIRECTORY=/x", NULL},
	     *empty[] = {(char *)"CUDA_MPS_PIPE_DIRECTORY=", NULL},
	     *limit[] = {(char *)"CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=1G", NULL};
	struct nvb_plan plan, none = {0};

	(void)state;
	a_container_with_mps(&plan);
	assert_int_equal(nvb_mps_check_environment(&plan, fine, NULL), 0);
	assert_int_equal(nvb_mps_check_environment(&plan, other, NULL), -NVB_ERR_CONFLICT);
	assert_int_equal(nvb_mps_check_environment(&plan, empty, NULL), -NVB_ERR_CONFLICT);
	assert_int_equal(nvb_mps_check_environment(&plan, limit, NULL), -NVB_ERR_CONFLICT);
	assert_int_equal(nvb_mps_check_environment(&none, other, NULL), 0);
	assert_int_equal(nvb_mps_check_environment(NULL, limit, NULL), 0);
}

static void limits_of_the_daemon(void **state)
{
	uint64_t bytes = 42;

	(void)state;
	assert_false(nvb_mps_parse_limit("8192", &bytes));
	assert_false(nvb_mps_parse_limit("8192MB", &bytes));
	assert_false(nvb_mps_parse_limit("M", &bytes));
	assert_false(nvb_mps_parse_limit("99999999999999999999G", &bytes));
	assert_int_equal(bytes, 42);
	assert_true(nvb_mps_parse_limit("8192M", &bytes));
	assert_true(bytes == 8192ULL << 20);
	assert_true(nvb_mps_parse_limit("8G", &bytes));
	assert_true(bytes == 8ULL << 30);
}

/* One GPU and no MPS program: an inventory of that and no more. */
static struct nvb_gpu gpu = {.pci = "0000:3b:00.0", .uuid = "GPU-aaaa", .compute_major = 9};

static int decide(struct nvb_request *request, struct nvb_grant **grant, nvb_error **err)
{
	struct nvb_inventory *inventory = calloc(1, sizeof(*inventory));
	const struct nvb_isolation_options options = {.preview = true};
	int rc;

	inventory->platform = NVB_PLATFORM_WSL2;
	inventory->gpus = &gpu;
	inventory->gpu_count = 1;
	assert_int_equal(nvb_root_open(&inventory->roots.dev, "/", NULL), 0);
	rc = nvb_isolation_decide(request, &inventory, &options, grant, err);
	nvb_root_close(&inventory->roots.dev);
	free(inventory);
	return rc;
}

static void nothing_keeps_them_there(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_request *request = NULL;
	struct nvb_grant *grant = NULL;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_request_add_gpus(request, "all", NULL), 0);
	assert_int_equal(decide(request, &grant, NULL), 0);
	assert_null(grant);
	assert_ptr_equal(nvb_grant_request(grant, request), request);

	assert_int_equal(nvb_request_set_memory_limit(request, "8GB", NULL), 0);
	assert_int_equal(decide(request, &grant, NULL), 0);
	assert_int_equal(nvb_grant_request(grant, request)->limit_count, 1);
	assert_int_equal(nvb_grant_request(grant, request)->limits[0].enforcement, NVB_ENFORCED_NOBODY);
	assert_string_equal(nvb_grant_request(grant, request)->limits[0].reason, "WSL2 has no MPS");
	nvb_grant_free(grant);

	assert_int_equal(nvb_request_set_isolation(request, "virtual", NULL), 0);
	assert_int_equal(decide(request, &grant, &err), -NVB_ERR_UNSUPPORTED);
	assert_non_null(strstr(nvb_error_message(err), "WSL2 has neither MIG nor MPS"));
	assert_null(grant);
	nvb_request_free(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back),
		cmocka_unit_test(records_that_are_none),
		cmocka_unit_test(environments_that_lead_around_it),
		cmocka_unit_test(limits_of_the_daemon),
		cmocka_unit_test(nothing_keeps_them_there),
		cmocka_unit_test(regions_of_device_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
