/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_MACHINE_H
#define TESTS_SIM_MACHINE_H

#include "sim/state.h"

/*
 * A small machine for tests of the simulated libraries: a directory with the library, its state beside it and
 * plain files for nodes (so that no test needs root), without a daemon. It stands for what nvbind-sim makes,
 * and can be damaged in ways that nvbind-sim would not.
 */
struct sim_machine_dir {
	char root[64];	    /* temporary directory */
	char library[256];  /* the copy of libnvidia-ml in it */
	struct sim_map map; /* for writing */
};

#define TEST_DRIVER "550.54.15"

/* Two H100 with MIG and NVLink, an RTX 4090: indices 0 to 2, minors 0, 1, 5. False when it cannot be made. */
bool sim_machine_make(struct sim_machine_dir *machine, const char *library);
void sim_machine_remove(struct sim_machine_dir *machine);

/* Makes or removes a node ("nvidia0", "nvidia-caps/nvidia-cap3"). */
bool sim_machine_node(const struct sim_machine_dir *machine, const char *node, bool there);
/* The capability nodes of one MIG device. */
bool sim_machine_mig_nodes(
	const struct sim_machine_dir *machine, uint32_t minor, uint32_t gi, uint32_t ci, bool there);

#endif
