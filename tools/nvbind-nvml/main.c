/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "inventory/nvml_record.h"

/* Asks NVML for programs that cannot load it: nvbind-nvml LIBRARY writes what it says to its standard output.
 */
int main(int argc, char **argv)
{
	if (argc != 2 || *argv[1] != '/') {
		fputs("nvbind-nvml: usage: nvbind-nvml /path/of/libnvidia-ml.so.1; run by nvbind-runtime\n",
			stderr);
		return 2;
	}
	return nvb_nvml_child(argv[1], STDOUT_FILENO);
}
