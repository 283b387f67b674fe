/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/str.h"
#include "inventory/cache.h"
#include "inventory/nvml_abi.h"
#include "inventory/nvml_record.h"
#include "inventory/procfs.h"

/* The parent's side of the NVML seam: a child asks, we check and take over what it says. */

enum {
	LIMIT_MS = 60 * 1000, /* without persistence mode a big machine takes seconds per GPU */
	ANSWER_MAX = sizeof(struct nvb_nvml_head) + NVB_NVML_GPU_MAX * sizeof(struct nvb_nvml_gpu) +
		     NVB_NVML_MIG_MAX * sizeof(struct nvb_nvml_mig),
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Everything until end of file. 0, or -errno; -ETIMEDOUT when the limit passes. */
static int read_answer(int fd, char **answer, size_t *size)
{
	const int64_t limit = now_ms() + LIMIT_MS;
	_cleanup_free_ char *buffer = NULL;
	size_t used = 0, capacity = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = limit - now_ms();
		ssize_t n;
		int rc = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (rc == 0)
			return -ETIMEDOUT;
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return -errno;
		if (used == capacity) {
			size_t wanted = capacity ? capacity * 2 : 16384;
			char *grown = used > ANSWER_MAX ? NULL : realloc(buffer, wanted);

			if (!grown)
				return -ENOMEM;
			buffer = grown;
			capacity = wanted;
		}
		n = read(fd, buffer + used, capacity - used);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n == 0)
			break;
		used += n > 0 ? (size_t)n : 0;
	}
	*answer = NVB_TAKE_PTR(buffer);
	*size = used;
	return 0;
}

/* In the child: nothing of the caller's shows or is heard, and it ends when the caller does. */
_Noreturn static void run_child(const char *library, int fd, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	if (null >= 0)
		for (int i = 0; i <= 2; i++)
			dup2(null, i);
	_exit(nvb_nvml_child(library, fd));
}

/* Waits for the child; *status is 0 where somebody else took it (a caller that ignores SIGCHLD). */
static void reap(pid_t child, int *status)
{
	pid_t rc;

	*status = 0;
	do
		rc = waitpid(child, status, 0);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		*status = 0;
}

static int ask_child(const char *library, char **answer, size_t *size, nvb_error **err)
{
	_cleanup_close_ int read_end = -1, write_end = -1;
	pid_t parent = getpid(), child;
	int ends[2], status, rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	read_end = ends[0];
	write_end = ends[1];
	child = fork();
	if (child < 0)
		return nvb_fail_errno(err, errno, "fork");
	if (child == 0)
		run_child(library, write_end, parent);
	close(NVB_TAKE_FD(write_end));
	rc = read_answer(read_end, answer, size);
	if (rc < 0)
		kill(child, SIGKILL);
	reap(child, &status);
	if (rc == -ETIMEDOUT) {
		rc = nvb_fail_errno(
			err, ETIMEDOUT, "%s gave no answer within %d s", library, LIMIT_MS / 1000);
		return nvb_hint(err, rc, "a GPU may hang: see the kernel's log for NVRM: Xid");
	}
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s", library);
	if (WIFSIGNALED(status))
		return nvb_fail(err, NVB_ERR_SYSTEM, "%s crashed (%s)", library, strsignal(WTERMSIG(status)));
	return 0;
}

static const struct failure {
	int32_t result;
	enum nvb_error_code code;
	const char *what, *hint;
} failures[] = {
	{NVML_DRIVER_NOT_LOADED, NVB_ERR_UNSUPPORTED, "the NVIDIA kernel module is not loaded",
		"modprobe nvidia"},
	{NVML_LIB_RM_VERSION_MISMATCH, NVB_ERR_STALE, "library and kernel module are of different versions",
		"reboot, or unload and load the nvidia modules"},
	{NVML_NO_PERMISSION, NVB_ERR_PERMISSION, "no permission", "check the modes of /dev/nvidia*"},
	{NVML_GPU_IS_LOST, NVB_ERR_UNSUPPORTED, "a GPU has fallen off the bus",
		"see the kernel's log for NVRM: Xid"},
	{NVML_INSUFFICIENT_POWER, NVB_ERR_UNSUPPORTED, "a GPU lacks a power cable",
		"check the external power cables"},
	{NVML_FUNCTION_NOT_FOUND, NVB_ERR_UNSUPPORTED, "it lacks functions that every NVML has",
		"is it a stub of the CUDA toolkit?"},
};

static int explain(const struct nvb_nvml_head *head, const char *library, nvb_error **err)
{
	int rc;

	if (head->step == NVB_NVML_OPEN)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "loading %s: %s", library, head->message);
	for (size_t i = 0; i < NVB_ELEMENTS(failures); i++) {
		if (failures[i].result != head->result)
			continue;
		rc = nvb_fail(err, failures[i].code, "%s: %s", library, failures[i].what);
		return nvb_hint(err, rc, "%s", failures[i].hint);
	}
	return nvb_fail(err, NVB_ERR_SYSTEM, "%s: NVML error %d", library, head->result);
}

/* Takes over a text that is not known yet. */
static bool learn(struct nvb_inventory *inventory, const char **field, const char *value)
{
	if (*field || !*value)
		return true;
	*field = nvb_arena_strdup(&inventory->arena, value);
	return *field != NULL;
}

static bool same_gpu(const struct nvb_gpu *gpu, const struct nvb_nvml_gpu *told)
{
	char pci[NVB_PCI_ADDRESS];

	if (*told->pci && gpu->pci && nvb_pci_normalise(told->pci, pci))
		return nvb_streq(pci, gpu->pci);
	return *told->uuid && gpu->uuid && strcasecmp(told->uuid, gpu->uuid) == 0;
}

static int learn_gpu(struct nvb_inventory *inventory, struct nvb_gpu *gpu,
	const struct nvb_nvml_record *record, uint32_t index, nvb_error **err)
{
	const struct nvb_nvml_gpu *told = &record->gpus[index];
	bool fine = learn(inventory, &gpu->uuid, told->uuid) && learn(inventory, &gpu->name, told->name);

	if (told->memory)
		gpu->memory = told->memory;
	if (told->compute_major >= 0) {
		gpu->compute_major = told->compute_major;
		gpu->compute_minor = told->compute_minor;
	}
	for (size_t m = 0; fine && m < gpu->mig_count; m++) {
		struct nvb_mig_device *mig = &gpu->migs[m];

		for (uint32_t i = 0; fine && i < record->head.mig_count; i++) {
			const struct nvb_nvml_mig *other = &record->migs[i];

			if (other->gpu != index || other->gi != mig->gi || other->ci != mig->ci)
				continue;
			fine = learn(inventory, &mig->uuid, other->uuid) &&
			       learn(inventory, &mig->profile, other->profile);
			mig->memory = other->memory;
		}
	}
	return fine ? 0 : nvb_fail_oom(err);
}

/* WSL2 has no /proc/driver/nvidia: there NVML's list is the only one. */
static int adopt_gpus(struct nvb_inventory *inventory, const struct nvb_nvml_record *record, nvb_error **err)
{
	struct nvb_gpu *gpus =
		nvb_arena_alloc(&inventory->arena, (record->head.gpu_count + 1) * sizeof(*gpus));

	if (!gpus)
		return nvb_fail_oom(err);
	for (uint32_t i = 0; i < record->head.gpu_count; i++) {
		char pci[NVB_PCI_ADDRESS];

		gpus[i] = (struct nvb_gpu){.index = i,
			.minor = UINT32_MAX,
			.numa_node = -1,
			.compute_major = -1,
			.compute_minor = -1};
		gpus[i].pci = nvb_arena_strdup(
			&inventory->arena, nvb_pci_normalise(record->gpus[i].pci, pci) ? pci : "unknown");
		if (!gpus[i].pci)
			return nvb_fail_oom(err);
	}
	inventory->gpus = gpus;
	inventory->gpu_count = record->head.gpu_count;
	return 0;
}

static int learn_all(struct nvb_inventory *inventory, const struct nvb_nvml_record *record, nvb_error **err)
{
	bool adopt = inventory->platform == NVB_PLATFORM_WSL2 && inventory->gpu_count == 0;
	int rc = adopt ? adopt_gpus(inventory, record, err) : 0;

	if (rc == 0 && !learn(inventory, &inventory->driver.version, record->head.version))
		rc = nvb_fail_oom(err);
	for (size_t g = 0; rc == 0 && g < inventory->gpu_count; g++)
		for (uint32_t i = 0; rc == 0 && i < record->head.gpu_count; i++)
			if (adopt ? i == g : same_gpu(&inventory->gpus[g], &record->gpus[i]))
				rc = learn_gpu(inventory, &inventory->gpus[g], record, i, err);
	return rc;
}

/* The host path of the library for programs of our own class. */
static int find_library(const struct nvb_inventory *inventory, char **path, nvb_error **err)
{
	int rc;

	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		if (!nvb_streq0(file->soname, "libnvidia-ml.so.1") || file->elf_class != 8 * sizeof(void *))
			continue;
		*path = nvb_root_host_path(&inventory->roots.driver, file->path);
		return *path ? 0 : nvb_fail_oom(err);
	}
	rc = nvb_fail(err, NVB_ERR_NOT_FOUND,
		"libnvidia-ml.so.1 is not among the driver's libraries below %s",
		inventory->roots.driver.path);
	return nvb_hint(
		err, rc, "install the driver's NVML package, or name its directory with --library-path");
}

int nvb_inventory_ask_nvml(struct nvb_inventory *inventory, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_nvml_record_ struct nvb_nvml_record record = {0};
	_cleanup_free_ char *library = NULL, *answer = NULL;
	size_t size = 0;
	int rc;

	if (inventory->nvml_asked)
		return 0;
	rc = find_library(inventory, &library, err);
	if (rc == 0)
		rc = ask_child(library, &answer, &size, err);
	if (rc < 0)
		return rc;
	rc = nvb_nvml_record_parse(&record, answer, size, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s", library);
	if (record.head.step != NVB_NVML_DONE)
		return explain(&record.head, library, err);
	rc = learn_all(inventory, &record, err);
	if (rc < 0)
		return rc;
	inventory->nvml_asked = true;
	nvb_inventory_keep(inventory, log);
	return 0;
}
