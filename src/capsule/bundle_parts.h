/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_BUNDLE_PARTS_H
#define NVB_CAPSULE_BUNDLE_PARTS_H

#include "capsule/bundle.h"

/* The larger parts of config.json; bundle.c puts them together. Each begins with a comma and its key. */

/* linux.devices and linux.resources.devices: the plan's nodes, --device's and, for a privileged capsule, all
 * of the host's; every other node is denied. */
int nvb_bundle_add_devices(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err);

/* The same nodes as elements of mounts, for a bundle without root: nobody may make nodes in a user namespace,
 * but mount those that are there. */
int nvb_bundle_add_device_mounts(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err);

/* mounts: those of every container, the plan's, the user's. */
int nvb_bundle_add_mounts(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err);

/* An array of the targets among them that are binds of something on the host. */
int nvb_bundle_add_binds(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err);

/* An element of mounts, with the comma before it. */
void nvb_bundle_add_mount(struct nvb_strbuf *out, const char *target, const char *type, const char *source,
	const char *const *options);

/* Whether the host has cgroup v2 alone. */
bool nvb_bundle_sees_unified(void);

/* An array of strings. */
void nvb_bundle_add_strings(struct nvb_strbuf *out, const char *const *strings);

#endif
