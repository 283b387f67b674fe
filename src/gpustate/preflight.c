/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/root.h"
#include "base/str.h"
#include "gpustate/gpustate.h"
#include "inventory/nvml_usage.h"
#include "plan/plan.h"

/* What can be known before anything is touched. Source: CUDA Driver API 13.0, "CUDA checkpointing". */

static bool holds(int fd, off_t size, const char *symbol)
{
	void *text = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	bool found;

	if (text == MAP_FAILED)
		return false;
	/* The name with the NUL behind it, as in a table of symbols. */
	found = memmem(text, (size_t)size, symbol, strlen(symbol) + 1);
	munmap(text, (size_t)size);
	return found;
}

static int check_library(
	const struct nvb_inventory *inventory, const struct nvb_file *file, char **library, nvb_error **err)
{
	struct stat st;
	_cleanup_close_ int fd = nvb_root_open_file(&inventory->roots.driver, file->path, &st);
	char *path;

	if (fd < 0)
		return nvb_fail_errno(err, -fd, "%s", file->path);
	if (!holds(fd, st.st_size, "cuCheckpointProcessLock"))
		return nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "the driver's libcuda lacks cuCheckpointProcessLock");
	if (!library)
		return 0;
	path = nvb_root_host_path(&inventory->roots.driver, file->path);
	if (!path)
		return nvb_fail_oom(err);
	*library = path;
	return 0;
}

int nvb_gpu_state_driver(const struct nvb_inventory *inventory, char **library, nvb_error **err)
{
	const char *version = inventory->driver.version;

	if (inventory->platform == NVB_PLATFORM_WSL2)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "under WSL2 the driver cannot save it");
	if (!version || strtol(version, NULL, 10) < NVB_STATE_FIRST_BRANCH)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "driver %s cannot save it, which began with %d",
			version ? version : "of unknown version", NVB_STATE_FIRST_BRANCH);
	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		if (nvb_streq(file->rule, "lib.cuda") && file->elf_class == 8 * sizeof(void *))
			return check_library(inventory, file, library, err);
	}
	return nvb_fail(err, NVB_ERR_NOT_FOUND, "the driver's libcuda is not installed");
}

/* Who uses the GPUs, as NVML says; false where it cannot be asked. */
static bool ask_usage(const struct nvb_inventory *inventory, struct nvb_nvml_usage *usage)
{
	enum { TRIES = 1000, PAUSE_NS = 20000000 };
	_cleanup_free_ char *library = NULL;

	if (nvb_nvml_library(inventory, &library, NULL) < 0 || nvb_nvml_usage_start(usage, library, NULL) < 0)
		return false;
	nvb_nvml_usage_ask(usage);
	for (int i = 0; i < TRIES && nvb_nvml_usage_take(usage); i++) {
		if (usage->known)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	return false;
}

/* The value of a variable that the process was started with; malloc'd, NULL: it has none. */
static char *variable_of(int pid, const char *name)
{
	enum { ENVIRONMENT_MAX = 1 << 22 };
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (nvb_file_read(AT_FDCWD, path, ENVIRONMENT_MAX, &text, &size, NULL) < 0)
		return NULL;
	for (const char *at = text; at < text + size; at += strlen(at) + 1) {
		const char *value = nvb_after(at, name);

		if (value && *value == '=')
			return strdup(value + 1);
	}
	return NULL;
}

/* A program becomes a client of MPS where a daemon listens in its pipe directory, as it sees it. */
static bool has_mps(int pid)
{
	_cleanup_free_ char *pipes = variable_of(pid, "CUDA_MPS_PIPE_DIRECTORY");
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	char top[64], control[4096];
	struct stat st;

	snprintf(top, sizeof(top), "/proc/%d/root", pid);
	if ((size_t)snprintf(control, sizeof(control), "%s/control",
		    pipes && *pipes ? pipes : NVB_MPS_PIPES) >= sizeof(control) ||
		nvb_root_open(&root, top, NULL) < 0)
		return false;
	return nvb_root_stat(&root, control, true, &st) == 0;
}

static bool is_mig(const struct nvb_inventory *inventory, uint32_t index)
{
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (inventory->gpus[i].index == index)
			return inventory->gpus[i].mig_enabled;
	return false;
}

/* What it has on the GPUs; what of it cannot be saved is found. */
static uint64_t see_usage(const struct nvb_inventory *inventory, const struct nvb_nvml_usage *usage, int pid,
	bool *computes, struct nvb_state_findings *findings)
{
	uint64_t bytes = 0;
	bool mig = false;

	*computes = false;
	for (size_t i = 0; i < usage->count; i++) {
		const struct nvb_gpu_use *use = &usage->uses[i];

		if (use->pid != (uint32_t)pid)
			continue;
		*computes = true;
		mig |= is_mig(inventory, use->gpu);
		if (use->memory != UINT64_MAX)
			bytes += use->memory;
		else
			nvb_state_find(findings, "memory-unknown", pid, false,
				"how much memory it has on GPU %u the driver does not tell", use->gpu);
	}
	if (mig)
		nvb_state_find(findings, "mig", pid, true,
			"it uses a MIG device, whose state the driver cannot save");
	return bytes;
}

static void see_open(int pid, struct nvb_state_findings *findings)
{
	static const struct {
		const char *id, *prefix, *why;
	} kinds[] = {
		{"graphics", "/dev/nvidia-modeset", "it shows graphics"},
		{"graphics", "/dev/dri/", "it draws by the GPU"},
		{"mig", "/dev/nvidia-caps/", "it uses a MIG device or the driver's management"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(kinds); i++) {
		_cleanup_free_ char *what = NULL;

		if (nvb_state_find_open(pid, kinds[i].prefix, &what, NULL) == 0 && what)
			nvb_state_find(findings, kinds[i].id, pid, true,
				"%s (%s is open), which cannot be saved", kinds[i].why, what);
	}
}

static bool is_there(int pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return access(path, F_OK) == 0;
}

/* All the GPU memory of a process comes to lie in the process. */
static void see_room(int pid, uint64_t bytes, struct nvb_state_findings *findings)
{
	uint64_t room = nvb_state_cgroup_room(pid);

	if (bytes > room)
		nvb_state_find(findings, "memory-cgroup", pid, true,
			"it has %llu MiB on GPUs, and its cgroup's memory limit leaves room for %llu MiB",
			(unsigned long long)(bytes >> 20), (unsigned long long)(room >> 20));
}

/*
 * Of managed memory the host sees mappings of /dev/nvidia-uvm; the driver has small ones of its own there
 * (pools of semaphores), so that only large ones tell. Source: NVIDIA's open kernel modules, uvm_mmap().
 */
static void see_managed(int pid, struct nvb_state_findings *findings)
{
	enum { DRIVERS_OWN = 32 << 20 };
	uint64_t mapped = nvb_state_mapped(pid, "/dev/nvidia-uvm");

	if (mapped > DRIVERS_OWN)
		nvb_state_find(findings, "managed-memory", pid, false,
			"it has %llu MiB of /dev/nvidia-uvm mapped, as managed memory is, which the driver "
			"cannot save",
			(unsigned long long)(mapped >> 20));
}

/* NVML keeps devices open that no checkpoint closes; whether it is open the names of the nodes do not tell
 * where CUDA has the same ones open. */
static void see_nvml(int pid, bool computes, struct nvb_state_findings *findings)
{
	_cleanup_free_ char *node = NULL;

	if (nvb_state_maps_library(pid, "libnvidia-ml.so"))
		nvb_state_find(findings, "nvml", pid, false,
			"it has NVML loaded, which cannot be saved while it is open");
	else if (!computes && nvb_state_find_open(pid, "/dev/nvidia", &node, NULL) == 0 && node)
		nvb_state_find(findings, "nvml", pid, true,
			"it has %s open without using CUDA (by NVML, say), which cannot be saved", node);
}

/* Memory that processes share only the driver sees: two that use CUDA may. */
static void see_sharing(
	const struct nvb_inventory *inventory, size_t computing, struct nvb_state_findings *findings)
{
	const char *version = inventory->driver.version;

	if (computing > 1 && version && strtol(version, NULL, 10) < NVB_STATE_IPC_BRANCH)
		nvb_state_find(findings, "ipc", 0, false,
			"%zu processes use CUDA: memory that they share (CUDA IPC) can be saved from driver "
			"%d on, and whether they do only the driver knows",
			computing, NVB_STATE_IPC_BRANCH);
}

static uint64_t see_process(const struct nvb_inventory *inventory, const struct nvb_nvml_usage *usage,
	bool known, int pid, size_t *computing, struct nvb_state_findings *findings)
{
	bool computes = !known;
	uint64_t bytes = 0;

	if (pid <= 0 || !is_there(pid)) {
		nvb_state_find(findings, "process", pid, true, "there is no such process");
		return 0;
	}
	if (known) {
		bytes = see_usage(inventory, usage, pid, &computes, findings);
		*computing += computes;
	}
	if (computes && has_mps(pid))
		nvb_state_find(findings, "mps", pid, true,
			"it is a client of MPS, whose state the driver cannot save");
	if (computes && nvb_state_is_frozen(pid))
		nvb_state_find(findings, "frozen", pid, true,
			"it is stopped or frozen: the driver works in a thread of the process itself");
	see_open(pid, findings);
	see_managed(pid, findings);
	see_nvml(pid, computes, findings);
	see_room(pid, bytes, findings);
	return bytes;
}

void nvb_state_preflight(const struct nvb_inventory *inventory, const int *pids, size_t count,
	struct nvb_state_findings *findings, uint64_t *bytes)
{
	struct nvb_nvml_usage usage = NVB_NVML_USAGE_INIT;
	_cleanup_error_ nvb_error *driver = NULL;
	uint64_t sum = 0, room = nvb_state_host_room();
	size_t computing = 0;
	bool known;

	if (nvb_gpu_state_driver(inventory, NULL, &driver) < 0)
		nvb_state_find(findings, "driver", 0, true, "%s",
			driver ? nvb_error_message(driver) : "the driver could not be looked at");
	known = ask_usage(inventory, &usage);
	if (!known)
		nvb_state_find(findings, "memory-unknown", 0, false,
			"NVML does not tell how much memory the processes have on the GPUs");
	for (size_t i = 0; i < count; i++)
		sum += see_process(inventory, &usage, known, pids[i], &computing, findings);
	see_sharing(inventory, computing, findings);
	if (sum > room)
		nvb_state_find(findings, "memory-host", 0, true,
			"%llu MiB come from the GPUs into the host's memory, where %llu MiB are available",
			(unsigned long long)(sum >> 20), (unsigned long long)(room >> 20));
	nvb_nvml_usage_stop(&usage);
	*bytes = sum;
}

int nvb_gpu_state_preflight(const nvb_inventory *inventory, const int *pids, size_t count,
	struct nvb_gpu_state_finding **out, size_t *out_count, nvb_error **err)
{
	struct nvb_state_findings findings = {0};
	uint64_t bytes;

	nvb_state_preflight(inventory, pids, count, &findings, &bytes);
	if (findings.failed) {
		nvb_gpu_state_findings_free(findings.list, findings.count);
		return nvb_fail_oom(err);
	}
	*out = findings.list;
	*out_count = findings.count;
	return 0;
}
