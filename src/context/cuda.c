/* SPDX-License-Identifier: Apache-2.0 */
#include "context/cuda.h"

#include <dlfcn.h>
#include <string.h>

#include "base/mem.h"

/* dlsym gives an object pointer, and C has no conversion from one to a function pointer: the bytes are the
 * same (POSIX, dlsym). */
static bool find(void *library, const char *name, void *function, size_t size)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, size);
	return symbol != NULL;
}

int nvb_cuda_load(const char *path, struct nvb_cuda *cuda, nvb_error **err)
{
	const char *name = path ? path : "libcuda.so.1";
	struct nvb_cuda found = {0};
	const char *missing = NULL;
	void *library;

	if (!*name) /* to dlopen this is the program itself */
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_contexts_options.library: an empty path");
	/* Local: its symbols are nobody else's business. It is never closed, see the header. */
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *why = dlerror();
		int rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "loading the CUDA driver: %s", why ? why : name);

		return nvb_hint(err, rc,
			"install the driver's CUDA library, or give a container the capability compute");
	}
#define X(symbol, arguments)                                                          \
	if (!find(library, #symbol, &found.symbol, sizeof(found.symbol)) && !missing) \
		missing = #symbol;
	NVB_CUDA_SYMBOLS(X)
#undef X
#define X(symbol, arguments) find(library, #symbol, &found.symbol, sizeof(found.symbol));
	NVB_CUDA_OPTIONAL_SYMBOLS(X)
#undef X
	if (missing)
		return nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "%s has no %s: too old a driver, or none", name, missing);
	*cuda = found;
	return 0;
}

static const struct {
	cuda_result result;
	enum nvb_error_code code;
} codes[] = {
	{CUDA_RESULT_INVALID_VALUE, NVB_ERR_INVALID},
	{CUDA_RESULT_OUT_OF_MEMORY, NVB_ERR_NO_MEMORY},
	{CUDA_RESULT_NOT_INITIALIZED, NVB_ERR_UNSUPPORTED}, /* a child of fork: cuInit was the parent's */
	{CUDA_RESULT_DEINITIALIZED, NVB_ERR_UNSUPPORTED},
	{CUDA_RESULT_DEVICE_UNAVAILABLE, NVB_ERR_BUSY},
	{CUDA_RESULT_NO_DEVICE, NVB_ERR_NOT_FOUND},
	{CUDA_RESULT_INVALID_DEVICE, NVB_ERR_NOT_FOUND},
	{CUDA_RESULT_INVALID_CONTEXT, NVB_ERR_NOT_FOUND},
	{CUDA_RESULT_CONTEXT_IS_DESTROYED, NVB_ERR_NOT_FOUND},
	{CUDA_RESULT_NOT_PERMITTED, NVB_ERR_PERMISSION},
	{CUDA_RESULT_NOT_SUPPORTED, NVB_ERR_UNSUPPORTED},
	{CUDA_RESULT_SYSTEM_DRIVER_MISMATCH, NVB_ERR_STALE},
	{CUDA_RESULT_INVALID_RESOURCE_TYPE, NVB_ERR_UNSUPPORTED},
	{CUDA_RESULT_INVALID_RESOURCE_CONFIGURATION, NVB_ERR_UNSUPPORTED},
};

int nvb_cuda_check(const struct nvb_cuda *cuda, cuda_result result, const char *what, nvb_error **err)
{
	enum nvb_error_code code = NVB_ERR_SYSTEM;
	const char *name = NULL, *text = NULL;

	if (result == CUDA_RESULT_SUCCESS)
		return 0;
	for (size_t i = 0; i < NVB_ELEMENTS(codes); i++)
		if (codes[i].result == result)
			code = codes[i].code;
	if (cuda->cuGetErrorName(result, &name) != CUDA_RESULT_SUCCESS || !name)
		return nvb_fail(err, code, "%s: CUDA error %d", what, result);
	if (cuda->cuGetErrorString(result, &text) != CUDA_RESULT_SUCCESS)
		text = NULL;
	return nvb_fail(
		err, code, "%s: %s%s%s%s", what, name, text ? " (" : "", text ? text : "", text ? ")" : "");
}
