/* SPDX-License-Identifier: Apache-2.0 */
#include "no_memory.h"

#include <sys/resource.h>

#include "base/toml.h"
#include "config/config.h"
#include "inventory/cache.h"

/* Where memory ends: paths, files, configurations, the inventory. */

/* base */

static int opens_a_root(nvb_error **err)
{
	struct nvb_root root = {0};
	int rc = nvb_root_open(&root, scratch.path, err);

	assert_untouched(rc, root);
	if (rc == 0)
		nvb_root_close(&root);
	return rc;
}

static int resolves_a_path(nvb_error **err)
{
	struct nvb_root root = {.fd = scratch.fd, .path = scratch.path};
	char *real = NULL;
	int rc = nvb_root_realpath(&root, "/proc/../proc/devices", &real, err);

	assert_untouched(rc, real);
	free(real);
	return rc;
}

static int opens_a_parent(nvb_error **err)
{
	struct nvb_root root = {.fd = scratch.fd, .path = scratch.path};
	const char *name = NULL;
	int fd = nvb_root_open_parent(&root, "/a/b/c", true, &name, err);

	assert_untouched(fd, name);
	if (fd >= 0)
		close(fd);
	return fd;
}

static int reads_a_file(nvb_error **err)
{
	char *data = NULL;
	int rc = nvb_file_read(scratch.fd, "proc/devices", 4096, &data, NULL, err);

	assert_untouched(rc, data);
	free(data);
	return rc;
}

static int makes_and_removes(nvb_error **err)
{
	int rc = nvb_file_mkdirs(scratch.fd, "x/y/z", 0755, err);

	if (rc == 0)
		rc = nvb_file_write(scratch.fd, "x/y/file", "text", 4, 0644, err);
	return rc == 0 ? nvb_file_remove_tree(scratch.fd, "x", err) : rc;
}

static int reads_toml(nvb_error **err)
{
	static const char text[] = "a.b = [1, {c = 'x', d = \"\\u00e9\"}]\n[[t]]\nk = 1979-05-27\n[[t]]\nk = "
				   "0x1f\n[t.u]\n\"v w\" = "
				   "\"\"\"\nlong\\\n  text\"\"\"\n";
	struct nvb_toml doc = {0};
	int rc = nvb_toml_parse(&doc, text, strlen(text), "file.toml", err);

	assert_untouched(rc, doc);
	nvb_toml_release(&doc);
	return rc;
}

static int reads_a_configuration(nvb_error **err)
{
	static const char text[] =
		"[roots]\ndriver = '/d'\nlibrary-path = ['/a', '/b']\n[cdi]\ndirectories = "
		"['/x']\n[runtime]\nruntimes = ['runc']\n";
	struct nvb_config config = {0};
	int rc = nvb_config_init(&config, err);

	if (rc == 0)
		rc = nvb_config_parse(&config, text, strlen(text), "config.toml", err);
	nvb_config_release(&config);
	return rc;
}

static void base_functions(void **state)
{
	(void)state;
	host_module("550.54.15");
	EXHAUST(opens_a_root);
	EXHAUST(resolves_a_path);
	EXHAUST(opens_a_parent);
	EXHAUST(reads_a_file);
	EXHAUST(makes_and_removes);
	EXHAUST(reads_toml);
	EXHAUST(reads_a_configuration);
}

/* inventory */

static struct nvb_inventory *loaded;

/* Both hold the same, to the last link. */
static void assert_same(struct nvb_inventory a, struct nvb_inventory b)
{
	char *left, *right;
	size_t left_size, right_size;

	a.fingerprint = b.fingerprint = (struct nvb_fingerprint){0};
	assert_int_equal(nvb_cache_encode(&a, &left, &left_size, NULL), 0);
	assert_int_equal(nvb_cache_encode(&b, &right, &right_size, NULL), 0);
	assert_int_equal(left_size, right_size);
	assert_memory_equal(left, right, left_size);
	free(left);
	free(right);
}

/* Half an inventory would be half of the GPUs for a container, and be kept for the next one. */
static int loads_an_inventory(nvb_error **err)
{
	const struct nvb_inventory_options options = {.size = sizeof(options), .root = scratch.path};
	struct nvb_inventory *inventory = NULL;
	int rc = nvb_inventory_load(&options, &inventory, err);

	countdown = -1;
	assert_untouched(rc, inventory);
	if (rc == 0)
		assert_same(*inventory, *loaded);
	nvb_inventory_free(inventory);
	return rc;
}

/* The same holds where descriptors run out. */
static void loads_with_few_descriptors(void)
{
	struct rlimit before, few;
	bool refused = false, through = false;
	int next = dup(scratch.fd);

	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int more = 0; more < 32 && !through; more++) {
		const struct nvb_inventory_options options = {.size = sizeof(options), .root = scratch.path};
		struct nvb_inventory *inventory = NULL;
		nvb_error *err = NULL;

		few = (struct rlimit){(rlim_t)(next + more), before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		through = nvb_inventory_load(&options, &inventory, &err) == 0;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		if (through)
			assert_same(*inventory, *loaded);
		else
			assert_int_equal(nvb_error_errno(err), EMFILE);
		refused |= !through;
		nvb_error_free(err);
		nvb_inventory_free(inventory);
	}
	assert_true(refused && through);
}

static int keeps_an_inventory(nvb_error **err)
{
	struct nvb_inventory read = {.roots = loaded->roots};
	char *data = NULL;
	size_t size = 0;
	int rc = nvb_cache_encode(loaded, &data, &size, err);

	assert_untouched(rc, data);
	assert_untouched(rc, size);
	if (rc == 0)
		rc = nvb_cache_decode(&read, data, size, err);
	assert_true(rc == 0 || !read.gpus);
	if (rc == 0)
		assert_int_equal(read.file_count, loaded->file_count);
	nvb_fingerprint_release(&read.fingerprint);
	nvb_arena_release(&read.arena);
	free(data);
	return rc;
}

static void inventories(void **state)
{
	(void)state;
	make_host();
	loaded = host_load(NULL);
	assert_int_equal(loaded->gpu_count, 2);
	assert_non_null(loaded->compat_directory);
	EXHAUST(loads_an_inventory);
	loads_with_few_descriptors();
	EXHAUST(keeps_an_inventory);
	nvb_inventory_free(loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(base_functions),
		scratch_test(inventories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
