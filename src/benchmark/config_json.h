/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_CONFIG_JSON_H
#define NVB_BENCHMARK_CONFIG_JSON_H

/* bench/config.json: what an engine hands to a runtime, 8 KB. The build makes it a part of the program. */
extern const char nvb_benchmark_config[];

#endif
