/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/userns.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "container/tree.h"
#include "nvbind.h"
#include "nvbind/oci.h"
#include "plan/plan.h"

/* nvbind inject: the config.json of a bundle, or any other, gets the GPUs asked for. */

/* Far beyond any config.json that a runtime takes; a file that is larger is no config.json. */
enum { CONFIG_MAX = 64 << 20 };

static const char *bundle, *file, *output, *hook_path, *tree_directory = TREE_DIRECTORY;
static int layout = NVB_LAYOUT_FILES;
static bool no_hook;

static const struct nvb_option options[] = {
	{"bundle", 'b', NVB_OPTION_STRING("DIR", &bundle), "edit the config.json in this directory"},
	{"file", 0, NVB_OPTION_STRING("FILE", &file), "edit this config.json"},
	{"output", 'o', NVB_OPTION_STRING("FILE", &output),
		"write the result there (- for standard output) and leave the input as it is"},
	{"layout", 0, NVB_OPTION_CHOICE("LAYOUT", layout_choices, &layout),
		"mount the driver's files one by one, or as one tree"},
	{"tree-dir", 0, NVB_OPTION_STRING("DIR", &tree_directory),
		"where driver trees are kept (" TREE_DIRECTORY ")"},
	{"hook-path", 0, NVB_OPTION_STRING("PATH", &hook_path), "where the runtime finds nvbind-hook"},
	{"no-hook", 0, NVB_OPTION_FLAG(&no_hook),
		"leave out the hook that makes links and ld.so.cache; programs must then find the libraries "
		"alone"},
	{NULL},
};
const struct nvb_option_group inject_groups[] = {
	{"What is asked for", request_options}, {"Profile", profile_options}, {"Options", options}, {NULL}};

/* The file to edit, links in its path followed: what they lead to is replaced, not they. */
static int find_config(char **path, nvb_error **err)
{
	_cleanup_free_ char *joined = NULL;
	const char *named = file;

	if (!bundle == !file)
		return nvb_usage(err, "%s",
			bundle ? "--bundle and --file exclude each other"
			       : "nothing to edit: give --bundle DIR or --file FILE");
	if (bundle) {
		if (asprintf(&joined, "%s/config.json", bundle) < 0)
			return nvb_fail_oom(err);
		named = joined;
	}
	*path = realpath(named, NULL);
	if (!*path) {
		int rc = nvb_fail_errno(err, errno, "%s", named);

		return bundle && rc == -NVB_ERR_NOT_FOUND ? nvb_hint(err, rc,
								    "a bundle is a directory with a "
								    "config.json, as 'runc spec' makes one")
							  : rc;
	}
	return 0;
}

static int make_plan(struct nvb_plan **plan, nvb_error **err)
{
	_cleanup_(nvb_request_freep) struct nvb_request *request = NULL;
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	_cleanup_free_ char *tree = NULL;
	struct nvb_plan_options plan_options = {
		.size = sizeof(plan_options),
		.layout = (enum nvb_layout)layout,
		.cdi_directories = (const char *const *)nvb_common_config()->cdi.directories,
		.log = nvb_logging(),
		.no_cuda_compat = !nvb_common_config()->driver.cuda_compat,
		.no_params_mask = !nvb_common_config()->driver.mask_params,
	};
	int rc = make_request(&request, err);

	if (rc == 0)
		rc = load_inventory(request, &inventory, err);
	if (rc == 0 && layout == NVB_LAYOUT_TREE && inventory->driver.version)
		rc = nvb_tree_ensure(
			inventory, request->capabilities, tree_directory, &tree, nvb_logging(), err);
	plan_options.tree = tree;
	return rc < 0 ? rc : nvb_plan_make(request, inventory, &plan_options, plan, err);
}

static int edit(const char *path, const char *config, size_t size, const struct nvb_plan *plan, char **out,
	size_t *out_size, nvb_error **err)
{
	_cleanup_free_ char *hook = NULL;
	struct nvb_oci_options oci = {
		.size = sizeof(oci),
		.no_hook = no_hook,
		/* A runtime that we are run beside cannot mknod either. */
		.user_namespace = nvb_in_user_namespace(),
	};
	int rc = no_hook ? 0 : find_hook(hook_path, &hook, err);

	if (rc < 0)
		return rc;
	oci.hook_path = hook;
	rc = nvb_oci_edit(config, size, plan, &oci, out, out_size, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s", path) : 0;
}

static int put(const char *path, const char *config, size_t size, nvb_error **err)
{
	if (!output)
		return nvb_file_replace(AT_FDCWD, path, config, size, err);
	if (!nvb_streq(output, "-"))
		return nvb_file_output(output, config, size, 0644, err);
	return nvb_stdout_write(config, size, err);
}

int verb_inject(int argc, char **argv, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *config = NULL, *edited = NULL;
	struct nvb_plan *plan = NULL;
	size_t size, edited_size;
	int rc = find_config(&path, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = nvb_file_read(AT_FDCWD, path, CONFIG_MAX, &config, &size, err);
	if (rc == 0)
		rc = make_plan(&plan, err);
	if (rc < 0)
		return rc;
	nvb_strv_foreach (warning, plan->warnings)
		nvb_report_warning("nvbind", "%s", *warning);
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind >= NVB_EDIT_CPUS && plan->edits[i].kind <= NVB_EDIT_KNOB &&
			plan->edits[i].scope <= 0)
			nvb_report_warning("nvbind", "%s: left out: '%s' is for whoever starts the container",
				plan->edits[i].rule, nvb_edit_kind_name(plan->edits[i].kind));
	/* The runtime that reads it has our rights, as far as can be known. */
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_RLIMIT)
			plan->edits[i].rlimit.value =
				allowed_limit(plan->edits[i].rlimit.name, plan->edits[i].rlimit.value);
	rc = edit(path, config, size, plan, &edited, &edited_size, err);
	nvb_plan_free(plan);
	if (rc < 0)
		return rc;
	if (!output && edited_size == size && memcmp(edited, config, size) == 0)
		return 0;
	return put(path, edited, edited_size, err);
}
