/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_REPORT_H
#define NVB_BENCHMARK_REPORT_H

#include "benchmark/record.h"

/* A record as text for people, malloc'd: quantiles with intervals, how the subjects compare, how each number
 * was measured, what was not measured and why. Everything in it of foreign origin is escaped. */
int nvb_report_text(const struct nvb_record *record, char **text, nvb_error **err);

#endif
