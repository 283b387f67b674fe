/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_PROJECT_H
#define NVB_BOLTFILE_PROJECT_H

#include "boltfile/boltfile.h"
#include "boltfile/define.h"
#include "boltfile/jobs.h"
#include "capsule/capsules.h"
#include "capsule/lifecycle.h"
#include "capsule/state.h"

/* The capsules of a Boltfile's project: those that are there, and bringing them to where the file wants them.
 * A capsule is known by its labels (define.h), whatever it is called. */
struct nvb_project_capsule {
	struct nvb_capsule_info info;
	char *service;
	unsigned number;
};

/* Whether it runs or is about to: paused and restarting count. */
bool nvb_capsule_is_up(const struct nvb_capsule_info *info);

struct nvb_project_capsules {
	struct nvb_project_capsule *list;
	size_t count, capacity;
};

/* By service in the order of the file, then by number; those of services that the file does not have (any
 * more) at the end. */
int nvb_project_capsules_read(const struct nvb_state *state, const struct nvb_boltfile *file,
	struct nvb_project_capsules *capsules, nvb_error **err);
void nvb_project_capsules_release(struct nvb_project_capsules *capsules);
#define _cleanup_capsules_ _cleanup_(nvb_project_capsules_release)

/* What work on a project takes. */
struct nvb_project {
	const struct nvb_boltfile *file;
	const struct nvb_run_host *host;
	const struct nvb_state *state;
	struct nvb_define_host define;
};

/* What became of one capsule: the `result` of its job. */
enum nvb_up_result { NVB_UP_UNCHANGED, NVB_UP_STARTED, NVB_UP_CREATED, NVB_UP_RECREATED };

/* A capsule that is to be brought up. */
struct nvb_up_capsule {
	const struct nvb_service *service;
	unsigned number;
	const char *name;
	unsigned vague_looks; /* up.c's own */
};

/*
 * The jobs of `up`: one for each capsule of the services that are wanted, in the order of depends_on. Fill in
 * `changed`, `turn`, `extra` and `data` (which `changed` and `turn` get), then nvb_jobs_run.
 */
struct nvb_up {
	const struct nvb_project *project;
	bool recreate; /* also what has not changed */
	struct nvb_up_capsule *capsules;
	struct nvb_jobs jobs;
	struct nvb_arena arena;
	void (*changed)(void *data, const struct nvb_job *job);
	int (*turn)(void *data);
	void *data;
};
int nvb_up_prepare(const struct nvb_project *project, const bool *wanted, bool recreate, struct nvb_up *up,
	nvb_error **err);
void nvb_up_release(struct nvb_up *up);
#define _cleanup_up_ _cleanup_(nvb_up_release)

/* Starts a capsule that is there, in a job of work before whose preparation dead bolts were looked after. */
int nvb_project_start_capsule(const struct nvb_project *project, const char *id, nvb_error **err);

/* Makes the networks and volumes of the file that its wanted services use and that are not there. */
int nvb_project_make_parts(const struct nvb_project *project, const bool *wanted, nvb_error **err);

/* Removes one with all its files, whoever the user is; one that runs, too. */
struct nvb_project_removal {
	const struct nvb_run_host *host;
	const struct nvb_state *state;
	const char *id;
};
int nvb_project_remove_capsule(const struct nvb_project_removal *removal, nvb_error **err);

/* The value of a label; NULL when there is none. */
const char *nvb_label(const struct nvb_capsule_definition *definition, const char *key);

/* What is done to capsules that are there, dependents first; `which` says which of them, NULL: all. */
enum nvb_project_action {
	NVB_PROJECT_STOP,
	NVB_PROJECT_REMOVE, /* stops first */
	NVB_PROJECT_KILL,
	NVB_PROJECT_START,   /* dependents last */
	NVB_PROJECT_RESTART, /* dependents last */
};

struct nvb_project_work {
	const struct nvb_project *project;
	enum nvb_project_action action;
	int64_t timeout;  /* seconds; -1: each capsule's own */
	const char **ids; /* by job; borrowed from the capsules */
	const char **services;
	struct nvb_jobs jobs;
	struct nvb_arena arena;
};
int nvb_project_work_prepare(const struct nvb_project *project, const struct nvb_project_capsules *capsules,
	const bool *which, enum nvb_project_action action, struct nvb_project_work *work, nvb_error **err);
void nvb_project_work_release(struct nvb_project_work *work);
#define _cleanup_work_ _cleanup_(nvb_project_work_release)

/* Takes the project's own networks away, and with `volumes` its volumes; what is external stays. */
int nvb_project_remove_parts(const struct nvb_project *project, bool volumes, nvb_error **err);

#endif
