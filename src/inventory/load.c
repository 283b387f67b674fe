/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/str.h"
#include "inventory/cache.h"
#include "inventory/collect.h"

/* Loading: from the cache while it holds, else from the host, part by part. */

#define CACHE_DIRECTORY "/run/nvbind"

static bool all_roots_are_host(const struct nvb_roots *roots)
{
	return nvb_streq(roots->driver.path, "/") && nvb_streq(roots->dev.path, "/") &&
	       nvb_streq(roots->proc.path, "/") && nvb_streq(roots->sys.path, "/");
}

static int choose_cache(
	struct nvb_inventory *inventory, const struct nvb_inventory_options *options, nvb_error **err)
{
	const char *directory = options ? options->cache_directory : NULL;

	if (options && options->no_cache)
		return 0;
	if (!directory && all_roots_are_host(&inventory->roots))
		directory = CACHE_DIRECTORY;
	if (directory && !(inventory->cache_directory = strdup(directory)))
		return nvb_fail_oom(err);
	return 0;
}

/* Nodes come and go while the driver stays: nvidia-modprobe makes them on first use. */
static bool watch_nodes(struct nvb_inventory *inventory)
{
	static const char *const directories[] = {"/dev", "/dev/dri", "/dev/dri/by-path", "/dev/infiniband",
		"/dev/nvidia-caps", "/dev/nvidia-caps-imex-channels"};

	for (size_t i = 0; i < NVB_ELEMENTS(directories); i++)
		if (!nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
			    NVB_WATCH_DEV, directories[i], NVB_WATCH_ALL))
			return false;
	/* A module that was unloaded and loaded again has another directory there. */
	return nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
		NVB_WATCH_SYS, "/sys/module/nvidia", NVB_WATCH_INODE);
}

static int collect_native(struct nvb_collect *collect, nvb_error **err)
{
	int rc = nvb_collect_gpus(collect, err);

	if (rc == 0)
		rc = nvb_collect_libraries(collect, err);
	if (rc == 0)
		rc = nvb_collect_data(collect, err);
	return rc == 0 ? nvb_collect_compat(collect, err) : rc;
}

static void watch_for_trouble(struct nvb_roots *roots, int *trouble)
{
	roots->driver.trouble = roots->dev.trouble = roots->proc.trouble = roots->sys.trouble = trouble;
}

static int collect_parts(struct nvb_inventory *inventory, const struct nvb_log *log, nvb_error **err)
{
	struct nvb_collect collect = {.inventory = inventory, .log = log};
	int rc;

	/* Before anything is read: what changes meanwhile makes the cache stale, not wrong. */
	inventory->fingerprint.digest = nvb_fingerprint_digest(&inventory->roots);
	if (!watch_nodes(inventory))
		return nvb_fail_oom(err);
	if (nvb_wsl_detect(inventory)) {
		inventory->platform = NVB_PLATFORM_WSL2;
		inventory->driver.kind = NVB_DRIVER_DXG;
		rc = nvb_collect_wsl(&collect, err);
	} else {
		rc = collect_native(&collect, err);
	}
	if (rc == 0)
		rc = nvb_collect_nodes(&collect, err);
	if (rc == 0)
		rc = nvb_files_finish(&collect, err);
	nvb_collect_release(&collect);
	return rc;
}

/* A file that is closed to us may be missed; a whole directory of these would make any host look empty. */
static int check_open_to_us(const struct nvb_roots *roots, nvb_error **err)
{
	const struct {
		const struct nvb_root *root;
		const char *directory; /* with "/.", which asks whether one may look for something in it */
	} wanted[] = {
		{&roots->proc, "/proc/."},
		{&roots->sys, "/sys/."},
		{&roots->dev, "/dev/."},
		{&roots->driver, "/usr/."},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(wanted); i++) {
		_cleanup_close_ int fd = nvb_root_openat(wanted[i].root, wanted[i].directory, O_PATH, 0);
		_cleanup_free_ char *path = NULL;

		if (fd != -EACCES)
			continue;
		path = nvb_root_host_path(wanted[i].root, wanted[i].directory);
		if (!path)
			return nvb_fail_oom(err);
		return nvb_hint(err, nvb_fail_errno(err, EACCES, "looking into %s", path),
			"run this as a user who may");
	}
	return 0;
}

/* What is absent or closed to us is not part of the inventory. What could not be looked at, for want of
 * memory or descriptors, could be anything: half an inventory would be taken for the whole, and kept. */
static int collect_all(struct nvb_inventory *inventory, const struct nvb_log *log, nvb_error **err)
{
	int trouble = 0, rc = check_open_to_us(&inventory->roots, err);

	if (rc < 0)
		return rc;
	watch_for_trouble(&inventory->roots, &trouble);
	rc = collect_parts(inventory, log, err);
	watch_for_trouble(&inventory->roots, NULL);
	return rc == 0 && trouble ? nvb_fail_errno(err, trouble, "reading what this host has") : rc;
}

/* A GPU whose UUID the driver does not show yet will have one soon: nothing to keep. Without a driver there
 * is little to save and much that may change. */
static bool is_worth_keeping(const struct nvb_inventory *inventory)
{
	if (inventory->platform != NVB_PLATFORM_WSL2 && !inventory->driver.module_version)
		return false;
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (!inventory->gpus[i].uuid)
			return false;
	return true;
}

void nvb_inventory_keep(const struct nvb_inventory *inventory, const struct nvb_log *log)
{
	_cleanup_error_ nvb_error *error = NULL;

	if (!inventory->cache_directory || !is_worth_keeping(inventory) ||
		nvb_fingerprint_is_racy(&inventory->fingerprint))
		return;
	if (nvb_cache_write(inventory, inventory->cache_directory, &error) < 0)
		nvb_debug(log, "inventory is not cached: %s", nvb_error_message(error));
}

static int load(struct nvb_inventory *inventory, const struct nvb_inventory_options *options, nvb_error **err)
{
	const struct nvb_log *log = options ? options->log : NULL;
	_cleanup_error_ nvb_error *why = NULL;
	int rc = nvb_roots_open(&inventory->roots, options, err);

	if (rc == 0)
		rc = choose_cache(inventory, options, err);
	if (rc < 0)
		return rc;
	if (inventory->cache_directory) {
		if (nvb_cache_read(inventory, inventory->cache_directory, &why) == 0)
			return 0;
		nvb_debug(log, "inventory cache is not used: %s", nvb_error_message(why));
	}
	rc = collect_all(inventory, log, err);
	if (rc == 0)
		nvb_inventory_keep(inventory, log);
	return rc;
}

int nvb_inventory_load(
	const struct nvb_inventory_options *options, nvb_inventory **inventory, nvb_error **err)
{
	struct nvb_inventory *loaded;
	int rc;

	if (options && options->size != sizeof(*options))
		return nvb_fail(err, NVB_ERR_INVALID,
			"nvb_inventory_options.size is %zu, this library's is %zu", options->size,
			sizeof(*options));
	loaded = calloc(1, sizeof(*loaded));
	if (!loaded)
		return nvb_fail_oom(err);
	loaded->roots = (struct nvb_roots){
		.driver = NVB_ROOT_INIT, .dev = NVB_ROOT_INIT, .proc = NVB_ROOT_INIT, .sys = NVB_ROOT_INIT};
	rc = load(loaded, options, err);
	if (rc < 0) {
		nvb_inventory_free(loaded);
		return rc;
	}
	*inventory = loaded;
	return 0;
}

void nvb_inventory_free(nvb_inventory *inventory)
{
	if (!inventory)
		return;
	nvb_roots_close(&inventory->roots);
	nvb_fingerprint_release(&inventory->fingerprint);
	free(inventory->cache_directory);
	nvb_arena_release(&inventory->arena);
	free(inventory);
}
