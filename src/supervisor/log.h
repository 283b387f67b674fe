/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_LOG_H
#define NVB_SUPERVISOR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"

/*
 * What a detached capsule printed. A log is a directory of numbered files, "00000001.log" and on, of which
 *the highest is being written; rotating begins the next one and removes the lowest, nothing is ever renamed.
 *So a name means the same bytes for ever, and a reader at the end of one file knows which comes next.
 *
 * The lines are those of the Kubernetes container runtime interface:
 *
 *	2026-11-22T21:32:10.123456789Z stdout F all bytes of the line but its newline
 *
 * "P" stands for a part of a line that goes on in the stream's next record, "F" for its end; "C" marks the
 * line that a crash cut off. The bytes are the program's own, whatever they are.
 *
 * A reader has a shared flock on the file it reads; whoever rotates leaves such a file and all later ones
 *until NVB_LOG_HELD_MOST bytes are held so. A follower that is slower than the program thus misses nothing.
 */

enum nvb_log_stream {
	NVB_LOG_STDOUT,
	NVB_LOG_STDERR,
	NVB_LOG_SYSTEM, /* not the capsule's: what its supervisor has to say of the log */
	NVB_LOG_STREAMS,
};

enum {
	NVB_LOG_PREFIX = 40,  /* bytes of a record before its text */
	NVB_LOG_RECORD_TEXT = 16384, /* most bytes of text in one record, as in docker's and Kubernetes' */
	NVB_LOG_LEAST = 4096, /* the smallest max-size */
	NVB_LOG_FILES_MOST = 10000,
};
#define NVB_LOG_HELD_MOST ((uint64_t)256 << 20)

/* How much is kept. */
struct nvb_log_options {
	uint64_t max_size; /* bytes of one file; UINT64_MAX: no limit */
	uint32_t max_files;
};
/* 10 MiB, 5 files. */
void nvb_log_options_init(struct nvb_log_options *options);
/* One "--log-opt" word: "max-size=10m" (or -1 for no limit), "max-file=3". */
int nvb_log_options_add(struct nvb_log_options *options, const char *text, nvb_error **err);

/* Writing. */

struct nvb_log_writer;

/*
 * Opens the log in `directory` (made when missing, mode 0700) and goes on where the last writer stopped; a
 * line that one was killed in is ended. One writer at a time: NVB_ERR_BUSY otherwise. `spool` (NULL: none) is a
 * file for nvb_log_take, in which what a killed writer had taken and not written yet is found and written now;
 * without one that can be opened nvb_log_take works, but for that.
 */
int nvb_log_writer_open(const char *directory, const char *spool, const struct nvb_log_options *options,
	struct nvb_log_writer **out, nvb_error **err);

/*
 * Takes what is in a pipe that does not wait, at most NVB_LOG_PIECE bytes, and appends it as nvb_log_write does.
 * A writer that is killed loses nothing of it and nothing comes twice, given a spool. A terminal can be read
 * from, too, without that. Returns how many bytes are in `buffer` now, 0 at the end, or a negated errno.
 */
enum { NVB_LOG_PIECE = 64 * 1024 };
ssize_t nvb_log_take(
	struct nvb_log_writer *writer, enum nvb_log_stream stream, int fd, char buffer[static NVB_LOG_PIECE]);

/*
 * Appends what the program wrote, whole lines or not, with the time of now. In one write(2) per file, before
 * it returns. Never fails for the caller: what cannot be written (a full disk) is counted, and the log says
 * how much is missing once it can be written again.
 */
void nvb_log_write(struct nvb_log_writer *writer, enum nvb_log_stream stream, const void *data, size_t size);

/* One line of the supervisor's own. */
void nvb_log_note(struct nvb_log_writer *writer, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* NULL is fine. */
void nvb_log_writer_close(struct nvb_log_writer *writer);

/* Reading. */

struct nvb_log_record {
	struct timespec time;
	enum nvb_log_stream stream;
	bool ends_line;	  /* a newline follows */
	const char *text; /* until the next call */
	size_t size;
};

/* One line of a log file without its newline. False when it is none. */
bool nvb_log_parse(const char *line, size_t size, struct nvb_log_record *record);

struct nvb_log_reader;

/* At the oldest record. A directory that is not there is an empty log (which may come to be). */
int nvb_log_reader_open(const char *directory, struct nvb_log_reader **out, nvb_error **err);
void nvb_log_reader_close(struct nvb_log_reader *reader);

/* Moves to the beginning of the last `lines` lines. 0: to the end. */
int nvb_log_reader_tail(struct nvb_log_reader *reader, uint64_t lines, nvb_error **err);

/* 1: a record; 0: there is no more now; a negated code. `final`: nobody writes any more, so a line without
 * its end is the last one. */
int nvb_log_reader_next(
	struct nvb_log_reader *reader, bool final, struct nvb_log_record *record, nvb_error **err);

/* What could not be read: files that were removed before this reader came to them, lines that are none. */
struct nvb_log_missed {
	uint64_t files, lines;
};
struct nvb_log_missed nvb_log_reader_missed(const struct nvb_log_reader *reader);

/*
 * A moment as the options --since and --until have it: "10m" (before `now`), seconds since the epoch
 * ("1763847123.5"), or RFC 3339 with as much of it as one likes ("2026-11-22", "2026-11-22T21:32", "...Z",
 * "...+01:00"; local time without a zone).
 */
int nvb_log_parse_time(
	const char *text, const char *what, struct timespec now, struct timespec *out, nvb_error **err);

/* "2026-11-22T21:32:10.123456789Z", NUL-terminated. */
enum { NVB_LOG_TIME = 31 };
void nvb_log_format_time(struct timespec time, char text[static NVB_LOG_TIME]);

#endif
