/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>

#include "host.h"
#include "inventory/nvml_record.h"

/* NVML as a second source: what it adds, and what it cannot do to us. argv[1] is the directory of the fakes.
 */

#define ML   "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.163.01"
#define CAPS "/proc/driver/nvidia/capabilities/gpu0/mig/gi5"

static const char *fakes;

static struct nvb_inventory *host_with(const char *fake)
{
	_cleanup_free_ char *data = NULL;
	char path[512];
	size_t size;

	host_module("550.163.01");
	host_gpu("0000:3b:00.0", 0, "GPU-not-known-yet");
	host_text("/proc/driver/nvidia-caps/mig-minors", "gpu0/gi5/access 12\ngpu0/gi5/ci0/access 13\n");
	host_text(CAPS "/access", "DeviceFileMinor: 12\n");
	host_text(CAPS "/ci0/access", "DeviceFileMinor: 13\n");
	snprintf(path, sizeof(path), "%s/fake-nvml-%s.so", fakes, fake);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, 1 << 24, &data, &size, NULL), 0);
	host_parents(ML);
	assert_int_equal(nvb_file_write(scratch.fd, &(ML)[1], data, size, 0755, NULL), 0);
	return host_load(NULL);
}

static void fills_in_what_proc_does_not_know(void **state)
{
	struct nvb_inventory *inventory = host_with("fine");
	const struct nvb_gpu *gpu = &inventory->gpus[0];

	(void)state;
	assert_null(gpu->uuid);
	assert_int_equal(nvb_inventory_ask_nvml(inventory, NULL, NULL), 0);
	assert_true(inventory->nvml_asked);
	assert_string_equal(gpu->uuid, "GPU-00000009-1111-2222-3333-444444444444");
	assert_string_equal(gpu->name, "NVIDIA Test"); /* /proc's word stays */
	assert_true(gpu->memory == UINT64_C(80) << 30);
	assert_int_equal(gpu->compute_major, -1); /* the symbol is missing: unknown */
	assert_string_equal(gpu->migs[0].uuid, "MIG-00000008-1111-2222-3333-444444444444");
	assert_string_equal(gpu->migs[0].profile, "1g.10gb");
	assert_true(gpu->migs[0].memory == UINT64_C(9728) << 20);
	nvb_inventory_free(inventory);
}

static void old_library_leaves_fields_unknown(void **state)
{
	struct nvb_inventory *inventory = host_with("old");

	(void)state;
	assert_int_equal(nvb_inventory_ask_nvml(inventory, NULL, NULL), 0);
	assert_null(inventory->gpus[0].uuid);
	assert_int_equal(inventory->gpus[0].memory, 0);
	assert_null(inventory->gpus[0].migs[0].uuid);
	nvb_inventory_free(inventory);
}

static void refused(const char *fake, int code, const char *word)
{
	struct nvb_inventory *inventory = host_with(fake);
	_cleanup_error_ nvb_error *err = NULL;

	assert_int_equal(nvb_inventory_ask_nvml(inventory, NULL, &err), code);
	if (!strstr(nvb_error_message(err), word))
		fail_msg("'%s' is not in: %s", word, nvb_error_message(err));
	assert_false(inventory->nvml_asked);
	assert_null(inventory->gpus[0].uuid);
	/* No child is left behind. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	nvb_inventory_free(inventory);
}

static void crash_is_a_named_error(void **state)
{
	(void)state;
	refused("crash", -NVB_ERR_SYSTEM, "crashed (Segmentation fault)");
}

static void silent_exit_is_an_error(void **state)
{
	(void)state;
	refused("quit", -NVB_ERR_CORRUPT, "cut off");
}

static void garbage_is_an_error(void **state)
{
	(void)state;
	refused("garbage", -NVB_ERR_CORRUPT, "damaged");
}

static void version_mismatch_is_explained(void **state)
{
	(void)state;
	refused("mismatch", -NVB_ERR_STALE, "different versions");
}

static void absent_library(void **state)
{
	struct nvb_inventory *inventory;
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	host_module("550.163.01");
	inventory = host_load(NULL);
	assert_int_equal(nvb_inventory_ask_nvml(inventory, NULL, &err), -NVB_ERR_NOT_FOUND);
	assert_non_null(nvb_error_hint(err));
	nvb_inventory_free(inventory);
}

static void records(void **state)
{
	struct __attribute__((packed)) {
		struct nvb_nvml_head head;
		struct nvb_nvml_gpu gpu;
		struct nvb_nvml_mig mig;
	} good =
		{
			.head = {.magic = NVB_NVML_MAGIC, .gpu_count = 1, .mig_count = 1},
			.gpu = {.pci = "00000000:3B:00.0", .uuid = HOST_UUID(1), .compute_major = 9},
			.mig = {.uuid = "MIG-00000008-1111-2222-3333-444444444444", .profile = "1g.10gb"},
		},
	  bad;
	_cleanup_nvml_record_ struct nvb_nvml_record record = {0};

	(void)state;
	assert_int_equal(nvb_nvml_record_parse(&record, &good, sizeof(good), NULL), 0);
	assert_string_equal(record.migs[0].profile, "1g.10gb");
	for (size_t size = 0; size < sizeof(good); size += 7) {
		struct nvb_nvml_record none = {0};

		assert_int_equal(nvb_nvml_record_parse(&none, &good, size, NULL), -NVB_ERR_CORRUPT);
	}
#define REFUSED(change)                                                                                    \
	do {                                                                                               \
		struct nvb_nvml_record none = {0};                                                         \
		bad = good;                                                                                \
		change;                                                                                    \
		assert_int_equal(nvb_nvml_record_parse(&none, &bad, sizeof(bad), NULL), -NVB_ERR_CORRUPT); \
	} while (0)
	REFUSED(bad.head.gpu_count = UINT32_MAX);
	REFUSED(bad.head.magic = 0);
	REFUSED(bad.mig.gpu = 1);
	REFUSED(memset(bad.gpu.uuid, 'x', sizeof(bad.gpu.uuid)));
	REFUSED(strcpy(bad.gpu.uuid, "GPU-\n"));
	REFUSED(strcpy(bad.gpu.pci, "../../x"));
	REFUSED(strcpy(bad.mig.profile, "\x1b[31m"));
	REFUSED(bad.gpu.compute_major = -5);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		scratch_test(fills_in_what_proc_does_not_know),
		scratch_test(old_library_leaves_fields_unknown),
		scratch_test(crash_is_a_named_error),
		scratch_test(silent_exit_is_an_error),
		scratch_test(garbage_is_an_error),
		scratch_test(version_mismatch_is_explained),
		scratch_test(absent_library),
		cmocka_unit_test(records),
	};

	if (argc != 2)
		return 2;
	fakes = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
