/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "context/cuda.h"

/*
 * Green contexts: a context that has a part of the device's multiprocessors to itself. The device's resource
 * is split into equal groups, one of them becomes a description, that the context (CUDA Driver API reference,
 * "Green Contexts").
 */

static bool have_functions(const struct nvb_cuda *cuda)
{
	return cuda->cuDeviceGetDevResource && cuda->cuDevSmResourceSplitByCount &&
	       cuda->cuDevResourceGenerateDesc && cuda->cuGreenCtxCreate && cuda->cuGreenCtxDestroy &&
	       cuda->cuCtxFromGreenCtx;
}

/* The group of the device's multiprocessors that is asked for, into *group. */
static int split(const struct nvb_cuda *cuda, cuda_device device, const struct nvb_context_options *options,
	struct cuda_resource *group, nvb_error **err)
{
	struct cuda_resource whole = {0}, remainder = {0};
	_cleanup_free_ struct cuda_resource *groups = NULL;
	unsigned count = 0, at_least = options->multiprocessors;
	int rc = nvb_cuda_check(cuda, cuda->cuDeviceGetDevResource(device, &whole, CUDA_RESOURCE_SM),
		"the device's multiprocessors", err);

	if (rc < 0)
		return rc;
	if (!at_least)
		at_least = whole.sm.count / 2 ? whole.sm.count / 2 : 1;
	if (at_least > whole.sm.count)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "%u multiprocessors: the device has %u", at_least,
			whole.sm.count);
	/* Without an array it says how many groups there are. */
	rc = nvb_cuda_check(cuda, cuda->cuDevSmResourceSplitByCount(NULL, &count, &whole, NULL, 0, at_least),
		"dividing the device", err);
	if (rc < 0)
		return rc;
	if (options->group >= count)
		return nvb_fail(err, NVB_ERR_NOT_FOUND,
			"group %u: %u multiprocessors make %u group%s of at least %u", options->group,
			whole.sm.count, count, count == 1 ? "" : "s", at_least);
	groups = calloc(count, sizeof(*groups));
	if (!groups)
		return nvb_fail_oom(err);
	rc = nvb_cuda_check(cuda,
		cuda->cuDevSmResourceSplitByCount(groups, &count, &whole, &remainder, 0, at_least),
		"dividing the device", err);
	if (rc == 0 && options->group >= count)
		rc = nvb_fail(
			err, NVB_ERR_SYSTEM, "dividing the device gave %u groups the second time", count);
	if (rc == 0)
		*group = groups[options->group];
	return rc;
}

int nvb_context_make_green(
	struct nvb_context *context, const struct nvb_context_options *options, nvb_error **err)
{
	const struct nvb_cuda *cuda = &context->contexts->cuda;
	struct cuda_resource group;
	cuda_desc desc;
	int rc;

	if (!have_functions(cuda) || context->contexts->version < CUDA_RESOURCE_VERSION)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "this driver (CUDA %d.%d) has no green contexts",
				context->contexts->version / 1000, context->contexts->version % 1000 / 10),
			"they came with CUDA 12.4, driver 550; use an own context, or MPS for a share of the "
			"GPU");
	rc = split(cuda, context->device, options, &group, err);
	if (rc == 0)
		rc = nvb_cuda_check(
			cuda, cuda->cuDevResourceGenerateDesc(&desc, &group, 1), "describing the group", err);
	if (rc == 0)
		rc = nvb_cuda_check(cuda,
			cuda->cuGreenCtxCreate(
				&context->green, desc, context->device, CUDA_GREEN_DEFAULT_STREAM),
			"creating a green context", err);
	if (rc < 0)
		return rc;
	rc = nvb_cuda_check(cuda, cuda->cuCtxFromGreenCtx(&context->handle, context->green),
		"a green context's handle", err);
	if (rc < 0)
		cuda->cuGreenCtxDestroy(context->green);
	context->multiprocessors = group.sm.count;
	return rc;
}
