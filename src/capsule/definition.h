/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_DEFINITION_H
#define NVB_CAPSULE_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/str.h"
#include "capsule/spec.h"
#include "request/request.h"
#include "supervisor/health.h"
#include "supervisor/log.h"

/*
 * All that a user asked for when a capsule was made, by flags or a Boltfile. Nothing in it is resolved: which
 * GPU "all" is, what a profile says, what the image holds is looked up at every start, so that a capsule
 * follows its host. It is kept as <data>/capsules/<id>/definition.json. One table (definition_fields.c) names
 * every field: reading, writing, `capsule inspect` and defaults come from it, and a new field is one row.
 */

enum nvb_restart {
	NVB_RESTART_NO,
	NVB_RESTART_ON_FAILURE,	    /* a status that is not 0; `restart_retries` times, 0: always again */
	NVB_RESTART_ALWAYS,	    /* also when the host has started */
	NVB_RESTART_UNLESS_STOPPED, /* the same, but not one that somebody stopped */
};

/* Seconds; the first is docker's default. Longer than a year nobody waits for a program to end. */
enum { NVB_STOP_TIMEOUT = 10, NVB_STOP_TIMEOUT_MOST = 365 * 24 * 3600 };

struct nvb_capsule_definition {
	struct nvb_capsule_spec spec; /* its arena holds the strings here, too */

	/* GPUs, as they were asked for. */
	char **gpus, **docker_gpus, **cdi_devices;
	const char *capabilities; /* "compute,utility"; NULL: the default, or what the profiles say */
	char **profiles;
	const char *isolation;				  /* "shared", ...; NULL: shared */
	const char *gpu_memory_limit, *gpu_compute_limit; /* "8GB", "80%"; NULL: none */
	const char *mig_match;				  /* "up", "strict", "down"; NULL: up */
	char **gpu_settings; /* what else is said of them: "gaming.profile=competitive" (gpu_words.h) */
	bool snapshot_gpu_state; /* the state of its GPUs shall be kept by snapshots */

	enum nvb_restart restart;
	uint64_t restart_retries;
	uint64_t stop_timeout;		/* seconds between the stop signal and SIGKILL */
	struct nvb_health_check health; /* zeroed: the image's */
	struct nvb_log_options log;
	char **labels; /* "KEY=VALUE" */
};

/* Docker's defaults. */
void nvb_capsule_definition_init(struct nvb_capsule_definition *definition);
void nvb_capsule_definition_release(struct nvb_capsule_definition *definition);
#define _cleanup_definition_ _cleanup_(nvb_capsule_definition_release)

/* One word of a command line or a value of a Boltfile into the definition, checked as far as it can be
 * without looking at the host. What is a part of the spec has its function in capsule/spec.h. */

int nvb_definition_set_image(struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
/* Copies the words; NULL or none: the image's own. */
int nvb_definition_set_command(
	struct nvb_capsule_definition *definition, const char *const *words, nvb_error **err);
/* "0", "gpu:all", "GPU-..." */
int nvb_definition_add_gpu(struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
/* Docker's --gpus. */
int nvb_definition_add_docker_gpus(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
int nvb_definition_add_cdi_device(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
/* --device: a CDI name, or a device of the host. */
int nvb_definition_add_device(struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
int nvb_definition_set_capabilities(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
int nvb_definition_add_profile(struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
int nvb_definition_set_isolation(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
int nvb_definition_set_gpu_memory_limit(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
int nvb_definition_set_gpu_compute_limit(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
int nvb_definition_set_mig_match(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
/* "gaming.profile=competitive", see gpu_words.h */
int nvb_definition_add_gpu_setting(
	struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
/* "no", "on-failure[:RETRIES]", "always", "unless-stopped" */
int nvb_definition_set_restart(struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
/* Seconds, NVB_STOP_TIMEOUT_MOST at most. */
int nvb_definition_set_stop_timeout(
	struct nvb_capsule_definition *definition, uint64_t seconds, nvb_error **err);
/* "KEY=VALUE" or "KEY" */
int nvb_definition_add_label(struct nvb_capsule_definition *definition, const char *text, nvb_error **err);

/* "on-failure:3"; buffer of at least 40 bytes, returned. */
const char *nvb_definition_restart_text(
	const struct nvb_capsule_definition *definition, char *buffer, size_t size);
extern const struct nvb_choice nvb_restart_policies[];

/* Once all is said: what must fit together (a profile without a GPU, --rm with a restart policy). Settles the
 * network. */
int nvb_definition_check(struct nvb_capsule_definition *definition, nvb_error **err);

bool nvb_definition_wants_gpus(const struct nvb_capsule_definition *definition);

/* The request that the GPU words make; `profiles` is the directory of installed ones (profile.h). */
int nvb_definition_request(const struct nvb_capsule_definition *definition, const char *profiles,
	struct nvb_request **request, nvb_error **err);

enum nvb_definition_scope {
	NVB_DEFINITION_SAID, /* fields that differ from their default */
	NVB_DEFINITION_ALL,  /* every field, as `inspect` shows it */
};

/* Appends the definition as a JSON object, `indent` tabs in from the margin. */
void nvb_definition_write(const struct nvb_capsule_definition *definition, enum nvb_definition_scope scope,
	unsigned indent, struct nvb_strbuf *out);

/*
 * Reads such an object into a definition that nvb_capsule_definition_init made. What it holds is checked as
 * flags are (NVB_ERR_INVALID ...); a field that is not known, or of another type, is NVB_ERR_CORRUPT, with
 * the place.
 */
int nvb_definition_read(
	struct nvb_capsule_definition *definition, const char *text, size_t size, nvb_error **err);

/* The file in a capsule's directory (<data>/capsules/<id>), replaced whole or not at all; `flush` also
 * waits for the disk. */
int nvb_definition_save(
	const struct nvb_capsule_definition *definition, const char *directory, bool flush, nvb_error **err);
int nvb_definition_load(struct nvb_capsule_definition *definition, const char *directory, nvb_error **err);

#endif
