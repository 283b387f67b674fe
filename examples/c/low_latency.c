/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host does for short waits, step by step, for as long as standard input is open.
 *
 *	cc low_latency.c $(pkg-config --cflags --libs nvbind) -o low_latency
 *	./low_latency [ROOT]
 */
#include <stdio.h>
#include <unistd.h>

#include <nvbind/latency.h>

int main(int argc, char **argv)
{
	struct nvb_inventory_options host = {.size = sizeof(host), .root = argc > 1 ? argv[1] : NULL};
	struct nvb_bolt_config config = {.size = sizeof(config), .inventory = &host};
	struct nvb_low_latency_step step = {.size = sizeof(step)};
	nvb_low_latency *latency = NULL;
	nvb_manager *manager = NULL;
	nvb_error *error = NULL;
	char byte;
	int rc = nvb_manager_new(&config, &manager, &error);

	if (rc == 0)
		rc = nvb_manager_low_latency(manager, NULL, &latency, &error);
	for (size_t i = 0; rc == 0 && i < nvb_low_latency_count(latency); i++) {
		rc = nvb_low_latency_step(latency, i, &step, &error);
		if (rc == 0)
			printf("%-8s %s: %s\n", step.done ? "done" : "refused", step.name, step.text);
	}
	fflush(stdout);
	while (rc == 0 && read(STDIN_FILENO, &byte, 1) > 0)
		;
	if (rc < 0)
		fprintf(stderr, "low_latency: %s\n", nvb_error_message(error));
	nvb_error_free(error);
	nvb_low_latency_release(latency); /* puts everything back */
	nvb_manager_free(manager);
	return rc < 0;
}
