/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "inventory/nvml_abi.h"
#include "lease/lease.h"
#include "mig/change.h"
#include "mig/reset.h"
#include "mig/session.h"
#include "mig/state.h"

/* Making a change, step by step, and putting back what was there when one fails. */

static struct nvb_mig_instance *instance_at(struct nvb_mig_gpu *gpu, uint32_t start)
{
	for (uint32_t i = 0; i < gpu->instance_count; i++)
		if (gpu->instances[i].place.start == start)
			return &gpu->instances[i];
	return NULL;
}

static const struct nvb_mig_compute *compute_at(const struct nvb_mig_instance *instance, uint32_t start)
{
	for (uint32_t i = 0; i < instance->compute_count; i++)
		if (instance->computes[i].place.start == start)
			return &instance->computes[i];
	return NULL;
}

/* NVML's answer as an error; what says more than its number does. */
static int step_failed(
	const struct nvb_mig *mig, const struct nvb_mig_step *step, int32_t result, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf what = {0};
	int rc;

	if (!nvb_mig_step_describe(mig, step, &what))
		return nvb_fail_oom(err);
	rc = nvb_nvml_fail(err, result, "%s", what.s);
	if (result == NVML_NO_PERMISSION)
		return nvb_hint(err, rc, "run it as root; in a container it takes the feature mig-config");
	if (result == NVML_IN_USE)
		return nvb_hint(err, rc,
			"the driver does not say by whom: monitoring (nvidia-smi, DCGM), nvidia-persistenced "
			"and Xorg count as well");
	return rc;
}

static int no_such_instance(const struct nvb_mig *mig, const struct nvb_mig_step *step, nvb_error **err)
{
	return nvb_fail(err, NVB_ERR_STALE, "GPU %u: there is no GPU instance at memory slice %u any more",
		mig->gpus[step->gpu].index, step->start);
}

/* The request of a step; ids are looked up in what is known of the card now. */
static int make_request(struct nvb_mig *mig, const struct nvb_mig_step *step, struct nvb_mig_request *request,
	nvb_error **err)
{
	struct nvb_mig_gpu *gpu = &mig->gpus[step->gpu];
	const struct nvb_mig_compute *compute;
	const struct nvb_mig_instance *instance;

	*request = (struct nvb_mig_request){.gpu = gpu->nvml, .place = step->place, .what = step->profile_id};
	switch (step->kind) {
	case NVB_MIG_STEP_MODE:
		request->op = NVB_MIG_OP_MODE;
		request->what = step->on;
		return 0;
	case NVB_MIG_STEP_CREATE_GI:
		request->op = NVB_MIG_OP_CREATE_GI;
		return 0;
	case NVB_MIG_STEP_RESET:
	case NVB_MIG_STEP_CREATE_CI:
	case NVB_MIG_STEP_DESTROY_GI:
	case NVB_MIG_STEP_DESTROY_CI:
		break;
	}
	instance = instance_at(gpu, step->start);
	if (!instance)
		return no_such_instance(mig, step, err);
	request->gi = instance->id;
	request->op = step->kind == NVB_MIG_STEP_CREATE_CI    ? NVB_MIG_OP_CREATE_CI
		      : step->kind == NVB_MIG_STEP_DESTROY_GI ? NVB_MIG_OP_DESTROY_GI
							      : NVB_MIG_OP_DESTROY_CI;
	if (step->kind != NVB_MIG_STEP_DESTROY_CI)
		return 0;
	compute = compute_at(instance, step->place.start);
	if (!compute)
		return no_such_instance(mig, step, err);
	request->ci = compute->id;
	return 0;
}

/* A new GI is known by its id from now on; all else is read when the change is through. */
static void note_instance(struct nvb_mig_gpu *gpu, const struct nvb_mig_step *step, uint32_t id)
{
	if (gpu->instance_count == NVB_MIG_INSTANCES)
		return;
	gpu->instances[gpu->instance_count++] =
		(struct nvb_mig_instance){.id = id, .profile_id = step->profile_id, .place = step->place};
}

static void forget_instance(struct nvb_mig_gpu *gpu, uint32_t start)
{
	struct nvb_mig_instance *instance = instance_at(gpu, start);

	if (instance)
		memmove(instance, instance + 1,
			(size_t)(&gpu->instances[--gpu->instance_count] - instance) * sizeof(*instance));
}

static int waits_for_reset(const struct nvb_mig *mig, const struct nvb_mig_step *step, nvb_error **err)
{
	int rc = nvb_fail(err, NVB_ERR_BUSY,
		"GPU %u: MIG is switched %s only with the GPU's next reset, since something has it open or "
		"the "
		"card cannot do otherwise",
		mig->gpus[step->gpu].index, step->on ? "on" : "off");

	return nvb_hint(err, rc,
		"stop what has it open (DCGM, nvidia-persistenced, Xorg) and try again, or allow it with "
		"--reset; in a virtual machine reboot it");
}

/* *wait is set when the mode waits for a reset. */
static int set_mode(struct nvb_mig *mig, const struct nvb_mig_step *step, bool *wait, nvb_error **err)
{
	int rc = nvb_mig_read_again(mig, step->gpu, err);

	*wait = rc == 0 && mig->gpus[step->gpu].enabled != step->on;
	return rc;
}

static int make_step(struct nvb_mig *mig, const struct nvb_mig_step *step, bool *wait, nvb_error **err)
{
	struct nvb_mig_gpu *gpu = &mig->gpus[step->gpu];
	struct nvb_mig_request request;
	uint32_t value;
	int32_t result;
	int rc = make_request(mig, step, &request, err);

	*wait = false;
	if (rc == 0)
		rc = nvb_mig_session_change(mig->session, &request, &result, &value, err);
	if (rc < 0)
		return rc;
	if (result != NVML_OK)
		return step_failed(mig, step, result, err);
	switch (step->kind) {
	case NVB_MIG_STEP_MODE:
		return set_mode(mig, step, wait, err);
	case NVB_MIG_STEP_CREATE_GI:
		note_instance(gpu, step, value);
		break;
	case NVB_MIG_STEP_DESTROY_GI:
		forget_instance(gpu, step->start);
		nvb_mig_unmark(mig->state, gpu->pci, step->start);
		break;
	case NVB_MIG_STEP_RESET:
	case NVB_MIG_STEP_CREATE_CI:
	case NVB_MIG_STEP_DESTROY_CI:
		break;
	}
	return 0;
}

/* A mode that waits: the reset that is allowed, the rest left out, or a failure. */
static int on_wait(struct nvb_mig *mig, const struct nvb_mig_step *step,
	const struct nvb_mig_run_options *options, bool *left_out, nvb_error **err)
{
	int rc;

	if (options && options->reset) {
		struct nvb_mig_step reset = {.kind = NVB_MIG_STEP_RESET, .gpu = step->gpu};

		if (options->step)
			options->step(options->data, mig, &reset);
		rc = nvb_mig_reset(mig, step->gpu, err);
		if (rc < 0)
			return rc;
		return mig->gpus[step->gpu].enabled == step->on ? 0 : waits_for_reset(mig, step, err);
	}
	*left_out = options && options->pending;
	return *left_out ? 0 : waits_for_reset(mig, step, err);
}

static int make_steps(struct nvb_mig *mig, const struct nvb_mig_change *change,
	const struct nvb_mig_run_options *options, nvb_error **err)
{
	size_t left_out = SIZE_MAX; /* GPU whose further steps are */

	for (size_t i = 0; i < change->count; i++) {
		const struct nvb_mig_step *step = &change->steps[i];
		bool wait, leave = false;
		int rc;

		if (step->gpu == left_out)
			continue;
		if (options && options->step)
			options->step(options->data, mig, step);
		rc = make_step(mig, step, &wait, err);
		/* From now on it is who switched it whose mode it is. */
		if (rc == 0 && step->kind == NVB_MIG_STEP_MODE && !(options && options->on_demand))
			nvb_mig_unmark_mode(mig->state, mig->gpus[step->gpu].pci);
		if (rc == 0 && wait)
			rc = on_wait(mig, step, options, &leave, err);
		if (rc < 0)
			return rc;
		if (leave)
			left_out = step->gpu;
	}
	return 0;
}

static bool changes(const struct nvb_mig_change *change, size_t gpu)
{
	for (size_t i = 0; i < change->count; i++)
		if (change->steps[i].gpu == gpu)
			return true;
	return false;
}

static int note_before(const struct nvb_mig *mig, const struct nvb_mig_change *change,
	struct nvb_mig_before *before, nvb_error **err)
{
	before->pid = getpid();
	before->started = nvb_proc_start_time(before->pid);
	for (size_t g = 0; g < mig->gpu_count; g++) {
		struct nvb_mig_former *former;

		if (!changes(change, g))
			continue;
		if (!NVB_GROW(before->list, before->count, before->capacity))
			return nvb_fail_oom(err);
		former = &before->list[before->count++];
		memcpy(former->pci, mig->gpus[g].pci, sizeof(former->pci));
		nvb_mig_layout_of(&mig->gpus[g], &former->layout);
	}
	return nvb_mig_before_write(mig->state, before, err);
}

/* After a failure the child may be gone, and what it had done is unknown. */
static int read_changed(struct nvb_mig *mig, const struct nvb_mig_before *before, nvb_error **err)
{
	int rc = 0;

	if (!mig->session || !mig->session->process.pid) {
		nvb_mig_session_close(NVB_TAKE_PTR(mig->session));
		rc = nvb_mig_session_open(mig->inventory, &mig->session, err);
	}
	for (size_t g = 0; rc == 0 && g < mig->gpu_count; g++)
		for (size_t i = 0; rc == 0 && i < before->count; i++)
			if (nvb_streq(before->list[i].pci, mig->gpus[g].pci))
				rc = nvb_mig_read_again(mig, g, err);
	return rc;
}

static int change_back(const struct nvb_mig *mig, const struct nvb_mig_before *before,
	struct nvb_mig_change *change, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < before->count; i++) {
		size_t gpu;

		rc = nvb_mig_find_gpu(mig, before->list[i].pci, &gpu, err);
		if (rc == 0)
			rc = nvb_mig_change_to(mig, gpu, &before->list[i].layout, change, err);
	}
	return rc;
}

/* What was there before, again. `options` for the reset that a mode may need. */
static int put_back(struct nvb_mig *mig, const struct nvb_mig_before *before,
	const struct nvb_mig_run_options *options, nvb_error **err)
{
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	struct nvb_mig_run_options quiet = {.reset = options && options->reset};
	int rc = read_changed(mig, before, err);

	if (rc == 0)
		rc = change_back(mig, before, &change, err);
	if (rc == 0)
		rc = make_steps(mig, &change, &quiet, err);
	if (rc == 0)
		rc = read_changed(mig, before, err);
	if (rc == 0)
		rc = nvb_mig_before_remove(mig->state, err);
	return rc;
}

static int failed(struct nvb_mig *mig, const struct nvb_mig_before *before,
	const struct nvb_mig_run_options *options, int rc, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;

	if (put_back(mig, before, options, &why) == 0) {
		for (size_t g = 0; g < mig->gpu_count; g++)
			nvb_mig_make_nodes(mig, g);
		nvb_info(mig->log, "what was there before has been put back");
		return rc;
	}
	rc = nvb_wrap(err, rc, "what was there before could not be put back (%s)", nvb_error_message(why));
	return nvb_hint(err, rc, "'nvbind mig recover' tries again, 'nvbind mig list' shows what is there");
}

/* Leases on what is taken away: whoever holds one is named, and nobody gets it meanwhile. */
static int add_device(struct nvb_lease_devices *devices, const char *key, const char *parent,
	const char *name, nvb_error **err)
{
	struct nvb_lease_device *device;

	if (!NVB_GROW(devices->list, devices->count, devices->capacity))
		return nvb_fail_oom(err);
	device = &devices->list[devices->count++];
	*device = (struct nvb_lease_device){
		.key = strdup(key), .parent = parent ? strdup(parent) : NULL, .name = strdup(name)};
	return device->key && device->name && (!parent || device->parent) ? 0 : nvb_fail_oom(err);
}

static bool switches(const struct nvb_mig_change *change, size_t gpu)
{
	for (size_t i = 0; i < change->count; i++)
		if (change->steps[i].gpu == gpu && change->steps[i].kind == NVB_MIG_STEP_MODE)
			return true;
	return false;
}

/* A card that is held as a whole is held with its parts. */
static int device_of_step(struct nvb_mig *mig, const struct nvb_mig_change *change,
	const struct nvb_mig_step *step, struct nvb_lease_devices *devices, nvb_error **err)
{
	struct nvb_mig_gpu *gpu = &mig->gpus[step->gpu];
	const struct nvb_mig_instance *instance;
	const struct nvb_mig_compute *compute;
	char key[128], name[64];

	if (step->kind == NVB_MIG_STEP_MODE) {
		snprintf(name, sizeof(name), "%u", gpu->index);
		return add_device(devices, gpu->pci, NULL, name, err);
	}
	if (step->kind != NVB_MIG_STEP_DESTROY_CI || switches(change, step->gpu))
		return 0;
	instance = instance_at(gpu, step->start);
	compute = instance ? compute_at(instance, step->place.start) : NULL;
	if (!compute)
		return 0;
	snprintf(key, sizeof(key), "%s-gi%u-ci%u", gpu->pci, instance->id, compute->id);
	return add_device(devices, key, gpu->pci, *compute->uuid ? compute->uuid : key, err);
}

static int take_leases(
	struct nvb_mig *mig, const struct nvb_mig_change *change, struct nvb_lease **lease, nvb_error **err)
{
	static const struct nvb_lease_holder holder = {.engine = "nvbind mig"};
	struct nvb_lease_devices devices = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < change->count; i++)
		rc = device_of_step(mig, change, &change->steps[i], &devices, err);
	if (rc == 0 && devices.count)
		rc = nvb_lease_take(
			&mig->inventory->roots.dev, &devices, NVB_LEASE_EXCLUSIVE, &holder, lease, err);
	nvb_lease_devices_release(&devices);
	return rc;
}

static bool lacks_uuid(const struct nvb_mig *mig)
{
	for (size_t g = 0; g < mig->gpu_count; g++)
		for (uint32_t i = 0; i < mig->gpus[g].instance_count; i++)
			for (uint32_t c = 0; c < mig->gpus[g].instances[i].compute_count; c++)
				if (!*mig->gpus[g].instances[i].computes[c].uuid)
					return true;
	return false;
}

/* What is there now. A library may know the MIG devices there were when it was loaded: then by another one.
 */
static int read_result(struct nvb_mig *mig, const struct nvb_mig_before *before, nvb_error **err)
{
	int rc = read_changed(mig, before, err);

	if (rc == 0 && lacks_uuid(mig)) {
		nvb_mig_session_close(NVB_TAKE_PTR(mig->session));
		rc = read_changed(mig, before, err);
	}
	return rc;
}

/* Under leases. */
static int run_recorded(struct nvb_mig *mig, const struct nvb_mig_change *change,
	const struct nvb_mig_run_options *options, nvb_error **err)
{
	_cleanup_mig_before_ struct nvb_mig_before before = {0};
	int rc = note_before(mig, change, &before, err);

	if (rc < 0)
		return rc;
	rc = make_steps(mig, change, options, err);
	if (rc == 0)
		rc = read_result(mig, &before, err);
	if (rc < 0)
		return failed(mig, &before, options, rc, err);
	for (size_t g = 0; g < mig->gpu_count; g++)
		if (changes(change, g))
			nvb_mig_make_nodes(mig, g);
	return nvb_mig_before_remove(mig->state, err);
}

int nvb_mig_change_run(struct nvb_mig *mig, const struct nvb_mig_change *change,
	const struct nvb_mig_run_options *options, nvb_error **err)
{
	struct nvb_lease *lease = NULL;
	int rc;

	if (!change->count)
		return 0;
	rc = nvb_mig_change_is_free(mig, change, err);
	if (rc == 0)
		rc = take_leases(mig, change, &lease, err);
	if (rc == 0)
		rc = run_recorded(mig, change, options, err);
	nvb_lease_release(lease);
	return rc;
}

int nvb_mig_recover(struct nvb_mig *mig, bool forget, bool *found, nvb_error **err)
{
	_cleanup_mig_before_ struct nvb_mig_before before = {0};
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	struct nvb_lease *lease = NULL;
	int rc;

	*found = nvb_mig_before_exists(mig->state);
	if (!*found)
		return 0;
	if (forget)
		return nvb_mig_before_remove(mig->state, err);
	rc = nvb_mig_before_read(mig->state, &before, err);
	if (rc == 0)
		rc = change_back(mig, &before, &change, err);
	if (rc == 0)
		rc = nvb_mig_change_is_free(mig, &change, err);
	if (rc == 0)
		rc = take_leases(mig, &change, &lease, err);
	if (rc == 0)
		rc = put_back(mig, &before, NULL, err);
	nvb_lease_release(lease);
	if (rc < 0)
		return rc;
	for (size_t g = 0; g < mig->gpu_count; g++)
		if (changes(&change, g))
			nvb_mig_make_nodes(mig, g);
	mig->unfinished = false;
	nvb_warning(mig->log,
		"process %d was killed while it changed MIG: what was there before has been put back",
		before.pid);
	return 0;
}
