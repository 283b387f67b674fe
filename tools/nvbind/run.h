/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_NVBIND_RUN_H
#define TOOLS_NVBIND_RUN_H

#include "base/str.h"
#include "inventory/inventory.h"
#include "lease/lease.h"
#include "plan/plan.h"
#include "request/request.h"

/* nvbind run: a container of docker, podman or bolt with GPUs, by that engine's own command line. */

/* A command line that is being made; failure is sticky. */
struct run_command {
	char **words;
	bool failed;
};

/* What is to be run. */
struct run {
	const char *image;
	char *const *command; /* NULL-terminated; empty: the image's own */
	const char *rootfs;   /* a directory to be the root, or NULL */
	bool rootless, dry_run;
	enum nvb_lease_mode isolation;
	struct nvb_request *request;
	struct nvb_inventory *inventory;
	struct nvb_plan *plan;
	struct nvb_lease *lease;
	char *pid_file; /* where podman writes the container's first process, or NULL */
};

void run_add(struct run_command *command, const char *word);
void run_add_option(struct run_command *command, const char *option, const char *value);
void run_addf(struct run_command *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The options that docker, podman and bolt spell alike, as they were given. */
void run_add_common(struct run_command *command);

/* What profiles ask for, as docker and podman spell it, but what the user has set otherwise. `own_limits`:
 * the engine sets limits with this process's rights, not with a daemon's. */
void run_add_settings(struct run_command *command, const struct run *run, bool own_limits);

/* Inventory and plan for what was asked; the engines that do this themselves do not need it. */
int run_make_plan(struct run *run, nvb_error **err);

/* The program of that name in PATH; NVB_ERR_NOT_FOUND says that it is not installed. malloc'd. */
int run_find_engine(const char *name, char **path, nvb_error **err);

/*
 * Adds --device for every device of the plan, by its CDI name. NVB_ERR_NOT_FOUND where no spec in
 * `directories` (NULL: the standard's) names it, NVB_ERR_STALE where a spec says another thing than this
 * host.
 */
int run_add_cdi_devices(
	struct run_command *command, struct run *run, char *const *directories, nvb_error **err);

/* Chooses run->pid_file, where that can be had. */
int run_make_pid_file(struct run *run, nvb_error **err);

/* Leases the plan's GPUs to this process and the program that it becomes. */
int run_take_lease(struct run *run, const char *engine, nvb_error **err);

/* Each adds its engine's whole command line. */
int run_docker(struct run_command *command, struct run *run, nvb_error **err);
int run_podman(struct run_command *command, struct run *run, nvb_error **err);
int run_bolt(struct run_command *command, struct run *run, nvb_error **err);

#endif
