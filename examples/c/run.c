/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program in a capsule of bolt's, with all GPUs.
 *
 *	cc run.c $(pkg-config --cflags --libs nvbind) -o run
 *	./run nvidia/cuda:latest nvidia-smi -L
 *
 * NVBIND_EXAMPLE_ROOT names a simulated machine, NVBIND_EXAMPLE_BOLT a bolt that is not installed.
 */
#include <stdio.h>
#include <stdlib.h>

#include <nvbind/bolt.h>

int main(int argc, char **argv)
{
	struct nvb_inventory_options host = {.size = sizeof(host), .root = getenv("NVBIND_EXAMPLE_ROOT")};
	struct nvb_bolt_config config = {
		.size = sizeof(config), .inventory = &host, .bolt = getenv("NVBIND_EXAMPLE_BOLT")};
	nvb_manager *manager = NULL;
	nvb_error *error = NULL;
	int status = 125, rc;

	if (argc < 2) {
		fprintf(stderr, "usage: run IMAGE [COMMAND...]\n");
		return 2;
	}
	rc = nvb_manager_new(&config, &manager, &error);
	if (rc == 0)
		rc = nvb_manager_run(manager, argv[1], (const char *const *)argv + 2, "all", &status, &error);
	if (rc < 0)
		fprintf(stderr, "run: %s\n", nvb_error_message(error));
	nvb_error_free(error);
	nvb_manager_free(manager);
	return status;
}
