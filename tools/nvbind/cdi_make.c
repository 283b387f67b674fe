/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi_make.h"

#include "base/str.h"
#include "cdi/write.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/sibling.h"
#include "config.h"
#include "container/tree.h"
#include "nvbind.h"
#include "profile/profile.h"

/* What a spec is of. Source: the modes of 'nvidia-ctk cdi generate'; the kinds are those that NVIDIA's
 * operator and device plugin give such devices. */
enum { MODE_GPUS, MODE_GDS, MODE_MOFED, MODE_GDRCOPY, MODE_NVSWITCH, MODE_IMEX, MODE_MANAGEMENT };

const struct nvb_choice cdi_mode_choices[] = {
	{"auto", MODE_GPUS},
	{"gds", MODE_GDS},
	{"mofed", MODE_MOFED},
	{"gdrcopy", MODE_GDRCOPY},
	{"nvswitch", MODE_NVSWITCH},
	{"imex", MODE_IMEX},
	{"management", MODE_MANAGEMENT},
	{NULL, 0},
};

static const struct {
	unsigned feature;
	const char *vendor, *class;
} modes[] = {
	[MODE_GPUS] = {0, "nvidia.com", "gpu"},
	[MODE_GDS] = {NVB_FEATURE_GDS, "nvidia.com", "gds"},
	[MODE_MOFED] = {NVB_FEATURE_MOFED, "nvidia.com", "mofed"},
	[MODE_GDRCOPY] = {NVB_FEATURE_GDRCOPY, "nvidia.com", "gdrcopy"},
	[MODE_NVSWITCH] = {NVB_FEATURE_NVSWITCH, "nvidia.com", "nvswitch"},
	[MODE_IMEX] = {0, "nvidia.com", "imex-channel"},
	[MODE_MANAGEMENT] = {NVB_FEATURE_MANAGEMENT, "management.nvidia.com", "gpu"},
};

const struct nvb_choice layout_choices[] = {
	{"files", NVB_LAYOUT_FILES},
	{"tree", NVB_LAYOUT_TREE},
	{NULL, 0},
};

/* --- hosts --- */

void cdi_hosts_release(struct cdi_hosts *hosts)
{
	for (size_t i = 0; i < hosts->count; i++) {
		free(hosts->items[i].roots);
		nvb_inventory_free(hosts->items[i].inventory);
	}
	free(hosts->items);
	*hosts = (struct cdi_hosts){0};
}

/* The root in force: its own, else the common one, else the host's. */
static const char *root_of(const struct nvb_cdi_recipe *recipe, const char *own)
{
	return own ? own : recipe->root ? recipe->root : "/";
}

void cdi_recipe_roots(const struct nvb_cdi_recipe *recipe, const char *roots[static 4])
{
	roots[0] = root_of(recipe, recipe->driver_root);
	roots[1] = root_of(recipe, recipe->dev_root);
	roots[2] = root_of(recipe, recipe->proc_root);
	roots[3] = root_of(recipe, recipe->sys_root);
}

static int load_host(struct cdi_hosts *hosts, const struct nvb_cdi_recipe *recipe,
	struct nvb_inventory **inventory, nvb_error **err)
{
	_cleanup_strv_ char **library_path =
		recipe->library_path ? nvb_strv_split(recipe->library_path, ":") : NULL;
	struct nvb_inventory_options options;

	if (recipe->library_path && !library_path)
		return nvb_fail_oom(err);
	nvb_common_inventory_options(&options);
	options.driver_root = root_of(recipe, recipe->driver_root);
	options.dev_root = root_of(recipe, recipe->dev_root);
	options.proc_root = root_of(recipe, recipe->proc_root);
	options.sys_root = root_of(recipe, recipe->sys_root);
	options.library_path = (const char *const *)library_path;
	options.log = hosts->log;
	return nvb_inventory_load(&options, inventory, err);
}

int cdi_host_of(struct cdi_hosts *hosts, const struct nvb_cdi_recipe *recipe,
	struct nvb_inventory **inventory, nvb_error **err)
{
	_cleanup_free_ char *key = NULL;
	int rc;

	/* A newline is in no path that a recipe can name. */
	if (asprintf(&key, "%s\n%s\n%s\n%s\n%s", root_of(recipe, recipe->driver_root),
		    root_of(recipe, recipe->dev_root), root_of(recipe, recipe->proc_root),
		    root_of(recipe, recipe->sys_root),
		    recipe->library_path ? recipe->library_path : "") < 0) {
		key = NULL;
		return nvb_fail_oom(err);
	}
	for (size_t i = 0; i < hosts->count; i++)
		if (nvb_streq(hosts->items[i].roots, key)) {
			*inventory = hosts->items[i].inventory;
			return 0;
		}
	if (!NVB_GROW(hosts->items, hosts->count, hosts->capacity))
		return nvb_fail_oom(err);
	rc = load_host(hosts, recipe, inventory, err);
	if (rc == 0)
		hosts->items[hosts->count++] =
			(struct cdi_host){.roots = NVB_TAKE_PTR(key), .inventory = *inventory};
	return rc;
}

static int take_root(struct nvb_cdi_recipe *recipe, const char **where, const char *root, nvb_error **err)
{
	if (nvb_streq(root, "/"))
		return 0;
	*where = nvb_arena_strdup(&recipe->arena, root);
	return *where ? 0 : nvb_fail_oom(err);
}

int cdi_recipe_take_roots(struct nvb_cdi_recipe *recipe, nvb_error **err)
{
	const struct nvb_config *config = nvb_common_config();
	const char *driver = config->roots.driver, *dev = config->roots.dev, *proc = config->roots.proc,
		   *sys = config->roots.sys;
	bool one = nvb_streq(driver, dev) && nvb_streq(driver, proc) && nvb_streq(driver, sys);
	_cleanup_strbuf_ struct nvb_strbuf path = {0};
	int rc = take_root(recipe, one ? &recipe->root : &recipe->driver_root, driver, err);

	if (rc == 0 && !one)
		rc = take_root(recipe, &recipe->dev_root, dev, err);
	if (rc == 0 && !one)
		rc = take_root(recipe, &recipe->proc_root, proc, err);
	if (rc == 0 && !one)
		rc = take_root(recipe, &recipe->sys_root, sys, err);
	nvb_strv_foreach (directory, config->roots.library_path) {
		nvb_sb_add(&path, path.len ? ":" : "");
		nvb_sb_add(&path, *directory);
	}
	if (rc == 0 && path.len)
		rc = take_root(recipe, &recipe->library_path, path.s, err);
	return rc == 0 && path.failed ? nvb_fail_oom(err) : rc;
}

/* --- the recipe's values --- */

int cdi_naming_parse(const char *list, unsigned *naming, nvb_error **err)
{
	static const struct nvb_choice strategies[] = {
		{"index", NVB_CDI_NAME_INDEX}, {"uuid", NVB_CDI_NAME_UUID}, {NULL, 0}};
	_cleanup_strv_ char **words = nvb_strv_split(list, ",");
	unsigned bits = 0;
	int bit, rc;

	if (!words)
		return nvb_fail_oom(err);
	if (!words[0])
		return nvb_fail(err, NVB_ERR_INVALID, "option '--device-name-strategy' is empty");
	nvb_strv_foreach (word, words) {
		rc = nvb_choice_parse(strategies, *word, "option '--device-name-strategy'", &bit, err);
		if (rc < 0)
			return rc;
		bits |= (unsigned)bit;
	}
	*naming |= bits;
	return 0;
}

/* A recipe's words as what they mean. */
struct meaning {
	int mode, layout;
	unsigned naming;
	struct nvb_profile profile;
};

static void release_meaning(struct meaning *meaning)
{
	nvb_profile_release(&meaning->profile);
}

static int read_profile(struct nvb_profile *profile, const char *name, nvb_error **err)
{
	_cleanup_free_ char *installed = nvb_sibling_data("profiles.d", NVB_DATADIR);
	_cleanup_strv_ char **directories = NULL;
	int rc;

	if (!installed)
		return nvb_fail_oom(err);
	rc = nvb_profile_directories(installed, &directories, err);
	return rc < 0 ? rc : nvb_profile_read(profile, directories, name, err);
}

static int understand(struct meaning *meaning, const struct nvb_cdi_recipe *recipe, nvb_error **err)
{
	int rc = 0;

	if (recipe->mode)
		rc = nvb_choice_parse(cdi_mode_choices, recipe->mode, "option '--mode'", &meaning->mode, err);
	if (rc == 0 && recipe->layout)
		rc = nvb_choice_parse(
			layout_choices, recipe->layout, "option '--layout'", &meaning->layout, err);
	if (rc == 0 && recipe->naming)
		rc = cdi_naming_parse(recipe->naming, &meaning->naming, err);
	if (rc == 0 && recipe->profile)
		rc = read_profile(&meaning->profile, recipe->profile, err);
	if (!meaning->naming)
		meaning->naming = NVB_CDI_NAME_INDEX | NVB_CDI_NAME_UUID;
	if (rc == 0 && recipe->channels && meaning->mode != MODE_IMEX)
		rc = nvb_fail(err, NVB_ERR_INVALID, "--imex-channel is for '--mode imex' alone");
	if (rc == 0 && meaning->layout && meaning->mode != MODE_GPUS && meaning->mode != MODE_MANAGEMENT)
		rc = nvb_fail(err, NVB_ERR_INVALID,
			"--layout is of the driver's files, which '--mode %s' has none of", recipe->mode);
	return rc;
}

static int request_of(struct nvb_request **out, const struct meaning *meaning,
	const struct nvb_cdi_recipe *recipe, nvb_error **err)
{
	_cleanup_(nvb_request_freep) struct nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0 && meaning->mode == MODE_GPUS)
		rc = nvb_request_add_gpus(request, "all", err);
	if (rc == 0 && meaning->mode == MODE_IMEX)
		rc = nvb_request_add_imex_channels(request, recipe->channels ? recipe->channels : "all", err);
	if (rc == 0)
		rc = nvb_request_add_features(request, modes[meaning->mode].feature, true, err);
	if (rc == 0 && recipe->profile)
		rc = nvb_profile_apply(&meaning->profile, request, err);
	if (rc == 0 && (recipe->capabilities || !meaning->profile.capabilities))
		rc = nvb_request_set_capabilities(
			request, recipe->capabilities ? recipe->capabilities : "all", err);
	if (rc == 0)
		*out = NVB_TAKE_PTR(request);
	return rc;
}

/* --- UUIDs --- */

/* Where there is no driver to ask, the planner says why there is no plan either. */
static bool uuids_missing(const struct nvb_inventory *inventory)
{
	const struct nvb_driver *driver = &inventory->driver;

	if ((driver->kind != NVB_DRIVER_PROPRIETARY && driver->kind != NVB_DRIVER_OPEN) || !driver->version ||
		driver->mismatch)
		return false;
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		if (!gpu->mig_count && !gpu->uuid)
			return true;
		for (size_t j = 0; j < gpu->mig_count; j++)
			if (!gpu->migs[j].uuid)
				return true;
	}
	return false;
}

/* UUIDs of MIG devices are NVML's alone. Where devices have another name too, a spec without them is better
 * than none. */
static int find_uuids(
	struct nvb_inventory *inventory, unsigned naming, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc;

	if (!(naming & NVB_CDI_NAME_UUID) || inventory->nvml_asked || !uuids_missing(inventory))
		return 0;
	rc = nvb_inventory_ask_nvml(inventory, log, &why);
	if (rc < 0 && !(naming & NVB_CDI_NAME_INDEX)) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return nvb_wrap(err, rc, "finding UUIDs");
	}
	if (rc < 0)
		nvb_report_warning("nvbind", "devices without a known UUID are named by index alone: %s",
			nvb_error_message(why));
	return 0;
}

/* --- making --- */

void cdi_made_release(struct cdi_made *made)
{
	nvb_cdi_spec_release(&made->spec);
	nvb_plan_free(made->plan);
	free(made->hook);
	free(made->line);
	free(made->tree);
	*made = (struct cdi_made){0};
}

static int make_plan(struct cdi_made *made, struct cdi_hosts *hosts, const struct meaning *meaning,
	const struct nvb_cdi_recipe *recipe, bool touch, nvb_error **err)
{
	_cleanup_(nvb_request_freep) struct nvb_request *request = NULL;
	const char *trees = recipe->tree_directory ? recipe->tree_directory : TREE_DIRECTORY;
	struct nvb_plan_options how = {
		.size = sizeof(how),
		.layout = (enum nvb_layout)meaning->layout,
		.log = hosts->log,
		.no_cuda_compat = !nvb_common_config()->driver.cuda_compat,
		.no_params_mask = !nvb_common_config()->driver.mask_params,
	};
	struct nvb_inventory *inventory;
	int rc = request_of(&request, meaning, recipe, err);

	if (rc == 0)
		rc = cdi_host_of(hosts, recipe, &inventory, err);
	if (rc == 0 && meaning->mode == MODE_GPUS)
		rc = find_uuids(inventory, meaning->naming, hosts->log, err);
	if (rc == 0 && meaning->layout == NVB_LAYOUT_TREE && inventory->file_count)
		rc = touch ? nvb_tree_ensure(
				     inventory, request->capabilities, trees, &made->tree, hosts->log, err)
			   : nvb_tree_path(inventory, request->capabilities, trees, &made->tree, err);
	how.tree = made->tree;
	return rc < 0 ? rc : nvb_plan_make(request, inventory, &how, &made->plan, err);
}

static int make(struct cdi_made *made, struct cdi_hosts *hosts, const struct nvb_cdi_recipe *recipe,
	bool touch, nvb_error **err)
{
	_cleanup_(release_meaning) struct meaning meaning = {0};
	struct nvb_cdi_options options = {.size = sizeof(options), .version = recipe->version};
	int rc = understand(&meaning, recipe, err);

	if (rc == 0)
		rc = make_plan(made, hosts, &meaning, recipe, touch, err);
	if (rc == 0)
		rc = choose_hook(recipe->hook, &made->hook, err);
	if (rc < 0)
		return rc;
	options.vendor = recipe->vendor ? recipe->vendor : modes[meaning.mode].vendor;
	options.device_class = recipe->class	 ? recipe->class
			       : recipe->profile ? meaning.profile.cdi_class
						 : modes[meaning.mode].class;
	options.naming = meaning.naming;
	options.hook_path = made->hook;
	rc = nvb_cdi_from_plan(&made->spec, made->plan, &options, err);
	if (rc == 0)
		rc = nvb_cdi_recipe_format(recipe, &made->line, err);
	if (rc == 0 && !nvb_cdi_recipe_annotate(&made->spec, made->format, made->line))
		rc = nvb_fail_oom(err);
	return rc;
}

int cdi_make(struct cdi_made *made, struct cdi_hosts *hosts, const struct nvb_cdi_recipe *recipe,
	enum nvb_cdi_format format, bool touch, nvb_error **err)
{
	int rc;

	made->format = format;
	rc = make(made, hosts, recipe, touch, err);
	if (rc < 0)
		cdi_made_release(made);
	return rc;
}

int cdi_made_text(const struct cdi_made *made, char **text, size_t *size, nvb_error **err)
{
	_cleanup_free_ char *comment = NULL, *body = NULL;
	char *joined;
	size_t n;
	int rc = nvb_cdi_encode(&made->spec, made->format, &body, &n, err);

	if (rc < 0)
		return rc;
	if (made->format == NVB_CDI_JSON) {
		*text = NVB_TAKE_PTR(body);
		*size = n;
		return 0;
	}
	comment = nvb_cdi_recipe_comment(made->line);
	if (!comment || asprintf(&joined, "%s%s", comment, body) < 0)
		return nvb_fail_oom(err);
	*text = joined;
	*size = strlen(joined);
	return 0;
}
