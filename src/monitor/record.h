/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MONITOR_RECORD_H
#define NVB_MONITOR_RECORD_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"
#include "nvbind/sampler.h"

/*
 * Samples as text, one a line: JSON, which is also what a log holds and a replay reads, and CSV.
 *
 * JSON: an object with "time" (RFC 3339, UTC), "time_ns", "sequence", "interval_ns", "driver", "notice",
 * "cost", and "gpus": each with "values" (a number, or null where it is not available), "missing" (why each
 * null is one) and "ages_ns", "migs" and "processes". Names and units are those of nvb_metric_info.
 */

/* Appends a line. */
void nvb_record_json(struct nvb_strbuf *sb, const nvb_sample *sample);

/* The sample of one line (without its end). NVB_ERR_CORRUPT says what is wrong with it. */
int nvb_record_read(const char *line, size_t size, nvb_sample **sample, nvb_error **err);

enum nvb_csv_rows { NVB_CSV_GPUS, NVB_CSV_PROCESSES };

/* The line of names, and the lines of a sample: a row a GPU, or a process on a GPU. Not available is empty.
 */
void nvb_record_csv_head(struct nvb_strbuf *sb, enum nvb_csv_rows rows);
struct nvb_csv_choice {
	enum nvb_csv_rows rows;
	const char *filter; /* of processes, as nvb_view_wants has it; NULL: all */
	bool (*wants)(const void *data, const nvb_sample *sample, size_t gpu); /* NULL: all GPUs */
	const void *data;
};
void nvb_record_csv(struct nvb_strbuf *sb, const nvb_sample *sample, const struct nvb_csv_choice *choice);

/* "2026-11-23T01:02:03.456789Z" of nanoseconds since 1970. */
enum { NVB_RECORD_TIME = 80 };
void nvb_record_time(char out[static NVB_RECORD_TIME], uint64_t time_ns);

#endif
