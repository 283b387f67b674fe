/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public functions for all processes of a capsule at once.
 *
 *	gpu-state ROOT capture PID...
 *	gpu-state ROOT restore PID... [OLD=NEW]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvbind/gpu_state.h"

enum { MOST = 64 };

static int give_up(nvb_error *error)
{
	fprintf(stderr, "%s\n", nvb_error_message(error));
	nvb_error_free(error);
	return 1;
}

int main(int argc, char **argv)
{
	struct nvb_inventory_options options = {.size = sizeof(options), .no_cache = true};
	struct nvb_gpu_state_options timing = {.size = sizeof(timing), .lock_timeout_ms = 2000};
	struct nvb_gpu_pair pair = {0};
	nvb_inventory *inventory = NULL;
	nvb_gpu_state *state = NULL;
	nvb_error *error = NULL;
	int pids[MOST], rc;
	size_t count = 0, captured = 0;

	if (argc < 3 || argc > MOST)
		return 2;
	options.root = argv[1];
	for (int i = 3; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals) {
			pids[count++] = atoi(argv[i]);
			continue;
		}
		*equals = '\0';
		pair = (struct nvb_gpu_pair){.from = argv[i], .to = equals + 1};
	}
	if (nvb_inventory_load(&options, &inventory, &error) < 0 ||
		nvb_gpu_state_open(inventory, &timing, &state, &error) < 0)
		return give_up(error);
	if (strcmp(argv[2], "capture") == 0)
		rc = nvb_gpu_state_capture(state, pids, count, &captured, &error);
	else
		rc = nvb_gpu_state_restore(state, pids, count, pair.from ? &pair : NULL, !!pair.from, &error);
	nvb_gpu_state_close(state);
	nvb_inventory_free(inventory);
	if (rc < 0)
		return give_up(error);
	if (strcmp(argv[2], "capture") == 0)
		printf("%zu\n", captured);
	return 0;
}
