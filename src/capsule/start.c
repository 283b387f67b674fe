/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/start.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "capsule/bolt_ops.h"
#include "capsule/bring.h"
#include "capsule/filter_cache.h"
#include "capsule/knobs.h"
#include "capsule/mounts.h"
#include "capsule/program.h"
#include "capsule/rootless.h"
#include "capsule/schedule.h"
#include "capsule/summary.h"
#include "capsule/userns.h"

/* Each function is a step, in this order. */

static int make_plan(struct nvb_start *start, nvb_error **err)
{
	return nvb_bolt_setup_gpus(
		start->host, start->definition, start->spec->name, &start->request, &start->gpu, err);
}

/* runc first: it needs nothing but CRIU, where crun also has to load a libcriu, of which its version does not
 * tell whether it is there. */
static int choose_restoring(struct nvb_start *start, char *const *candidates, nvb_error **err)
{
	_cleanup_strv_ char **able = NULL;
	_cleanup_error_ nvb_error *why = NULL;
	int rc;

	if (!nvb_strv_add(&able, "runc"))
		return nvb_fail_oom(err);
	nvb_strv_foreach (name, candidates)
		if (!nvb_streq(*name, "runc") && nvb_runtime_restores(*name) && !nvb_strv_add(&able, *name))
			return nvb_fail_oom(err);
	rc = nvb_runtime_choose(&start->state, able, &start->runtime, start->host->log, &why);
	if (rc != -NVB_ERR_NOT_FOUND) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc < 0 ? nvb_wrap(err, rc, "restoring") : 0;
	}
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_NOT_FOUND,
			"restoring takes runc, or a crun that was built with CRIU; neither is here"),
		"install runc: what ran under another runtime is restored by it, too");
}

/* Once this is done, mounts are ours alone and signals wait for us. */
static int enter(struct nvb_start *start, nvb_error **err)
{
	const char *only[] = {start->spec->runtime, NULL};
	char *const *candidates = start->spec->runtime ? (char *const *)only : start->host->runtimes;
	int rc = nvb_state_open(&start->state, err);
	bool rootless = start->state.rootless;

	if (rc == 0 && rootless)
		rc = nvb_rootless_enter(&start->state, &start->narrow, start->host->log, err);
	if (rc == 0)
		rc = nvb_mounts_private(start->state.workspace, err);
	if (rc < 0 && rootless)
		rc = nvb_userns_hint(err, rc);
	if (rc == 0 && start->entered)
		rc = start->entered(start, err);
	if (rc < 0)
		return rc;
	/* For one under a supervisor whoever asked for it has looked what dead bolts left. */
	if (!rootless && !start->entry.run)
		nvb_state_sweep(&start->state, start->host->log);
	if (!rootless)
		nvb_capsule_settle_knobs(start->host);
	if (start->restores)
		return choose_restoring(start, candidates, err);
	return nvb_runtime_choose(&start->state, candidates, &start->runtime, start->host->log, err);
}

static int open_image(struct nvb_start *start, nvb_error **err)
{
	int rc = start->image_open ? 0 : nvb_image_bring(start->host, start->spec, &start->image, err);

	start->image_open = rc == 0;
	return rc;
}

static int record(struct nvb_start *start, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf command = {0}, ports = {0};
	struct nvb_entry_options options = {
		.name = start->spec->name,
		.image = start->spec->image,
		.runtime = start->runtime,
		.keep = !start->spec->remove,
		.cgroup = !start->state.rootless,
	};

	nvb_capsule_summary(start->spec, &start->image, &command, &ports);
	options.command = command.s;
	options.ports = ports.s;
	return nvb_entry_begin(&start->state, &options, &start->entry, err);
}

static int begin(struct nvb_start *start, nvb_error **err)
{
	int rc = start->entry.run ? nvb_entry_use_runtime(&start->state, &start->entry, start->runtime, err)
				  : record(start, err);

	/* What it was made from, for whoever asks or starts it again. */
	if (rc == 0 && !start->entry.resumed)
		rc = nvb_definition_save(start->definition, start->entry.data, false, err);
	if (rc < 0)
		return rc;
	if (!start->entry.cgroup && nvb_resources_any(&start->spec->resources))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"limits of memory, processors and processes need a control group, which a capsule "
			"run "
			"without root has not");
	start->no_cpuset = !start->entry.cgroup || !nvb_schedule_has_cpuset();
	if (start->spec->hostname)
		snprintf(start->hostname, sizeof(start->hostname), "%s", start->spec->hostname);
	else if (start->spec->network != NVB_NETWORK_HOST ||
		 gethostname(start->hostname, sizeof(start->hostname) - 1) < 0)
		snprintf(start->hostname, sizeof(start->hostname), "%.12s", start->entry.id);
	return 0;
}

/* It has our life, then, once it runs, that of the container, which a killed bolt leaves running. */
static int lease_gpus(struct nvb_start *start, nvb_error **err)
{
	_cleanup_free_ char *state = NULL;
	struct nvb_lease_holder holder = {.engine = "bolt", .container = start->entry.id};

	if (!start->gpu.plan)
		return 0;
	if (asprintf(&state, "%s/%s", start->entry.runtime_root, start->entry.id) < 0)
		return nvb_fail_oom(err);
	holder.runtime_state = state;
	return nvb_isolation_take(start->gpu.grant, start->request, start->gpu.inventory, start->gpu.plan,
		&holder, &start->lease, err);
}

static int connect_networks(struct nvb_start *start, nvb_error **err)
{
	return nvb_capsule_network(&start->state, &start->entry, start->spec, start->hostname,
		start->host->log, &start->connection, start->netns, err);
}

int nvb_start_launch(struct nvb_start *start, nvb_error **err)
{
	start->launch.entry = &start->entry;
	start->launch.bundle = start->state.workspace;
	start->launch.hold = !start->launch.images && nvb_schedule_wanted(start->gpu.plan, start->no_cpuset);
	return nvb_launch_begin(&start->launch, err);
}

int nvb_start_note(struct nvb_start *start, pid_t init, nvb_error **err)
{
	int rc = nvb_entry_started(&start->entry, init, err);

	if (start->launch.hold) {
		nvb_schedule_apply(start->gpu.plan, start->no_cpuset, init, start->host->log);
		if (rc == 0)
			rc = nvb_launch_start(&start->launch, start->process.args[0], err);
	}
	nvb_debug(start->host->log, "the container runs as process %d", init);
	start->started = true;
	if (nvb_start_compiles_filter(start))
		nvb_filter_keep(&start->state, &start->entry, start->seccomp.s, NULL);
	if (rc == 0 && start->connection)
		rc = nvb_network_started(start->connection, init, err);
	if (rc == 0)
		rc = nvb_knobs_adopt(start->knobs, init, err);
	return rc < 0 ? rc : nvb_lease_adopt(start->lease, init, err);
}

int nvb_start_check_program(const struct nvb_start *start, int *status, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *path = NULL;
	int rc;

	if (asprintf(&path, "%s/rootfs", start->state.workspace) < 0)
		return nvb_fail_oom(err);
	rc = nvb_root_open(&root, path, err);
	return rc < 0 ? rc
		      : nvb_program_check(&root, start->spec, start->gpu.plan, &start->process, status, err);
}

/* The way from the request to a bundle. Its debug messages, with --log-format json, tell where time goes. */
int nvb_start_prepare(struct nvb_start *start, nvb_error **err)
{
	static const struct {
		int (*take)(struct nvb_start *start, nvb_error **err);
		const char *done;
	} steps[] = {
		{make_plan, "GPUs are planned"},
		{open_image, "the image is open"},
		{enter, "mounts and signals are private, the runtime is chosen"},
		{begin, "the capsule is recorded"},
		{lease_gpus, "GPUs are leased"},
		{connect_networks, "its networks are there"},
		{nvb_start_make_root, "the root is mounted"},
		{nvb_start_make_bundle, "the bundle is written"},
		{nvb_start_turn_knobs, "knobs are turned"},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(steps); i++) {
		rc = steps[i].take(start, err);
		if (rc == 0)
			nvb_debug(start->host->log, "%s", steps[i].done);
	}
	return rc;
}

void nvb_start_init(struct nvb_start *start, const struct nvb_run_host *host,
	const struct nvb_capsule_definition *definition)
{
	*start = (struct nvb_start){
		.host = host,
		.definition = definition,
		.spec = &definition->spec,
		.entry = NVB_ENTRY_INIT,
		.rootfs = NVB_ROOTFS_INIT,
	};
}

void nvb_start_give_back(struct nvb_start *start)
{
	/* Under the lease, while nobody else can have taken the GPU for himself. */
	nvb_knobs_release(NVB_TAKE_PTR(start->knobs), start->host->log);
	nvb_isolation_end(
		start->gpu.grant, start->gpu.inventory, NVB_TAKE_PTR(start->lease), start->host->log);
}

void nvb_start_unmount(struct nvb_start *start)
{
	nvb_rootfs_unmount(&start->rootfs);
	nvb_rootfs_close(&start->rootfs);
	if (start->image_open)
		nvb_image_close(&start->image);
	start->image_open = false;
}

void nvb_start_release(struct nvb_start *start)
{
	nvb_knobs_free(start->knobs);
	nvb_connection_free(start->connection);
	nvb_process_release(&start->process);
	nvb_sb_release(&start->seccomp);
	free(start->filter);
	nvb_gpu_plan_release(&start->gpu);
	nvb_request_free(start->request);
	nvb_state_close(&start->state);
	free(start->runtime);
	free(start->narrow);
}
