/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The simulated libnvidia-sandboxutils.so.1. NVIDIA's generators ask this library first which files a GPU needs and,
 * where it says that it does not support the device, look for themselves: here it says so. Names and codes are those
 * that nvidia-ctk uses (internal/nvsandboxutils of nvidia-container-toolkit).
 */
enum { NOT_SUPPORTED = 2 };

#define EXPORT __attribute__((visibility("default")))

EXPORT int nvSandboxUtilsInit(const void *input);
EXPORT int nvSandboxUtilsShutdown(void);
EXPORT int nvSandboxUtilsGetDriverVersion(char *version, unsigned length);
EXPORT int nvSandboxUtilsGetGpuResource(void *request);
EXPORT int nvSandboxUtilsGetFileContent(char *path, char *content, unsigned *size);

int nvSandboxUtilsInit(const void *input)
{
	(void)input;
	return NOT_SUPPORTED;
}

int nvSandboxUtilsShutdown(void)
{
	return NOT_SUPPORTED;
}

int nvSandboxUtilsGetDriverVersion(char *version, unsigned length)
{
	(void)version;
	(void)length;
	return NOT_SUPPORTED;
}

int nvSandboxUtilsGetGpuResource(void *request)
{
	(void)request;
	return NOT_SUPPORTED;
}

int nvSandboxUtilsGetFileContent(char *path, char *content, unsigned *size)
{
	(void)path;
	(void)content;
	(void)size;
	return NOT_SUPPORTED;
}
