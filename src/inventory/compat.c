/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "inventory/collect.h"
#include "inventory/listing.h"

/*
 * cuda-compat: a newer libcuda for an older kernel module. Source: NVIDIA's "CUDA Compatibility", chapter 4:
 * the packages cuda-compat-<version> install to /usr/local/cuda-<version>/compat.
 */
static bool has_libcuda(const struct nvb_inventory *inventory, const char *path)
{
	_cleanup_listing_ struct nvb_listing listing = {0};

	if (nvb_listing_read(&inventory->roots.driver, path, &listing) < 0)
		return false;
	for (size_t i = 0; i < listing.count; i++)
		if (nvb_after(listing.entries[i].name, "libcuda.so."))
			return true;
	return false;
}

static int take_if_there(struct nvb_collect *collect, const char *path, nvb_error **err)
{
	struct nvb_inventory *inventory = collect->inventory;
	_cleanup_free_ char *real = NULL;

	if (!has_libcuda(inventory, path) ||
		nvb_root_realpath(&inventory->roots.driver, path, &real, NULL) < 0)
		return 0;
	inventory->compat_directory = nvb_arena_strdup(&inventory->arena, real);
	return inventory->compat_directory ? 0 : nvb_fail_oom(err);
}

int nvb_collect_compat(struct nvb_collect *collect, nvb_error **err)
{
	struct nvb_inventory *inventory = collect->inventory;
	_cleanup_listing_ struct nvb_listing listing = {0};
	const char *newest = NULL;
	char path[512];
	int rc;

	if (!nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
		    NVB_WATCH_DRIVER, "/usr/local", NVB_WATCH_ALL) ||
		!nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
			NVB_WATCH_DRIVER, "/usr/local/cuda/compat", NVB_WATCH_ALL))
		return nvb_fail_oom(err);
	/* The toolkit that is chosen as /usr/local/cuda, else the newest. */
	rc = take_if_there(collect, "/usr/local/cuda/compat", err);
	if (rc < 0 || inventory->compat_directory ||
		nvb_listing_read(&inventory->roots.driver, "/usr/local", &listing) < 0)
		return rc;
	for (size_t i = 0; i < listing.count; i++) {
		snprintf(path, sizeof(path), "/usr/local/%.255s/compat", listing.entries[i].name);
		if (nvb_after(listing.entries[i].name, "cuda-") && has_libcuda(inventory, path) &&
			(!newest || strverscmp(listing.entries[i].name, newest) > 0))
			newest = listing.entries[i].name;
	}
	if (!newest)
		return 0;
	snprintf(path, sizeof(path), "/usr/local/%.255s/compat", newest);
	return take_if_there(collect, path, err);
}
