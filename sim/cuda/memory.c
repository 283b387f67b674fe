/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/cuda/api.h"
#include "sim/cuda/driver.h"
#include "sim/cuda/ipc.h"
#include "sim/mig.h"

/*
 * Device memory is a memfd that the daemon holds; an allocation is a stretch of it, mapped here, and the
 * pointer that programs get is where it is mapped. So memory is real: it can be used up, and it outlives the
 * process.
 */
enum { GRANULE = 4096 };

static uint64_t round_up(uint64_t size)
{
	return (size + GRANULE - 1) & ~(uint64_t)(GRANULE - 1);
}

CUresult cuda_open_memory(struct driver *driver, struct device *device)
{
	struct sim_request request = {
		.kind = SIM_REQUEST_MEMORY, .gpu = device->gpu, .gi = device->gi, .ci = device->ci};
	struct sim_reply reply;
	int rc;

	if (device->memory.fd >= 0)
		return CUDA_SUCCESS;
	if (driver->client.socket < 0) {
		device->memory.fd = memfd_create("nvidia-memory", MFD_CLOEXEC);
		if (device->memory.fd < 0 || ftruncate(device->memory.fd, (off_t)device->size) < 0)
			return CUDA_ERROR_OPERATING_SYSTEM;
		return CUDA_SUCCESS;
	}
	rc = sim_client_call(driver->client.socket, &request, &reply, &device->memory.fd);
	if (rc == 0 && device->memory.fd < 0)
		return CUDA_ERROR_OPERATING_SYSTEM;
	return cuda_from_errno(rc);
}

/* The first gap that is large enough; *index is where the allocation goes in the list. */
static bool find_gap(const struct device *device, uint64_t size, uint64_t *offset, size_t *index)
{
	const struct memory *m = &device->memory;
	uint64_t at = 0;

	for (*index = 0; *index < m->count; (*index)++) {
		const struct allocation *a = &m->allocations[*index];

		if (a->offset - at >= size)
			break;
		at = a->offset + a->size;
	}
	*offset = at;
	return *index < m->count || (at <= device->size && device->size - at >= size);
}

static bool make_room(struct memory *m)
{
	size_t capacity = m->capacity ? 2 * m->capacity : 16;
	struct allocation *grown;

	if (m->count < m->capacity)
		return true;
	grown = realloc(m->allocations, capacity * sizeof(*grown));
	if (!grown)
		return false;
	m->allocations = grown;
	m->capacity = capacity;
	return true;
}

static CUresult allocate(struct driver *driver, struct context *context, uint64_t size, CUdeviceptr *out)
{
	struct device *device = context->device;
	struct memory *m = &device->memory;
	uint64_t offset;
	size_t index;
	void *address;
	CUresult result;

	if (!size)
		return CUDA_ERROR_INVALID_VALUE;
	if (size > device->size)
		return CUDA_ERROR_OUT_OF_MEMORY;
	size = round_up(size);
	if (!make_room(m) || !find_gap(device, size, &offset, &index))
		return CUDA_ERROR_OUT_OF_MEMORY;
	result = cuda_report_use(driver, device, m->allocated + size);
	if (result != CUDA_SUCCESS)
		return result;
	result = cuda_open_memory(driver, device);
	address = MAP_FAILED;
	if (result == CUDA_SUCCESS)
		address = mmap(
			NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd, (off_t)offset);
	if (address == MAP_FAILED) {
		cuda_report_use(driver, device, m->allocated);
		return result == CUDA_SUCCESS ? CUDA_ERROR_OUT_OF_MEMORY : result;
	}
	memmove(&m->allocations[index + 1], &m->allocations[index],
		(m->count - index) * sizeof(*m->allocations));
	m->allocations[index] =
		(struct allocation){.address = address, .offset = offset, .size = size, .context = context};
	m->count++;
	m->allocated += size;
	*out = (CUdeviceptr)(uintptr_t)address;
	return CUDA_SUCCESS;
}

/* Takes one allocation away without telling the daemon. */
static void drop(struct memory *m, size_t index)
{
	struct allocation a = m->allocations[index];

	/* Its pages as well: the next allocation there starts with zeros, as nobody may read another's data.
	 */
	madvise(a.address, a.size, MADV_REMOVE);
	munmap(a.address, a.size);
	memmove(&m->allocations[index], &m->allocations[index + 1],
		(m->count - index - 1) * sizeof(*m->allocations));
	m->count--;
	m->allocated -= a.size;
}

void cuda_free_all(struct driver *driver, struct context *context)
{
	struct memory *m = &context->device->memory;

	cuda_close_imports(driver, context);
	for (size_t i = m->count; i-- > 0;)
		if (m->allocations[i].context == context)
			drop(m, i);
	if (!m->count) {
		free(m->allocations);
		m->allocations = NULL;
		m->capacity = 0;
	}
}

struct allocation *cuda_find_allocation(
	const struct driver *driver, CUdeviceptr pointer, struct device **device)
{
	for (int d = 0; d < driver->count; d++) {
		const struct memory *m = &driver->device[d].memory;

		for (size_t i = 0; i < m->count; i++) {
			CUdeviceptr start = (CUdeviceptr)(uintptr_t)m->allocations[i].address;

			if (pointer >= start && pointer - start < m->allocations[i].size) {
				if (device)
					*device = (struct device *)&driver->device[d];
				return &m->allocations[i];
			}
		}
	}
	return NULL;
}

bool cuda_is_device_memory(const struct driver *driver, CUdeviceptr pointer, uint64_t size)
{
	const struct allocation *a = cuda_find_allocation(driver, pointer, NULL);

	if (!a)
		return cuda_is_imported(driver, pointer, size);
	return size <= a->size - (pointer - (CUdeviceptr)(uintptr_t)a->address);
}

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = pointer ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		result = allocate(driver, context, size, pointer);
	return cuda_leave(result);
}

/* Of unified memory only what can be seen: the host may use the pointer, and it can be in no checkpoint. */
CUresult cuMemAllocManaged(CUdeviceptr *pointer, size_t size, unsigned flags)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = pointer && flags ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS)
		result = allocate(driver, context, size, pointer);
	if (result == CUDA_SUCCESS)
		cuda_find_allocation(driver, *pointer, NULL)->managed = true;
	return cuda_leave(result);
}

CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t size, CUstream stream)
{
	(void)stream;
	return cuMemAlloc_v2(pointer, size);
}

CUresult cuMemFree_v2(CUdeviceptr pointer)
{
	struct driver *driver;
	struct device *device;
	struct allocation *a;
	CUresult result = cuda_enter(&driver);

	if (result != CUDA_SUCCESS || !pointer)
		return cuda_leave(result);
	a = cuda_find_allocation(driver, pointer, &device);
	if (!a || (CUdeviceptr)(uintptr_t)a->address != pointer)
		return cuda_leave(CUDA_ERROR_INVALID_VALUE);
	drop(&device->memory, (size_t)(a - device->memory.allocations));
	return cuda_leave(cuda_report_use(driver, device, device->memory.allocated));
}

CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream)
{
	(void)stream;
	return cuMemFree_v2(pointer);
}

/* A client of MPS sees its limit as the whole. */
static void show_limit(const struct device *device, size_t *free_bytes, size_t *total)
{
	uint64_t left = device->limit > device->used ? device->limit - device->used : 0;

	if (!device->limit)
		return;
	if (device->limit < *total)
		*total = (size_t)device->limit;
	if (left < *free_bytes)
		*free_bytes = (size_t)left;
}

CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
	struct driver *driver;
	struct context *context;
	struct sim_gpu gpu;
	uint64_t used;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = free_bytes && total ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	sim_read_gpu(driver->client.map.state, context->device->gpu, &gpu);
	used = gpu.memory.used;
	if (driver->client.socket < 0)
		used += context->device->memory.allocated;
	if (context->device->gi != SIM_NO_INSTANCE) {
		struct sim_gpu_instance *gi = sim_find_gi(&gpu, context->device->gi);
		struct sim_compute_instance *ci = gi ? sim_find_ci(gi, context->device->ci) : NULL;

		used = ci ? ci->memory_used : context->device->size;
	}
	*total = (size_t)context->device->size;
	*free_bytes = (size_t)(used < context->device->size ? context->device->size - used : 0);
	show_limit(context->device, free_bytes, total);
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr pointer)
{
	struct driver *driver;
	const struct allocation *a;
	CUresult result = cuda_enter(&driver);

	if (result != CUDA_SUCCESS)
		return cuda_leave(result);
	a = cuda_find_allocation(driver, pointer, NULL);
	if (!a)
		return cuda_leave(CUDA_ERROR_NOT_FOUND);
	if (base)
		*base = (CUdeviceptr)(uintptr_t)a->address;
	if (size)
		*size = (size_t)a->size;
	return cuda_leave(CUDA_SUCCESS);
}

enum { TO_DEVICE = 1, FROM_DEVICE = 2 };

static void *host(CUdeviceptr pointer)
{
	return (void *)(uintptr_t)pointer;
}

/* Copies; the sides that `device_sides` names must be device memory. */
static CUresult copy(void *to, const void *from, size_t size, int device_sides)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = cuda_current(driver, &context);
	if (result != CUDA_SUCCESS || !size)
		return cuda_leave(result);
	if (!to || !from ||
		(device_sides & TO_DEVICE &&
			!cuda_is_device_memory(driver, (CUdeviceptr)(uintptr_t)to, size)) ||
		(device_sides & FROM_DEVICE &&
			!cuda_is_device_memory(driver, (CUdeviceptr)(uintptr_t)from, size)))
		return cuda_leave(CUDA_ERROR_INVALID_VALUE);
	memmove(to, from, size);
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size)
{
	return copy(host(to), from, size, TO_DEVICE);
}

CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size)
{
	return copy(to, host(from), size, FROM_DEVICE);
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size)
{
	return copy(host(to), host(from), size, TO_DEVICE | FROM_DEVICE);
}

/* Unified addressing: host and device pointers alike. */
CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t size)
{
	return copy(host(to), host(from), size, 0);
}

CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)
{
	(void)stream;
	return cuMemcpy(to, from, size);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream)
{
	(void)stream;
	return cuMemcpyHtoD_v2(to, from, size);
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream)
{
	(void)stream;
	return cuMemcpyDtoH_v2(to, from, size);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)
{
	(void)stream;
	return cuMemcpyDtoD_v2(to, from, size);
}

/* `count` elements of `width` bytes. */
static CUresult fill(CUdeviceptr to, const void *value, size_t width, size_t count)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		result = cuda_current(driver, &context);
	if (result != CUDA_SUCCESS || !count)
		return cuda_leave(result);
	if (to % width || count > SIZE_MAX / width || !cuda_is_device_memory(driver, to, count * width))
		return cuda_leave(CUDA_ERROR_INVALID_VALUE);
	for (size_t i = 0; i < count; i++)
		memcpy((char *)host(to) + i * width, value, width);
	return cuda_leave(CUDA_SUCCESS);
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count)
{
	return fill(to, &value, sizeof(value), count);
}

CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count)
{
	return fill(to, &value, sizeof(value), count);
}

CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count)
{
	return fill(to, &value, sizeof(value), count);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream)
{
	(void)stream;
	return cuMemsetD8_v2(to, value, count);
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream)
{
	(void)stream;
	return cuMemsetD32_v2(to, value, count);
}

/* Page-locked host memory: on the host it is memory like any other. */
CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags)
{
	struct driver *driver;
	struct context *context;
	CUresult result = cuda_enter(&driver);

	(void)flags;
	if (result == CUDA_SUCCESS)
		result = pointer && size ? cuda_current(driver, &context) : CUDA_ERROR_INVALID_VALUE;
	if (result == CUDA_SUCCESS) {
		void *memory = NULL;

		if (posix_memalign(&memory, GRANULE, size))
			result = CUDA_ERROR_OUT_OF_MEMORY;
		else
			*pointer = memory;
	}
	return cuda_leave(result);
}

CUresult cuMemAllocHost_v2(void **pointer, size_t size)
{
	return cuMemHostAlloc(pointer, size, 0);
}

CUresult cuMemFreeHost(void *pointer)
{
	struct driver *driver;
	CUresult result = cuda_enter(&driver);

	if (result == CUDA_SUCCESS)
		free(pointer);
	return cuda_leave(result);
}
