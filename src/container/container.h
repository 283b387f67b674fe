/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_CONTAINER_H
#define NVB_CONTAINER_CONTAINER_H

#include "base/root.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/*
 * What happens inside a container's root: links and the dynamic linker's cache. Nothing from the container is
 * executed, every path goes through base/root.h, and every file that is read there is hostile input.
 */

/* A library that the container will have at `path` by a mount or a layer which the root does not show yet. */
struct nvb_container_library {
	const char *path; /* inside */
	const char *host; /* where it can be read now: a trusted path of the host */
};

struct nvb_container_work {
	const struct nvb_link *links;
	size_t link_count;
	/* Links to device nodes, each made only where its node is: one hook for all devices of a CDI spec. */
	const struct nvb_link *device_links;
	size_t device_link_count;
	const char *const *directories; /* library directories for ld.so.cache, most important first */
	size_t directory_count;
	/* With these the directories are not searched: they, as far as they lie in one of `directories`, are
	 * all that is added to the cache. NULL: what the root holds. */
	const struct nvb_container_library *libraries;
	size_t library_count;
	/* The host's driver version: a cuda-compat of the image that is newer and made for it comes first in
	 * the cache (CUDA forward compatibility). NULL: none does. */
	const char *compat_driver;
	/* What /proc/driver/nvidia/params shall show (see params.h), only with may_mount. NULL: it stays. */
	const char *params;
	/* A cache that cannot be written (a read-only root) or lies in a volume gets the new one mounted over
	 * it. Only for a caller that is in the container's own mount namespace, as an OCI createContainer
	 * hook is. */
	bool may_mount;
};

/*
 * Does the work in the container's root: makes the links, then merges the libraries found in `directories`
 * into etc/ld.so.cache (glibc) or lists the directories in etc/ld-musl-*.path (musl). A missing cache is
 * made, one that ld.so itself would ignore is made anew. A root that cannot be written and an existing file
 * where a link should be are no errors: each is logged and left as it is. An error means that the root itself
 * could not be used. Directories are created with mode 0755 less the caller's umask.
 */
int nvb_container_apply(const struct nvb_root *root, const struct nvb_container_work *work,
	const struct nvb_log *log, nvb_error **err);

/*
 * The same for a root whose writable top is `top` and whose content is `lower` (an overlay that is not
 * mounted yet): reads the old cache from `lower`, writes links and the new cache below `top`.
 */
int nvb_container_apply_layer(const struct nvb_root *lower, const struct nvb_root *top,
	const struct nvb_container_work *work, const struct nvb_log *log, nvb_error **err);

/* What a link means, without following any other: "/dev/dri/card1" of "/dev/dri/by-path/x -> ../card1". False
 * when that takes more than `size` bytes. */
bool nvb_link_meaning(const struct nvb_link *link, char *out, size_t size);

/*
 * The argument vector with which a runtime calls nvbind-hook to do the work of a plan's edits, for a
 * container with all its devices, or, for a CDI spec, with whichever are chosen (`spec`: then links of
 * devices are
 * "--device-link"s): {"nvbind-hook", "apply", "--link", "TARGET::PATH",
 * "--library-directory", DIR, "--cuda-compat", VERSION, "--driver-params", FILE ...}. NULL in *argv when
 * there is nothing to do. Writer and parser of that command line live in one file.
 */
int nvb_hook_arguments(const struct nvb_plan *plan, bool spec, char ***argv, nvb_error **err);

/* Adds where the container's root is, so that the hook need not wait for the state to be told. False without
 * memory. */
bool nvb_hook_add_root(char ***argv, const char *root);

/*
 * The environment that every writer gives a hook which has none of its own: said, and not empty. Without one
 * runc hands a createContainer hook the image's, LD_PRELOAD included (CVE-2025-23266), crun its own; and
 * readers written in Go drop an empty list.
 */
extern const char *const nvb_hook_environment[];

#endif
