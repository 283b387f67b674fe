/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every function here is run again and again, each time with another of its allocations failing, until it
 * gets through. Each time it either succeeds (that allocation was for something optional) or fails with
 * NVB_ERR_NO_MEMORY and leaves its outputs alone; it never crashes, leaks a descriptor, or says that
 * something else was wrong.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>

#include "base/toml.h"
#include "bolt/manager.h"
#include "capsule/image.h"
#include "capsule/store.h"
#include "cdi/diff.h"
#include "cdi/read.h"
#include "cdi/recipe.h"
#include "cdi/registry.h"
#include "cdi/stale.h"
#include "cdi/write.h"
#include "config/config.h"
#include "config/import.h"
#include "container/container.h"
#include "container/hook_args.h"
#include "container/hook_state.h"
#include "container/tree.h"
#include "context/cuda.h"
#include "engine/configure.h"
#include "fixture.h"
#include "inventory/cache.h"
#include "mig/file.h"
#include "mig/state.h"
#include "nvbind/oci.h"
#include "nvbind/plan.h"
#include "nvbind/request.h"
#include "oci/asked.h"
#include "plan/plan.h"
#include "request/require.h"
#include "watch/watch.h"

/* The C library's own functions call these too. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static long countdown = -1; /* allocations until one fails; negative: none does */
static bool failed;

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return size && fails() ? NULL : __libc_realloc(p, size);
}

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Runs `call` until no allocation of it fails. It returns a code, having checked that a failure left its
 * outputs alone. */
static void exhaust(const char *name, int (*call)(nvb_error **err))
{
	size_t descriptors = open_descriptors();
	bool through = false;

	for (long n = 0; !through; n++) {
		nvb_error *err = NULL;
		int rc;

		failed = false;
		countdown = n;
		rc = call(&err);
		countdown = -1;
		through = !failed;
		if (rc < 0 &&
			(through || rc != -NVB_ERR_NO_MEMORY || nvb_error_code(err) != NVB_ERR_NO_MEMORY))
			fail_msg("%s, allocation %ld: %d, %s", name, n, rc, nvb_error_message(err));
		if (rc >= 0 && err)
			fail_msg("%s, allocation %ld: succeeds with the error: %s", name, n,
				nvb_error_message(err));
		nvb_error_free(err);
	}
	assert_int_equal(open_descriptors(), descriptors);
}
#define EXHAUST(call) exhaust(#call, call)

/* True when all bytes are as `fill` left them. */
static bool untouched(const void *object, size_t size)
{
	const unsigned char *p = object;

	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}
#define assert_untouched(rc, object) assert_true((rc) >= 0 || untouched(&(object), sizeof(object)))

/* base */

static int opens_a_root(nvb_error **err)
{
	struct nvb_root root = {0};
	int rc = nvb_root_open(&root, scratch.path, err);

	assert_untouched(rc, root);
	if (rc == 0)
		nvb_root_close(&root);
	return rc;
}

static int resolves_a_path(nvb_error **err)
{
	struct nvb_root root = {.fd = scratch.fd, .path = scratch.path};
	char *real = NULL;
	int rc = nvb_root_realpath(&root, "/proc/../proc/devices", &real, err);

	assert_untouched(rc, real);
	free(real);
	return rc;
}

static int opens_a_parent(nvb_error **err)
{
	struct nvb_root root = {.fd = scratch.fd, .path = scratch.path};
	const char *name = NULL;
	int fd = nvb_root_open_parent(&root, "/a/b/c", true, &name, err);

	assert_untouched(fd, name);
	if (fd >= 0)
		close(fd);
	return fd;
}

static int reads_a_file(nvb_error **err)
{
	char *data = NULL;
	int rc = nvb_file_read(scratch.fd, "proc/devices", 4096, &data, NULL, err);

	assert_untouched(rc, data);
	free(data);
	return rc;
}

static int makes_and_removes(nvb_error **err)
{
	int rc = nvb_file_mkdirs(scratch.fd, "x/y/z", 0755, err);

	if (rc == 0)
		rc = nvb_file_write(scratch.fd, "x/y/file", "text", 4, 0644, err);
	return rc == 0 ? nvb_file_remove_tree(scratch.fd, "x", err) : rc;
}

static int reads_toml(nvb_error **err)
{
	static const char text[] = "a.b = [1, {c = 'x', d = \"\\u00e9\"}]\n[[t]]\nk = 1979-05-27\n[[t]]\nk = "
				   "0x1f\n[t.u]\n\"v w\" = "
				   "\"\"\"\nlong\\\n  text\"\"\"\n";
	struct nvb_toml doc = {0};
	int rc = nvb_toml_parse(&doc, text, strlen(text), "file.toml", err);

	assert_untouched(rc, doc);
	nvb_toml_release(&doc);
	return rc;
}

static int reads_a_configuration(nvb_error **err)
{
	static const char text[] =
		"[roots]\ndriver = '/d'\nlibrary-path = ['/a', '/b']\n[cdi]\ndirectories = "
		"['/x']\n[runtime]\nruntimes = ['runc']\n";
	struct nvb_config config = {0};
	int rc = nvb_config_init(&config, err);

	if (rc == 0)
		rc = nvb_config_parse(&config, text, strlen(text), "config.toml", err);
	nvb_config_release(&config);
	return rc;
}

static void base_functions(void **state)
{
	(void)state;
	host_module("550.54.15");
	EXHAUST(opens_a_root);
	EXHAUST(resolves_a_path);
	EXHAUST(opens_a_parent);
	EXHAUST(reads_a_file);
	EXHAUST(makes_and_removes);
	EXHAUST(reads_toml);
	EXHAUST(reads_a_configuration);
}

/* inventory */

static struct nvb_inventory *loaded;

/* Both hold the same, to the last link. */
static void assert_same(struct nvb_inventory a, struct nvb_inventory b)
{
	char *left, *right;
	size_t left_size, right_size;

	a.fingerprint = b.fingerprint = (struct nvb_fingerprint){0};
	assert_int_equal(nvb_cache_encode(&a, &left, &left_size, NULL), 0);
	assert_int_equal(nvb_cache_encode(&b, &right, &right_size, NULL), 0);
	assert_int_equal(left_size, right_size);
	assert_memory_equal(left, right, left_size);
	free(left);
	free(right);
}

/* Half an inventory would be half of the GPUs for a container, and be kept for the next one. */
static int loads_an_inventory(nvb_error **err)
{
	const struct nvb_inventory_options options = {.size = sizeof(options), .root = scratch.path};
	struct nvb_inventory *inventory = NULL;
	int rc = nvb_inventory_load(&options, &inventory, err);

	countdown = -1;
	assert_untouched(rc, inventory);
	if (rc == 0)
		assert_same(*inventory, *loaded);
	nvb_inventory_free(inventory);
	return rc;
}

/* The same holds where descriptors run out. */
static void loads_with_few_descriptors(void)
{
	struct rlimit before, few;
	bool refused = false, through = false;
	int next = dup(scratch.fd);

	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int more = 0; more < 32 && !through; more++) {
		const struct nvb_inventory_options options = {.size = sizeof(options), .root = scratch.path};
		struct nvb_inventory *inventory = NULL;
		nvb_error *err = NULL;

		few = (struct rlimit){(rlim_t)(next + more), before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		through = nvb_inventory_load(&options, &inventory, &err) == 0;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		if (through)
			assert_same(*inventory, *loaded);
		else
			assert_int_equal(nvb_error_errno(err), EMFILE);
		refused |= !through;
		nvb_error_free(err);
		nvb_inventory_free(inventory);
	}
	assert_true(refused && through);
}

static int keeps_an_inventory(nvb_error **err)
{
	struct nvb_inventory read = {.roots = loaded->roots};
	char *data = NULL;
	size_t size = 0;
	int rc = nvb_cache_encode(loaded, &data, &size, err);

	assert_untouched(rc, data);
	assert_untouched(rc, size);
	if (rc == 0)
		rc = nvb_cache_decode(&read, data, size, err);
	assert_true(rc == 0 || !read.gpus);
	if (rc == 0)
		assert_int_equal(read.file_count, loaded->file_count);
	nvb_fingerprint_release(&read.fingerprint);
	nvb_arena_release(&read.arena);
	free(data);
	return rc;
}

static void make_host(void)
{
	host_module("550.54.15");
	host_gpu("0000:17:00.0", 0, HOST_UUID(1));
	host_gpu("0000:3b:00.0", 1, HOST_UUID(2));
	host_text("/proc/driver/nvidia/capabilities/gpu1/mig/gi1/access", "DeviceFileMinor: 12\n");
	host_text("/proc/driver/nvidia/capabilities/gpu1/mig/gi1/ci0/access", "DeviceFileMinor: 13\n");
	host_text("/sys/bus/pci/devices/0000:17:00.0/vendor", "0x10de\n");
	host_text("/sys/bus/pci/devices/0000:17:00.0/drm/card0/dev", "226:0\n");
	host_link("/sys/bus/pci/devices/0000:17:00.0/driver", "../../../bus/pci/drivers/nvidia");
	host_lib("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.15", "libnvidia-ml.so.1");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.14", "libnvidia-ml.so.1");
	/* Several releases of one library of its own version: the link says which. */
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-egl-gbm.so.1.1.0", "libnvidia-egl-gbm.so.1");
	host_lib("/usr/lib/x86_64-linux-gnu/libnvidia-egl-gbm.so.1.1.1", "libnvidia-egl-gbm.so.1");
	host_link("/usr/lib/x86_64-linux-gnu/libnvidia-egl-gbm.so.1", "libnvidia-egl-gbm.so.1.1.1");
	host_link("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "libcuda.so.550.54.15");
	host_lib32("/usr/lib/i386-linux-gnu/libcuda.so.550.54.15", "libcuda.so.1");
	host_text("/usr/share/vulkan/icd.d/nvidia_icd.json", "{}");
	host_lib("/usr/local/cuda-12.4/compat/libcuda.so.550", "libcuda.so.1");
}

static void inventories(void **state)
{
	(void)state;
	make_host();
	loaded = host_load(NULL);
	assert_int_equal(loaded->gpu_count, 2);
	assert_non_null(loaded->compat_directory);
	EXHAUST(loads_an_inventory);
	loads_with_few_descriptors();
	EXHAUST(keeps_an_inventory);
	nvb_inventory_free(loaded);
}

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

/* cdi */

static const char spec_yaml[] =
	"cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ncontainerEdits: &e\n  env: [A=b]\n  hooks:\n  - hookName: "
	"createContainer\n    path: /bin/true\n    args: [true, '-x']\ndevices:\n- name: 0\n  "
	"containerEdits: *e\n- "
	"name: \"1\"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/null\n";
static const char spec_json[] =
	"{\"cdiVersion\":\"0.5.0\",\"kind\":\"nvidia.com/other\",\"devices\":[{\"name\":\"\\u0061\","
	"\"containerEdits\":{\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"/"
	"b\",\"options\":[\"ro\"]}]}}]}";

static int reads_a_spec(const char *text, enum nvb_cdi_format format, nvb_error **err)
{
	struct nvb_cdi_spec spec = {0};
	int rc = nvb_cdi_parse(&spec, text, strlen(text), format, "spec", err);

	assert_untouched(rc, spec);
	nvb_cdi_spec_release(&spec);
	return rc;
}

static int reads_yaml(nvb_error **err)
{
	return reads_a_spec(spec_yaml, NVB_CDI_YAML, err);
}

static int reads_json(nvb_error **err)
{
	return reads_a_spec(spec_json, NVB_CDI_JSON, err);
}

static int loads_a_registry(nvb_error **err)
{
	const char *directories[] = {scratch.path, NULL};
	struct nvb_cdi_registry registry = {0};
	int rc = nvb_cdi_registry_load(&registry, directories, NULL, err);

	assert_untouched(rc, registry);
	if (rc == 0) {
		assert_int_equal(registry.fault_count, 1);
		assert_int_equal(registry.entry_count, 3);
	}
	nvb_cdi_registry_release(&registry);
	return rc;
}

static struct nvb_cdi_spec one, other; /* read while nothing fails */

static int compares_specs(nvb_error **err)
{
	struct nvb_cdi_diff diff = {0};
	int rc = nvb_cdi_diff(&diff, &one, &other, err);

	if (rc == 0)
		assert_true(diff.count > 4);
	else
		assert_int_equal(diff.count, 0);
	nvb_cdi_diff_release(&diff);
	return rc;
}

static int finds_reasons(nvb_error **err)
{
	struct nvb_cdi_findings findings = {0};
	int rc = nvb_cdi_look_at_host(&findings, &other, &made, err);

	if (rc == 0)
		rc = nvb_cdi_look_at_changes(&findings, &one, &other, err);
	nvb_cdi_findings_release(&findings);
	return rc;
}

static int keeps_recipes(nvb_error **err)
{
	const struct nvb_cdi_recipe recipe = {.mode = "gds", .root = "/a b"};
	struct nvb_cdi_recipe read = {0};
	char *line = NULL, *found = NULL;
	int rc = nvb_cdi_recipe_format(&recipe, &line, err);

	assert_untouched(rc, line);
	if (rc == 0)
		rc = nvb_cdi_recipe_parse(&read, line, err);
	if (rc < 0)
		assert_null(read.mode);
	if (rc == 0)
		rc = nvb_cdi_recipe_find(NULL, "# nvbind cdi generate\n", &found, err);
	free(line);
	free(found);
	nvb_cdi_recipe_release(&read);
	return rc;
}

static int watches_a_host(nvb_error **err)
{
	struct nvb_watcher watcher = {.inotify = -1, .uevents = -1};
	int rc = nvb_watcher_open(&watcher, NULL, err);

	if (rc == 0)
		rc = nvb_watcher_add_directory(&watcher, scratch.path, err);
	if (rc == 0)
		rc = nvb_watcher_add_file(&watcher, "/nothing/of/this", err);
	if (rc == 0)
		rc = nvb_watcher_add_inventory(&watcher, loaded, err);
	nvb_watcher_close(&watcher);
	return rc;
}

static void stale_specs(void **state)
{
	(void)state;
	fixture_inventory(&made);
	assert_int_equal(nvb_cdi_parse(&one, spec_yaml, strlen(spec_yaml), NVB_CDI_YAML, "a", NULL), 0);
	assert_int_equal(nvb_cdi_parse(&other, spec_json, strlen(spec_json), NVB_CDI_JSON, "b", NULL), 0);
	EXHAUST(compares_specs);
	EXHAUST(finds_reasons);
	EXHAUST(keeps_recipes);
	nvb_cdi_spec_release(&one);
	nvb_cdi_spec_release(&other);
	make_host();
	loaded = host_load(NULL);
	EXHAUST(watches_a_host);
	nvb_inventory_free(loaded);
}

static void cdi_specs(void **state)
{
	(void)state;
	EXHAUST(reads_yaml);
	EXHAUST(reads_json);
	scratch_write("a.yaml", spec_yaml);
	scratch_write("b.json", spec_json);
	scratch_write("c.yaml", "nothing: [");
	EXHAUST(loads_a_registry);
}

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

static int reads_a_mig_file(const char *text, const char *name, nvb_error **err)
{
	struct nvb_mig_file file = {.arena = {0}};
	int rc = nvb_mig_file_parse(&file, text, strlen(text), name, err);

	assert_untouched(rc, file);
	nvb_mig_file_release(&file);
	return rc;
}

static int reads_mig_yaml(nvb_error **err)
{
	return reads_a_mig_file("version: v1\nmig-configs:\n  a:\n  - devices: [0, 1]\n    device-filter: "
				"0x233510DE\n    mig-enabled: true\n    mig-devices: {1g.18gb: 2}\n",
		"a.yaml", err);
}

static int reads_mig_toml(nvb_error **err)
{
	return reads_a_mig_file("version = \"v1\"\n[[mig-configs.a]]\ndevices = \"all\"\nmig-enabled = "
				"true\nmig-devices = {\"1g.18gb\" = 2}\n",
		"a.toml", err);
}

static int reads_a_mig_record(nvb_error **err)
{
	struct nvb_mig_before before = {0};
	int rc = nvb_mig_before_parse("nvbind-mig 1\nprocess 1 2\ngpu 0000:07:00.0 on\ninstance 9 0+4 0+3\n"
				      "gpu 0000:0f:00.0 off\nend\n",
		&before, err);
	char *text = rc == 0 ? nvb_mig_before_format(&before) : NULL;

	assert_untouched(rc, before);
	if (rc == 0 && !text)
		rc = nvb_fail_oom(err);
	free(text);
	nvb_mig_before_release(&before);
	return rc;
}

static void layouts_of_mig(void **state)
{
	(void)state;
	EXHAUST(reads_mig_yaml);
	EXHAUST(reads_mig_toml);
	EXHAUST(reads_a_mig_record);
}

static int configure(enum engine_id id, const char *name, nvb_error **err)
{
	struct engine_request request = {.name = "nvbind", .runtime_path = "/r", .set_default = true};
	struct engine_outcome outcome = {0};
	char file[128], state[128];
	int rc;

	snprintf(file, sizeof(file), "%s/%s", scratch.path, name);
	snprintf(state, sizeof(state), "%s/state", scratch.path);
	request.file = file;
	request.state_directory = state;
	rc = engine_configure(engine_get(id), &request, true, &outcome, err);
	assert_untouched(rc, outcome.file);
	engine_outcome_release(&outcome);
	return rc;
}

static int configures_docker(nvb_error **err)
{
	return configure(ENGINE_DOCKER, "daemon.json", err);
}

static int configures_containerd(nvb_error **err)
{
	return configure(ENGINE_CONTAINERD, "config.toml", err);
}

static int configures_crio(nvb_error **err)
{
	return configure(ENGINE_CRIO, "crio.conf.d/99-nvbind.conf", err);
}

static int undoes(nvb_error **err)
{
	struct engine_outcome outcome = {0};
	char file[128], state[128];
	int rc;

	snprintf(file, sizeof(file), "%s/done.json", scratch.path);
	snprintf(state, sizeof(state), "%s/state", scratch.path);
	rc = engine_undo(engine_get(ENGINE_DOCKER), file, state, true, &outcome, err);
	assert_untouched(rc, outcome.file);
	engine_outcome_release(&outcome);
	return rc;
}

static int imports_settings(nvb_error **err)
{
	static const char theirs[] =
		"disable-require = true\nswarm-resource = \"A,B\"\n[nvidia-container-cli]\n"
		"root = \"/d\"\nldconfig = \"@/x\"\n";
	char *text = NULL, **notes = NULL;
	int rc = nvb_config_import(theirs, sizeof(theirs) - 1, "theirs", &text, &notes, err);

	assert_untouched(rc, text);
	assert_untouched(rc, notes);
	free(text);
	nvb_strv_free(notes);
	return rc;
}

static void engines_and_their_settings(void **unused)
{
	struct engine_request request = {.name = "nvbind", .runtime_path = "/r"};
	struct engine_outcome outcome = {0};
	char file[128], state[128];

	(void)unused;
	snprintf(file, sizeof(file), "%s/done.json", scratch.path);
	snprintf(state, sizeof(state), "%s/state", scratch.path);
	scratch_write("daemon.json", "{\n  \"features\": {\"buildkit\": true}\n}\n");
	scratch_write("done.json", "{}");
	scratch_write("config.toml",
		"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
		"options = { SystemdCgroup = true }\n");
	scratch_mkdir("crio.conf.d");
	scratch_write("crio.conf.d/10.conf", "[crio.runtime.runtimes.crun]\nmonitor_path = \"/c\"\n");
	request.file = file;
	request.state_directory = state;
	assert_int_equal(engine_configure(engine_get(ENGINE_DOCKER), &request, false, &outcome, NULL), 0);
	engine_outcome_release(&outcome);
	scratch_write("done.json", "{\"runtimes\": {\"nvbind\": {\"path\": \"/r\"}}, \"theirs\": 1}");
	EXHAUST(configures_docker);
	EXHAUST(configures_containerd);
	EXHAUST(configures_crio);
	EXHAUST(undoes);
	EXHAUST(imports_settings);
}

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
	const struct nvb_bolt_gaming_gpu_config game = {
		.size = sizeof(game), .performance_profile = "ultra", .dlss_enabled = NVB_OFF, .vrs_enabled = NVB_ON};
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

static int isolate(void *runtime, const char *capsule, const struct nvb_bolt_isolation *isolation, nvb_error **err)
{
	(void)capsule;
	return nvb_request_set_isolation(runtime, isolation->mode, err);
}

static int refuse(void *runtime, const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **err)
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
	const struct nvb_bolt_capsule_config config = {.size = sizeof(config), .gpus = all, .isolation = &exclusive};
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
	const struct nvb_bolt_run run = {
		.size = sizeof(run), .id = "a", .image = "i", .rootfs = "/r", .command = command, .remove = true};
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
	const struct nvb_context_options green = {.size = sizeof(green), .kind = NVB_CONTEXT_GREEN, .group = 1};
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
		scratch_test(base_functions),
		scratch_test(inventories),
		scratch_test(requests_and_plans),
		scratch_test(cdi_specs),
		scratch_test(stale_specs),
		scratch_test(containers),
		scratch_test(images),
		cmocka_unit_test(layouts_of_mig),
		scratch_test(engines_and_their_settings),
		scratch_test(managers),
		scratch_test(contexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
