/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_BENCHMARK_VERB_H
#define TOOLS_BENCHMARK_VERB_H

#include "cli/options.h"

/* `bolt benchmark` and `nvbind benchmark` are one and the same. */
extern const struct nvb_option_group benchmark_groups[];
int verb_benchmark(int argc, char **argv, nvb_error **err);

/* The row in a program's table of verbs. */
#define BENCHMARK_VERB                                                                                       \
	{                                                                                                    \
		.name = "benchmark",                                                                         \
		.summary = "measure how long containers with GPUs take to start, beside peers",              \
		.description = "Starts a container of bolt's and of each peer in turn, in an order drawn "   \
			       "anew each round, and "                                                       \
			       "says where the time goes. With --gpu also what giving GPUs costs in the "    \
			       "library, binding to "                                                        \
			       "CUDA contexts, and computing on the host beside computing in a capsule. A "  \
			       "peer that is not "                                                           \
			       "there or does not run is an error and has no number; on a simulated driver " \
			       "every figure is "                                                            \
			       "marked as such.",                                                            \
		.examples = "  bolt benchmark --compare-docker --gpu\n"                                      \
			    "  bolt benchmark --gpu --compare bare --compare podman --runs 100 --output "    \
			    "raw.json\n"                                                                     \
			    "  bolt benchmark --replay raw.json --chart starts.html\n",                      \
		.groups = benchmark_groups, .run = verb_benchmark,                                           \
	}

#endif
