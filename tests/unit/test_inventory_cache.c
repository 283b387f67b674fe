/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "host.h"
#include "inventory/cache.h"

/* The cache: believed while nothing has changed, and only then. */

#define LIB  "/usr/lib/x86_64-linux-gnu"
#define CUDA LIB "/libcuda.so.550.163.01"

static char cache[128]; /* the directory, beside the host's tree: not below what is watched */

static void make_host(void)
{
	host_module("550.163.01");
	host_gpu("0000:3b:00.0", 0, HOST_UUID(1));
	host_lib(CUDA, "libcuda.so.1");
	host_lib(LIB "/libnvidia-ml.so.550.163.01", "libnvidia-ml.so.1");
	host_text("/usr/share/nvidia/nvoptix.bin", "models");
	host_text("/etc/ld.so.cache", "none");
	host_text("/proc/driver/nvidia/capabilities/gpu0/mig/gi1/access", "DeviceFileMinor: 3\n");
	host_text("/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access", "DeviceFileMinor: 4\n");
	host_text("/proc/sys/kernel/random/boot_id", "one\n");
	scratch_mkdir("dev");
	snprintf(cache, sizeof(cache), "%s/kept", scratch.path);
}

/* What was changed a moment ago is not kept: a second change could carry the same time stamp. */
static void let_time_pass(void)
{
	const struct timespec t = {.tv_nsec = 40 * 1000 * 1000};

	nanosleep(&t, NULL);
}

static bool from_cache(void)
{
	struct nvb_inventory *inventory;
	bool cached;

	let_time_pass();
	inventory = host_load(cache);
	cached = inventory->from_cache;
	nvb_inventory_free(inventory);
	return cached;
}

static const char *only_file(void)
{
	static char path[512];
	_cleanup_closedir_ DIR *dir = opendir(cache);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(path, sizeof(path), "%s/%s", cache, entry->d_name);
	return path;
}

static void same_from_cache(void **state)
{
	_cleanup_free_ char *one = NULL, *two = NULL;
	struct nvb_inventory *cold, *warm;
	size_t size_one, size_two;

	(void)state;
	make_host();
	let_time_pass();
	cold = host_load(cache);
	warm = host_load(cache);
	assert_false(cold->from_cache);
	assert_true(warm->from_cache);
	assert_int_equal(nvb_cache_encode(cold, &one, &size_one, NULL), 0);
	assert_int_equal(nvb_cache_encode(warm, &two, &size_two, NULL), 0);
	assert_int_equal(size_one, size_two);
	assert_memory_equal(one, two, size_one);
	assert_int_equal(warm->gpus[0].mig_count, 1);
	assert_string_equal(host_target(warm, LIB "/libcuda.so.1"), "libcuda.so.550.163.01");
	nvb_inventory_free(cold);
	nvb_inventory_free(warm);
}

static void remove_path(const char *path)
{
	assert_int_equal(nvb_file_remove_tree(scratch.fd, path + 1, NULL), 0);
}

static void driver_file_vanishes(void)
{
	remove_path(LIB "/libnvidia-ml.so.550.163.01");
}

static void driver_file_appears(void)
{
	host_lib(LIB "/libnvidia-new.so.550.163.01", "libnvidia-new.so.1");
}

static void data_file_vanishes(void)
{
	remove_path("/usr/share/nvidia/nvoptix.bin");
}

static void data_directory_appears(void)
{
	host_text("/usr/share/vulkan/icd.d/nvidia_icd.json", "{}");
}

static void linker_cache_changes(void)
{
	host_text("/etc/ld.so.cache", "another");
}

static void node_appears(void)
{
	host_text("/dev/nvidiactl", "");
}

static void socket_directory_appears(void)
{
	scratch_mkdir("run/nvidia-persistenced");
}

static void reboot(void)
{
	host_text("/proc/sys/kernel/random/boot_id", "two\n");
}

static void major_changes(void)
{
	host_text("/proc/devices", "Character devices:\n195 nvidia\n511 nvidia-uvm\n");
}

static void other_module(void)
{
	host_module("550.90.07");
}

static void gpu_appears(void)
{
	host_gpu("0000:5e:00.0", 1, HOST_UUID(2));
}

static void instance_appears(void)
{
	host_text("/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci1/access", "DeviceFileMinor: 5\n");
}

static void instance_vanishes(void)
{
	remove_path("/proc/driver/nvidia/capabilities/gpu0/mig/gi1");
}

static void *const changes[] = {driver_file_vanishes, driver_file_appears, data_file_vanishes,
	data_directory_appears, linker_cache_changes, node_appears, socket_directory_appears, reboot,
	major_changes, other_module, gpu_appears, instance_appears, instance_vanishes};

static void stale_after_every_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(changes); i++) {
		scratch_make(NULL);
		make_host();
		assert_false(from_cache());
		assert_true(from_cache());
		((void (*)(void))changes[i])();
		if (from_cache())
			fail_msg("change %zu goes unnoticed", i);
		scratch_remove(NULL);
	}
}

static void what_vanished_is_not_named(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	make_host();
	assert_false(from_cache());
	driver_file_vanishes();
	inventory = host_load(cache);
	assert_null(host_file(inventory, LIB "/libnvidia-ml.so.550.163.01"));
	assert_non_null(host_file(inventory, CUDA));
	nvb_inventory_free(inventory);
}

/* A checksum that fits lets damage through to the decoder, as a hostile writer would. */
static void mend_checksum(char *data, size_t size)
{
	const size_t head = 17 + 1 + 2 + 4; /* magic, pointer size, layout, padding */
	uint64_t sum = nvb_hash(NVB_HASH_START, data + head + 16, size - head - 16);

	memcpy(data + head + 8, &sum, sizeof(sum));
}

static void every_byte_damaged(void **state)
{
	_cleanup_free_ char *data = NULL;
	struct nvb_inventory *inventory;
	size_t size;

	(void)state;
	make_host();
	inventory = host_load(cache);
	assert_int_equal(nvb_cache_encode(inventory, &data, &size, NULL), 0);
	for (size_t i = 0; i < size; i++) {
		struct nvb_inventory read = {.roots = inventory->roots};
		char kept = data[i];

		data[i] = (char)(data[i] ^ 0x41);
		assert_true(nvb_cache_decode(&read, data, size, NULL) < 0);
		mend_checksum(data, size);
		(void)nvb_cache_decode(&read, data, size, NULL);
		nvb_fingerprint_release(&read.fingerprint);
		nvb_arena_release(&read.arena);
		data[i] = kept;
		mend_checksum(data, size);
	}
	for (size_t cut = 0; cut < size; cut++) {
		struct nvb_inventory read = {.roots = inventory->roots};
		_cleanup_free_ char *shorter = malloc(cut + 1);

		memcpy(shorter, data, cut);
		assert_true(nvb_cache_decode(&read, shorter, cut, NULL) < 0);
		nvb_arena_release(&read.arena);
	}
	nvb_inventory_free(inventory);
}

static void damaged_file_is_replaced(void **state)
{
	(void)state;
	make_host();
	assert_false(from_cache());
	assert_int_equal(truncate(only_file(), 100), 0);
	assert_false(from_cache());
	assert_true(from_cache());
}

static void strangers_files_are_not_read(void **state)
{
	char target[600];

	(void)state;
	make_host();
	assert_false(from_cache());
	assert_int_equal(chmod(only_file(), 0666), 0);
	assert_false(from_cache());
	assert_true(from_cache()); /* it was replaced by one of ours */
	if (geteuid() == 0) {
		assert_int_equal(chown(only_file(), 4321, 4321), 0);
		assert_false(from_cache());
	}
	snprintf(target, sizeof(target), "%s.moved", only_file());
	assert_int_equal(rename(only_file(), target), 0);
	*strrchr(target, '.') = '\0';
	assert_int_equal(symlink(strcat(strcpy(target + 300, target), ".moved"), target), 0);
	assert_false(from_cache());
	assert_int_equal(chmod(cache, 0777), 0);
	assert_false(from_cache());
}

static void uninitialised_gpus_are_not_kept(void **state)
{
	(void)state;
	make_host();
	host_gpu("0000:5e:00.0", 1, "GPU-not-known-yet");
	assert_false(from_cache());
	assert_false(from_cache());
}

static void too_young_to_keep(void **state)
{
	const struct timespec later[2] = {{.tv_sec = time(NULL) + 3600}, {.tv_sec = time(NULL) + 3600}};

	(void)state;
	make_host();
	/* The future stands for this instant, which a slow machine could miss. */
	assert_int_equal(utimensat(scratch.fd, "dev", later, 0), 0);
	assert_false(from_cache());
	assert_false(from_cache());
}

static void no_cache_by_default_for_other_roots(void **state)
{
	struct nvb_inventory *inventory;

	(void)state;
	make_host();
	inventory = host_load(NULL);
	assert_null(inventory->cache_directory);
	nvb_inventory_free(inventory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(same_from_cache),
		cmocka_unit_test(stale_after_every_change),
		scratch_test(what_vanished_is_not_named),
		scratch_test(every_byte_damaged),
		scratch_test(damaged_file_is_replaced),
		scratch_test(strangers_files_are_not_read),
		scratch_test(uninitialised_gpus_are_not_kept),
		scratch_test(too_young_to_keep),
		scratch_test(no_cache_by_default_for_other_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
