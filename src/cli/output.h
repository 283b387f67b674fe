/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_OUTPUT_H
#define NVB_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/str.h"

/*
 * What programs print: data on stdout, as a table or as JSON; everything else on stderr. Text of foreign
 * origin (names of images, devices, files) never reaches a terminal raw: control characters are escaped.
 */
enum nvb_format { NVB_FORMAT_TABLE, NVB_FORMAT_JSON };

/* table, json: for the verbs' --format option. */
extern const struct nvb_choice nvb_format_choices[];

enum nvb_style {
	NVB_STYLE_NONE,
	NVB_STYLE_BOLD,
	NVB_STYLE_DIM,
	NVB_STYLE_RED,
	NVB_STYLE_YELLOW,
	NVB_STYLE_GREEN,
};

/* True when `f` is a terminal that takes colours: NO_COLOR unset or empty, TERM not "dumb". */
bool nvb_colour(FILE *f);
/* The sequence that starts a style or ends all; "" when nvb_colour(f) is false. Static string. */
const char *nvb_style_on(FILE *f, enum nvb_style style);
const char *nvb_style_off(FILE *f);

/* Columns of the terminal behind f, 80 when it is none. */
unsigned nvb_terminal_width(FILE *f);

/* Appends s with control characters, bidirectional overrides and bytes that are not UTF-8 as \n, \x1b,
 * \u202e. */
void nvb_sb_add_visible(struct nvb_strbuf *sb, const char *s);

/* Terminal columns that a UTF-8 string takes. */
size_t nvb_text_width(const char *s);

/*
 * A table whose columns are as wide as their widest cell, two spaces apart; nothing is cut off and the last
 * column is not padded. Failure to allocate is sticky and reported by nvb_table_print.
 *
 *	static const struct nvb_column columns[] = {{"INDEX", true}, {"NAME"}, {"UUID"}, {NULL}};
 *	_cleanup_table_ struct nvb_table table = {.columns = columns};
 *
 *	nvb_table_cellf(&table, "%u", gpu->index);
 *	nvb_table_cell(&table, gpu->name);
 *	nvb_table_cell(&table, gpu->uuid);
 *	rc = nvb_table_print(&table, stdout, err);
 */
struct nvb_column {
	const char *header; /* NULL ends the list */
	bool right;	    /* numbers */
};

struct nvb_cell {
	char *text;
	enum nvb_style style;
};

struct nvb_table {
	const struct nvb_column *columns;
	bool no_header;
	struct nvb_cell *cells;
	size_t cell_count, cell_capacity;
	bool failed;
};

/* The next cell, left to right and row by row. NULL and "" become "-". */
void nvb_table_cell(struct nvb_table *table, const char *text);
void nvb_table_cellf(struct nvb_table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The last cell added gets a style. */
void nvb_table_style(struct nvb_table *table, enum nvb_style style);
/* Prints the rows; a table without rows prints its header alone. */
int nvb_table_print(const struct nvb_table *table, FILE *f, nvb_error **err);
void nvb_table_release(struct nvb_table *table);
#define _cleanup_table_ _cleanup_(nvb_table_release)

/* "1.5 GiB", "640 KiB", "12 B": three significant digits. buffer of at least 16 bytes; returned. */
const char *nvb_format_bytes(uint64_t bytes, char *buffer, size_t size);

/* Flushes stdout and says whether all of it was written ("writing to standard output: No space left on
 * device"). */
int nvb_stdout_flush(nvb_error **err);
/* Prints a whole text and flushes. What fails in between keeps its reason, which a later flush cannot tell.
 */
int nvb_stdout_write(const char *text, size_t size, nvb_error **err);

/* One line on stderr: "<program>: <message> (<hint>)"; as a log message where these are JSON or go to the
 * journal. An error with an empty message has been reported by another program of ours: nothing. */
void nvb_report_error(const char *program, const nvb_error *error);

/* One line on stderr: "<program>: warning: <text>", whatever the log level: for what the user must know. */
void nvb_report_warning(const char *program, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
