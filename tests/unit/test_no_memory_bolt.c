/* SPDX-License-Identifier: Apache-2.0 */
#include "no_memory.h"

#include "bolt/manager.h"
#include "context/cuda.h"

/* Where memory ends: the manager, and contexts on functions that stand for the driver's. */

/* bolt: the manager */

static const char *profiles_directory(void)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/profiles", getenv("NVB_TEST_SOURCE"));
	return path;
}

static int new_manager(nvb_manager **manager, nvb_error **err)
{
	const struct nvb_inventory_options host = {.size = sizeof(host), .root = scratch.path};
	const char *const directories[] = {scratch.path, NULL};
	const struct nvb_bolt_config config = {.size = sizeof(config),
		.inventory = &host,
		.profiles = profiles_directory(),
		.cdi_directories = directories,
		.bolt = scratch_path("bolt")};

	return nvb_manager_new(&config, manager, err);
}

static int makes_a_manager(nvb_error **err)
{
	nvb_manager *manager = NULL;
	int rc = new_manager(&manager, err);

	assert_untouched(rc, manager);
	nvb_manager_free(manager);
	return rc;
}

static int lists_gpus(nvb_error **err)
{
	nvb_manager *manager = NULL;
	struct nvb_gpu_info *gpus = NULL;
	size_t count = 0;
	int rc = new_manager(&manager, err);

	if (rc == 0)
		rc = nvb_manager_gpus(manager, &gpus, &count, err);
	assert_untouched(rc, gpus);
	assert_int_equal(count, rc < 0 ? 0 : 2);
	free(gpus);
	nvb_manager_free(manager);
	return rc;
}

static nvb_manager *steady; /* made while nothing fails */

static int judges_a_host(nvb_error **err)
{
	struct nvb_bolt_compatibility found = {.size = sizeof(found)};
	char *reason = NULL;
	int rc = nvb_manager_bolt_compatibility(steady, &found, err);

	assert_true(rc == 0 || found.gpu_count == 0);
	if (rc == 0)
		rc = nvb_manager_missing_feature(steady, NVB_BOLT_MIG, &reason, err);
	assert_untouched(rc, reason);
	free(reason);
	return rc;
}

static int adds_work(nvb_error **err)
{
	const struct nvb_bolt_gaming_gpu_config game = {.size = sizeof(game),
		.performance_profile = "ultra",
		.dlss_enabled = NVB_OFF,
		.vrs_enabled = NVB_ON};
	const struct nvb_bolt_aiml_config work = {
		.size = sizeof(work), .profile = "training", .tensor_cores_enabled = NVB_OFF};
	nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0)
		rc = nvb_manager_add_gaming(steady, request, &game, err);
	if (rc == 0)
		rc = nvb_manager_add_aiml(steady, request, &work, err);
	nvb_request_free(request);
	return rc;
}

static int isolate(
	void *runtime, const char *capsule, const struct nvb_bolt_isolation *isolation, nvb_error **err)
{
	(void)capsule;
	return nvb_request_set_isolation(runtime, isolation->mode, err);
}

static int refuse(
	void *runtime, const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	(void)runtime;
	(void)capsule;
	(void)config;
	return nvb_error_set(err, NVB_ERR_NO_MEMORY, "as if there were none", "a hint");
}

/* The engine's own failure is one of memory, too: the last round ends with it. */
static int drives_an_engine(nvb_error **err)
{
	static const char *const all[] = {"all", NULL};
	static const struct nvb_bolt_isolation exclusive = {.size = sizeof(exclusive), .mode = "exclusive"};
	static const struct nvb_bolt_runtime_ops ops = {.size = sizeof(ops),
		.name = "test",
		.configure_gpu_isolation = isolate,
		.setup_gpu_for_capsule = refuse};
	const struct nvb_bolt_capsule_config config = {
		.size = sizeof(config), .gpus = all, .isolation = &exclusive};
	nvb_error *why = NULL;
	nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc < 0)
		return rc;
	rc = nvb_manager_setup_capsule(steady, &ops, request, "c", &config, &why);
	assert_int_equal(rc, -NVB_ERR_NO_MEMORY);
	assert_int_equal(nvb_error_code(why), NVB_ERR_NO_MEMORY);
	nvb_error_free(why);
	nvb_request_free(request);
	return 0;
}

static int starts_a_container(nvb_error **err)
{
	static const char *const command[] = {"true", NULL};
	const struct nvb_bolt_run run = {.size = sizeof(run),
		.id = "a",
		.image = "i",
		.rootfs = "/r",
		.command = command,
		.remove = true};
	pid_t pid = 0;
	int rc = nvb_manager_run_rootfs(steady, &run, &pid, err);

	assert_int_equal(pid, rc < 0 ? 0 : 4711);
	return rc;
}

static void managers(void **unused)
{
	const nvb_inventory *host;

	(void)unused;
	make_host();
	scratch_write("bolt", "#!/bin/sh\n[ $1 = surge ] && echo 12 || echo '[{\"pid\": 4711}]'\n");
	assert_int_equal(fchmodat(scratch.fd, "bolt", 0755, 0), 0);
	EXHAUST(makes_a_manager);
	EXHAUST(lists_gpus);
	assert_int_equal(new_manager(&steady, NULL), 0);
	assert_int_equal(nvb_manager_inventory(steady, &host, NULL), 0); /* its roots stay open */
	EXHAUST(judges_a_host);
	EXHAUST(adds_work);
	EXHAUST(drives_an_engine);
	steady->host.root = NULL; /* the script reads the first word */
	EXHAUST(starts_a_container);
	nvb_manager_free(steady);
}

/* contexts, on functions that stand for the driver's */

static int cuda_one(cuda_device *device, int ordinal)
{
	*device = ordinal;
	return 0;
}

static int cuda_uuid(struct cuda_uuid *uuid, cuda_device device)
{
	memset(uuid, device, sizeof(*uuid));
	return 0;
}

static int cuda_number(int *value, int attribute, cuda_device device)
{
	(void)attribute;
	(void)device;
	*value = 132;
	return 0;
}

static int cuda_whole(cuda_device device, struct cuda_resource *resource, int type)
{
	(void)device;
	*resource = (struct cuda_resource){.type = (uint32_t)type, .sm.count = 132};
	return 0;
}

static int cuda_split(struct cuda_resource *groups, unsigned *count, const struct cuda_resource *whole,
	struct cuda_resource *remainder, unsigned flags, unsigned at_least)
{
	(void)remainder;
	(void)flags;
	*count = 2;
	for (unsigned i = 0; groups && i < 2; i++) {
		groups[i] = *whole;
		groups[i].sm.count = at_least;
	}
	return 0;
}

static int cuda_describe(cuda_desc *desc, struct cuda_resource *resources, unsigned count)
{
	(void)resources;
	(void)count;
	*desc = NULL;
	return 0;
}

static int cuda_green_create(cuda_green *green, cuda_desc desc, cuda_device device, unsigned flags)
{
	(void)desc;
	(void)device;
	(void)flags;
	*green = NULL;
	return 0;
}

static int cuda_green_destroy(cuda_green green)
{
	(void)green;
	return 0;
}

static int cuda_from_green(cuda_context *context, cuda_green green)
{
	(void)green;
	*context = NULL;
	return 0;
}

static struct nvb_contexts driver = {
	.cuda = {.cuDeviceGet = cuda_one,
		.cuDeviceGetUuid_v2 = cuda_uuid,
		.cuDeviceGetAttribute = cuda_number,
		.cuDeviceGetDevResource = cuda_whole,
		.cuDevSmResourceSplitByCount = cuda_split,
		.cuDevResourceGenerateDesc = cuda_describe,
		.cuGreenCtxCreate = cuda_green_create,
		.cuGreenCtxDestroy = cuda_green_destroy,
		.cuCtxFromGreenCtx = cuda_from_green},
	.version = 12040,
	.users = 1,
};

static int prepares_a_context(nvb_error **err)
{
	const struct nvb_context_options green = {
		.size = sizeof(green), .kind = NVB_CONTEXT_GREEN, .group = 1};
	nvb_context *context = NULL;
	int rc = nvb_context_prepare(&driver, &green, &context, err);

	assert_untouched(rc, context);
	assert_int_equal(driver.users, rc < 0 ? 1 : 2);
	nvb_context_release(context);
	return rc;
}

static void contexts(void **unused)
{
	(void)unused;
	EXHAUST(prepares_a_context);
	assert_int_equal(driver.users, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(managers),
		scratch_test(contexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
