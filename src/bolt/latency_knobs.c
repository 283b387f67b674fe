/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "bolt/latency.h"
#include "bolt/mode.h"
#include "knob/dial.h"
#include "knob/knob.h"
#include "lease/lease.h"

/* Knobs of GPUs and CPUs, taken as a container's are: planned, leased, recorded, turned. */
struct nvb_latency_knobs {
	struct nvb_plan *plan;
	struct nvb_lease *lease;
	struct nvb_knobs *knobs;
};

/* What is said in warning while knobs are turned is why one was not. */
struct listener {
	struct nvb_low_latency *latency;
	const struct nvb_log *log; /* the manager's, which hears it too */
	bool failed;
};

static void hear(void *data, enum nvb_log_level level, const char *message)
{
	struct listener *listener = data;

	nvb_log_at(listener->log, level, "%s", message);
	if (level <= NVB_LOG_WARNING &&
		nvb_latency_note(listener->latency, false, NULL, "knob", "%s", message) < 0)
		listener->failed = true;
}

static void request_freep(struct nvb_request **request)
{
	nvb_request_free(*request);
}

static int plan_knobs(
	nvb_manager *manager, const char *mode, const char *gpus, struct nvb_plan **plan, nvb_error **err)
{
	_cleanup_(request_freep) struct nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0)
		rc = nvb_mode_apply(mode, request, err);
	if (rc == 0)
		rc = nvb_request_add_gpus(request, gpus, err);
	return rc < 0 ? rc : nvb_manager_plan(manager, request, NVB_LAYOUT_FILES, NULL, plan, err);
}

static bool is_user(const struct nvb_knob_record *record, const char *name)
{
	for (size_t i = 0; i < record->user_count; i++)
		if (nvb_streq(record->users[i].container, name))
			return true;
	return false;
}

/* What the records say that this handle holds is what was turned, or was there already and is held. */
static int note_turned(struct nvb_low_latency *latency, const struct nvb_inventory *inventory,
	const char *name, nvb_error **err)
{
	struct nvb_knob_record *list = NULL;
	char text[NVB_KNOB_TEXT];
	size_t count = 0;
	int rc = nvb_knobs_list(nvb_knobs_root(inventory), &list, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		if (is_user(&list[i], name))
			rc = nvb_latency_note(latency, true, err, "knob", "%s of %s is %s",
				nvb_knob_names[list[i].knob], list[i].device,
				nvb_knob_describe(list[i].knob, list[i].set, text));
	nvb_knobs_list_free(list, count);
	return rc;
}

static int turn(struct nvb_low_latency *latency, const struct nvb_inventory *inventory, nvb_error **err)
{
	struct nvb_latency_knobs *knobs = latency->knobs;
	char name[64]; /* of this handle alone: a use is left by name */
	const struct nvb_lease_holder holder = {.engine = "nvbind", .container = name};
	const struct nvb_knob_user user = {.engine = "nvbind", .container = name};
	struct listener listener = {.latency = latency, .log = latency->manager->log};
	const struct nvb_log log = {.level = NVB_LOG_INFO, .emit = hear, .data = &listener};
	int rc;

	snprintf(name, sizeof(name), "low-latency-%d-%p", (int)getpid(), (void *)latency);
	rc = nvb_lease_take_plan(inventory, knobs->plan, NVB_LEASE_SHARED, &holder, &knobs->lease, err);
	if (rc == 0)
		rc = nvb_knobs_take(inventory, knobs->plan, false, &user, &log, &knobs->knobs, err);
	if (rc == 0 && listener.failed)
		rc = nvb_fail_oom(err);
	return rc == 0 && knobs->knobs ? note_turned(latency, inventory, name, err) : rc;
}

int nvb_latency_turn_knobs(struct nvb_low_latency *latency, const struct nvb_inventory *inventory,
	const char *mode, const char *gpus, nvb_error **err)
{
	nvb_error *why = NULL;
	int rc;

	latency->knobs = calloc(1, sizeof(*latency->knobs));
	if (!latency->knobs)
		return nvb_fail_oom(err);
	rc = plan_knobs(
		latency->manager, mode ? mode : "ultra", gpus ? gpus : "all", &latency->knobs->plan, &why);
	if (rc == 0)
		rc = turn(latency, inventory, &why);
	/* A host without GPUs has its CPUs and timers all the same; a GPU that was named must be there. */
	if (rc < 0 && !gpus && (rc == -NVB_ERR_UNSUPPORTED || rc == -NVB_ERR_NOT_FOUND))
		rc = nvb_latency_note(latency, false, err, "knob", "%s", nvb_error_message(why));
	else if (rc < 0) {
		nvb_error_move(err, why);
		return rc;
	}
	nvb_error_free(why);
	return rc;
}

void nvb_latency_knobs_back(struct nvb_low_latency *latency)
{
	struct nvb_latency_knobs *knobs = latency->knobs;

	if (!knobs)
		return;
	nvb_knobs_release(knobs->knobs, latency->manager->log);
	nvb_lease_release(knobs->lease);
	nvb_plan_free(knobs->plan);
	free(knobs);
	latency->knobs = NULL;
}
