/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "sim/nvml/library.h"

/* What a set waits for on each GPU, and how far it has read. */
struct nvml_event_set_handle {
	uint64_t wanted[SIM_GPU_MAX];
	uint64_t seen;
};

#define EVENTS_SUPPORTED                                                                      \
	(NVML_EVENT_ECC_SINGLE | NVML_EVENT_ECC_DOUBLE | NVML_EVENT_PSTATE | NVML_EVENT_XID | \
		NVML_EVENT_CLOCK)

API(nvmlDeviceGetSupportedEventTypes, nvml_device device, uint64_t *types)
{
	ENTER(device, FOR_GPU, types);
	*types = EVENTS_SUPPORTED;
	if (!(gpu.features & SIM_HAS_ECC))
		*types &= ~(NVML_EVENT_ECC_SINGLE | NVML_EVENT_ECC_DOUBLE);
	return NVML_OK;
}

API(nvmlEventSetCreate, nvml_event_set *set)
{
	struct sim_event_ring ring;
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!set)
		return NVML_INVALID_ARGUMENT;
	nvml_event_set created = calloc(1, sizeof(*created));
	if (!created)
		return NVML_MEMORY;
	sim_read_events(library_state(), &ring);
	created->seen = ring.last;
	*set = created;
	return NVML_OK;
}

API(nvmlEventSetFree, nvml_event_set set)
{
	if (!set)
		return NVML_INVALID_ARGUMENT;
	free(set);
	return NVML_OK;
}

API(nvmlDeviceRegisterEvents, nvml_device device, uint64_t types, nvml_event_set set)
{
	ENTER(device, FOR_GPU, set);
	uint64_t supported;
	nvml_return rc = nvmlDeviceGetSupportedEventTypes(device, &supported);
	if (rc != NVML_OK)
		return rc;
	if (types & ~supported)
		return NVML_NOT_SUPPORTED;
	set->wanted[ref.gpu] |= types;
	return NVML_OK;
}

/* The next event that the set waits for; what the ring has lost since is skipped. */
static bool next_event(nvml_event_set set, struct sim_event *event)
{
	struct sim_event_ring ring;

	sim_read_events(library_state(), &ring);
	if (ring.last - set->seen > SIM_EVENT_MAX)
		set->seen = ring.last - SIM_EVENT_MAX;
	while (set->seen < ring.last) {
		*event = ring.event[++set->seen % SIM_EVENT_MAX];
		if (event->gpu < SIM_GPU_MAX && set->wanted[event->gpu] & event->type)
			return true;
	}
	return false;
}

static nvml_return wait_event(nvml_event_set set, struct sim_event *event, uint32_t timeout_ms)
{
	uint64_t deadline = sim_now() + (uint64_t)timeout_ms * 1000000;

	while (!next_event(set, event)) {
		uint64_t now = sim_now();
		if (now >= deadline)
			return NVML_TIMEOUT;
		/* Any outcome is looked at again: an event, the time, or a signal. */
		sim_wait_event(library_state(), set->seen, (uint32_t)((deadline - now) / 1000000 + 1));
	}
	return NVML_OK;
}

API(nvmlEventSetWait_v2, nvml_event_set set, nvml_event_data *data, uint32_t timeout_ms)
{
	struct sim_machine machine;
	struct sim_event event;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!set || !data)
		return NVML_INVALID_ARGUMENT;
	rc = wait_event(set, &event, timeout_ms);
	if (rc != NVML_OK)
		return rc;
	*data = (nvml_event_data){
		.device = device_of_gpu(event.gpu),
		.type = event.type,
		.data = event.data,
		.gi = event.gi,
		.ci = event.ci,
	};
	return NVML_OK;
}

API(nvmlEventSetWait, nvml_event_set set, void *data, uint32_t timeout_ms)
{
	nvml_event_data full;
	nvml_return rc = data ? nvmlEventSetWait_v2(set, &full, timeout_ms) : NVML_INVALID_ARGUMENT;

	if (rc == NVML_OK)
		memcpy(data, &full, offsetof(nvml_event_data, gi));
	return rc;
}
