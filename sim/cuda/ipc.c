/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/cuda/ipc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/cuda/api.h"

/*
 * CUDA IPC: a handle tells another process of the same user where in whose device memory an allocation lies.
 * That process maps the memfd of the exporter's, which it opens through /proc; so both need one PID
 * namespace, as with the real driver.
 */
#define HANDLE_MAGIC UINT32_C(0x43504953)

struct handle {
	uint32_t magic;
	int32_t pid, fd;
	uint32_t gpu;
	uint64_t inode; /* of the memfd: a number of a descriptor is soon another file's */
	uint64_t offset, size;
};
_Static_assert(sizeof(struct handle) <= sizeof(CUipcMemHandle), "a handle of CUDA");

bool cuda_shares_memory(const struct driver *driver)
{
	for (int d = 0; d < driver->count; d++)
		for (size_t i = 0; i < driver->device[d].memory.count; i++)
			if (driver->device[d].memory.allocations[i].exported)
				return true;
	return driver->imports;
}

bool cuda_is_imported(const struct driver *driver, CUdeviceptr pointer, uint64_t size)
{
	for (const struct import *i = driver->imports; i; i = i->next) {
		CUdeviceptr start = (CUdeviceptr)(uintptr_t)i->address;

		if (pointer >= start && pointer - start < i->size)
			return size <= i->size - (pointer - start);
	}
	return false;
}

static void close_import(struct import **at)
{
	struct import *import = *at;

	*at = import->next;
	munmap(import->address, import->size);
	free(import);
}

void cuda_close_imports(struct driver *driver, const struct context *context)
{
	for (struct import **at = &driver->imports; *at;) {
		if ((*at)->context == context)
			close_import(at);
		else
			at = &(*at)->next;
	}
}

CUresult cuIpcGetMemHandle(CUipcMemHandle *out, CUdeviceptr pointer)
{
	struct driver *driver;
	struct device *device;
	struct allocation *a;
	struct handle handle = {.magic = HANDLE_MAGIC, .pid = getpid()};
	struct stat st;
	CUresult result = cuda_enter(&driver);

	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	a = out ? cuda_find_allocation(driver, pointer, &device) : NULL;
	/* Managed memory is not for IPC. */
	if (!a || a->managed)
		return cuda_leave(CUDA_ERROR_INVALID_VALUE);
	if (fstat(device->memory.fd, &st) < 0)
		return cuda_leave(CUDA_ERROR_OPERATING_SYSTEM);
	handle.fd = device->memory.fd;
	handle.gpu = device->gpu;
	handle.inode = st.st_ino;
	handle.offset = a->offset;
	handle.size = a->size;
	memset(out, 0, sizeof(*out));
	memcpy(out, &handle, sizeof(handle));
	a->exported = true;
	return cuda_leave(CUDA_SUCCESS);
}

/* The memory that a handle is of, or a negative number. */
static int open_memory(const struct handle *handle)
{
	struct stat st;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)handle->pid, (int)handle->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_ino == handle->inode && handle->size &&
		handle->offset + handle->size >= handle->offset &&
		handle->offset + handle->size <= (uint64_t)st.st_size)
		return fd;
	close(fd);
	return -1;
}

static CUresult import(
	struct driver *driver, struct context *context, const struct handle *handle, CUdeviceptr *out)
{
	struct import *added;
	void *address;
	int fd;

	/* The process that gave it has the memory already. */
	if (handle->magic != HANDLE_MAGIC || handle->pid == getpid())
		return handle->magic == HANDLE_MAGIC ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_VALUE;
	if (handle->gpu != context->device->gpu)
		return CUDA_ERROR_INVALID_DEVICE;
	added = malloc(sizeof(*added));
	if (!added)
		return CUDA_ERROR_OUT_OF_MEMORY;
	fd = open_memory(handle);
	address = fd < 0 ? MAP_FAILED
			 : mmap(NULL, handle->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
				   (off_t)handle->offset);
	if (fd >= 0)
		close(fd);
	if (address == MAP_FAILED) {
		free(added);
		return CUDA_ERROR_INVALID_HANDLE;
	}
	*added = (struct import){
		.address = address, .size = handle->size, .context = context, .next = driver->imports};
	driver->imports = added;
	*out = (CUdeviceptr)(uintptr_t)address;
	return CUDA_SUCCESS;
}

CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *out, CUipcMemHandle given, unsigned flags)
{
	struct driver *driver;
	struct context *context;
	struct handle handle;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = out && flags == CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS ? cuda_current(driver, &context)
									    : CUDA_ERROR_INVALID_VALUE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	memcpy(&handle, &given, sizeof(handle));
	return cuda_leave(import(driver, context, &handle, out));
}

CUresult cuIpcCloseMemHandle(CUdeviceptr pointer)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	for (struct import **at = &driver->imports; *at; at = &(*at)->next)
		if ((CUdeviceptr)(uintptr_t)(*at)->address == pointer) {
			close_import(at);
			return cuda_leave(CUDA_SUCCESS);
		}
	return cuda_leave(CUDA_ERROR_INVALID_VALUE);
}
