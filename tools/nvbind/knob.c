/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "knob/dial.h"
#include "knob/knob.h"
#include "knob_verbs.h"
#include "nvbind.h"

/* nvbind knob: what capsules have turned, and putting it back. */

static int format = NVB_FORMAT_TABLE;
static bool force;

const struct nvb_option nvbind_knob_list_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};

const struct nvb_option nvbind_knob_restore_options[] = {
	{"force", 0, NVB_OPTION_FLAG(&force), "also what is turned for containers that still run"},
	{NULL},
};

const struct nvb_verb nvbind_knob_verbs[] = {
	{
		.name = "list",
		.summary = "list the knobs that are turned, for whom, and what they were before",
		.groups = NVB_GROUPS({"Options", nvbind_knob_list_options}),
		.run = nvbind_knob_list,
	},
	{
		.name = "restore",
		.summary = "put back what is turned for containers that are gone",
		.description =
			"bolt puts knobs back when a capsule ends, and what a crash left when the next one "
			"starts; nvbind-knobs.service does at boot. This does it now.",
		.groups = NVB_GROUPS({"Options", nvbind_knob_restore_options}),
		.run = nvbind_knob_restore,
	},
	{NULL},
};

/* "0", or the PCI address of a GPU that is no more. */
static void device_name(const struct nvb_inventory *inventory, const char *device, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s", device);
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (nvb_streq0(inventory->gpus[i].pci, device))
			snprintf(buffer, size, "GPU %u", inventory->gpus[i].index);
}

static int print_table(
	const struct nvb_inventory *inventory, struct nvb_knob_record *list, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"DEVICE"}, {"KNOB"}, {"BEFORE"}, {"NOW SET TO"}, {"FOR"}, {"WANTS"}, {"PROCESS"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	char name[64], text[2][NVB_KNOB_TEXT];

	for (size_t i = 0; i < count; i++) {
		struct nvb_knob_record *r = &list[i];

		device_name(inventory, r->device, name, sizeof(name));
		/* A debt without users has a line as well. */
		for (size_t u = 0; u < r->user_count || u == 0; u++) {
			nvb_table_cell(&table, name);
			nvb_table_cell(&table, nvb_knob_names[r->knob]);
			nvb_table_cell(&table, nvb_knob_describe(r->knob, r->old, text[0]));
			nvb_table_cell(&table, nvb_knob_describe(r->knob, r->set, text[1]));
			if (!r->user_count) {
				nvb_table_cell(&table, "nobody: to be put back");
				nvb_table_cell(&table, NULL);
				nvb_table_cell(&table, NULL);
				continue;
			}
			nvb_table_cellf(&table, "%s %.12s", r->users[u].engine, r->users[u].container);
			nvb_table_cell(&table, r->users[u].wish);
			nvb_table_cellf(&table, "%d%s", r->users[u].pid,
				nvb_knob_holder_lives(&r->users[u]) ? "" : " (gone)");
		}
	}
	if (!count) {
		puts("No knob is turned");
		return nvb_stdout_flush(err);
	}
	return nvb_table_print(&table, stdout, err);
}

static void member(struct nvb_strbuf *sb, const char *key, const char *value)
{
	nvb_sb_addf(sb, ", \"%s\": ", key);
	nvb_sb_add_json(sb, value);
}

static int print_json(struct nvb_knob_record *list, size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_addc(&sb, '[');
	for (size_t i = 0; i < count; i++) {
		nvb_sb_add(&sb, i ? ",\n  {\"device\": " : "\n  {\"device\": ");
		nvb_sb_add_json(&sb, list[i].device);
		member(&sb, "knob", nvb_knob_names[list[i].knob]);
		member(&sb, "before", list[i].old);
		member(&sb, "set", list[i].set);
		nvb_sb_add(&sb, ", \"users\": [");
		for (size_t u = 0; u < list[i].user_count; u++) {
			struct nvb_knob_holder *user = &list[i].users[u];

			nvb_sb_add(&sb, u ? ", {\"engine\": " : "{\"engine\": ");
			nvb_sb_add_json(&sb, user->engine);
			member(&sb, "container", user->container);
			member(&sb, "wants", user->wish);
			nvb_sb_addf(&sb, ", \"alive\": %s", nvb_knob_holder_lives(user) ? "true" : "false");
			nvb_sb_addf(&sb, ", \"pid\": %d}", user->pid);
		}
		nvb_sb_add(&sb, "]}");
	}
	nvb_sb_add(&sb, "\n]\n");
	return sb.failed ? nvb_fail_oom(err) : nvb_stdout_write(sb.s, sb.len, err);
}

int nvbind_knob_list(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	struct nvb_knob_record *list = NULL;
	size_t count = 0;
	int rc = load_inventory(NULL, &inventory, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = nvb_knobs_list(nvb_knobs_root(inventory), &list, &count, err);
	if (rc == 0)
		rc = format == NVB_FORMAT_JSON ? print_json(list, count, err)
					       : print_table(inventory, list, count, err);
	nvb_knobs_list_free(list, count);
	return rc;
}

int nvbind_knob_restore(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	size_t restored = 0;
	int rc = load_inventory(NULL, &inventory, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = nvb_knobs_restore(inventory, force, nvb_logging(), &restored, err);
	if (rc < 0)
		return rc;
	printf("%zu put back\n", restored);
	return nvb_stdout_flush(err);
}
