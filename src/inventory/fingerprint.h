/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_FINGERPRINT_H
#define NVB_INVENTORY_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/root.h"

struct nvb_arena;
struct nvb_roots;

/*
 * What an inventory was made from, so that a cached one is used only while all of it is as it was: a list of
 * places (watched by inode, size and times) and a digest of what /proc says (boot, driver version, majors,
 * GPUs, MIG). Directories are watched by their times, so a file that appears in or vanishes from a directory
 * with driver files makes the cache stale.
 */
enum nvb_watch_root { NVB_WATCH_DRIVER, NVB_WATCH_DEV, NVB_WATCH_PROC, NVB_WATCH_SYS };

enum nvb_watch_how {
	NVB_WATCH_ALL,	 /* device, inode, size, modification and change time */
	NVB_WATCH_INODE, /* device and inode: a place whose content changes all the time */
};

struct nvb_watch {
	enum nvb_watch_root root;
	enum nvb_watch_how how;
	const char *path;
	int error; /* errno of looking, 0 when it was there */
	uint64_t device, inode, size;
	int64_t modified, changed; /* ns */
};

struct nvb_fingerprint {
	struct nvb_watch *watches; /* malloc'd, paths in the inventory's arena */
	size_t count, capacity;
	uint64_t digest; /* of what /proc says */
};

/*
 * Adds a place as it is now: call before reading it. Twice the same place is one watch, and so are places
 * that are missing for the same reason. False without memory.
 */
bool nvb_fingerprint_watch(struct nvb_fingerprint *fingerprint, struct nvb_arena *arena,
	const struct nvb_roots *roots, enum nvb_watch_root root, const char *path, enum nvb_watch_how how);

/* The digest of what /proc says now. */
uint64_t nvb_fingerprint_digest(const struct nvb_roots *roots);

/* True when every place is as it was and the digest is the same. */
bool nvb_fingerprint_holds(const struct nvb_fingerprint *fingerprint, const struct nvb_roots *roots);

/*
 * True when a place changed so shortly before now that it could change once more under the same time stamp
 * (file systems stamp by the clock's tick): such a fingerprint would not notice and must not be kept.
 */
bool nvb_fingerprint_is_racy(const struct nvb_fingerprint *fingerprint);

void nvb_fingerprint_release(struct nvb_fingerprint *fingerprint);

/* FNV-1a, 64 bits: no defence against an attacker, who cannot write what is hashed here. */
#define NVB_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t nvb_hash(uint64_t hash, const void *data, size_t size);

#endif
