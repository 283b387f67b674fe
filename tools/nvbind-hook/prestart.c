/* SPDX-License-Identifier: Apache-2.0 */
#include "prestart/prestart.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "container/hook_state.h"
#include "container/tree.h"
#include "hook.h"
#include "lease/lease.h"
#include "oci/asked.h"
#include "privileges.h"
#include "request/require.h"

/*
 * nvidia-container-runtime-hook prestart: what docker calls for --gpus where it knows no CDI, and podman by
 * its hooks.d. A container that asks for nothing is left alone; one whose GPUs cannot be given is not
 * started.
 */

/* Trees that containers of engines use, apart from bolt's; the shim's place. */
#define TREE_DIRECTORY "/var/lib/nvbind/cdi"

struct options {
	const char *verb;
	const char *config; /* --config */
	bool debug;
};

static const char *const names[] = {"nvidia-container-runtime-hook", "nvidia-container-toolkit", NULL};
static const char *const verbs[] = {"prestart", "poststart", "poststop", NULL};

static bool contains(const char *const *list, const char *word)
{
	return nvb_strv_contains((char *const *)(uintptr_t)list, word);
}

bool is_prestart(int argc, char *const *argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	return (argc > 0 && contains(names, slash ? slash + 1 : argv[0])) ||
	       (argc > 1 && contains(verbs, argv[1]));
}

/* NVIDIA's options have one dash or two, before the verb or behind it. */
static int parse(struct options *options, int argc, char *const *argv, nvb_error **err)
{
	*options = (struct options){NULL};
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i] + (nvb_after(argv[i], "--") ? 1 : 0), *value;

		if (nvb_streq(word, "-debug")) {
			options->debug = true;
		} else if ((value = nvb_after(word, "-config="))) {
			options->config = value;
		} else if (nvb_streq(word, "-config") && i + 1 < argc) {
			options->config = argv[++i];
		} else if (!options->verb && contains(verbs, word)) {
			options->verb = word;
		} else {
			return nvb_fail(err, NVB_ERR_INVALID, "%s: unknown argument", argv[i]);
		}
	}
	if (!options->verb)
		return nvb_fail(err, NVB_ERR_INVALID, "a verb is missing: prestart");
	return 0;
}

/* What the steps need, from the state to the plan. */
struct job {
	struct nvb_config config;
	struct nvb_asked_rules rules;
	struct nvb_hook_state state;
	char *text; /* config.json */
	size_t size;
	char *root;
	struct nvb_asked asked;
	struct nvb_request *request;
	struct nvb_inventory *inventory;
	struct nvb_plan *plan;
	struct nvb_lease *lease;
	struct nvb_log log;
};

static void job_release(struct job *job)
{
	nvb_lease_free(job->lease);
	nvb_plan_free(job->plan);
	nvb_inventory_free(job->inventory);
	nvb_request_free(job->request);
	nvb_asked_release(&job->asked);
	free(job->root);
	free(job->text);
	nvb_hook_state_release(&job->state);
	nvb_config_release(&job->config);
}

static int load_config(struct job *job, const struct options *options, nvb_error **err)
{
	int rc = nvb_config_init(&job->config, err);

	if (rc == 0)
		rc = nvb_config_load(&job->config, options->config, false, err);
	if (rc < 0)
		return rc;
	job->log.level = options->debug ? NVB_LOG_DEBUG : job->config.log.level;
	nvb_config_asked_rules(&job->config, &job->rules);
	return 0;
}

/* CDI specs are read by whoever can do all that they may say; a hook comes too late for half of it. */
static int refuse_cdi(const struct nvb_request *request, nvb_error **err)
{
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind == NVB_SELECT_CDI)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s: a hook cannot give CDI devices",
					request->selectors[i].text),
				"let the engine give them (--device), or use nvbind-runtime");
	return 0;
}

static int read_container(struct job *job, nvb_error **err)
{
	int rc = nvb_hook_state_read(&job->state, STDIN_FILENO, err);

	if (rc == 0)
		rc = nvb_hook_read_config(&job->state, &job->text, &job->size, err);
	if (rc == 0)
		rc = nvb_oci_asked(job->text, job->size, &job->rules, &job->asked, err);
	if (rc == 0)
		rc = nvb_asked_request(&job->asked, &job->rules, &job->log, &job->request, err);
	if (rc < 0 || !job->request)
		return rc;
	if (job->state.pid == 0)
		return nvb_fail(err, NVB_ERR_CORRUPT, "container state: it names no process");
	rc = refuse_cdi(job->request, err);
	return rc < 0 ? rc : nvb_hook_absolute_root(&job->state, job->text, job->size, &job->root, err);
}

static int load_inventory(struct job *job, nvb_error **err)
{
	const struct nvb_config *config = &job->config;
	const struct nvb_inventory_options options = {
		.size = sizeof(options),
		.driver_root = config->roots.driver,
		.dev_root = config->roots.dev,
		.proc_root = config->roots.proc,
		.sys_root = config->roots.sys,
		.library_path = (const char *const *)config->roots.library_path,
		.cache_directory = config->cache.directory,
		.log = &job->log,
	};
	int rc = nvb_inventory_load(&options, &job->inventory, err);

	/* A static program loads no library, and a hook no foreign one. */
	if (rc == 0 && nvb_request_needs_nvml(job->request, job->inventory))
		rc = nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND,
				"the UUIDs of this host's MIG devices are not in the inventory's cache"),
			"run 'nvbind info --nvml' as root once after MIG devices have changed, or name them as 0:1");
	return rc;
}

static int make_plan(struct job *job, nvb_error **err)
{
	_cleanup_free_ char *tree = NULL;
	struct nvb_plan_options options = {
		.size = sizeof(options),
		.layout = job->config.runtime.layout,
		.log = &job->log,
		.no_cuda_compat = !job->config.driver.cuda_compat,
		.no_params_mask = !job->config.driver.mask_params,
	};
	int rc = 0;

	if (options.layout == NVB_LAYOUT_TREE && job->inventory->driver.version)
		rc = nvb_tree_ensure(
			job->inventory, job->request->capabilities, TREE_DIRECTORY, &tree, &job->log, err);
	options.tree = tree;
	return rc < 0 ? rc : nvb_planner_make(job->request, job->inventory, &options, &job->plan, err);
}

/* The lease has the life of the container's first process: with it, it is gone. */
static int take_lease(struct job *job, nvb_error **err)
{
	const struct nvb_lease_holder holder = {
		.engine = "prestart hook", .container = job->state.id, .pid = job->state.pid};
	const char *isolation = nvb_asked_isolation(&job->asked, &job->rules);
	enum nvb_lease_mode mode = NVB_LEASE_SHARED;
	int rc = isolation ? nvb_lease_parse_mode(isolation, &mode, err) : 0;

	if (rc < 0)
		return nvb_wrap(err, rc, NVB_ISOLATION_VARIABLE);
	return nvb_lease_take_plan(job->inventory, job->plan, mode, &holder, &job->lease, err);
}

static int give(struct job *job, nvb_error **err)
{
	_cleanup_prestart_ struct nvb_prestart prestart = NVB_PRESTART_INIT;
	const struct nvb_creating container = {job->state.pid, job->root};
	int rc = load_inventory(job, err);

	if (rc == 0)
		rc = nvb_require_check(
			&job->asked, &job->rules, job->request, job->inventory, &job->log, err);
	if (rc == 0)
		rc = make_plan(job, err);
	if (rc == 0)
		rc = take_lease(job, err);
	if (rc == 0)
		rc = nvb_prestart_enter(&prestart, job->plan, &container, &job->log, err);
	if (rc < 0)
		return rc;
	hook_confine(WORK_MOUNT | WORK_NODES, &job->log);
	return nvb_prestart_fill(&prestart, err);
}

int prestart(int argc, char *const *argv, nvb_error **err)
{
	_cleanup_(job_release) struct job job = {.log = {.level = NVB_LOG_WARNING, .emit = hook_emit}};
	struct options options;
	int rc = parse(&options, argc, argv, err);

	if (rc < 0 || !nvb_streq(options.verb, "prestart"))
		return rc; /* nothing of ours outlives the container */
	rc = load_config(&job, &options, err);
	if (rc == 0)
		rc = read_container(&job, err);
	return rc < 0 || !job.request ? rc : give(&job, err);
}
