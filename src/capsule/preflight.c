/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/root.h"
#include "base/str.h"
#include "capsule/gpu.h"
#include "capsule/runtime.h"
#include "inventory/inventory.h"

/* Sources: CUDA Driver API 13.0, "Checkpointing" (cuCheckpointProcess* since 570; not with UVM, MIG, MPS);
 * criu(8), "check". */

enum { FIRST_BRANCH = 570 };

static int refuse(nvb_error **err, const char *why)
{
	return nvb_wrap(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s", why),
		"the state of its GPUs could be in no snapshot");
}

static int check_driver(const struct nvb_inventory *inventory, nvb_error **err)
{
	const char *version = inventory->driver.version;

	if (inventory->platform == NVB_PLATFORM_WSL2)
		return refuse(err, "under WSL2 the driver cannot save it");
	if (!version || strtol(version, NULL, 10) < FIRST_BRANCH) {
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "driver %s cannot save it, which began with %d",
			version ? version : "of unknown version", FIRST_BRANCH);
		return nvb_wrap(err, -NVB_ERR_UNSUPPORTED, "the state of its GPUs could be in no snapshot");
	}
	return 0;
}

static bool holds(int fd, const char *symbol)
{
	struct stat st;
	void *text;
	bool found;

	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		return false;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return false;
	/* The name with the NULs around it, as in a table of symbols. */
	found = memmem(text, (size_t)st.st_size, symbol, strlen(symbol) + 1);
	munmap(text, (size_t)st.st_size);
	return found;
}

static int check_libcuda(const struct nvb_inventory *inventory, nvb_error **err)
{
	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];
		_cleanup_close_ int fd = -1;
		struct stat st;

		if (!nvb_streq(file->rule, "lib.cuda") || file->elf_class != 64)
			continue;
		fd = nvb_root_open_file(&inventory->roots.driver, file->path, &st);
		if (fd < 0)
			return nvb_fail_errno(err, -fd, "%s", file->path);
		return holds(fd, "cuCheckpointProcessLock")
			       ? 0
			       : refuse(err, "the driver's libcuda lacks cuCheckpointProcessLock");
	}
	return refuse(err, "the driver's libcuda is not installed");
}

static int check_devices(
	const struct nvb_request *request, const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_free_ struct nvb_device *devices = NULL;
	size_t count = 0;
	int rc = nvb_request_resolve(request, inventory, &devices, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		if (devices[i].mig)
			return refuse(err, "the driver cannot save that of MIG devices");
	return rc;
}

/* What `criu check` says when it says no; its last line. */
static int check_criu(nvb_error **err)
{
	_cleanup_free_ char *criu = nvb_runtime_find("criu");
	int status;
	pid_t pid;

	if (!criu)
		return nvb_hint(err, refuse(err, "CRIU, which saves the processes, is not installed"),
			"install criu 4.0 or later");
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
			_exit(125);
		execl(criu, criu, "check", NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0)
		return nvb_fail_errno(err, errno, "%s", criu);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return nvb_hint(err, refuse(err, "CRIU does not work on this kernel"), "'%s check' says why", criu);
}

int nvb_snapshot_preflight(
	const struct nvb_run_host *host, const struct nvb_capsule_definition *definition, nvb_error **err)
{
	struct nvb_inventory *inventory = NULL;
	struct nvb_request *request = NULL;
	int rc;

	if (!nvb_definition_wants_gpus(definition))
		return refuse(err, "the capsule has none");
	rc = nvb_definition_request(definition, host->profiles, &request, err);
	if (rc == 0 && request->isolation == NVB_ISOLATION_VIRTUAL)
		rc = refuse(
			err, "virtual isolation divides them by MIG or MPS, and the driver cannot save that");
	if (rc == 0)
		rc = nvb_inventory_load(host->inventory, &inventory, err);
	if (rc == 0)
		rc = check_driver(inventory, err);
	if (rc == 0)
		rc = check_libcuda(inventory, err);
	if (rc == 0)
		rc = check_devices(request, inventory, err);
	if (rc == 0)
		rc = check_criu(err);
	nvb_inventory_free(inventory);
	nvb_request_free(request);
	return rc;
}
