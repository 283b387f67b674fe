/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "inventory/nvml_abi.h"
#include "inventory/procfs.h"

static bool is_text(const char *s, size_t size)
{
	const char *end = memchr(s, '\0', size);

	if (!end || !nvb_utf8_valid(s, (size_t)(end - s)))
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool is_span(const struct nvb_mig_span *span)
{
	return span->size && span->size <= NVB_MIG_SLICES && span->start < NVB_MIG_SLICES &&
	       span->start + span->size <= NVB_MIG_SLICES;
}

static bool is_profile(const struct nvb_mig_profile *profile)
{
	bool fine = is_text(profile->name, sizeof(profile->name)) && *profile->name && profile->slices &&
		    profile->slices <= NVB_MIG_SLICES && profile->placement_count <= NVB_MIG_PLACEMENTS;

	for (uint32_t i = 0; fine && i < profile->placement_count; i++)
		fine = is_span(&profile->placements[i]);
	return fine;
}

static bool is_instance(const struct nvb_mig_gpu *gpu, const struct nvb_mig_instance *instance)
{
	bool fine = instance->compute_count <= NVB_MIG_INSTANCES && is_span(&instance->place) &&
		    nvb_mig_profile_by_id(gpu, instance->profile_id);

	for (uint32_t i = 0; fine && i < instance->compute_count; i++)
		fine = is_span(&instance->computes[i].place) &&
		       is_text(instance->computes[i].uuid, sizeof(instance->computes[i].uuid));
	return fine;
}

bool nvb_mig_gpu_is_sound(const struct nvb_mig_gpu *gpu)
{
	char pci[NVB_PCI_ADDRESS];
	bool fine = is_text(gpu->pci, sizeof(gpu->pci)) && nvb_pci_normalise(gpu->pci, pci) &&
		    is_text(gpu->uuid, sizeof(gpu->uuid)) && is_text(gpu->name, sizeof(gpu->name)) &&
		    gpu->profile_count <= NVB_MIG_PROFILES && gpu->instance_count <= NVB_MIG_INSTANCES &&
		    gpu->client_count <= NVB_MIG_CLIENTS;

	for (uint32_t i = 0; fine && i < gpu->profile_count; i++)
		fine = is_profile(&gpu->profiles[i]);
	for (uint32_t i = 0; fine && i < gpu->instance_count; i++)
		fine = is_instance(gpu, &gpu->instances[i]);
	return fine;
}

/* A bool of the other side's memory may be any byte. */
static void clean_flags(struct nvb_mig_gpu *gpu)
{
	unsigned char byte;

	memcpy(&byte, &gpu->capable, 1);
	gpu->capable = byte != 0;
	memcpy(&byte, &gpu->enabled, 1);
	gpu->enabled = byte != 0;
	memcpy(&byte, &gpu->pending, 1);
	gpu->pending = byte != 0;
}

static int call(struct nvb_mig_session *session, const struct nvb_mig_request *asked,
	struct nvb_mig_reply *reply, void *payload, size_t size, nvb_error **err)
{
	struct nvb_mig_request request = *asked;
	int rc;

	request.magic = NVB_MIG_MAGIC;
	if (!session->process.pid)
		return nvb_fail(err, NVB_ERR_SYSTEM, "the process that talks to NVML has ended");
	rc = nvb_nvml_send(&session->process, &request, sizeof(request), err);
	if (rc == 0)
		rc = nvb_nvml_receive(&session->process, reply, sizeof(*reply), err);
	if (rc < 0)
		return rc;
	if (reply->magic != NVB_MIG_MAGIC || reply->op != request.op ||
		(reply->size && reply->size != size) || !is_text(reply->message, sizeof(reply->message)))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: the answer is damaged", session->process.library);
	return reply->size ? nvb_nvml_receive(&session->process, payload, size, err) : 0;
}

int nvb_mig_session_open(const struct nvb_inventory *inventory, struct nvb_mig_session **out, nvb_error **err)
{
	_cleanup_free_ char *library = NULL;
	struct nvb_mig_session *session;
	struct nvb_mig_reply reply;
	int rc = nvb_nvml_library(inventory, &library, err);

	if (rc < 0)
		return rc;
	session = calloc(1, sizeof(*session));
	if (!session)
		return nvb_fail_oom(err);
	session->process = (struct nvb_nvml_process)NVB_NVML_PROCESS_INIT;
	rc = nvb_nvml_start(&session->process, nvb_mig_child, library, err);
	if (rc == 0)
		rc = call(session, &(struct nvb_mig_request){.op = NVB_MIG_OP_OPEN}, &reply, NULL, 0, err);
	if (rc == 0 && *reply.message)
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "loading %s: %s", library, reply.message);
	else if (rc == 0 && reply.result != NVML_OK)
		rc = nvb_nvml_fail(err, reply.result, "%s", library);
	if (rc < 0) {
		nvb_mig_session_close(session);
		return rc;
	}
	session->count = reply.value;
	*out = session;
	return 0;
}

void nvb_mig_session_close(struct nvb_mig_session *session)
{
	if (!session)
		return;
	nvb_nvml_stop(&session->process);
	free(session);
}

static int by_start(const void *a, const void *b)
{
	const struct nvb_mig_span *x = &((const struct nvb_mig_instance *)a)->place,
				  *y = &((const struct nvb_mig_instance *)b)->place;

	return (x->start > y->start) - (x->start < y->start);
}

int nvb_mig_session_read(
	struct nvb_mig_session *session, uint32_t index, struct nvb_mig_gpu *gpu, nvb_error **err)
{
	struct nvb_mig_reply reply;
	char pci[NVB_PCI_ADDRESS];
	int rc = call(session, &(struct nvb_mig_request){.op = NVB_MIG_OP_READ, .gpu = index}, &reply, gpu,
		sizeof(*gpu), err);

	if (rc < 0)
		return rc;
	if (reply.result == NVML_NO_PERMISSION)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION, "NVML lets only root look at MIG instances"),
			"run it as root");
	if (reply.result != NVML_OK)
		return nvb_nvml_fail(err, reply.result, "GPU %u of NVML's", index);
	if (reply.size != sizeof(*gpu))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: the answer is damaged", session->process.library);
	clean_flags(gpu);
	if (!nvb_mig_gpu_is_sound(gpu))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: the answer is damaged", session->process.library);
	nvb_pci_normalise(gpu->pci, pci);
	memcpy(gpu->pci, pci, sizeof(pci));
	qsort(gpu->instances, gpu->instance_count, sizeof(*gpu->instances), by_start);
	return 0;
}

int nvb_mig_session_change(struct nvb_mig_session *session, const struct nvb_mig_request *request,
	int32_t *result, uint32_t *value, nvb_error **err)
{
	struct nvb_mig_reply reply;
	int rc = call(session, request, &reply, NULL, 0, err);

	if (rc == 0) {
		*result = reply.result;
		*value = reply.value;
	}
	return rc;
}
