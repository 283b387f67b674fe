/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_REQUEST_ENVIRONMENT_H
#define NVB_REQUEST_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"
#include "nvbind/log.h"
#include "request/request.h"

/*
 * What a container asks for by itself: by its environment (NVIDIA_VISIBLE_DEVICES and its relatives), by
 * annotations that name CDI devices, and by mounts of /dev/null whose destinations name devices. One front
 * for all who meet such containers: nvbind-runtime and the prestart hook. All of it is hostile: it comes from
 * images and from whoever may start containers.
 *
 * Source: NVIDIA container toolkit, "Specialized Configurations with Docker" (the variables), its package
 * internal/config/image (precedence); nvidia-container-cli's requirement language. Where ours differs,
 * docs/runtime.md says so.
 */

/* A variable or annotation. */
struct nvb_pair {
	const char *name, *value;
};

/* The words of a container that can mean something here, as they stand; whoever reads a container fills it.
 */
struct nvb_asked {
	struct nvb_arena arena; /* holds all strings */
	struct nvb_pair *environment;
	size_t environment_count, environment_capacity;
	struct nvb_pair *annotations;
	size_t annotation_count, annotation_capacity;
	/* What stands behind NVB_DEVICE_MOUNTS in the destinations of mounts of /dev/null: "0", "imex/2". */
	const char **mounts;
	size_t mount_count, mount_capacity;
	bool privileged; /* CAP_SYS_ADMIN is in its bounding set */
};

#define NVB_DEVICE_MOUNTS "/var/run/nvidia-container-devices/"

void nvb_asked_release(struct nvb_asked *asked);
#define _cleanup_asked_ _cleanup_(nvb_asked_release)

/* Who may ask for what, and how: the configuration's [runtime]. Pointers are borrowed. */
struct nvb_asked_rules {
	bool environment; /* without CAP_SYS_ADMIN, too */
	bool mounts;
	bool imex;
	bool requirements;		  /* NVIDIA_REQUIRE_* counts */
	char *const *annotation_prefixes; /* NULL-terminated; NULL: "cdi.k8s.io/" */
	char *const *swarm_resources;	  /* variables read instead of NVIDIA_VISIBLE_DEVICES; NULL: none */
	unsigned capabilities;		  /* that may be asked for */
};

/* True for a variable whose value can matter: for those who read a container. */
bool nvb_asked_wants_variable(const struct nvb_asked_rules *rules, const char *name, size_t size);
bool nvb_asked_wants_annotation(const struct nvb_asked_rules *rules, const char *name);

/* The value of a variable (the last one of that name, as programs see it), or NULL. */
const char *nvb_asked_variable(const struct nvb_asked *asked, const char *name);

/* How it wants its GPUs held: the value of NVBIND_ISOLATION; NULL when it does not say so, or may not. */
const char *nvb_asked_isolation(const struct nvb_asked *asked, const struct nvb_asked_rules *rules);
#define NVB_ISOLATION_VARIABLE "NVBIND_ISOLATION"

/* An image from before NVIDIA_REQUIRE_CUDA: CUDA_VERSION alone says what it needs. */
bool nvb_asked_is_legacy(const struct nvb_asked *asked);

/*
 * What all that comes down to. *request stays NULL when no device is asked for, or none by somebody who may.
 * Annotations go before mounts and mounts before the environment; names of devices that are not NVIDIA's are
 * added to whatever else is asked for. What is ignored for want of permission is said to the log. Errors:
 * NVB_ERR_INVALID for a value that means nothing, NVB_ERR_PERMISSION for the rights to configure or monitor
 * MIG without CAP_SYS_ADMIN and for capabilities that the rules do not allow; the message begins with the
 * variable's name.
 */
int nvb_asked_request(const struct nvb_asked *asked, const struct nvb_asked_rules *rules,
	const struct nvb_log *log, struct nvb_request **request, nvb_error **err);

#endif
