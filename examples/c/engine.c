/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container engine that has nvbind set up its containers' GPUs: it fills in a table of functions, the
 *manager calls them. This one edits a config.json; a real one would do it on the way of a start.
 *
 *	cc engine.c $(pkg-config --cflags --libs nvbind) -o engine
 *	./engine GPU < config.json > edited.json	[ROOT [PROFILES]] behind GPU
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nvbind/bolt.h>
#include <nvbind/oci.h>

/* One container on its way to its start. */
struct container {
	nvb_manager *manager;
	nvb_request *request; /* what the functions are told comes together here */
	char *config;	      /* config.json */
	size_t size;
};

static int configure_gpu_isolation(
	void *runtime, const char *capsule, const struct nvb_bolt_isolation *isolation, nvb_error **error)
{
	struct container *container = runtime;

	(void)capsule;
	return isolation->mode ? nvb_request_set_isolation(container->request, isolation->mode, error) : 0;
}

static int setup_gaming_optimization(void *runtime, const char *capsule,
	const struct nvb_bolt_gaming_gpu_config *config, nvb_error **error)
{
	struct container *container = runtime;

	(void)capsule;
	return nvb_manager_add_gaming(container->manager, container->request, config, error);
}

static int apply_cdi_devices(
	void *runtime, const char *capsule, const char *const *devices, nvb_error **error)
{
	struct container *container = runtime;
	int rc = 0;

	(void)capsule;
	for (; rc == 0 && *devices; devices++)
		rc = nvb_request_add_cdi_device(container->request, *devices, error);
	return rc;
}

/* Everything has been said: the plan, and its edits of config.json. */
static int setup_gpu_for_capsule(
	void *runtime, const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **error)
{
	struct container *container = runtime;
	nvb_plan *plan = NULL;
	char *edited = NULL;
	size_t size = 0;
	int rc = 0;

	(void)capsule;
	for (const char *const *gpu = config->gpus; rc == 0 && gpu && *gpu; gpu++)
		rc = nvb_request_add_gpus(container->request, *gpu, error);
	if (rc == 0)
		rc = nvb_manager_plan(
			container->manager, container->request, NVB_LAYOUT_FILES, NULL, &plan, error);
	if (rc == 0)
		rc = nvb_oci_edit(container->config, container->size, plan, NULL, &edited, &size, error);
	nvb_plan_free(plan);
	if (rc < 0)
		return rc;
	free(container->config);
	container->config = edited;
	container->size = size;
	return 0;
}

/* This engine has no snapshots, and says so by leaving the function out. */
static const struct nvb_bolt_runtime_ops engine = {
	.size = sizeof(engine),
	.name = "example",
	.configure_gpu_isolation = configure_gpu_isolation,
	.setup_gaming_optimization = setup_gaming_optimization,
	.apply_cdi_devices = apply_cdi_devices,
	.setup_gpu_for_capsule = setup_gpu_for_capsule,
};

static char *read_all(FILE *from, size_t *size)
{
	enum { LARGEST = 1 << 20 };
	char *text = malloc(LARGEST);

	*size = text ? fread(text, 1, LARGEST, from) : 0;
	return text;
}

int main(int argc, char **argv)
{
	const char *gpus[] = {argc > 1 ? argv[1] : "all", NULL};
	struct nvb_bolt_isolation isolation = {.size = sizeof(isolation), .mode = "exclusive"};
	struct nvb_bolt_gaming_gpu_config game = {.size = sizeof(game), .performance_profile = "performance"};
	struct nvb_bolt_capsule_config capsule = {
		.size = sizeof(capsule), .gpus = gpus, .isolation = &isolation, .gaming = &game};
	struct nvb_inventory_options host = {.size = sizeof(host), .root = argc > 2 ? argv[2] : NULL};
	struct nvb_bolt_config config = {
		.size = sizeof(config), .inventory = &host, .profiles = argc > 3 ? argv[3] : NULL};
	struct container container = {0};
	nvb_error *error = NULL;
	int rc = nvb_manager_new(&config, &container.manager, &error);

	if (rc == 0)
		rc = nvb_request_new(&container.request, &error);
	container.config = read_all(stdin, &container.size);
	if (rc == 0)
		rc = nvb_manager_setup_capsule(
			container.manager, &engine, &container, "gaming-workstation", &capsule, &error);
	if (rc == 0)
		fwrite(container.config, 1, container.size, stdout);
	else
		fprintf(stderr, "engine: %s\n", nvb_error_message(error));
	nvb_error_free(error);
	free(container.config);
	nvb_request_free(container.request);
	nvb_manager_free(container.manager);
	return rc < 0;
}
