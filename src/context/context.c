/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "context/cuda.h"

static void unref(struct nvb_contexts *contexts)
{
	if (contexts && atomic_fetch_sub(&contexts->users, 1) == 1)
		free(contexts);
}

static void unrefp(struct nvb_contexts **contexts)
{
	unref(*contexts);
}

int nvb_contexts_open(const struct nvb_contexts_options *options, nvb_contexts **out, nvb_error **err)
{
	_cleanup_(unrefp) struct nvb_contexts *contexts = NULL;
	int rc;

	if (options && options->size != sizeof(*options))
		return nvb_fail(err, NVB_ERR_INVALID,
			"nvb_contexts_options.size is %zu, this library's is %zu", options->size,
			sizeof(*options));
	contexts = calloc(1, sizeof(*contexts));
	if (!contexts)
		return nvb_fail_oom(err);
	contexts->users = 1;
	rc = nvb_cuda_load(options ? options->library : NULL, &contexts->cuda, err);
	if (rc == 0)
		rc = nvb_cuda_check(&contexts->cuda, contexts->cuda.cuInit(0), "initialising CUDA", err);
	if (rc == 0)
		rc = nvb_cuda_check(&contexts->cuda, contexts->cuda.cuDriverGetVersion(&contexts->version),
			"CUDA's version", err);
	if (rc == 0)
		*out = NVB_TAKE_PTR(contexts);
	return rc;
}

void nvb_contexts_close(nvb_contexts *contexts)
{
	unref(contexts);
}

/* What an option would do elsewhere and not here must not be passed over in silence. */
static int check(const struct nvb_context_options *options, nvb_error **err)
{
	if (options->size != sizeof(*options))
		return nvb_fail(err, NVB_ERR_INVALID,
			"nvb_context_options.size is %zu, this library's is %zu", options->size,
			sizeof(*options));
	if (options->kind != NVB_CONTEXT_PRIMARY && options->kind != NVB_CONTEXT_OWN &&
		options->kind != NVB_CONTEXT_GREEN)
		return nvb_fail(
			err, NVB_ERR_INVALID, "nvb_context_options.kind: %d is none", (int)options->kind);
	if (options->flags && options->kind != NVB_CONTEXT_OWN)
		return nvb_fail(err, NVB_ERR_INVALID,
			"nvb_context_options.flags: only a context of its own has flags");
	if ((options->multiprocessors || options->group) && options->kind != NVB_CONTEXT_GREEN)
		return nvb_fail(err, NVB_ERR_INVALID,
			"nvb_context_options.multiprocessors: only a green context has a part of them");
	return 0;
}

/* cuCtxCreate makes the new context current; the caller's comes back when it is taken off the stack. */
static int make_own(struct nvb_context *context, unsigned flags, nvb_error **err)
{
	const struct nvb_cuda *cuda = &context->contexts->cuda;
	cuda_context popped;
	int rc = nvb_cuda_check(cuda, cuda->cuCtxCreate_v2(&context->handle, flags, context->device),
		"creating a context", err);

	if (rc < 0)
		return rc;
	rc = nvb_cuda_check(cuda, cuda->cuCtxPopCurrent_v2(&popped), "leaving the new context", err);
	if (rc < 0)
		cuda->cuCtxDestroy_v2(context->handle);
	return rc;
}

static int make(struct nvb_context *context, const struct nvb_context_options *options, nvb_error **err)
{
	const struct nvb_cuda *cuda = &context->contexts->cuda;
	int rc = nvb_context_find_device(context, options, err), count;

	if (rc < 0)
		return rc;
	if (cuda->cuDeviceGetAttribute(&count, CUDA_ATTRIBUTE_MULTIPROCESSORS, context->device) ==
		CUDA_RESULT_SUCCESS)
		context->multiprocessors = (unsigned)count;
	if (options->kind == NVB_CONTEXT_GREEN)
		return nvb_context_make_green(context, options, err);
	if (options->kind == NVB_CONTEXT_OWN)
		return make_own(context, options->flags, err);
	return nvb_cuda_check(cuda, cuda->cuDevicePrimaryCtxRetain(&context->handle, context->device),
		"the primary context", err);
}

int nvb_context_prepare(
	nvb_contexts *contexts, const struct nvb_context_options *options, nvb_context **out, nvb_error **err)
{
	const struct nvb_context_options defaults = {.size = sizeof(defaults)};
	_cleanup_free_ struct nvb_context *context = NULL;
	int rc = check(options ? options : &defaults, err);

	if (rc < 0)
		return rc;
	context = calloc(1, sizeof(*context));
	if (!context)
		return nvb_fail_oom(err);
	options = options ? options : &defaults;
	context->contexts = contexts;
	context->kind = options->kind;
	context->set_current = contexts->cuda.cuCtxSetCurrent;
	rc = make(context, options, err);
	if (rc < 0)
		return rc;
	atomic_fetch_add(&contexts->users, 1);
	*out = NVB_TAKE_PTR(context);
	return 0;
}

static __attribute__((cold, noinline)) int not_bound(
	const struct nvb_context *context, cuda_result result, nvb_error **err)
{
	return nvb_cuda_check(&context->contexts->cuda, result, "binding a context", err);
}

int nvb_context_bind(const nvb_context *context, nvb_error **err)
{
	cuda_result result = context->set_current(context->handle);

	return __builtin_expect(result == CUDA_RESULT_SUCCESS, 1) ? 0 : not_bound(context, result, err);
}

int nvb_contexts_unbind(nvb_contexts *contexts, nvb_error **err)
{
	return nvb_cuda_check(
		&contexts->cuda, contexts->cuda.cuCtxSetCurrent(NULL), "leaving the current context", err);
}

int nvb_context_switch(const nvb_context *to, void **before, nvb_error **err)
{
	cuda_context current;
	cuda_result result = to->contexts->cuda.cuCtxGetCurrent(&current);

	if (result == CUDA_RESULT_SUCCESS)
		result = to->set_current(to->handle);
	if (result != CUDA_RESULT_SUCCESS)
		return not_bound(to, result, err);
	*before = current;
	return 0;
}

int nvb_context_switch_back(const nvb_context *from, void *before, nvb_error **err)
{
	cuda_result result = from->set_current(before);

	return result == CUDA_RESULT_SUCCESS ? 0 : not_bound(from, result, err);
}

void *nvb_context_handle(const nvb_context *context)
{
	return context->handle;
}

int nvb_context_info(const nvb_context *context, struct nvb_context_info *info, nvb_error **err)
{
	if (info->size != sizeof(*info))
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_context_info.size is %zu, this library's is %zu",
			info->size, sizeof(*info));
	*info = (struct nvb_context_info){.size = sizeof(*info),
		.kind = context->kind,
		.ordinal = context->ordinal,
		.multiprocessors = context->multiprocessors};
	memcpy(info->uuid, context->uuid, sizeof(info->uuid));
	return 0;
}

void nvb_context_release(nvb_context *context)
{
	const struct nvb_cuda *cuda;

	if (!context)
		return;
	cuda = &context->contexts->cuda;
	if (context->kind == NVB_CONTEXT_GREEN)
		cuda->cuGreenCtxDestroy(context->green);
	else if (context->kind == NVB_CONTEXT_OWN)
		cuda->cuCtxDestroy_v2(context->handle);
	else
		cuda->cuDevicePrimaryCtxRelease_v2(context->device);
	unref(context->contexts);
	free(context);
}
