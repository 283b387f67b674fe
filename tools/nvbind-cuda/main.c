/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "gpustate/wire.h"

/* Loads libcuda for programs that cannot, and answers requests about the GPU state of processes until its
 * standard input ends. */
int main(int argc, char **argv)
{
	if (argc == 2 && *argv[1] == '/')
		return nvb_gpu_state_serve(argv[1], STDIN_FILENO, STDOUT_FILENO);
	fputs("nvbind-cuda: usage: nvbind-cuda /path/of/libcuda.so.1; run by programs of nvbind\n", stderr);
	return 2;
}
