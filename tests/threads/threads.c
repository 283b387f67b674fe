/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the headers call thread-safe, done by many threads at a time on the same objects, with all of the
 *library instrumented by ThreadSanitizer: a race that it sees ends the test.
 *
 *	threads ROOT PROFILES
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nvbind/bolt.h"
#include "nvbind/gpu_state.h"
#include "nvbind/oci.h"

enum { THREADS = 8, ROUNDS = 6 };

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

static nvb_manager *manager;
static nvb_inventory *inventory;
static pthread_barrier_t together;

static void hear(void *data, enum nvb_log_level level, const char *message)
{
	(void)level;
	__atomic_add_fetch((size_t *)data, strlen(message), __ATOMIC_RELAXED);
}

/* An engine of the thread's own. */
struct engine {
	nvb_request *request;
	nvb_plan *plan;
};

static int isolate(
	void *runtime, const char *capsule, const struct nvb_bolt_isolation *isolation, nvb_error **error)
{
	struct engine *engine = runtime;

	(void)capsule;
	return nvb_request_set_isolation(engine->request, isolation->mode, error);
}

static int game(void *runtime, const char *capsule, const struct nvb_bolt_gaming_gpu_config *config,
	nvb_error **error)
{
	struct engine *engine = runtime;

	(void)capsule;
	return nvb_manager_add_gaming(manager, engine->request, config, error);
}

static int give(
	void *runtime, const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **error)
{
	struct engine *engine = runtime;
	int rc = 0;

	(void)capsule;
	for (size_t i = 0; rc == 0 && config->gpus[i]; i++)
		rc = nvb_request_add_gpus(engine->request, config->gpus[i], error);
	return rc < 0 ? rc
		      : nvb_manager_plan(
				manager, engine->request, NVB_LAYOUT_FILES, NULL, &engine->plan, error);
}

static const struct nvb_bolt_runtime_ops ops = {.size = sizeof(ops),
	.name = "threads",
	.configure_gpu_isolation = isolate,
	.setup_gaming_optimization = game,
	.setup_gpu_for_capsule = give};

static void must(int rc, nvb_error **error)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", nvb_error_message(*error));
	abort();
}

static void look(void)
{
	struct nvb_bolt_compatibility found = {.size = sizeof(found)};
	struct nvb_gpu_info *gpus = NULL;
	nvb_error *error = NULL;
	char *reason = NULL;
	size_t count = 0;

	must(nvb_manager_gpus(manager, &gpus, &count, &error), &error);
	CHECK(count == 8 && gpus[7].uuid);
	free(gpus);
	must(nvb_manager_bolt_compatibility(manager, &found, &error), &error);
	CHECK(found.compatible && found.gpu_count == 8);
	must(nvb_manager_missing_feature(manager, NVB_BOLT_MIG, &reason, &error), &error);
	CHECK(reason);
	free(reason);
}

static void set_up(unsigned number)
{
	static const char config_json[] =
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"env\":[\"A=b\"]},\"linux\":{}}";
	const struct nvb_bolt_isolation isolation = {
		.size = sizeof(isolation), .mode = number % 2 ? "exclusive" : "shared"};
	const struct nvb_bolt_gaming_gpu_config gaming = {.size = sizeof(gaming), .vrs_enabled = NVB_ON};
	char gpu[8];
	const char *const gpus[] = {gpu, NULL};
	const struct nvb_bolt_capsule_config config = {
		.size = sizeof(config), .gpus = gpus, .isolation = &isolation, .gaming = &gaming};
	struct engine engine = {0};
	nvb_error *error = NULL;
	char *edited = NULL;
	size_t size;

	snprintf(gpu, sizeof(gpu), "%u", number % 8);
	must(nvb_request_new(&engine.request, &error), &error);
	must(nvb_manager_setup_capsule(manager, &ops, &engine, gpu, &config, &error), &error);
	must(nvb_oci_edit(config_json, strlen(config_json), engine.plan, NULL, &edited, &size, &error),
		&error);
	CHECK(strstr(edited, "/dev/nvidiactl"));
	free(edited);
	nvb_plan_free(engine.plan);
	nvb_request_free(engine.request);
}

static void make_spec(void)
{
	nvb_bolt_cdi_spec *spec = NULL;
	nvb_error *error = NULL;

	must(nvb_manager_cdi_spec(manager, "bolt-gaming", &spec, &error), &error);
	CHECK(strcmp(nvb_cdi_spec_kind(spec), "nvidia.com/gpu-bolt") == 0);
	nvb_cdi_spec_free(spec);
}

/* A handle for each thread, one inventory for all. */
static void look_at_state(void)
{
	struct nvb_gpu_process process = {.size = sizeof(process)};
	struct nvb_gpu_state_finding *findings = NULL;
	nvb_gpu_state *state = NULL;
	nvb_error *error = NULL;
	int pid = getpid();
	size_t count = 0;

	must(nvb_gpu_state_open(inventory, NULL, &state, &error), &error);
	must(nvb_gpu_state_query(state, pid, &process, &error), &error);
	CHECK(process.state == NVB_GPU_PROCESS_NONE);
	must(nvb_gpu_state_capture(state, &pid, 1, &count, &error), &error);
	CHECK(count == 0);
	nvb_gpu_state_close(state);
	must(nvb_gpu_state_preflight(inventory, &pid, 1, &findings, &count, &error), &error);
	nvb_gpu_state_findings_free(findings, count);
}

static void *work(void *number)
{
	unsigned n = (unsigned)(size_t)number;

	pthread_barrier_wait(&together);
	for (unsigned i = 0; i < ROUNDS; i++) {
		look();
		set_up(n + i);
		if ((n + i) % 3 == 0)
			make_spec();
		if ((n + i) % 3 == 1)
			look_at_state();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct nvb_inventory_options host = {
		.size = sizeof(host), .root = argc > 1 ? argv[1] : NULL, .no_cache = true};
	size_t heard = 0;
	const struct nvb_log log = {NVB_LOG_INFO, hear, &heard};
	const struct nvb_bolt_config config = {.size = sizeof(config),
		.inventory = &host,
		.profiles = argc > 2 ? argv[2] : NULL,
		.log = &log};
	pthread_t thread[THREADS];

	CHECK(argc == 3 && nvb_manager_new(&config, &manager, NULL) == 0);
	CHECK(nvb_inventory_load(&host, &inventory, NULL) == 0);
	CHECK(pthread_barrier_init(&together, NULL, THREADS) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, work, (void *)i) == 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	CHECK(heard);
	nvb_inventory_free(inventory);
	nvb_manager_free(manager);
	return 0;
}
