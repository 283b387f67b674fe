/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <unistd.h>

#include "base/mem.h"
#include "cli/sibling.h"
#include "gpustate/wire.h"

/* A static program cannot load libcuda: in the place of the library's own child one that becomes a helper
 * that can, and says the same. */
int nvb_gpu_state_child(const char *library, int in, int out)
{
	_cleanup_free_ char *helper = nvb_sibling_program("nvbind-cuda", NVB_LIBEXECDIR);
	char *const argv[] = {helper, (char *)library, NULL}, *const environment[] = {NULL};

	if (helper && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		execve(helper, argv, environment);
	return 1;
}
