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

struct nvb_log_place {
	uint32_t number; /* of the file */
	off_t offset;
};

/* For who knows a place in a log: its directory, -1 when there is none yet, or a negated code; and going to
 * that place: 1, or 0 when the file was removed meanwhile. */
int nvb_log_reader_directory(struct nvb_log_reader *reader, int *directory, nvb_error **err);
int nvb_log_reader_seek(struct nvb_log_reader *reader, uint32_t number, off_t offset, nvb_error **err);
/* From there on: of each stream what lies before its place is left out. */
void nvb_log_reader_skip(
	struct nvb_log_reader *reader, const struct nvb_log_place first[static NVB_LOG_STREAMS]);

#endif
