/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cuda/api.h"
#include "sim/cuda/kernel.h"

enum { MODULE_KERNELS_MAX = 16, MODULE_FILE_MAX = 64 * 1024 };

struct module {
	struct context *context;
	const struct kernel *kernel[MODULE_KERNELS_MAX];
	size_t count;
	struct module *next;
};

/* Guarded by the library's lock. */
static struct module *modules;

static bool is_module(const struct module *module)
{
	for (const struct module *m = modules; m; m = m->next)
		if (m == module)
			return true;
	return false;
}

/* The kernels that a text names. Anything but a toy module is code for hardware that is not there. */
static CUresult parse(const char *text, struct module *module)
{
	size_t magic = strlen(CUDA_TOY_MAGIC);

	if (strncmp(text, CUDA_TOY_MAGIC, magic) != 0)
		return CUDA_ERROR_NO_BINARY_FOR_GPU;
	for (text += magic; *text;) {
		size_t length = strcspn(text, "\n");
		const size_t word = strlen(".kernel ");

		if (length && strncmp(text, "//", 2) != 0) {
			if (length <= word || strncmp(text, ".kernel ", word) != 0 ||
				module->count == MODULE_KERNELS_MAX)
				return CUDA_ERROR_INVALID_IMAGE;
			module->kernel[module->count] = cuda_kernel(text + word, length - word);
			if (!module->kernel[module->count++])
				return CUDA_ERROR_INVALID_IMAGE;
		}
		text += length + (text[length] == '\n');
	}
	return CUDA_SUCCESS;
}

CUresult cuModuleLoadData(CUmodule *out, const void *image)
{
	struct driver *driver;
	struct context *context;
	struct module *module;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = out && image ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	module = calloc(1, sizeof(*module));
	result = module ? parse(image, module) : CUDA_ERROR_OUT_OF_MEMORY;
	if (result != CUDA_SUCCESS) {
		free(module);
		return cuda_leave(result);
	}
	module->context = context;
	module->next = modules;
	modules = module;
	*out = module;
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned count, int *options, void **values)
{
	(void)count; /* options of a compiler that is not there */
	(void)options;
	(void)values;
	return cuModuleLoadData(out, image);
}

CUresult cuModuleLoad(CUmodule *out, const char *path)
{
	char *text;
	ssize_t n = -1;
	CUresult result;
	int fd;

	if (!path)
		return CUDA_ERROR_INVALID_VALUE;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return CUDA_ERROR_FILE_NOT_FOUND;
	text = malloc(MODULE_FILE_MAX);
	if (text)
		n = read(fd, text, MODULE_FILE_MAX - 1);
	close(fd);
	if (n >= 0)
		text[n] = '\0';
	result = n < 0 ? CUDA_ERROR_INVALID_IMAGE : cuModuleLoadData(out, text);
	free(text);
	return result;
}

CUresult cuModuleUnload(CUmodule module)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && !is_module(module))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	for (struct module **link = &modules; *link; link = &(*link)->next)
		if (*link == module) {
			*link = module->next;
			break;
		}
	free(module);
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuModuleGetFunction(CUfunction *out, CUmodule module, const char *name)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS && (!out || !name))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS && !is_module(module))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	for (size_t i = 0; i < module->count; i++)
		if (strcmp(module->kernel[i]->name, name) == 0) {
			*out = module->kernel[i];
			return cuda_leave(CUDA_SUCCESS);
		}
	return cuda_leave(CUDA_ERROR_NOT_FOUND);
}

/* Toy modules have no variables. */
CUresult cuModuleGetGlobal_v2(CUdeviceptr *pointer, size_t *size, CUmodule module, const char *name)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	(void)pointer;
	(void)size;
	if (result == CUDA_SUCCESS)
		result = !name		     ? CUDA_ERROR_INVALID_VALUE
			 : is_module(module) ? CUDA_ERROR_NOT_FOUND
					     : CUDA_ERROR_INVALID_HANDLE;
	return cuda_leave(result);
}

/* Finds the parameters in a packed buffer, each at its own alignment. */
static CUresult unpack(const struct kernel *kernel, void **extra, void **parameters)
{
	char *buffer = NULL;
	size_t size = 0, at = 0;

	for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
		if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER)
			buffer = extra[1];
		else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE)
			size = *(size_t *)extra[1];
		else
			return CUDA_ERROR_INVALID_VALUE;
	}
	for (size_t i = 0; i < kernel->parameters; i++) {
		at = (at + kernel->size[i] - 1) / kernel->size[i] * kernel->size[i];
		if (!buffer || at + kernel->size[i] > size)
			return CUDA_ERROR_INVALID_VALUE;
		parameters[i] = buffer + at;
		at += kernel->size[i];
	}
	return CUDA_SUCCESS;
}

struct shape {
	unsigned x, y, z;
};

/* Threads of a launch; 0 when it is no valid one. */
static uint64_t count_threads(struct shape grid, struct shape block)
{
	uint64_t in_block = (uint64_t)block.x * block.y * block.z;

	if (!grid.x || !grid.y || !grid.z || grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535 ||
		block.x > 1024 || block.y > 1024 || block.z > 64 || !in_block || in_block > 1024)
		return 0;
	/* At most 2^31 * 2^16 * 2^10 with y or z at 1; larger products mean "more than any n". */
	if ((uint64_t)grid.y * grid.z > UINT64_C(1) << 20)
		return UINT64_MAX;
	return in_block * grid.x * grid.y * grid.z;
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
	unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, CUstream stream,
	void **parameters, void **extra)
{
	uint64_t threads = count_threads(
		(struct shape){grid_x, grid_y, grid_z}, (struct shape){block_x, block_y, block_z});
	void *unpacked[KERNEL_PARAMETERS_MAX];
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	(void)stream;
	(void)shared;
	if (result == CUDA_SUCCESS && (!threads || (!parameters && !extra) || (parameters && extra)))
		result = CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS &&
		(!function || cuda_kernel(function->name, strlen(function->name)) != function))
		result = CUDA_ERROR_INVALID_HANDLE;
	if (result == CUDA_SUCCESS)
		result = cuda_current(driver, &context);
	if (result == CUDA_SUCCESS && extra)
		result = unpack(function, extra, unpacked);
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	result = function->run(driver, threads, extra ? unpacked : parameters);
	/* A kernel that went astray takes its context with it. */
	if (result != CUDA_SUCCESS)
		context->broken = result;
	return cuda_leave(result);
}
