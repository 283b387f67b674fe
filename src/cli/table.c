/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdlib.h>

#include "cli/output.h"

enum { GAP = 2 };

static void add(struct nvb_table *table, char *text)
{
	if (!text || table->failed || !NVB_GROW(table->cells, table->cell_count, table->cell_capacity)) {
		free(text);
		table->failed = true;
		return;
	}
	table->cells[table->cell_count++] = (struct nvb_cell){.text = text};
}

void nvb_table_cell(struct nvb_table *table, const char *text)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_add_visible(&sb, text && *text ? text : "-");
	add(table, nvb_sb_finish(&sb));
}

void nvb_table_cellf(struct nvb_table *table, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		table->failed = true;
		return;
	}
	nvb_table_cell(table, text);
}

void nvb_table_style(struct nvb_table *table, enum nvb_style style)
{
	if (table->cell_count && !table->failed)
		table->cells[table->cell_count - 1].style = style;
}

/* The visible text ends where the style does, so that padding is not coloured. */
static void print_cell(FILE *f, const char *text, enum nvb_style style, bool right, size_t width, bool last)
{
	size_t used = nvb_text_width(text), padding = width > used ? width - used : 0;

	if (right)
		fprintf(f, "%*s", (int)padding, "");
	if (style != NVB_STYLE_NONE)
		fprintf(f, "%s%s%s", nvb_style_on(f, style), text, nvb_style_off(f));
	else
		fputs(text, f);
	if (last)
		fputc('\n', f);
	else
		fprintf(f, "%*s", (int)(GAP + (right ? 0 : padding)), "");
}

static size_t column_count(const struct nvb_table *table)
{
	size_t n = 0;

	while (table->columns[n].header)
		n++;
	return n;
}

static size_t column_width(const struct nvb_table *table, size_t column, size_t columns)
{
	size_t widest = table->no_header ? 0 : nvb_text_width(table->columns[column].header);

	for (size_t i = column; i < table->cell_count; i += columns) {
		size_t width = nvb_text_width(table->cells[i].text);

		if (width > widest)
			widest = width;
	}
	return widest;
}

int nvb_table_print(const struct nvb_table *table, FILE *f, nvb_error **err)
{
	size_t columns = column_count(table);
	_cleanup_free_ size_t *widths = calloc(columns + 1, sizeof(*widths));

	if (table->failed || !widths)
		return nvb_fail_oom(err);
	for (size_t c = 0; c < columns; c++)
		widths[c] = column_width(table, c, columns);
	for (size_t c = 0; c < columns && !table->no_header; c++)
		print_cell(f, table->columns[c].header, NVB_STYLE_BOLD, table->columns[c].right, widths[c],
			c + 1 == columns);
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t c = i % columns;

		print_cell(f, table->cells[i].text, table->cells[i].style, table->columns[c].right, widths[c],
			c + 1 == columns);
	}
	return 0;
}

void nvb_table_release(struct nvb_table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->cell_count = table->cell_capacity = 0;
}
