/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_LOG_H
#define NVB_BASE_LOG_H

#include "nvbind/log.h"

/* Emits one message; does nothing when log is NULL or the level is not wanted. Messages above 1 KiB are cut.
 */
void nvb_log_emit(const struct nvb_log *log, enum nvb_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The arguments are not evaluated when the level is off: debug messages on the fast way cost one comparison.
 */
#define nvb_log_at(log, lvl, ...)                               \
	do {                                                    \
		const struct nvb_log *_log = (log);             \
		if (_log && _log->level >= (lvl))               \
			nvb_log_emit(_log, (lvl), __VA_ARGS__); \
	} while (0)

#define nvb_error_log(log, ...) nvb_log_at(log, NVB_LOG_ERROR, __VA_ARGS__)
#define nvb_warning(log, ...)	nvb_log_at(log, NVB_LOG_WARNING, __VA_ARGS__)
#define nvb_info(log, ...)	nvb_log_at(log, NVB_LOG_INFO, __VA_ARGS__)
#define nvb_debug(log, ...)	nvb_log_at(log, NVB_LOG_DEBUG, __VA_ARGS__)

#endif
