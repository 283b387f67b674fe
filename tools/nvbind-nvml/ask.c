/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <unistd.h>

#include "base/mem.h"
#include "cli/sibling.h"
#include "doctor/health.h"
#include "inventory/nvml_record.h"
#include "inventory/nvml_usage.h"
#include "knob/nvml_child.h"
#include "mig/wire.h"
#include "sampler/wire.h"

/*
 * A static program cannot load NVML. In the place of the library's own children, which these definitions keep
 * out of the program, the child becomes a helper that can: it is asked for MIG UUIDs that are in no cache,
 * to divide a GPU and to turn its knobs. It says the same.
 */
int nvb_nvml_child(const char *library, int fd)
{
	_cleanup_free_ char *helper = nvb_sibling_program("nvbind-nvml", NVB_LIBEXECDIR);
	char *const argv[] = {helper, (char *)library, NULL}, *const environment[] = {NULL};

	if (helper && dup2(fd, STDOUT_FILENO) >= 0)
		execve(helper, argv, environment);
	return 1;
}

static int become_nvbind_nvml(const char *library, const char *mode, int in, int out)
{
	_cleanup_free_ char *helper = nvb_sibling_program("nvbind-nvml", NVB_LIBEXECDIR);
	char *const argv[] = {helper, (char *)library, (char *)mode, NULL}, *const environment[] = {NULL};

	if (helper && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		execve(helper, argv, environment);
	return 1;
}

int nvb_mig_child(const char *library, int in, int out)
{
	return become_nvbind_nvml(library, "mig", in, out);
}

int nvb_nvml_usage_child(const char *library, int in, int out)
{
	return become_nvbind_nvml(library, "usage", in, out);
}

int nvb_knob_child(const char *library, int in, int out)
{
	return become_nvbind_nvml(library, "knob", in, out);
}

int nvb_sampler_child(const char *library, int in, int out)
{
	return become_nvbind_nvml(library, "sampler", in, out);
}

int nvb_health_child(const char *library, int in, int out)
{
	return become_nvbind_nvml(library, "health", in, out);
}
