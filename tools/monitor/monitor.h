/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_MONITOR_H
#define TOOLS_MONITOR_H

#include "cli/options.h"
#include "monitor/record.h"

/*
 * `bolt monitor` and `nvbind monitor`: one verb in two programs, which knows the options and becomes
 * nvbind-monitor, since neither shall load what a screen needs.
 */
enum monitor_format { MONITOR_TABLE, MONITOR_JSON, MONITOR_CSV };

struct monitor_settings {
	bool gpu, real_time, once;
	uint64_t interval; /* ns; 0: not said */
	int format;	   /* enum monitor_format */
	int rows;	   /* enum nvb_csv_rows; -1: not said */
	uint32_t count;	   /* samples; 0: no end */
	const char *capsule, *log, *replay;
};
extern struct monitor_settings monitor_settings;

extern const struct nvb_option_group monitor_groups[];
extern const char monitor_description[], monitor_examples[];

/* The options that were given, as words for nvbind-monitor; false without memory. */
bool monitor_arguments(char ***words);

/* What goes together and what does not: 0 or wrong usage. */
int monitor_check(int argc, nvb_error **err);

int verb_monitor(int argc, char **argv, nvb_error **err);

#define VERB_MONITOR(function)                                                                            \
	{                                                                                                 \
		.name = "monitor", .summary = "show what GPUs do, and who uses them",                     \
		.synopsis = "[GPU...]", .description = monitor_description, .examples = monitor_examples, \
		.groups = monitor_groups, .run = (function), .max_args = NVB_ARGS_ANY,                    \
	}

#endif
