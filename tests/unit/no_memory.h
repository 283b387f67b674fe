/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_NO_MEMORY_H
#define TESTS_NO_MEMORY_H

/*
 * Every function given to EXHAUST is run again and again, each time with another of its allocations failing,
 * until it gets through. Each time it either succeeds (that allocation was for something optional) or fails
 * with NVB_ERR_NO_MEMORY and leaves its outputs alone; it never crashes, leaks a descriptor, or says that
 * something else was wrong. Included once by a test program: it brings the allocator that fails.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>

/* The C library's own functions call these too. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static long countdown = -1; /* allocations until one fails; negative: none does */
static bool failed;

static inline bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return size && fails() ? NULL : __libc_realloc(p, size);
}

static inline size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Runs `call` until no allocation of it fails. It returns a code, having checked that a failure left its
 * outputs alone. */
static inline void exhaust(const char *name, int (*call)(nvb_error **err))
{
	size_t descriptors = open_descriptors();
	bool through = false;

	for (long n = 0; !through; n++) {
		nvb_error *err = NULL;
		int rc;

		failed = false;
		countdown = n;
		rc = call(&err);
		countdown = -1;
		through = !failed;
		if (rc < 0 &&
			(through || rc != -NVB_ERR_NO_MEMORY || nvb_error_code(err) != NVB_ERR_NO_MEMORY))
			fail_msg("%s, allocation %ld: %d, %s", name, n, rc, nvb_error_message(err));
		if (rc >= 0 && err)
			fail_msg("%s, allocation %ld: succeeds with the error: %s", name, n,
				nvb_error_message(err));
		nvb_error_free(err);
	}
	assert_int_equal(open_descriptors(), descriptors);
}
#define EXHAUST(call) exhaust(#call, call)

/* True when all bytes are as `fill` left them. */
static inline bool untouched(const void *object, size_t size)
{
	const unsigned char *p = object;

	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}
#define assert_untouched(rc, object) assert_true((rc) >= 0 || untouched(&(object), sizeof(object)))

/* A host with two GPUs, in the scratch directory. */
static inline void make_host(void)
{
	host_module("550.54.15");
	host_gpu("0000:17:00.0", 0, HOST_UUID(1));
	host_gpu("0000:3b:00.0", 1, HOST_UUID(2));
	host_text("/proc/driver/nvidia/capabilities/gpu1/mig/gi1/access", "DeviceFileMinor: 12\n");
	host_text("/proc/driver/nvidia/capabilities/gpu1/mig/gi1/ci0/access", "DeviceFileMinor: 13\n");
	host_text("/sys/bus/pci/devices/0000:17:00.0/vendor", "0x10de\n");
	host_text("/sys/bus/pci/devices/0000:17:00.0/drm/card0/dev", "226:0\n");
	host_link("/sys/bus/pci/devices/0000:17:00.0/driver", "../../../bus/pci/drivers/nvidia");
	host_lib("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.15", "libnvidia-ml.so.1");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.14", "libnvidia-ml.so.1");
	/* Several releases of one library of its own version: the link says which. */
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-egl-gbm.so.1.1.0", "libnvidia-egl-gbm.so.1");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-egl-gbm.so.1.1.1", "libnvidia-egl-gbm.so.1");
	host_link("/usr/lib/x86_64-linux-gnu/libnvidia-egl-gbm.so.1", "libnvidia-egl-gbm.so.1.1.1");
	host_link("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "libcuda.so.550.54.15");
	host_lib32("/usr/lib/i386-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1");
	host_text("/usr/share/vulkan/icd.d/nvidia_icd.json", "{}");
	host_lib("/usr/local/cuda-12.4/compat/libcuda.so.550", "libcuda.so.1");
}

#endif
