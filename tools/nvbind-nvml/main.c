/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/health.h"
#include "inventory/nvml_record.h"
#include "inventory/nvml_usage.h"
#include "knob/nvml_child.h"
#include "mig/wire.h"
#include "sampler/wire.h"

/*
 * Loads NVML for programs that cannot. nvbind-nvml LIBRARY writes what it says of the host to its standard
 * output; nvbind-nvml LIBRARY mig answers requests about MIG until its standard input ends, nvbind-nvml
 * LIBRARY usage questions about who uses the GPUs, nvbind-nvml LIBRARY knob those about their settings,
 * nvbind-nvml LIBRARY sampler those about what they do;
 * nvbind-nvml LIBRARY health writes what doctor asks of the cards.
 */
int main(int argc, char **argv)
{
	if (argc == 2 && *argv[1] == '/')
		return nvb_nvml_child(argv[1], STDOUT_FILENO);
	if (argc == 3 && *argv[1] == '/' && strcmp(argv[2], "mig") == 0)
		return nvb_mig_child(argv[1], STDIN_FILENO, STDOUT_FILENO);
	if (argc == 3 && *argv[1] == '/' && strcmp(argv[2], "usage") == 0)
		return nvb_nvml_usage_child(argv[1], STDIN_FILENO, STDOUT_FILENO);
	if (argc == 3 && *argv[1] == '/' && strcmp(argv[2], "knob") == 0)
		return nvb_knob_child(argv[1], STDIN_FILENO, STDOUT_FILENO);
	if (argc == 3 && *argv[1] == '/' && strcmp(argv[2], "sampler") == 0)
		return nvb_sampler_child(argv[1], STDIN_FILENO, STDOUT_FILENO);
	if (argc == 3 && *argv[1] == '/' && strcmp(argv[2], "health") == 0)
		return nvb_health_child(argv[1], STDIN_FILENO, STDOUT_FILENO);
	fputs("nvbind-nvml: usage: nvbind-nvml /path/of/libnvidia-ml.so.1 [mig|usage|knob|sampler|health]; run by "
	      "programs "
	      "of "
	      "nvbind\n",
		stderr);
	return 2;
}
