/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <unistd.h>

#include "gpustate/wire.h"

/* The library's child becomes the program that is made for it, by system calls alone: the caller may have
 * threads, and a child of theirs may have been forked while one of them held a lock of the C library's or the
 * loader's. Where that program is not installed it loads libcuda itself; a lock that nobody gives back costs
 * it its time then, not the caller. */
int nvb_gpu_state_child(const char *library, int in, int out)
{
	static char program[] = NVB_LIBEXECDIR "/nvbind-cuda";
	char *const argv[] = {program, (char *)library, NULL}, *const environment[] = {NULL};

	if (access(program, X_OK) == 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		execve(program, argv, environment);
	return nvb_gpu_state_serve(library, in, out);
}
