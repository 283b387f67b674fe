/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_CHART_H
#define NVB_BENCHMARK_CHART_H

#include "benchmark/record.h"

/* A record as a picture: every run a dot, the median with its interval, the phases as bars. An SVG by itself,
 * or in an HTML page that has the text report too and asks nothing of anybody. malloc'd. */
int nvb_chart_svg(const struct nvb_record *record, char **svg, nvb_error **err);
int nvb_chart_html(const struct nvb_record *record, char **html, nvb_error **err);

#endif
