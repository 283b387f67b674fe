/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_SESSION_H
#define NVB_MIG_SESSION_H

#include "inventory/nvml_process.h"
#include "mig/mig.h"
#include "mig/wire.h"

/* Our side of the talk with the child that has NVML loaded. */
struct nvb_mig_session {
	struct nvb_nvml_process process;
	uint32_t count; /* of NVML's GPUs */
};

int nvb_mig_session_open(
	const struct nvb_inventory *inventory, struct nvb_mig_session **session, nvb_error **err);
void nvb_mig_session_close(struct nvb_mig_session *session);

/* One card, by NVML's index; checked. NVB_ERR_UNSUPPORTED for one that has fallen off the bus. */
int nvb_mig_session_read(
	struct nvb_mig_session *session, uint32_t index, struct nvb_mig_gpu *gpu, nvb_error **err);

/* A change: *result is NVML's answer, *value what came with it. Fails only when there was no answer. */
int nvb_mig_session_change(struct nvb_mig_session *session, const struct nvb_mig_request *request,
	int32_t *result, uint32_t *value, nvb_error **err);

/* Whether a record of a card is one that a card could have: sizes, strings, spans. */
bool nvb_mig_gpu_is_sound(const struct nvb_mig_gpu *gpu);

#endif
