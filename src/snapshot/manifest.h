/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_MANIFEST_H
#define NVB_SNAPSHOT_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/*
 * What a snapshot says of itself. One table (manifest_fields.c) reads, writes and shows it: a new field is a
 * row there. Whoever writes a snapshot zeroes one, sets what it knows with strings that live as long as the
 * call, and hands it to nvb_snapshot_commit. One that was read has an arena of its own. NULL, 0 and false are
 * "not said".
 */
struct nvb_snapshot_gpu {
	const char *uuid; /* "GPU-..." */
	const char *chip; /* the product's name: a restore goes to a GPU of the same */
	const char *pci;  /* "0000:3b:00.0" */
	uint64_t memory;  /* bytes that the GPU has */
};

struct nvb_snapshot_process {
	uint64_t pid;	     /* in the capsule, as it is again after the restore */
	uint64_t host_pid;   /* when it was taken */
	uint64_t started;    /* clock ticks after boot, /proc/PID/stat */
	const char *command; /* its name, /proc/PID/comm */
	bool cuda;	     /* it had a state on the GPU */
	uint64_t gpu_memory; /* bytes of it */
};

struct nvb_snapshot_tree {
	const char *name;
	uint64_t files; /* entries of all kinds */
	uint64_t bytes; /* of content, holes left out, zero pages not */
};

struct nvb_snapshot_manifest {
	/* By the store. */
	uint64_t version; /* of the format */
	const char *id;
	const char *capsule;	/* id */
	uint64_t number;	/* N of CAPSULE@N */
	const char *parent;	/* the id of the snapshot before it, which it shares chunks with */
	uint64_t created;	/* ns since 1970 */
	const char *host;	/* node name */
	const char *kernel;	/* release */
	const char *encryption; /* "" or the name of the method */
	const char *key_id;	/* tells keys apart, and nothing of them */
	uint64_t bytes;		/* of all trees */
	uint64_t zero_bytes;	/* of these, those that are zero pages */
	uint64_t chunks, new_chunks;
	uint64_t stored;     /* bytes of all chunks as they are stored */
	uint64_t new_stored; /* of these, those that no earlier snapshot had */
	uint64_t index_size;
	const char *index_hash;
	struct nvb_snapshot_tree *trees;
	size_t tree_count;

	/* By who takes it. */
	const char *name; /* the capsule's */
	const char *comment;
	const char *image;	  /* reference */
	const char *image_digest; /* "sha256:..." */
	const char *driver;	  /* version */
	const char *criu;	  /* version */
	const char *runtime;	  /* "runc 1.1.5" */
	struct nvb_snapshot_gpu *gpus;
	size_t gpu_count;
	struct nvb_snapshot_process *processes; /* at least those with a state on a GPU */
	size_t process_count;
	/* Objects of JSON as text (any value that nvb_jscan takes), kept as they are. Encrypted with the
	 * snapshot where that is. */
	const char *definition; /* the capsule's, definition.h */
	const char *details;	/* whatever else the restore has to know: mounts, terminals, networks */

	struct nvb_arena arena;
};

/* Which fields: those that stand in manifest.json of an encrypted snapshot, the others, or all. */
enum nvb_manifest_part {
	NVB_MANIFEST_ALL,
	NVB_MANIFEST_OPEN,
	NVB_MANIFEST_SEALED,
};

/* Appends it as a JSON object, `indent` tabs in from the margin. Fields not said are left out. */
void nvb_snapshot_manifest_write(const struct nvb_snapshot_manifest *manifest, enum nvb_manifest_part part,
	unsigned indent, struct nvb_strbuf *out);

/*
 * Reads such an object into one that was zeroed or holds the other part. NVB_ERR_CORRUPT with the place;
 * NVB_ERR_UNSUPPORTED for the format of a later version. After a failure release it all the same.
 */
int nvb_snapshot_manifest_read(
	struct nvb_snapshot_manifest *manifest, const char *text, size_t size, nvb_error **err);

void nvb_snapshot_manifest_release(struct nvb_snapshot_manifest *manifest);
#define _cleanup_snapshot_manifest_ _cleanup_(nvb_snapshot_manifest_release)

#endif
