/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/plugin.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/plugins.h"
#include "nvbind.h"
#include "plugin_verbs.h"

/* nvbind plugin: what is installed, and whether it behaves. */

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option list_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};
static const struct nvb_option_group list_groups[] = {{"Options", list_options}, {NULL}};
static const struct nvb_option_group check_groups[] = {
	{"What is asked for", request_options}, {"Profile", profile_options}, {NULL}};

/* The options for files that were named, too, which need no directory. */
static int options_with_helper(struct nvb_plugin_options *options, char **helper, nvb_error **err)
{
	*options = nvb_common_plugin_options();
	if (options->helper)
		return 0;
	*helper = nvb_common_plugin_helper();
	options->helper = *helper;
	return *helper ? 0 : nvb_fail_oom(err);
}

static int print_list(const struct nvb_plugin_options *options, const struct nvb_plugin_file *list,
	size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"NAME"}, {"VERSION"}, {"STATE"}, {"SUMMARY"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	_cleanup_strbuf_ struct nvb_strbuf json = {0};
	int rc;

	for (size_t i = 0; i < count; i++) {
		_cleanup_(nvb_plugin_about_release) struct nvb_plugin_about about = {0};
		_cleanup_error_ nvb_error *why = NULL;
		bool good = nvb_plugin_describe(options, &list[i], &about, &why) == 0;
		const char *summary = good ? about.summary : nvb_error_message(why);

		nvb_table_cell(&table, list[i].name);
		nvb_table_cell(&table, good ? about.version : NULL);
		nvb_table_cell(&table, good ? "good" : "refused");
		nvb_table_cell(&table, summary);
		nvb_sb_addf(&json, "%s{\"name\":\"%s\",\"good\":%s,\"version\":", i ? ",\n " : "",
			list[i].name, good ? "true" : "false");
		good ? nvb_sb_add_json(&json, about.version) : nvb_sb_add(&json, "null");
		nvb_sb_addf(&json, ",\"%s\":", good ? "summary" : "problem");
		nvb_sb_add_json(&json, summary);
		nvb_sb_addc(&json, '}');
	}
	if (json.failed)
		return nvb_fail_oom(err);
	if (format == NVB_FORMAT_JSON)
		printf("[%s]\n", json.s ? json.s : "");
	rc = format == NVB_FORMAT_JSON ? 0 : nvb_table_print(&table, stdout, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static int verb_list(int argc, char **argv, nvb_error **err)
{
	_cleanup_free_ char *helper = NULL;
	struct nvb_plugin_options options;
	struct nvb_plugin_file *list = NULL;
	size_t count = 0;
	int rc = options_with_helper(&options, &helper, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = nvb_plugin_files(nvb_common_plugin_directory(), &list, &count, err);
	if (rc == 0)
		rc = print_list(&options, list, count, err);
	nvb_plugin_files_free(list, count);
	return rc;
}

static void print_edits(const struct nvb_plan *plan, size_t from)
{
	for (size_t i = from; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];
		_cleanup_strbuf_ struct nvb_strbuf line = {0};

		nvb_sb_addf(&line, "  %s ", nvb_edit_kind_name(edit->kind));
		if (edit->kind == NVB_EDIT_DEVICE)
			nvb_sb_addf(&line, "%s (%s)", edit->device.container, edit->device.access);
		else if (edit->kind == NVB_EDIT_MOUNT)
			nvb_sb_addf(&line, "%s at %s", edit->mount.host, edit->mount.container);
		else
			nvb_sb_addf(&line, "%s=", edit->env.name);
		if (edit->kind == NVB_EDIT_ENV)
			nvb_sb_add_visible(&line, edit->env.value);
		nvb_sb_add(&line, ": ");
		nvb_sb_add_visible(&line, edit->reason);
		if (!line.failed)
			puts(line.s);
	}
}

static int check_one(const struct nvb_plugin_options *options, const char *path,
	const struct nvb_inventory *inventory, struct nvb_plan *plan, nvb_error **err)
{
	struct nvb_plugin_file file = {.fd = -1};
	size_t before = plan->edit_count, added = 0;
	int rc = nvb_plugin_file_open(path, &file, err);

	if (rc < 0)
		return rc;
	rc = nvb_plugin_apply(options, &file, inventory, plan, &added, err);
	if (rc == 0) {
		printf("plugin %s is good; it adds %zu edit%s\n", file.name, added, added == 1 ? "" : "s");
		print_edits(plan, before);
	} else {
		rc = nvb_wrap(err, rc, "plugin %s", file.name);
	}
	free(file.name);
	nvb_closep(&file.fd);
	return rc;
}

static int verb_check(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_request_freep) struct nvb_request *request = NULL;
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	const struct nvb_plan_options plan_options = {.size = sizeof(plan_options), .log = nvb_logging()};
	_cleanup_free_ char *helper = NULL;
	struct nvb_plugin_options options;
	struct nvb_plan *plan = NULL;
	int rc = options_with_helper(&options, &helper, err);

	if (rc == 0)
		rc = make_request(&request, err);
	if (rc == 0)
		rc = load_inventory(request, &inventory, err);
	if (rc == 0)
		rc = nvb_plan_make(request, inventory, &plan_options, &plan, err);
	for (int i = 0; rc == 0 && i < argc; i++) {
		_cleanup_free_ char *path = NULL;

		if (strchr(argv[i], '/') || nvb_ends_with(argv[i], ".so")
				? asprintf(&path, "%s", argv[i]) < 0
				: asprintf(&path, "%s/%s.so", nvb_common_plugin_directory(), argv[i]) < 0)
			rc = nvb_fail_oom(err);
		else
			rc = check_one(&options, path, inventory, plan, err);
	}
	nvb_plan_free(plan);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

const struct nvb_verb nvbind_plugin_verbs[] = {
	{
		.name = "list",
		.summary = "list the plugins that are installed, and what is wrong with them",
		.groups = list_groups,
		.run = verb_list,
	},
	{
		.name = "check",
		.synopsis = "PLUGIN...",
		.summary = "run plugins, by name or file, and print what they add",
		.description =
			"Each is run as it is for a container, on the devices asked for: loaded without "
			"privileges, limited, its edits judged. Nothing is changed.",
		.examples = "  nvbind plugin check rdma --gpu 0\n"
			    "  nvbind plugin check ./build/mine.so\n",
		.groups = check_groups,
		.run = verb_check,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
	},
	{NULL},
};
