/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/fingerprint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "inventory/inventory.h"
#include "inventory/listing.h"

enum { PROC_TEXT_MAX = 64 * 1024, STAMP_DISTANCE_NS = 20 * 1000 * 1000 };

uint64_t nvb_hash(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static const struct nvb_root *root_of(const struct nvb_roots *roots, enum nvb_watch_root root)
{
	switch (root) {
	case NVB_WATCH_DEV:
		return &roots->dev;
	case NVB_WATCH_PROC:
		return &roots->proc;
	case NVB_WATCH_SYS:
		return &roots->sys;
	case NVB_WATCH_DRIVER:
	default:
		return &roots->driver;
	}
}

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

/* Fills in what the place looks like now. */
static void look(const struct nvb_roots *roots, struct nvb_watch *watch)
{
	struct stat st;
	int rc = nvb_root_stat(root_of(roots, watch->root), watch->path, true, &st);

	watch->error = -rc;
	if (rc < 0)
		return;
	watch->device = st.st_dev;
	watch->inode = st.st_ino;
	if (watch->how == NVB_WATCH_INODE)
		return;
	watch->size = (uint64_t)st.st_size;
	watch->modified = nanoseconds(&st.st_mtim);
	watch->changed = nanoseconds(&st.st_ctim);
}

static bool is_watched(const struct nvb_fingerprint *fingerprint, enum nvb_watch_root root, const char *path)
{
	for (size_t i = 0; i < fingerprint->count; i++)
		if (fingerprint->watches[i].root == root && nvb_streq(fingerprint->watches[i].path, path))
			return true;
	return false;
}

/*
 * Shortens the path of a place that is not there to the first directory that is not there: as long as that
 * one is missing, so is the place, and one look answers for all that would be below it.
 */
static void find_missing(const struct nvb_root *root, char *path)
{
	struct stat st;

	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		if (nvb_root_stat(root, path, true, &st) == -ENOENT)
			return;
		*slash = '/';
	}
}

bool nvb_fingerprint_watch(struct nvb_fingerprint *fingerprint, struct nvb_arena *arena,
	const struct nvb_roots *roots, enum nvb_watch_root root, const char *path, enum nvb_watch_how how)
{
	struct nvb_watch watch = {.root = root, .how = how};
	char *place;

	if (is_watched(fingerprint, root, path))
		return true;
	watch.path = place = nvb_arena_strdup(arena, path);
	if (!place)
		return false;
	look(roots, &watch);
	if (watch.error == ENOENT) {
		find_missing(root_of(roots, root), place);
		if (is_watched(fingerprint, root, place))
			return true;
	}
	if (!NVB_GROW(fingerprint->watches, fingerprint->count, fingerprint->capacity))
		return false;
	fingerprint->watches[fingerprint->count++] = watch;
	return true;
}

static uint64_t hash_text(uint64_t hash, const struct nvb_root *root, const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;

	if (nvb_root_read(root, path, PROC_TEXT_MAX, &text, &size, NULL) < 0)
		return nvb_hash(hash, "absent", 7);
	return nvb_hash(hash, text, size);
}

static uint64_t hash_listing(uint64_t hash, const struct nvb_listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		hash = nvb_hash(hash, listing->entries[i].name, strlen(listing->entries[i].name) + 1);
		hash = nvb_hash(hash, &listing->entries[i].inode, sizeof(listing->entries[i].inode));
	}
	return hash;
}

/* GPU instances and their compute instances: names and inodes, since an instance that was destroyed and made
 * again is another one. */
static uint64_t hash_mig(uint64_t hash, const struct nvb_root *proc, const char *gpu)
{
	_cleanup_listing_ struct nvb_listing instances = {0};
	char path[512];

	snprintf(path, sizeof(path), "/proc/driver/nvidia/capabilities/%.200s/mig", gpu);
	if (nvb_listing_read(proc, path, &instances) < 0)
		return hash;
	hash = hash_listing(hash, &instances);
	for (size_t i = 0; i < instances.count; i++) {
		_cleanup_listing_ struct nvb_listing instance = {0};

		if (!nvb_after(instances.entries[i].name, "gi"))
			continue;
		snprintf(path, sizeof(path), "/proc/driver/nvidia/capabilities/%.200s/mig/%.200s", gpu,
			instances.entries[i].name);
		if (nvb_listing_read(proc, path, &instance) == 0)
			hash = hash_listing(hash, &instance);
	}
	return hash;
}

uint64_t nvb_fingerprint_digest(const struct nvb_roots *roots)
{
	static const char *const texts[] = {
		"/proc/sys/kernel/random/boot_id", "/proc/driver/nvidia/version", "/proc/devices"};
	_cleanup_listing_ struct nvb_listing gpus = {0}, capabilities = {0};
	uint64_t hash = NVB_HASH_START;

	for (size_t i = 0; i < NVB_ELEMENTS(texts); i++)
		hash = hash_text(hash, &roots->proc, texts[i]);
	if (nvb_listing_read(&roots->proc, "/proc/driver/nvidia/gpus", &gpus) == 0)
		hash = hash_listing(hash, &gpus);
	if (nvb_listing_read(&roots->proc, "/proc/driver/nvidia/capabilities", &capabilities) < 0)
		return hash;
	for (size_t i = 0; i < capabilities.count; i++)
		if (nvb_after(capabilities.entries[i].name, "gpu"))
			hash = hash_mig(hash, &roots->proc, capabilities.entries[i].name);
	return hash;
}

bool nvb_fingerprint_holds(const struct nvb_fingerprint *fingerprint, const struct nvb_roots *roots)
{
	for (size_t i = 0; i < fingerprint->count; i++) {
		const struct nvb_watch *old = &fingerprint->watches[i];
		struct nvb_watch now = {.root = old->root, .how = old->how, .path = old->path};

		look(roots, &now);
		if (now.error != old->error || now.device != old->device || now.inode != old->inode ||
			now.size != old->size || now.modified != old->modified || now.changed != old->changed)
			return false;
	}
	return nvb_fingerprint_digest(roots) == fingerprint->digest;
}

bool nvb_fingerprint_is_racy(const struct nvb_fingerprint *fingerprint)
{
	struct timespec now;
	int64_t limit;

	/* The clock that file systems take their stamps from; one tick is 10 ms at most. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	limit = nanoseconds(&now) - STAMP_DISTANCE_NS;
	for (size_t i = 0; i < fingerprint->count; i++)
		if (fingerprint->watches[i].changed > limit || fingerprint->watches[i].modified > limit)
			return true;
	return false;
}

void nvb_fingerprint_release(struct nvb_fingerprint *fingerprint)
{
	free(fingerprint->watches);
	*fingerprint = (struct nvb_fingerprint){0};
}
