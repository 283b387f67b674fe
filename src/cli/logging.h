/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_LOGGING_H
#define NVB_CLI_LOGGING_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

/*
 * Where a program's messages go. On stderr as text ("bolt: warning: ...") or as one JSON object a line
 * ({"time":"2026-01-02T03:04:05.678901Z","level":"warning","program":"bolt","pid":1,"message":"..."}). Run as
 * a service whose stderr is journald's (JOURNAL_STREAM names its device and inode), text goes to journald by
 * its native protocol, with PRIORITY, SYSLOG_IDENTIFIER and the fields below.
 *
 * The level and the format come from the option, else NVBIND_LOG ("debug", "debug,json", ",json"), else the
 * configuration file, else warning and text.
 */

/* NVBIND_LOG's words. Both outputs keep their value where the text leaves them out. */
int nvb_logging_parse_environment(
	const char *text, enum nvb_log_level *level, enum nvb_log_format *format, nvb_error **err);

/* Starts logging for this process; `program` must stay alive. A second call replaces the first. */
void nvb_logging_start(const char *program, enum nvb_log_level level, enum nvb_log_format format);

/* What to hand to the library; valid for the life of the process, silent before the start. Thread-safe. */
const struct nvb_log *nvb_logging(void);

/*
 * A report of the program itself, where messages are read by a machine (JSON, the journal). False: they are
 * read by people, nothing was done. `hint` may be NULL.
 */
bool nvb_logging_report(enum nvb_log_level level, const char *message, const char *hint);

/*
 * A field that every later message carries: in JSON as "name", in the journal as NVBIND_<NAME>, not in text.
 * For what the whole process is about: nvb_logging_field("capsule", id). Lower-case ASCII letters and '_', at
 * most 8 fields; setting one again replaces it. Not thread-safe: set fields before threads start.
 */
void nvb_logging_field(const char *name, const char *value);

#endif
