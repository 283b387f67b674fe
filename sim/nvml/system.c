/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "sim/nvml/library.h"

/* Texts as NVIDIA's library gives them: programs print them and scripts look for them. */
static const struct {
	nvml_return code;
	const char *text;
} error_texts[] = {
	{NVML_OK, "Success"},
	{NVML_UNINITIALIZED, "Uninitialized"},
	{NVML_INVALID_ARGUMENT, "Invalid Argument"},
	{NVML_NOT_SUPPORTED, "Not Supported"},
	{NVML_NO_PERMISSION, "Insufficient Permissions"},
	{NVML_ALREADY_INITIALIZED, "Already Initialized"},
	{NVML_NOT_FOUND, "Not Found"},
	{NVML_INSUFFICIENT_SIZE, "Insufficient Size"},
	{NVML_INSUFFICIENT_POWER, "Insufficient External Power"},
	{NVML_DRIVER_NOT_LOADED, "Driver Not Loaded"},
	{NVML_TIMEOUT, "Timeout"},
	{NVML_IRQ_ISSUE, "Interrupt Request Issue"},
	{NVML_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found"},
	{NVML_FUNCTION_NOT_FOUND, "Function Not Found"},
	{NVML_CORRUPTED_INFOROM, "Corrupted infoROM"},
	{NVML_GPU_IS_LOST, "GPU is lost"},
	{NVML_RESET_REQUIRED, "GPU requires reset"},
	{NVML_OPERATING_SYSTEM, "GPU access blocked by the operating system"},
	{NVML_LIB_RM_VERSION_MISMATCH, "Driver/library version mismatch"},
	{NVML_IN_USE, "In use by another client"},
	{NVML_MEMORY, "Insufficient Memory"},
	{NVML_NO_DATA, "No data"},
	{NVML_VGPU_ECC_NOT_SUPPORTED, "vGPU ECC not supported"},
	{NVML_INSUFFICIENT_RESOURCES, "Insufficient Resources"},
	{NVML_FREQ_NOT_SUPPORTED, "Invalid Frequency"},
	{NVML_ARGUMENT_VERSION_MISMATCH, "Argument version mismatch"},
	{NVML_DEPRECATED, "Requested functionality has been deprecated"},
	{NVML_NOT_READY, "System is not in ready state"},
	{NVML_GPU_NOT_FOUND, "No supported GPUs were found"},
	{NVML_INVALID_STATE, "Resource not in correct state to perform requested operation"},
};

__attribute__((visibility("default"))) const char *nvmlErrorString(nvml_return code);
const char *nvmlErrorString(nvml_return code)
{
	for (size_t i = 0; i < sizeof(error_texts) / sizeof(error_texts[0]); i++)
		if (error_texts[i].code == code)
			return error_texts[i].text;
	return "Unknown Error";
}

API(nvmlSystemGetDriverVersion, char *version, uint32_t length)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	return rc == NVML_OK ? give_string(machine.module_version, version, length) : rc;
}

/* "<CUDA major>.<driver version>"; works without nvmlInit, so that a failing one can be explained. */
API(nvmlSystemGetNVMLVersion, char *version, uint32_t length)
{
	struct sim_machine machine;
	char text[NVML_VERSION_SIZE];
	nvml_return rc = peek_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	snprintf(text, sizeof(text), "%u.%s", machine.cuda_version / 1000, machine.driver_version);
	return give_string(text, version, length);
}

API(nvmlSystemGetCudaDriverVersion, int *version)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!version)
		return NVML_INVALID_ARGUMENT;
	*version = (int)machine.cuda_version;
	return NVML_OK;
}

API(nvmlSystemGetCudaDriverVersion_v2, int *version)
{
	return nvmlSystemGetCudaDriverVersion(version);
}

/* The command line of a process, arguments cut off at the buffer's end, as far as /proc shows it here. */
API(nvmlSystemGetProcessName, uint32_t pid, char *name, uint32_t length)
{
	struct sim_machine machine;
	char path[64];
	nvml_return rc = enter_machine(&machine);

	if (rc != NVML_OK)
		return rc;
	if (!name || !length)
		return NVML_INVALID_ARGUMENT;
	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NVML_NOT_FOUND;
	ssize_t n = read(fd, name, length - 1);
	close(fd);
	if (n <= 0)
		return NVML_NOT_FOUND;
	name[n] = '\0';
	for (ssize_t i = 0; i < n - 1; i++)
		if (!name[i])
			name[i] = ' ';
	return NVML_OK;
}

API(nvmlSystemGetHicVersion, uint32_t *count, void *entries)
{
	nvml_return rc;

	(void)entries;
	give_room(0, count, NULL, &rc);
	return rc;
}

API(nvmlUnitGetCount, uint32_t *count)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	if (rc == NVML_OK && !count)
		rc = NVML_INVALID_ARGUMENT;
	if (rc == NVML_OK)
		*count = 0; /* S-class units are gone since Fermi */
	return rc;
}

API(nvmlGetExcludedDeviceCount, uint32_t *count)
{
	return nvmlUnitGetCount(count);
}

API(nvmlGetExcludedDeviceInfoByIndex, uint32_t index, nvml_excluded_device *info)
{
	struct sim_machine machine;
	nvml_return rc = enter_machine(&machine);

	(void)index;
	return rc == NVML_OK ? (info ? NVML_NOT_FOUND : NVML_INVALID_ARGUMENT) : rc;
}

API(nvmlGetBlacklistDeviceCount, uint32_t *count)
{
	return nvmlUnitGetCount(count);
}

API(nvmlGetBlacklistDeviceInfoByIndex, uint32_t index, nvml_excluded_device *info)
{
	return nvmlGetExcludedDeviceInfoByIndex(index, info);
}
