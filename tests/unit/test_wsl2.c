/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/inventory.h"
#include "request/request.h"
#include "request/wsl2.h"

#define FIRST  "GPU-00000001-1111-2222-3333-444444444444"
#define SECOND "GPU-00000002-1111-2222-3333-444444444444"

/* What WSL2 makes of selectors and keys. */

static void keys_say_what_they_cannot(void **state)
{
	(void)state;
	assert_null(nvb_wsl2_key_note("enabled", "true", true));
	assert_null(nvb_wsl2_key_note("gpu_acceleration", "dxcore", true));
	assert_null(nvb_wsl2_key_note("low_latency_mode", "true", true));
	assert_null(nvb_wsl2_key_note("wsl2_optimized", "true", true));
	assert_non_null(strstr(nvb_wsl2_key_note("enabled", "false", true), "/dev/dxg"));
	assert_non_null(strstr(nvb_wsl2_key_note("gpu_acceleration", "vulkan", true), "no other way"));
	assert_non_null(strstr(nvb_wsl2_key_note("enabled", "true", false), "not WSL2"));
	assert_non_null(strstr(nvb_wsl2_key_note("gpu_acceleration", "dxcore", false), "not WSL2"));
	assert_non_null(strstr(nvb_wsl2_key_note("low_latency_mode", "true", false), "not WSL2"));
	assert_non_null(strstr(nvb_wsl2_key_note("wsl2_optimized", "true", false), "not WSL2"));
	assert_null(nvb_wsl2_key_note("enabled", "false", false));
	assert_null(nvb_wsl2_key_note("low_latency_mode", "false", false));
	assert_null(nvb_wsl2_key_note("wsl2_optimized", "false", false));
	assert_null(nvb_wsl2_key_note("something_else", "true", false));
}

static int resolve(struct nvb_inventory *inventory, const char *gpu, size_t *count, nvb_error **err)
{
	struct nvb_request *request = NULL;
	struct nvb_device *devices = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0)
		rc = nvb_request_add_gpus(request, gpu, err);
	if (rc == 0)
		rc = nvb_request_resolve(request, inventory, &devices, count, err);
	free(devices);
	nvb_request_free(request);
	return rc;
}

static void one_of_one_is_all(void **state)
{
	struct nvb_gpu gpus[2] = {{.index = 0, .uuid = FIRST, .pci = "0000:01:00.0"},
		{.index = 1, .uuid = SECOND, .pci = "0000:02:00.0"}};
	struct nvb_inventory inventory = {
		.platform = NVB_PLATFORM_WSL2, .gpus = gpus, .gpu_count = 1, .nvml_asked = true};
	_cleanup_error_ nvb_error *one = NULL, *mig = NULL, *two = NULL;
	size_t count = 9;

	(void)state;
	assert_int_equal(resolve(&inventory, "0", &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(resolve(&inventory, FIRST, &count, NULL), 0);
	assert_int_equal(resolve(&inventory, "all", &count, NULL), 0);
	assert_int_equal(resolve(&inventory, "1", &count, &one), -NVB_ERR_NOT_FOUND);
	assert_int_equal(resolve(&inventory, "0:0", &count, &mig), -NVB_ERR_UNSUPPORTED);
	assert_non_null(strstr(nvb_error_message(mig), "MIG"));
	inventory.gpu_count = 2;
	assert_int_equal(resolve(&inventory, "0", &count, &two), -NVB_ERR_UNSUPPORTED);
	assert_non_null(strstr(nvb_error_message(two), "/dev/dxg"));
	/* How many there are is not known: nothing is taken for the only one. */
	inventory.gpu_count = 1;
	inventory.nvml_asked = false;
	assert_int_equal(resolve(&inventory, "0", &count, NULL), -NVB_ERR_UNSUPPORTED);
	assert_int_equal(resolve(&inventory, "all", &count, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_say_what_they_cannot),
		cmocka_unit_test(one_of_one_is_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
