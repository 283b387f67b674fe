/* SPDX-License-Identifier: Apache-2.0 */
#include "no_memory.h"

#include "capsule/image.h"
#include "capsule/store.h"
#include "cdi/write.h"
#include "container/container.h"
#include "container/hook_args.h"
#include "container/hook_state.h"
#include "container/tree.h"
#include "fixture.h"
#include "nvbind/oci.h"
#include "nvbind/plan.h"
#include "nvbind/request.h"
#include "oci/asked.h"
#include "plan/plan.h"
#include "request/require.h"

/* Where memory ends: requests, plans, what is written of them, what works on a root. */

/* request, plan and its sinks */

static struct nvb_inventory made;
static struct nvb_plan *plan;

static int makes_a_request(nvb_error **err)
{
	struct nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	assert_untouched(rc, request);
	if (rc == 0)
		rc = nvb_request_add_gpus(request, "0,1:0,GPU-33333333-0000-0000-0000-000000000000", err);
	if (rc == 0)
		rc = nvb_request_add_docker_gpus(request, "\"device=2,3\",capabilities=utility", err);
	if (rc == 0)
		rc = nvb_request_add_cdi_device(request, "nvidia.com/gpu=0", err);
	if (rc == 0)
		rc = nvb_request_add_imex_channels(request, "0,5", err);
	if (rc == 0)
		rc = nvb_request_add_features(request, NVB_FEATURE_GDS, true, err);
	if (rc == 0)
		rc = nvb_request_set_capabilities(request, "compute,graphics", err);
	nvb_request_free(request);
	return rc;
}

static int make_plan(struct nvb_plan **out, nvb_error **err)
{
	const struct nvb_plan_options options = {.size = sizeof(options)};
	struct nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0)
		rc = nvb_request_add_gpus(request, "all", err);
	if (rc == 0)
		rc = nvb_request_set_capabilities(request, "all", err);
	if (rc == 0)
		rc = nvb_request_add_imex_channels(request, "0,5", err);
	if (rc == 0)
		rc = nvb_request_add_features(request, NVB_FEATURE_GDS | NVB_FEATURE_NVSWITCH, true, err);
	if (rc == 0)
		rc = nvb_planner_make(request, &made, &options, out, err);
	nvb_request_free(request);
	return rc;
}

static int makes_a_plan(nvb_error **err)
{
	struct nvb_plan *out = NULL;
	int rc = make_plan(&out, err);

	assert_untouched(rc, out);
	nvb_plan_free(out);
	return rc;
}

static int explains_a_plan(nvb_error **err)
{
	char *json = NULL;
	int rc = nvb_plan_to_json(plan, &json, err);

	assert_untouched(rc, json);
	free(json);
	return rc;
}

static int writes_a_spec(enum nvb_cdi_format format, nvb_error **err)
{
	const struct nvb_cdi_options options = {
		.size = sizeof(options), .hook_path = "/usr/bin/nvbind-hook", .format = format};
	char *text = NULL;
	size_t size = 0;
	int rc = nvb_cdi_write(plan, &options, &text, &size, err);

	assert_untouched(rc, text);
	assert_untouched(rc, size);
	free(text);
	return rc;
}

static int writes_yaml(nvb_error **err)
{
	return writes_a_spec(NVB_CDI_YAML, err);
}

static int writes_json(nvb_error **err)
{
	return writes_a_spec(NVB_CDI_JSON, err);
}

static int edits_a_config(nvb_error **err)
{
	static const char config[] = "{\"ociVersion\":\"1.0.2\",\"process\":{\"env\":[\"PATH=/"
				     "bin\"]},\"mounts\":[{\"destination\":"
				     "\"/"
				     "pr\\u006fc\",\"type\":\"proc\",\"source\":\"proc\"}],\"linux\":{"
				     "\"devices\":[],\"resources\":"
				     "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}}}";
	const struct nvb_oci_options options = {.size = sizeof(options), .hook_path = "/usr/bin/nvbind-hook"};
	char *out = NULL;
	size_t size = 0;
	int rc = nvb_oci_edit(config, strlen(config), plan, &options, &out, &size, err);

	assert_untouched(rc, out);
	assert_untouched(rc, size);
	free(out);
	return rc;
}

/* By every way at once, with a name and a value that have to be decoded. */
static int reads_what_a_container_asks(nvb_error **err)
{
	static const char config[] =
		"{\"process\":{\"env\":[\"NVIDIA_VISIBLE_DEVICES=\\u0030, 1:0\",\"NVIDIA_DRIVER_CAPABILITIES="
		"compute\",\"NVIDIA_GDS=enabled\",\"NVIDIA_IMEX_CHANNELS=0\",\"NVIDIA_REQUIRE_CUDA=cuda>=12 "
		"arch>1\"]},\"mounts\":[{\"source\":\"/dev/null\",\"destination\":"
		"\"/var/run/nvidia-container-devices/imex/1\"}],"
		"\"annotations\":{\"cdi.k8s.io/a\":\"vendor.com/nic=\\u0030\",\"b\":\"c\"}}";
	const struct nvb_asked_rules rules = {.environment = true,
		.mounts = true,
		.imex = true,
		.requirements = true,
		.capabilities = NVB_CAP_ALL};
	_cleanup_asked_ struct nvb_asked asked = {0};
	struct nvb_request *request = NULL;
	int rc = nvb_oci_asked(config, strlen(config), &rules, &asked, err);

	if (rc == 0)
		rc = nvb_asked_request(&asked, &rules, NULL, &request, err);
	assert_untouched(rc, request);
	if (rc == 0)
		rc = nvb_require_check(&asked, &rules, request, &made, NULL, err);
	nvb_request_free(request);
	return rc;
}

static int writes_hook_arguments(nvb_error **err)
{
	char **argv = NULL;
	int rc = nvb_hook_arguments(plan, NVB_SCOPE_COMMON, &argv, err);

	assert_untouched(rc, argv);
	nvb_strv_free(argv);
	return rc;
}

static void requests_and_plans(void **state)
{
	(void)state;
	fixture_inventory(&made);
	EXHAUST(makes_a_request);
	EXHAUST(makes_a_plan);
	assert_int_equal(make_plan(&plan, NULL), 0);
	EXHAUST(explains_a_plan);
	EXHAUST(writes_yaml);
	EXHAUST(writes_json);
	EXHAUST(edits_a_config);
	EXHAUST(reads_what_a_container_asks);
	EXHAUST(writes_hook_arguments);
	nvb_plan_free(plan);
}

static struct nvb_inventory *loaded;

/* container */

static int parses_hook_arguments(nvb_error **err)
{
	char *const argv[] = {(char *)"hook", (char *)"apply", (char *)"--link", (char *)"a::/b",
		(char *)"--link=c::/d", (char *)"--library-directory", (char *)"/lib", NULL};
	struct nvb_hook_command command = {0};
	int rc = nvb_hook_parse(&command, 7, argv, err);

	assert_untouched(rc, command);
	nvb_hook_command_release(&command);
	return rc;
}

static int finds_the_bundle(nvb_error **err)
{
	static const char state[] = "{\"ociVersion\":\"1.0.2\",\"id\":\"x\",\"bundle\":\"/b\\u0061\"}",
			  config[] = "{\"root\":{\"path\":\"r\\u006fot\"}}";
	struct nvb_hook_state read = {0};
	char *path = NULL;
	int rc = nvb_hook_state_parse(&read, state, strlen(state), err);

	assert_untouched(rc, read);
	if (rc == 0)
		rc = nvb_hook_root_path(config, strlen(config), &path, err);
	assert_untouched(rc, path);
	free(path);
	nvb_hook_state_release(&read);
	return rc;
}

static int prepares_a_root(nvb_error **err)
{
	static const struct nvb_link links[] = {
		{"/usr/lib/x86_64-linux-gnu/libcuda.so", "libcuda.so.1"}, {"/new/place/link", "target"}};
	static const char *const directories[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/i386-linux-gnu"};
	const struct nvb_container_work work = {
		.links = links, .link_count = 2, .directories = directories, .directory_count = 2};
	struct nvb_root root = {.fd = scratch.fd, .path = scratch.path};

	unlinkat(scratch.fd, "etc/ld.so.cache", 0);
	return nvb_container_apply(&root, &work, NULL, err);
}

static int makes_a_tree(nvb_error **err)
{
	char base[128], *path = NULL;
	int rc;

	snprintf(base, sizeof(base), "%s/trees", scratch.path);
	rc = nvb_tree_ensure(loaded, NVB_CAP_ALL, base, &path, NULL, err);
	assert_untouched(rc, path);
	free(path);
	return rc;
}

static int prunes_trees(nvb_error **err)
{
	char base[128];

	snprintf(base, sizeof(base), "%s/trees", scratch.path);
	return nvb_tree_prune(base, NULL, NULL, err);
}

static void containers(void **state)
{
	(void)state;
	make_host();
	EXHAUST(parses_hook_arguments);
	EXHAUST(finds_the_bundle);
	EXHAUST(prepares_a_root);
	loaded = host_load(NULL);
	EXHAUST(makes_a_tree);
	EXHAUST(prunes_trees);
	nvb_inventory_free(loaded);
}

/* images */

#define DIGEST(c)   #c #c #c #c #c #c #c #c
#define DIGEST64(c) DIGEST(c) DIGEST(c) DIGEST(c) DIGEST(c) DIGEST(c) DIGEST(c) DIGEST(c) DIGEST(c)

static int names_an_image(nvb_error **err)
{
	char *reference = NULL;
	int rc = nvb_image_normalise("registry.example.com:5000/a/b:1.0", &reference, err);
	assert_untouched(rc, reference);
	free(reference);
	return rc;
}

static int keeps_references(nvb_error **err)
{
	struct nvb_store store = {.fd = -1};
	char id[NVB_DIGEST_HEX + 1], **references = NULL;
	int rc = nvb_store_open(&store, scratch_path("store"), err);

	if (rc == 0)
		rc = nvb_store_write_ref(&store, "localhost/a:1", DIGEST64(a), err);
	if (rc == 0)
		rc = nvb_store_read_ref(&store, "localhost/a:1", id, err);
	if (rc == 0)
		rc = nvb_store_refs(&store, &references, err);
	assert_untouched(rc, references);
	nvb_strv_free(references);
	nvb_store_close(&store);
	return rc;
}

static void images(void **state)
{
	(void)state;
	EXHAUST(names_an_image);
	EXHAUST(keeps_references);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(requests_and_plans),
		scratch_test(containers),
		scratch_test(images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
