/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_RECORD_H
#define NVB_BENCHMARK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/*
 * What a benchmark measured, raw: every report is made from this and from nothing else, so that it can be
 * made again from the file. Strings and numbers live in the record's arena.
 */
enum {
	NVB_RECORD_VERSION = 1,
	NVB_RECORD_MAX = 64 << 20, /* bytes of a file */
	NVB_RECORD_SUBJECTS = 16,
	NVB_RECORD_RUNS = 100000,
};

/* Who was measured: an engine, the bare runtime, this process. */
struct nvb_record_subject {
	const char *name;    /* "bolt" */
	const char *what;    /* program and version, and by which way its containers get GPUs */
	const char *command; /* what was run, as a shell would take it; "" for what runs in this process */
};

/* How the name of a subject ends that is another one without GPUs. */
#define NVB_RECORD_PLAIN "-plain"

/* One quantity of one subject, a number for each run. */
struct nvb_record_series {
	const char *subject;
	const char *metric; /* a name of benchmark/metric.h */
	double *values;	    /* NAN: that run has none */
	size_t count;
};

struct nvb_record_pair {
	const char *key, *value;
};

struct nvb_record {
	struct nvb_arena arena;
	const char *program, *date; /* who measured, and when: RFC 3339, UTC */
	uint64_t seed;
	uint32_t runs, warm_up;
	bool gpu;	/* containers were given GPUs */
	bool simulated; /* by a simulated driver: no number stands for a GPU's */
	struct nvb_record_pair *host;
	size_t host_count, host_capacity;
	struct nvb_record_subject *subjects;
	size_t subject_count, subject_capacity;
	struct nvb_record_series *series;
	size_t series_count, series_capacity;
	struct nvb_record_pair *absent; /* what was not measured, and why */
	size_t absent_count, absent_capacity;
	uint32_t *order; /* of each run in turn: the subjects' numbers as they came */
	size_t order_count;
};

void nvb_record_release(struct nvb_record *record);
#define _cleanup_record_ _cleanup_(nvb_record_release)

/* All copy what they are given. */
int nvb_record_add_host(struct nvb_record *record, const char *key, const char *value, nvb_error **err);
int nvb_record_add_subject(
	struct nvb_record *record, const char *name, const char *what, const char *command, nvb_error **err);
int nvb_record_add_series(struct nvb_record *record, const char *subject, const char *metric,
	const double *values, size_t count, nvb_error **err);
int nvb_record_add_absent(struct nvb_record *record, const char *what, const char *reason, nvb_error **err);

const struct nvb_record_series *nvb_record_find(
	const struct nvb_record *record, const char *subject, const char *metric);
const char *nvb_record_host(const struct nvb_record *record, const char *key);

/* The record as JSON, malloc'd. */
int nvb_record_write(const struct nvb_record *record, char **text, nvb_error **err);

/*
 * Reads it back. The file may come from anywhere: what is accepted is whole (every series has a subject that
 * is there and a metric that is known, and at least one number; an order names each subject once a run).
 * NVB_ERR_CORRUPT, or NVB_ERR_UNSUPPORTED for a later version. *record must be zeroed and stays so on
 * failure.
 */
int nvb_record_read(const char *text, size_t size, struct nvb_record *record, nvb_error **err);

#endif
