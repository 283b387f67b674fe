/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_LOG_FORMAT_H
#define NVB_SUPERVISOR_LOG_FORMAT_H

#include "supervisor/log.h"

/* How a log looks on disk: what its writer and its reader share. */

enum {
	NVB_LOG_TAG = NVB_LOG_TIME + 7, /* where the tag of a record stands */
	NVB_LOG_NAME = 13,		/* of a file's name, NUL included */
};

/* A record's prefix, tagged "F". */
void nvb_log_format_prefix(
	struct timespec time, enum nvb_log_stream stream, char prefix[static NVB_LOG_PREFIX + 1]);

/* "00000001.log" */
void nvb_log_file_name(uint32_t number, char name[static NVB_LOG_NAME]);
bool nvb_log_file_number(const char *name, uint32_t *number);

/* The lowest number above `above` and the highest one in a directory; false when there is none. */
bool nvb_log_file_range(int directory, uint32_t above, uint32_t *lowest, uint32_t *highest);

#endif
