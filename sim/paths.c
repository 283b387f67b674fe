/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "config.h"

static const struct {
	const char *name;
	const char *built; /* below the directory of nvbind-sim in a build tree */
} artifacts[] = {
	{"libcuda.so.1", "cuda/libcuda.so.1"},
	{"libnvidia-ml.so.1", "nvml/libnvidia-ml.so.1"},
	{"libnvidia-sandboxutils.so.1", "sandboxutils/libnvidia-sandboxutils.so.1"},
	{"nvidia-smi", "smi/nvidia-smi"},
	{"nvidia-cuda-mps-control", "mps/nvidia-cuda-mps-control"},
	{"nvidia-cuda-mps-server", "mps/nvidia-cuda-mps-server"},
};

/* "<directory of this program>/<name>" if that exists: 1; 0 if not. */
static int beside_program(const char *name, char **path, nvb_error **err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return nvb_fail_errno(err, errno, "/proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	if (asprintf(path, "%s/%s", self, name) < 0)
		return nvb_fail_oom(err);
	if (access(*path, F_OK) == 0)
		return 1;
	free(*path);
	*path = NULL;
	return 0;
}

int sim_scenario_directory(char **path, nvb_error **err)
{
	int rc = beside_program("scenarios", path, err);

	if (rc)
		return rc < 0 ? rc : 0;
	*path = strdup(NVB_DATADIR "/scenarios");
	return *path ? 0 : nvb_fail_oom(err);
}

int sim_artifact(const char *name, char **path, nvb_error **err)
{
	for (size_t i = 0; i < NVB_ELEMENTS(artifacts); i++) {
		int rc;

		if (!nvb_streq(artifacts[i].name, name))
			continue;
		rc = beside_program(artifacts[i].built, path, err);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	if (asprintf(path, "%s/sim/%s", NVB_LIBEXECDIR, name) < 0) {
		*path = NULL;
		return nvb_fail_oom(err);
	}
	if (access(*path, R_OK) == 0)
		return 0;
	free(*path);
	*path = NULL;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_NOT_FOUND,
			"the simulated %s is neither beside this program nor in %s/sim", name,
			NVB_LIBEXECDIR),
		"build the whole project ('ninja -C build') or install it");
}
