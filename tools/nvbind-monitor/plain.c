/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "cli/output.h"
#include "watch.h"

/* A sample as tables: for --once, and where there is no terminal to draw on. */

static void cell(struct nvb_table *table, const nvb_sample *sample, size_t gpu, enum nvb_metric metric)
{
	char text[NVB_VIEW_CELL];

	nvb_table_cell(table, nvb_view_value(nvb_sample_value(sample, gpu, metric), metric, text));
}

/* "12.3G/140G" */
static void memory_cell(struct nvb_table *table, struct nvb_value used, struct nvb_value total)
{
	char a[NVB_VIEW_CELL], b[NVB_VIEW_CELL];

	if (used.state != NVB_VALUE_KNOWN || total.state != NVB_VALUE_KNOWN) {
		nvb_table_cell(table, NVB_VIEW_NOTHING);
		return;
	}
	nvb_table_cellf(table, "%s/%s", nvb_view_value(used, NVB_METRIC_MEMORY_USED, a),
		nvb_view_value(total, NVB_METRIC_MEMORY_TOTAL, b));
}

static void power_cell(struct nvb_table *table, const nvb_sample *sample, size_t g)
{
	struct nvb_value power = nvb_sample_value(sample, g, NVB_METRIC_POWER);
	struct nvb_value limit = nvb_sample_value(sample, g, NVB_METRIC_POWER_LIMIT);
	char text[NVB_VIEW_CELL];

	if (power.state == NVB_VALUE_KNOWN && limit.state == NVB_VALUE_KNOWN)
		nvb_table_cellf(table, "%.0f/%.0fW", power.value, limit.value);
	else
		nvb_table_cell(table, nvb_view_value(power, NVB_METRIC_POWER, text));
}

static void add_gpu(struct nvb_table *table, const nvb_sample *sample, size_t g)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, g);
	char text[512];

	nvb_table_cellf(table, "%u", gpu->index);
	nvb_table_cell(table, gpu->name);
	nvb_table_cell(table, nvb_view_state(sample, g));
	nvb_table_style(table, gpu->state == NVB_SAMPLE_FINE ? NVB_STYLE_NONE : NVB_STYLE_RED);
	cell(table, sample, g, NVB_METRIC_UTILIZATION);
	memory_cell(table, nvb_sample_value(sample, g, NVB_METRIC_MEMORY_USED),
		nvb_sample_value(sample, g, NVB_METRIC_MEMORY_TOTAL));
	power_cell(table, sample, g);
	cell(table, sample, g, NVB_METRIC_TEMPERATURE);
	cell(table, sample, g, NVB_METRIC_SM_CLOCK);
	cell(table, sample, g, NVB_METRIC_PCIE_RX_RATE);
	cell(table, sample, g, NVB_METRIC_PCIE_TX_RATE);
	nvb_view_throttle(nvb_sample_value(sample, g, NVB_METRIC_THROTTLE_REASONS), text, sizeof(text));
	nvb_table_cell(table, *text ? text : "no");
	nvb_view_users(sample, g, NVB_NO_MIG, text, sizeof(text));
	nvb_table_cell(table, text);
}

static void add_mig(struct nvb_table *table, const nvb_sample *sample, size_t g, uint32_t m)
{
	const struct nvb_sample_mig *mig = nvb_sample_mig(sample, g, m);
	char text[512];

	nvb_table_cellf(table, "%u:%u", nvb_sample_gpu(sample, g)->index, mig->index);
	nvb_table_cellf(table, "MIG %s", mig->profile ? mig->profile : "");
	nvb_table_cell(table, NULL);
	nvb_table_cell(table, NULL);
	memory_cell(table, nvb_sample_mig_value(sample, g, m, NVB_METRIC_MEMORY_USED),
		nvb_sample_mig_value(sample, g, m, NVB_METRIC_MEMORY_TOTAL));
	for (int i = 0; i < 6; i++)
		nvb_table_cell(table, NULL);
	nvb_view_users(sample, g, m, text, sizeof(text));
	nvb_table_cell(table, text);
}

static int print_gpus(const struct watch *w, const nvb_sample *sample, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"GPU", true}, {"NAME", false}, {"STATE", false},
		{"UTIL", true}, {"MEMORY", true}, {"POWER", true}, {"TEMP", true}, {"CLOCK", true},
		{"PCIE-RX", true}, {"PCIE-TX", true}, {"THROTTLED", false}, {"USED BY", false},
		{NULL, false}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++) {
		if (!watch_wants(w, sample, g))
			continue;
		add_gpu(&table, sample, g);
		for (uint32_t m = 0; m < nvb_sample_gpu(sample, g)->mig_count; m++)
			add_mig(&table, sample, g, m);
	}
	return nvb_table_print(&table, stdout, err);
}

static void add_process(struct nvb_table *table, const nvb_sample *sample, const struct nvb_view_row *row)
{
	const struct nvb_sample_process *p = nvb_sample_process(sample, row->gpu, row->process);
	const struct nvb_sample_mig *mig =
		p->mig == NVB_NO_MIG ? NULL : nvb_sample_mig(sample, row->gpu, p->mig);
	uint32_t index = nvb_sample_gpu(sample, row->gpu)->index;
	char text[NVB_VIEW_CELL];

	if (mig)
		nvb_table_cellf(table, "%u:%u", index, mig->index);
	else
		nvb_table_cellf(table, "%u", index);
	nvb_table_cellf(table, "%u", p->pid);
	nvb_table_cell(table, nvb_view_owner(p, text));
	nvb_table_cellf(table, "%s%s%s", p->kinds & NVB_USE_COMPUTE ? "C" : "",
		p->kinds & NVB_USE_GRAPHICS ? "G" : "", p->kinds & NVB_USE_MPS ? "M" : "");
	nvb_table_cell(table, nvb_view_value(p->memory, NVB_METRIC_MEMORY_USED, text));
	nvb_table_cell(table, nvb_view_value(p->utilization, NVB_METRIC_UTILIZATION, text));
	nvb_table_cell(table, p->command ? p->command : p->name);
}

static int print_processes(const struct watch *w, const nvb_sample *sample, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"GPU", true}, {"PID", true}, {"CAPSULE", false},
		{"KIND", false}, {"MEMORY", true}, {"UTIL", true}, {"COMMAND", false}, {NULL, false}};
	const struct nvb_view_choice choice = {.filter = monitor_settings.capsule, .gpu = SIZE_MAX};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	_cleanup_free_ struct nvb_view_row *rows = NULL;
	size_t count;

	if (!nvb_view_processes(sample, &choice, &rows, &count))
		return nvb_fail_oom(err);
	for (size_t i = 0; i < count; i++)
		if (watch_wants(w, sample, rows[i].gpu))
			add_process(&table, sample, &rows[i]);
	if (!table.cell_count) {
		puts(nvb_view_knows_processes(sample) ? "No process uses them."
						      : "Who uses them is not known.");
		return 0;
	}
	return nvb_table_print(&table, stdout, err);
}

int plain_print(const struct watch *w, const nvb_sample *sample, nvb_error **err)
{
	time_t seconds = (time_t)(nvb_sample_time(sample) / 1000000000);
	const char *driver = nvb_sample_driver_version(sample), *notice = nvb_sample_notice(sample);
	_cleanup_strbuf_ struct nvb_strbuf head = {0};
	struct tm tm = {0};
	char when[64] = "";
	int rc;

	localtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%F %T", &tm);
	/* A log's may say anything. */
	nvb_sb_add_visible(&head, driver ? driver : NVB_VIEW_NOTHING);
	if (notice) {
		nvb_sb_addc(&head, '\n');
		nvb_sb_add_visible(&head, notice);
	}
	if (head.failed)
		return nvb_fail_oom(err);
	printf("%s  driver %s\n", when, head.s ? head.s : "");
	rc = print_gpus(w, sample, err);
	if (rc == 0)
		putchar('\n');
	if (rc == 0)
		rc = print_processes(w, sample, err);
	if (rc == 0)
		putchar('\n');
	return rc < 0 ? rc : nvb_stdout_flush(err);
}
