/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MONITOR_SERVE_OPTIONS_H
#define MONITOR_SERVE_OPTIONS_H

#include "cli/options.h"

/* The options of `monitor` that make it a server, for the verb of every program that has it and for
 * nvbind-exporter, which serves. */
struct serve_settings {
	const char *listen; /* NULL: not given */
	bool web;
	int compat; /* enum serve_compat */
	const char *tls_cert, *tls_key, *token_file;
	char **names;
};

enum serve_compat { SERVE_COMPAT_NONE, SERVE_COMPAT_DCGM };

#define SERVE_DEFAULT_ADDRESS "127.0.0.1:9400"

extern const struct nvb_option serve_options[];
extern struct serve_settings serve_settings;

bool serve_wanted(void);
/* 0, or wrong usage: options that need a server, or each other. */
int serve_check(nvb_error **err);
/* Those that were given, as words for nvbind-exporter; false without memory. */
bool serve_arguments(char ***words);

#endif
