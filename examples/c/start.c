/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a container in a directory of files, with one GPU for itself, and says the number of its first
 *process.
 *
 *	cc start.c $(pkg-config --cflags --libs nvbind) -o start
 *	./start gaming-workstation /srv/roots/steam COMMAND...
 *	bolt capsule logs gaming-workstation; bolt capsule stop gaming-workstation
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
	struct nvb_bolt_run run = {.size = sizeof(run), .image = "steam:latest", .remove = true};
	nvb_request *request = NULL;
	nvb_manager *manager = NULL;
	nvb_error *error = NULL;
	pid_t pid;
	int rc;

	if (argc < 4) {
		fprintf(stderr, "usage: start NAME ROOTFS COMMAND...\n");
		return 2;
	}
	rc = nvb_manager_new(&config, &manager, &error);
	if (rc == 0)
		rc = nvb_request_new(&request, &error);
	if (rc == 0)
		rc = nvb_request_add_gpus(request, "0", &error);
	if (rc == 0)
		rc = nvb_request_set_isolation(request, "exclusive", &error);
	run.id = argv[1];
	run.rootfs = argv[2];
	run.command = (const char *const *)argv + 3;
	run.request = request;
	if (rc == 0)
		rc = nvb_manager_run_rootfs(manager, &run, &pid, &error);
	if (rc == 0)
		printf("%d\n", (int)pid);
	else
		fprintf(stderr, "start: %s\n", nvb_error_message(error));
	nvb_error_free(error);
	nvb_request_free(request);
	nvb_manager_free(manager);
	return rc < 0;
}
