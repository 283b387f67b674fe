/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/chart.h"

#include <inttypes.h>
#include <math.h>

#include "base/str.h"
#include "benchmark/analysis.h"
#include "benchmark/report.h"

/* Everything in pixels of a drawing 960 wide; it is scaled to where it is shown. */
enum { WIDTH = 960, LEFT = 150, RIGHT = 110, ROW = 34, HEADING = 44, AXIS = 30, DOTS = 400 };

/* Colours that people who see fewer of them can tell apart (Okabe and Ito, 2008). */
static const char *const colours[] = {
	"#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#999999"};

struct drawing {
	const struct nvb_record *record;
	struct nvb_strbuf *sb;
	const struct nvb_analysis *analysis;
	double y;
};

/* Text of foreign origin in XML: what stands for something else there is written as an entity, and what XML
 * cannot have at all is left out. */
static void add_xml(struct nvb_strbuf *sb, const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}};

	for (; *text; text++) {
		const char *entity = NULL;

		for (size_t i = 0; i < NVB_ELEMENTS(entities); i++)
			entity = *text == entities[i].c ? entities[i].entity : entity;
		if (entity)
			nvb_sb_add(sb, entity);
		else if ((unsigned char)*text >= ' ' || *text == '\n')
			nvb_sb_addc(sb, *text);
	}
}

static void add_text(struct drawing *drawing, double x, double y, const char *attributes, const char *text)
{
	nvb_sb_addf(drawing->sb, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
	add_xml(drawing->sb, text);
	nvb_sb_add(drawing->sb, "</text>\n");
}

/* A step of 1, 2 or 5 times a power of ten that gives some five marks. */
static double step_of(double most)
{
	double power = pow(10, floor(log10(most / 5))), part = most / 5 / power;

	return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void draw_axis(struct drawing *drawing, double top, double most, const char *unit, double by)
{
	double step = step_of(most / by);

	for (double mark = 0; mark * by <= most * 1.0001; mark += step) {
		double x = LEFT + mark * by / most * (WIDTH - LEFT - RIGHT);
		char number[32];

		nvb_sb_addf(drawing->sb,
			"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", x, x, top,
			drawing->y);
		snprintf(number, sizeof(number), "%.6g", mark);
		add_text(drawing, x, drawing->y + 16, "class=\"mark\" text-anchor=\"middle\"", number);
	}
	add_text(drawing, WIDTH - RIGHT + 14, drawing->y + 16, "class=\"mark\"", unit);
	drawing->y += AXIS;
}

/* --- every run a dot --- */

static void draw_row(
	struct drawing *drawing, const struct nvb_analysis_row *row, double most, double by, size_t colour)
{
	double scale = (WIDTH - LEFT - RIGHT) / most, middle = drawing->y + ROW / 2.0;
	size_t every = row->series->count / DOTS + 1;
	char number[32];

	add_text(drawing, LEFT - 10, middle + 4, "text-anchor=\"end\"", row->series->subject);
	for (size_t i = 0; i < row->series->count; i += every) {
		double value = row->series->values[i];

		/* Up and down by turns, so that equal ones can be seen. */
		if (!isnan(value))
			nvb_sb_addf(drawing->sb,
				"<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\" fill=\"%s\" "
				"fill-opacity=\".45\"/>\n",
				LEFT + fmin(value, most) * scale, middle + (double)(i % 9) * 2 - 8,
				colours[colour % NVB_ELEMENTS(colours)]);
	}
	nvb_sb_addf(drawing->sb,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"22\" class=\"interval\"/>\n",
		LEFT + row->p50.low * scale, middle - 11, fmax((row->p50.high - row->p50.low) * scale, 0.5));
	nvb_sb_addf(drawing->sb, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"median\"/>\n",
		LEFT + row->p50.value * scale, LEFT + row->p50.value * scale, middle - 13, middle + 13);
	nvb_analysis_number(row->p50.value / by, number, sizeof(number));
	add_text(drawing, WIDTH - RIGHT + 14, middle + 4, "class=\"value\"", number);
	drawing->y += ROW;
}

/* Up to the slowest run of all, as long as that is no more than four times the highest median: one that took
 * a second would press all others into a corner. */
static double most_of(const struct nvb_analysis_row *rows, size_t count, size_t *beyond)
{
	double most = 0, median = 0;

	for (size_t i = 0; i < count; i++) {
		most = fmax(most, rows[i].sorted[rows[i].count - 1]);
		median = fmax(median, fmax(rows[i].p50.high, rows[i].p50.value));
	}
	most = most > 4 * median && median > 0 ? 4 * median : most;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < rows[i].count; j++)
			*beyond += rows[i].sorted[j] > most;
	return most > 0 ? most * 1.02 : 1;
}

/* Each has its colour in every picture. */
static size_t subject_number(const struct nvb_record *record, const char *name)
{
	size_t i = 0;

	while (i < record->subject_count && !nvb_streq(record->subjects[i].name, name))
		i++;
	return i;
}

static void draw_metric(struct drawing *drawing, const struct nvb_analysis_row *rows, size_t count)
{
	size_t beyond = 0;
	double most = most_of(rows, count, &beyond), median = 0, by, top;
	const char *unit;
	_cleanup_strbuf_ struct nvb_strbuf title = {0};

	for (size_t i = 0; i < count; i++)
		median = fmax(median, rows[i].p50.value);
	unit = nvb_analysis_unit(rows[0].metric, median, &by);
	nvb_sb_addf(&title, "%s: %s", nvb_metric_groups[rows[0].metric->group], rows[0].metric->title);
	if (beyond)
		nvb_sb_addf(&title, " (%zu beyond the edge)", beyond);
	add_text(drawing, 10, drawing->y + HEADING - 14, "class=\"heading\"", title.s ? title.s : "");
	drawing->y += HEADING;
	top = drawing->y;
	for (size_t i = 0; i < count; i++)
		draw_row(drawing, &rows[i], most, by,
			subject_number(drawing->record, rows[i].series->subject));
	draw_axis(drawing, top, most, unit, by);
}

/* --- phases --- */

static double phases_of(const struct nvb_analysis *analysis, const char *subject)
{
	double sum = 0;

	for (size_t i = 0; i < analysis->count; i++)
		if (analysis->rows[i].metric->phase && nvb_streq(analysis->rows[i].series->subject, subject))
			sum += analysis->rows[i].p50.value;
	return sum;
}

static size_t phase_number(const struct nvb_metric *metric)
{
	size_t number = 0;

	for (const struct nvb_metric *before = nvb_metrics; before < metric; before++)
		number += before->phase;
	return number;
}

static void draw_phases_of(struct drawing *drawing, const char *subject, double most, double by)
{
	double scale = (WIDTH - LEFT - RIGHT) / most, x = LEFT;
	char number[32];

	add_text(drawing, LEFT - 10, drawing->y + ROW / 2.0 + 4, "text-anchor=\"end\"", subject);
	for (size_t i = 0; i < drawing->analysis->count; i++) {
		const struct nvb_analysis_row *row = &drawing->analysis->rows[i];

		if (!row->metric->phase || !nvb_streq(row->series->subject, subject))
			continue;
		nvb_sb_addf(drawing->sb,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"20\" fill=\"%s\"><title>%s: "
			"%s</title></rect>\n",
			x, drawing->y + 7, row->p50.value * scale,
			colours[phase_number(row->metric) % NVB_ELEMENTS(colours)], row->metric->title,
			nvb_analysis_number(row->p50.value / by, number, sizeof(number)));
		x += row->p50.value * scale;
	}
	nvb_analysis_number((x - LEFT) / scale / by, number, sizeof(number));
	add_text(drawing, WIDTH - RIGHT + 14, drawing->y + ROW / 2.0 + 4, "class=\"value\"", number);
	drawing->y += ROW;
}

static void draw_legend(struct drawing *drawing)
{
	double x = LEFT;

	for (const struct nvb_metric *metric = nvb_metrics; metric->name; metric++) {
		if (!metric->phase)
			continue;
		nvb_sb_addf(drawing->sb,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x,
			drawing->y, colours[phase_number(metric) % NVB_ELEMENTS(colours)]);
		add_text(drawing, x + 17, drawing->y + 10.5, "class=\"mark\"",
			metric->title + strlen("phase: "));
		x += 30 + 7 * (double)strlen(metric->title + strlen("phase: "));
	}
	drawing->y += AXIS;
}

static void draw_phases(struct drawing *drawing, const struct nvb_record *record)
{
	double most = 0, by, top;
	const char *unit;

	for (size_t i = 0; i < record->subject_count; i++)
		most = fmax(most, phases_of(drawing->analysis, record->subjects[i].name));
	if (most <= 0)
		return;
	unit = nvb_analysis_unit(nvb_metric_find("total"), most, &by);
	add_text(drawing, 10, drawing->y + HEADING - 14, "class=\"heading\"",
		"starting a container: phases, medians of each");
	drawing->y += HEADING;
	top = drawing->y;
	for (size_t i = 0; i < record->subject_count; i++)
		if (phases_of(drawing->analysis, record->subjects[i].name) > 0)
			draw_phases_of(drawing, record->subjects[i].name, most * 1.02, by);
	draw_axis(drawing, top, most * 1.02, unit, by);
	draw_legend(drawing);
}

/* --- the whole --- */

static void draw_title(struct drawing *drawing, const struct nvb_record *record)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};
	const char *processors = nvb_record_host(record, "processors"),
		   *driver = nvb_record_host(record, "NVIDIA driver");

	add_text(drawing, 10, 28, "class=\"title\"", record->program);
	nvb_sb_add(&line, record->date);
	if (record->order_count)
		nvb_sb_addf(&line, ", %u runs of each in turn, seed %" PRIu64, record->runs, record->seed);
	nvb_sb_addf(&line, "; %s; driver %s", processors ? processors : "unknown processors",
		driver ? driver : "unknown");
	add_text(drawing, 10, 48, "class=\"mark\"", line.s ? line.s : "");
	drawing->y = 58;
	if (!record->simulated)
		return;
	add_text(drawing, 10, 70, "class=\"warning\"", "SIMULATED driver: no figure here stands for a GPU's");
	drawing->y = 80;
}

static const char head[] =
	"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" font-family=\"system-ui, "
	"sans-serif\" "
	"font-size=\"13\">\n"
	"<style>.title{font-size:20px;font-weight:600}.heading{font-size:15px;font-weight:600}.mark{fill:#"
	"555;font-size:12px}"
	".value{font-variant-numeric:tabular-nums;font-weight:600}.warning{fill:#b00020;font-weight:600}"
	".grid{stroke:#ddd}.median{stroke:#000;stroke-width:2}.interval{fill:#000;fill-opacity:.15}</style>\n"
	"<rect width=\"%d\" height=\"%.0f\" fill=\"#fff\"/>\n";

int nvb_chart_svg(const struct nvb_record *record, char **svg, nvb_error **err)
{
	_cleanup_analysis_ struct nvb_analysis analysis = {NULL, 0};
	_cleanup_strbuf_ struct nvb_strbuf body = {0}, whole = {0};
	struct drawing drawing = {record, &body, &analysis, 0};
	char *made;
	int rc = nvb_analyse(record, &analysis, err);

	if (rc < 0)
		return rc;
	draw_title(&drawing, record);
	for (size_t i = 0, count; i < analysis.count; i += count) {
		count = 1;
		while (i + count < analysis.count &&
			analysis.rows[i + count].metric == analysis.rows[i].metric)
			count++;
		if (!analysis.rows[i].metric->phase)
			draw_metric(&drawing, &analysis.rows[i], count);
	}
	draw_phases(&drawing, record);
	nvb_sb_addf(&whole, head, WIDTH, drawing.y, WIDTH, drawing.y);
	nvb_sb_add(&whole, body.s ? body.s : "");
	nvb_sb_add(&whole, "</svg>\n");
	whole.failed |= body.failed;
	made = nvb_sb_finish(&whole);
	if (!made)
		return nvb_fail_oom(err);
	*svg = made;
	return 0;
}

int nvb_chart_html(const struct nvb_record *record, char **html, nvb_error **err)
{
	_cleanup_free_ char *svg = NULL, *text = NULL;
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	char *made;
	int rc = nvb_chart_svg(record, &svg, err);

	if (rc == 0)
		rc = nvb_report_text(record, &text, err);
	if (rc < 0)
		return rc;
	nvb_sb_add(&sb,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
		"content=\"width=device-width, initial-scale=1\">\n<title>");
	add_xml(&sb, record->program);
	nvb_sb_add(&sb,
		"</title>\n<style>body{margin:1rem auto;max-width:70rem;padding:0 1rem;font-family:system-ui,"
		"sans-serif}svg{width:100%;height:auto}pre{overflow-x:auto;font-size:.8rem}</style></head>\n"
		"<body>\n");
	nvb_sb_add(&sb, svg);
	nvb_sb_add(&sb, "<pre>");
	add_xml(&sb, text);
	nvb_sb_add(&sb, "</pre>\n</body></html>\n");
	made = nvb_sb_finish(&sb);
	if (!made)
		return nvb_fail_oom(err);
	*html = made;
	return 0;
}
