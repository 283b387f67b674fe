/* SPDX-License-Identifier: Apache-2.0 */
#include "knob/nvml_child.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "inventory/nvml_abi.h"
#include "knob/value.h"

/* The child's side: nothing here runs in the caller's process. */

/* What of libnvidia-ml.so.1 is called, with its types; a function that an older library lacks is NULL. */
#define SYMBOLS(X)                                                                            \
	X(nvmlInit_v2, (void))                                                                \
	X(nvmlDeviceGetHandleByPciBusId_v2, (const char *pci, nvml_device *device))           \
	X(nvmlDeviceGetPowerManagementLimit, (nvml_device device, uint32_t * mw))             \
	X(nvmlDeviceGetPowerManagementDefaultLimit, (nvml_device device, uint32_t * mw))      \
	X(nvmlDeviceGetPowerManagementLimitConstraints,                                       \
		(nvml_device device, uint32_t * min, uint32_t * max))                         \
	X(nvmlDeviceSetPowerManagementLimit, (nvml_device device, uint32_t mw))               \
	X(nvmlDeviceGetMaxClockInfo, (nvml_device device, uint32_t domain, uint32_t * mhz))   \
	X(nvmlDeviceSetGpuLockedClocks, (nvml_device device, uint32_t low, uint32_t high))    \
	X(nvmlDeviceResetGpuLockedClocks, (nvml_device device))                               \
	X(nvmlDeviceSetMemoryLockedClocks, (nvml_device device, uint32_t low, uint32_t high)) \
	X(nvmlDeviceResetMemoryLockedClocks, (nvml_device device))                            \
	X(nvmlDeviceGetPersistenceMode, (nvml_device device, uint32_t * mode))                \
	X(nvmlDeviceSetPersistenceMode, (nvml_device device, uint32_t mode))                  \
	X(nvmlDeviceGetComputeMode, (nvml_device device, uint32_t * mode))                    \
	X(nvmlDeviceSetComputeMode, (nvml_device device, uint32_t mode))

struct nvml {
#define X(name, arguments) nvml_return(*name) arguments;
	SYMBOLS(X)
#undef X
};

#define CALL(nvml, name, ...) ((nvml)->name ? (nvml)->name(__VA_ARGS__) : NVML_FUNCTION_NOT_FOUND)

static nvml_return get(
	const struct nvml *nvml, nvml_device device, enum nvb_knob knob, struct nvb_knob_answer *answer)
{
	switch (knob) {
	case NVB_KNOB_POWER_LIMIT:
		if (CALL(nvml, nvmlDeviceGetPowerManagementLimitConstraints, device, &answer->least,
			    &answer->most) != NVML_OK)
			answer->least = answer->most = 0;
		if (CALL(nvml, nvmlDeviceGetPowerManagementDefaultLimit, device, &answer->normal) != NVML_OK)
			answer->normal = 0;
		return CALL(nvml, nvmlDeviceGetPowerManagementLimit, device, &answer->value);
	case NVB_KNOB_GPU_CLOCKS:
		return CALL(nvml, nvmlDeviceGetMaxClockInfo, device, NVML_CLOCK_GRAPHICS, &answer->most);
	case NVB_KNOB_MEMORY_CLOCKS:
		return CALL(nvml, nvmlDeviceGetMaxClockInfo, device, NVML_CLOCK_MEM, &answer->most);
	case NVB_KNOB_PERSISTENCE:
		return CALL(nvml, nvmlDeviceGetPersistenceMode, device, &answer->value);
	case NVB_KNOB_COMPUTE_MODE:
		return CALL(nvml, nvmlDeviceGetComputeMode, device, &answer->value);
	default:
		return NVML_INVALID_ARGUMENT;
	}
}

static nvml_return set(const struct nvml *nvml, nvml_device device, const struct nvb_knob_question *question)
{
	switch ((enum nvb_knob)question->knob) {
	case NVB_KNOB_POWER_LIMIT:
		return CALL(nvml, nvmlDeviceSetPowerManagementLimit, device, question->low);
	case NVB_KNOB_GPU_CLOCKS:
		return CALL(nvml, nvmlDeviceSetGpuLockedClocks, device, question->low, question->high);
	case NVB_KNOB_MEMORY_CLOCKS:
		return CALL(nvml, nvmlDeviceSetMemoryLockedClocks, device, question->low, question->high);
	case NVB_KNOB_PERSISTENCE:
		return CALL(nvml, nvmlDeviceSetPersistenceMode, device, question->low);
	case NVB_KNOB_COMPUTE_MODE:
		return CALL(nvml, nvmlDeviceSetComputeMode, device, question->low);
	default:
		return NVML_INVALID_ARGUMENT;
	}
}

static nvml_return reset(const struct nvml *nvml, nvml_device device, enum nvb_knob knob)
{
	if (knob == NVB_KNOB_GPU_CLOCKS)
		return CALL(nvml, nvmlDeviceResetGpuLockedClocks, device);
	if (knob == NVB_KNOB_MEMORY_CLOCKS)
		return CALL(nvml, nvmlDeviceResetMemoryLockedClocks, device);
	return NVML_INVALID_ARGUMENT;
}

static nvml_return serve(
	const struct nvml *nvml, struct nvb_knob_question *question, struct nvb_knob_answer *answer)
{
	nvml_device device = NULL;
	nvml_return rc;

	question->pci[sizeof(question->pci) - 1] = '\0';
	rc = CALL(nvml, nvmlDeviceGetHandleByPciBusId_v2, question->pci, &device);
	if (rc != NVML_OK)
		return rc;
	switch (question->action) {
	case NVB_KNOB_GET:
		return get(nvml, device, (enum nvb_knob)question->knob, answer);
	case NVB_KNOB_SET:
		return set(nvml, device, question);
	case NVB_KNOB_RESET:
		return reset(nvml, device, (enum nvb_knob)question->knob);
	default:
		return NVML_INVALID_ARGUMENT;
	}
}

static bool read_question(int fd, struct nvb_knob_question *question)
{
	size_t used = 0;

	while (used < sizeof(*question)) {
		ssize_t n = read(fd, (char *)question + used, sizeof(*question) - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		used += (size_t)n;
	}
	return true;
}

int nvb_knob_child(const char *library, int in, int out)
{
	struct nvb_knob_answer failed = {.step = NVB_KNOB_OPENING, .result = NVML_LIBRARY_NOT_FOUND};
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	struct nvb_knob_question question;
	struct nvml nvml = {0};

	if (handle) {
#define X(name, arguments) *(void **)&nvml.name = dlsym(handle, #name);
		SYMBOLS(X)
#undef X
		failed.step = NVB_KNOB_INITIALISING;
		failed.result = (int32_t)CALL(&nvml, nvmlInit_v2);
	}
	while (read_question(in, &question)) {
		struct nvb_knob_answer answer = failed;

		if (failed.result == NVML_OK) {
			answer = (struct nvb_knob_answer){.step = NVB_KNOB_CALLED};
			answer.result = (int32_t)serve(&nvml, &question, &answer);
		}
		if (nvb_write_all(out, &answer, sizeof(answer)) < 0)
			return 1;
	}
	/* No shutdown: the driver cleans up after a process faster than the library does. */
	return 0;
}
