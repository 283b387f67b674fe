/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <unistd.h>

#include "base/mem.h"
#include "cli/sibling.h"
#include "inventory/nvml_record.h"

/*
 * A static program cannot load NVML. In the place of the library's own child, which this definition keeps out
 * of the program, the child becomes a helper that can: it is asked for MIG UUIDs that are in no cache, and
 * for nothing else. It writes the same record.
 */
int nvb_nvml_child(const char *library, int fd)
{
	_cleanup_free_ char *helper = nvb_sibling_program("nvbind-nvml", NVB_LIBEXECDIR);
	char *const argv[] = {helper, (char *)library, NULL}, *const environment[] = {NULL};

	if (helper && dup2(fd, STDOUT_FILENO) >= 0)
		execve(helper, argv, environment);
	return 1;
}
