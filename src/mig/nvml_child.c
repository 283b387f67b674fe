/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "mig/nvml_read.h"
#include "mig/wire.h"

/* The child's side: nothing here runs in the caller's process. One request at a time, until it closes its
 * end.
 */

#define CALL NVB_MIG_CALL

struct child {
	struct nvb_mig_nvml nvml;
	void *library;
	const char *path;
};

static nvml_return open_library(struct child *child, struct nvb_mig_reply *reply)
{
	nvml_return rc;

	if (!child->library)
		child->library = dlopen(child->path, RTLD_NOW | RTLD_LOCAL);
	if (!child->library) {
		const char *why = dlerror();

		snprintf(reply->message, sizeof(reply->message), "%s", why ? why : "unknown error");
		return NVML_LIBRARY_NOT_FOUND;
	}
#define X(name, arguments) *(void **)&child->nvml.name = dlsym(child->library, #name);
	NVB_MIG_SYMBOLS(X)
#undef X
	rc = CALL(&child->nvml, nvmlInit_v2);
	return rc == NVML_OK ? CALL(&child->nvml, nvmlDeviceGetCount_v2, &reply->value) : rc;
}

static nvml_return find_gi(
	const struct child *child, const struct nvb_mig_request *request, nvml_gpu_instance *gi)
{
	nvml_device device = NULL;
	nvml_return rc = CALL(&child->nvml, nvmlDeviceGetHandleByIndex_v2, request->gpu, &device);

	return rc == NVML_OK ? CALL(&child->nvml, nvmlDeviceGetGpuInstanceById, device, request->gi, gi) : rc;
}

static nvml_return set_mode(
	const struct child *child, const struct nvb_mig_request *request, struct nvb_mig_reply *reply)
{
	nvml_return activation = NVML_OK;
	nvml_device device = NULL;
	nvml_return rc = CALL(&child->nvml, nvmlDeviceGetHandleByIndex_v2, request->gpu, &device);

	if (rc == NVML_OK)
		rc = CALL(&child->nvml, nvmlDeviceSetMigMode, device, request->what, &activation);
	reply->value = (uint32_t)activation;
	return rc;
}

static nvml_return create_gi(
	const struct child *child, const struct nvb_mig_request *request, struct nvb_mig_reply *reply)
{
	nvml_placement place = {.start = request->place.start, .size = request->place.size};
	nvml_gpu_instance gi = NULL;
	nvml_device device = NULL;
	nvml_gi_info info = {0};
	nvml_return rc = CALL(&child->nvml, nvmlDeviceGetHandleByIndex_v2, request->gpu, &device);

	if (rc == NVML_OK)
		rc = CALL(&child->nvml, nvmlDeviceCreateGpuInstanceWithPlacement, device, request->what,
			&place, &gi);
	if (rc == NVML_OK)
		rc = CALL(&child->nvml, nvmlGpuInstanceGetInfo, gi, &info);
	reply->value = info.id;
	return rc;
}

/* The profile of that many compute slices. Its plain form has the lowest number. */
static nvml_return ci_profile(
	const struct child *child, nvml_gpu_instance gi, uint32_t slices, nvml_ci_profile *profile)
{
	for (uint32_t number = 0; number < NVB_MIG_CI_PROFILES; number++)
		if (CALL(&child->nvml, nvmlGpuInstanceGetComputeInstanceProfileInfo, gi, number, 0,
			    profile) == NVML_OK &&
			profile->slices == slices)
			return NVML_OK;
	return NVML_NOT_SUPPORTED;
}

static nvml_return create_ci(
	const struct child *child, const struct nvb_mig_request *request, struct nvb_mig_reply *reply)
{
	const struct nvb_mig_nvml *nvml = &child->nvml;
	nvml_placement place = {.start = request->place.start, .size = request->place.size};
	nvml_compute_instance ci = NULL;
	nvml_gpu_instance gi = NULL;
	nvml_ci_profile profile = {0};
	nvml_ci_info info = {0};
	nvml_return rc = find_gi(child, request, &gi);

	if (rc == NVML_OK)
		rc = ci_profile(child, gi, request->place.size, &profile);
	if (rc != NVML_OK)
		return rc;
	/* Before R535 the driver alone chooses the place: the first that is free. */
	rc = nvml->nvmlGpuInstanceCreateComputeInstanceWithPlacement
		     ? nvml->nvmlGpuInstanceCreateComputeInstanceWithPlacement(gi, profile.id, &place, &ci)
		     : CALL(nvml, nvmlGpuInstanceCreateComputeInstance, gi, profile.id, &ci);
	if (rc == NVML_OK)
		rc = CALL(nvml, nvmlComputeInstanceGetInfo_v2, ci, &info);
	reply->value = info.id;
	return rc;
}

static nvml_return destroy(const struct child *child, const struct nvb_mig_request *request)
{
	nvml_compute_instance ci = NULL;
	nvml_gpu_instance gi = NULL;
	nvml_return rc = find_gi(child, request, &gi);

	if (rc != NVML_OK)
		return rc;
	if (request->op == NVB_MIG_OP_DESTROY_GI)
		return CALL(&child->nvml, nvmlGpuInstanceDestroy, gi);
	rc = CALL(&child->nvml, nvmlGpuInstanceGetComputeInstanceById, gi, request->ci, &ci);
	return rc == NVML_OK ? CALL(&child->nvml, nvmlComputeInstanceDestroy, ci) : rc;
}

static nvml_return read_gpu(const struct child *child, uint32_t index, struct nvb_mig_gpu *gpu)
{
	nvml_device device = NULL;
	nvml_return rc = CALL(&child->nvml, nvmlDeviceGetHandleByIndex_v2, index, &device);

	return rc == NVML_OK ? nvb_mig_nvml_read(&child->nvml, device, gpu) : rc;
}

static nvml_return answer(struct child *child, const struct nvb_mig_request *request,
	struct nvb_mig_reply *reply, struct nvb_mig_gpu *gpu)
{
	nvml_return rc;

	switch ((enum nvb_mig_op)request->op) {
	case NVB_MIG_OP_OPEN:
		return open_library(child, reply);
	case NVB_MIG_OP_READ:
		memset(gpu, 0, sizeof(*gpu));
		rc = read_gpu(child, request->gpu, gpu);
		reply->size = rc == NVML_OK ? sizeof(*gpu) : 0;
		return rc;
	case NVB_MIG_OP_MODE:
		return set_mode(child, request, reply);
	case NVB_MIG_OP_CREATE_GI:
		return create_gi(child, request, reply);
	case NVB_MIG_OP_CREATE_CI:
		return create_ci(child, request, reply);
	case NVB_MIG_OP_DESTROY_GI:
	case NVB_MIG_OP_DESTROY_CI:
		return destroy(child, request);
	}
	return NVML_INVALID_ARGUMENT;
}

/* 1: a whole request; 0: the end. */
static bool read_request(int fd, struct nvb_mig_request *request)
{
	size_t have = 0;

	while (have < sizeof(*request)) {
		ssize_t n = read(fd, (char *)request + have, sizeof(*request) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

int nvb_mig_child(const char *library, int in, int out)
{
	struct child child = {.path = library};
	struct nvb_mig_request request;
	struct nvb_mig_gpu gpu;

	while (read_request(in, &request)) {
		struct nvb_mig_reply reply = {.magic = NVB_MIG_MAGIC, .op = request.op};

		if (request.magic != NVB_MIG_MAGIC)
			return 1;
		reply.result = (int32_t)answer(&child, &request, &reply, &gpu);
		if (nvb_write_all(out, &reply, sizeof(reply)) < 0 || nvb_write_all(out, &gpu, reply.size) < 0)
			return 1;
	}
	/* No shutdown: the driver cleans up after a process faster than the library does. */
	return 0;
}
