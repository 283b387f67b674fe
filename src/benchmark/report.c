/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "benchmark/analysis.h"
#include "cli/output.h"

enum { NAME_WIDTH = 24, CELL_WIDTH = 27, FEW_RUNS = 50, LINE = 100 };

/* Words in lines of at most LINE columns, all but the first one indented. */
static void add_wrapped(struct nvb_strbuf *sb, const char *first, const char *text, size_t indent)
{
	_cleanup_strbuf_ struct nvb_strbuf name = {0};
	size_t column;

	nvb_sb_add(&name, "  ");
	nvb_sb_add_visible(&name, first);
	column = nvb_text_width(name.s ? name.s : "");
	nvb_sb_addf(sb, "%s%*s", name.s ? name.s : "", column < indent ? (int)(indent - column) : 1, "");
	column = column < indent ? indent : column + 1;
	for (bool begun = false; *text; begun = true) {
		size_t size = strcspn(text, " ");
		_cleanup_free_ char *word = strndup(text, size);

		if (begun && column + 1 + size > LINE) {
			nvb_sb_addf(sb, "\n%*s", (int)indent, "");
			column = indent;
		} else if (begun) {
			nvb_sb_addc(sb, ' ');
			column++;
		}
		nvb_sb_add_visible(sb, word ? word : "");
		column += size;
		text += size + (text[size] == ' ');
	}
	nvb_sb_addc(sb, '\n');
}

static void add_head(struct nvb_strbuf *sb, const struct nvb_record *record)
{
	nvb_sb_add_visible(sb, record->program);
	nvb_sb_add(sb, ", ");
	nvb_sb_add_visible(sb, record->date);
	if (record->order_count) {
		nvb_sb_addf(sb,
			": %u runs of each in turn, in an order drawn anew each round, after %u to warm up",
			record->runs, record->warm_up);
		nvb_sb_addf(sb, " (seed %" PRIu64 ")", record->seed);
	}
	nvb_sb_addc(sb, '\n');
	if (record->simulated)
		nvb_sb_add(sb, "SIMULATED driver: no figure here stands for a GPU's\n");
	if (record->order_count && record->runs < FEW_RUNS)
		nvb_sb_addf(sb, "fewer than %d runs: good for trying out, not for figures\n", FEW_RUNS);
	nvb_sb_add(sb, "\n");
	for (size_t i = 0; i < record->host_count; i++)
		add_wrapped(sb, record->host[i].key, record->host[i].value, NAME_WIDTH);
	nvb_sb_addc(sb, '\n');
	for (size_t i = 0; i < record->subject_count; i++) {
		const struct nvb_record_subject *subject = &record->subjects[i];

		add_wrapped(sb, subject->name, subject->what, NAME_WIDTH);
		if (subject->command[0])
			add_wrapped(sb, "", subject->command, NAME_WIDTH);
	}
}

static void add_estimate(struct nvb_strbuf *sb, const struct nvb_estimate *estimate, double by)
{
	char value[32], low[32], high[32], cell[112];

	snprintf(cell, sizeof(cell), "%s [%s, %s]",
		nvb_analysis_number(estimate->value / by, value, sizeof(value)),
		nvb_analysis_number(estimate->low / by, low, sizeof(low)),
		nvb_analysis_number(estimate->high / by, high, sizeof(high)));
	nvb_sb_addf(sb, " %*s", CELL_WIDTH, cell);
}

static void add_comparison(struct nvb_strbuf *sb, const struct nvb_analysis_row *row)
{
	const struct nvb_estimate *difference = &row->difference;
	bool more = difference->value >= 0, differ = row->test.p < NVB_SIGNIFICANT;
	char value[32], low[32], high[32], times[32];
	double by, first = row->first->p50.value;
	const char *unit = nvb_analysis_unit(row->metric, difference->value, &by);

	nvb_sb_addf(sb, "  %-*s   %s %s %s than %s [%s, %s]", NAME_WIDTH - 2, "",
		nvb_analysis_number(
			(more ? difference->value : -difference->value) / by, value, sizeof(value)),
		unit, more ? "more" : "less", row->first->series->subject,
		nvb_analysis_number((more ? difference->low : -difference->high) / by, low, sizeof(low)),
		nvb_analysis_number((more ? difference->high : -difference->low) / by, high, sizeof(high)));
	if (first > 0)
		nvb_sb_addf(sb, ", %s times as much",
			nvb_analysis_number(row->p50.value / first, times, sizeof(times)));
	if (row->test.p < 0.0001)
		nvb_sb_add(sb, "; p < 0.0001");
	else
		nvb_sb_addf(sb, "; p = %.4f", row->test.p);
	nvb_sb_addf(sb, ", Cliff's delta %+.2f: %s\n", row->test.delta,
		differ ? "they differ" : "no difference is shown");
}

static void add_rows(struct nvb_strbuf *sb, const struct nvb_analysis *analysis, enum nvb_metric_group group)
{
	const struct nvb_metric *metric = NULL;
	const char *unit = "";
	double by = 1;

	for (size_t i = 0; i < analysis->count; i++) {
		const struct nvb_analysis_row *row = &analysis->rows[i];

		if (row->metric->group != group)
			continue;
		if (!metric)
			nvb_sb_addf(sb, "\n%-*s %*s %*s %*s\n", NAME_WIDTH + 7, nvb_metric_groups[group],
				CELL_WIDTH, "p50 [95%]", CELL_WIDTH, "p95 [95%]", CELL_WIDTH, "p99 [95%]");
		if (row->metric != metric) {
			double most = 0;

			metric = row->metric;
			for (size_t j = i; j < analysis->count && analysis->rows[j].metric == metric; j++)
				most = analysis->rows[j].p50.value > most ? analysis->rows[j].p50.value
									  : most;
			unit = nvb_analysis_unit(metric, most, &by);
			nvb_sb_addf(sb, "%s\n", metric->title);
		}
		nvb_sb_add(sb, "  ");
		nvb_sb_addf(sb, "%-*s %-6s", NAME_WIDTH - 2, row->series->subject, unit);
		add_estimate(sb, &row->p50, by);
		add_estimate(sb, &row->p95, by);
		add_estimate(sb, &row->p99, by);
		nvb_sb_addc(sb, '\n');
		/* Of two that are nothing there is nothing to say. */
		if (row->first && (row->p99.value > 0 || row->first->p99.value > 0))
			add_comparison(sb, row);
	}
}

static void add_methods(struct nvb_strbuf *sb, const struct nvb_analysis *analysis)
{
	const struct nvb_metric *last = NULL;

	nvb_sb_add(sb, "\nhow it was measured\n");
	for (size_t i = 0; i < analysis->count; i++) {
		if (analysis->rows[i].metric == last)
			continue;
		last = analysis->rows[i].metric;
		add_wrapped(sb, last->title, last->how, NAME_WIDTH + 2);
	}
	nvb_sb_addf(sb,
		"  Intervals hold 95%% of %d bootstrap samples. The test is that of Mann and Whitney, "
		"two-sided; "
		"below %.2f they differ.\n  Cliff's delta is +1 where every run took more than every run of "
		"the "
		"first, -1 where each took less.\n",
		NVB_BOOTSTRAP_SAMPLES, NVB_SIGNIFICANT);
}

int nvb_report_text(const struct nvb_record *record, char **text, nvb_error **err)
{
	_cleanup_analysis_ struct nvb_analysis analysis = {NULL, 0};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	char *made;
	int rc = nvb_analyse(record, &analysis, err);

	if (rc < 0)
		return rc;
	add_head(&sb, record);
	for (int group = 0; group < NVB_METRIC_GROUPS; group++)
		add_rows(&sb, &analysis, (enum nvb_metric_group)group);
	if (analysis.count)
		add_methods(&sb, &analysis);
	if (record->absent_count)
		nvb_sb_add(&sb, "\nnot measured\n");
	for (size_t i = 0; i < record->absent_count; i++)
		add_wrapped(&sb, record->absent[i].key, record->absent[i].value, NAME_WIDTH + 2);
	made = nvb_sb_finish(&sb);
	if (!made)
		return nvb_fail_oom(err);
	*text = made;
	return 0;
}
