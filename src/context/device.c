/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "context/cuda.h"

/* Which of CUDA's devices is meant. Their numbers are the process's own (CUDA_VISIBLE_DEVICES,
 * CUDA_DEVICE_ORDER), so a device is best called by what it is called everywhere. */

/* Of a MIG device _v2 alone gives the device's own UUID, the other one its GPU's. */
static cuda_result get_uuid(const struct nvb_cuda *cuda, cuda_device device, struct cuda_uuid *uuid)
{
	if (cuda->cuDeviceGetUuid_v2)
		return cuda->cuDeviceGetUuid_v2(uuid, device);
	return cuda->cuDeviceGetUuid ? cuda->cuDeviceGetUuid(uuid, device) : CUDA_RESULT_NOT_SUPPORTED;
}

static void format_uuid(const struct cuda_uuid *uuid, char text[static 37])
{
	static const unsigned char dashes[] = {4, 6, 8, 10};
	char *p = text;

	for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
		if (memchr(dashes, (int)i, sizeof(dashes)))
			*p++ = '-';
		p += snprintf(p, 3, "%02x", uuid->bytes[i]);
	}
}

/* CUDA says the bytes alone. Whether they are a MIG device's, that differs from its GPU's tells. */
static int name_device(struct nvb_context *context, nvb_error **err)
{
	const struct nvb_cuda *cuda = &context->contexts->cuda;
	struct cuda_uuid uuid, parent;
	char text[37];
	bool mig;
	int rc = nvb_cuda_check(cuda, get_uuid(cuda, context->device, &uuid), "the device's UUID", err);

	if (rc < 0)
		return rc;
	mig = cuda->cuDeviceGetUuid_v2 && cuda->cuDeviceGetUuid &&
	      cuda->cuDeviceGetUuid(&parent, context->device) == CUDA_RESULT_SUCCESS &&
	      memcmp(&uuid, &parent, sizeof(uuid)) != 0;
	format_uuid(&uuid, text);
	snprintf(context->uuid, sizeof(context->uuid), "%s-%s", mig ? "MIG" : "GPU", text);
	return 0;
}

static int take_ordinal(struct nvb_context *context, int ordinal, nvb_error **err)
{
	const struct nvb_cuda *cuda = &context->contexts->cuda;
	char what[48];
	int rc;

	snprintf(what, sizeof(what), "CUDA device %d", ordinal);
	rc = nvb_cuda_check(cuda, cuda->cuDeviceGet(&context->device, ordinal), what, err);
	context->ordinal = ordinal;
	return rc < 0 ? rc : name_device(context, err);
}

static int device_count(const struct nvb_cuda *cuda, int *count, nvb_error **err)
{
	return nvb_cuda_check(cuda, cuda->cuDeviceGetCount(count), "counting devices", err);
}

static int find_uuid(struct nvb_context *context, const char *uuid, nvb_error **err)
{
	int count, rc = device_count(&context->contexts->cuda, &count, err);

	for (int i = 0; rc == 0 && i < count; i++) {
		rc = take_ordinal(context, i, err);
		/* The prefix says what the user takes it for; the rest is what counts. */
		if (rc == 0 && strcasecmp(context->uuid + 4, uuid + 4) == 0)
			return 0;
	}
	if (rc < 0)
		return rc;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_NOT_FOUND, "%s is none of the %d devices that CUDA shows this process",
			uuid, count),
		"look at CUDA_VISIBLE_DEVICES and at the GPUs that the container was given");
}

static int find_address(struct nvb_context *context, const char *address, nvb_error **err)
{
	const struct nvb_cuda *cuda = &context->contexts->cuda;
	cuda_device wanted, device;
	int count, rc = nvb_cuda_check(cuda, cuda->cuDeviceGetByPCIBusId(&wanted, address), address, err);

	if (rc == -NVB_ERR_INVALID) /* CUDA says so of an address that is none, and of one where nothing is */
		nvb_hint(err, rc, "name the device by UUID ('GPU-...') or PCI address ('0000:3b:00.0')");
	if (rc == 0)
		rc = device_count(cuda, &count, err);
	for (int i = 0; rc == 0 && i < count; i++)
		if (cuda->cuDeviceGet(&device, i) == CUDA_RESULT_SUCCESS && device == wanted)
			return take_ordinal(context, i, err);
	return rc < 0 ? rc : nvb_fail(err, NVB_ERR_NOT_FOUND, "%s: no device of this process", address);
}

int nvb_context_find_device(
	struct nvb_context *context, const struct nvb_context_options *options, nvb_error **err)
{
	const char *name = options->device;

	if (!name)
		return take_ordinal(context, options->ordinal, err);
	if (options->ordinal)
		return nvb_fail(err, NVB_ERR_INVALID, "device '%s' and ordinal %d: one of them, not both",
			name, options->ordinal);
	if (nvb_after(name, "GPU-") || nvb_after(name, "MIG-"))
		return find_uuid(context, name, err);
	return find_address(context, name, err);
}
