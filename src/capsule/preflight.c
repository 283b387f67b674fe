/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "capsule/gpu.h"
#include "capsule/runtime.h"
#include "gpustate/gpustate.h"
#include "inventory/inventory.h"

/* What the driver can: src/gpustate. Source for the rest: criu(8), "check". */

static int refuse(nvb_error **err, const char *why)
{
	return nvb_wrap(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s", why),
		"the state of its GPUs could be in no snapshot");
}

static int check_driver(const struct nvb_inventory *inventory, nvb_error **err)
{
	int rc = nvb_gpu_state_driver(inventory, NULL, err);

	return rc < 0 ? nvb_wrap(err, -NVB_ERR_UNSUPPORTED, "the state of its GPUs could be in no snapshot")
		      : 0;
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
		rc = check_devices(request, inventory, err);
	if (rc == 0)
		rc = check_criu(err);
	nvb_inventory_free(inventory);
	nvb_request_free(request);
	return rc;
}
