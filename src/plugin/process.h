/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PLUGIN_PROCESS_H
#define NVB_PLUGIN_PROCESS_H

#include "base/error.h"
#include "base/str.h"

/*
 * Runs `helper` (nvbind-plugin) on an open plugin in a process without privileges: root's runs as nobody; no
 * capabilities, no way to new ones, limits on memory, time, files and output. It gets `input` and what it
 * writes comes back in *output (malloc'd, *size bytes). NVB_ERR_CORRUPT says how the plugin misbehaved: it
 * was killed, took too long, wrote too much.
 */
int nvb_plugin_process(const char *helper, int plugin, const struct nvb_strbuf *input, char **output,
	size_t *size, nvb_error **err);

/* Where its process finds what: the plugin's file, its input. Output is standard output. */
enum { NVB_PLUGIN_FD = 3, NVB_PLUGIN_INPUT_FD = 4 };

/* Its status when it could not do what it was there for, with the reason as a record. */
enum { NVB_PLUGIN_STATUS_FAILED = 1 };

#endif
