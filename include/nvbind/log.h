/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_LOG_H
#define NVBIND_LOG_H

#include "nvbind/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Severity, most severe first; the numbers are syslog's (RFC 5424), so a sink can hand them on. */
enum nvb_log_level {
	NVB_LOG_ERROR = 3,
	NVB_LOG_WARNING = 4,
	NVB_LOG_INFO = 6,
	NVB_LOG_DEBUG = 7,
};

/**
 * Where the library's messages go. The caller fills it in and keeps it alive as long as any object made with
 * it; a NULL pointer anywhere a log is taken means silence. `emit` gets one line without a newline, is called
 * on the caller's own thread, and must be thread-safe if the objects made with it are used from several
 * threads.
 */
struct nvb_log {
	enum nvb_log_level level; /* the least severe level that is emitted */
	void (*emit)(void *data, enum nvb_log_level level, const char *message);
	void *data;
};

#ifdef __cplusplus
}
#endif
#endif
