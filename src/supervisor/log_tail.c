/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "supervisor/log_format.h"

/* Where the last lines of a log begin, found from its end: a log without a limit may have any size. */

enum { WINDOW = 65536 };

struct scan {
	int file;
	off_t from; /* of the window in the file */
	size_t size;
	char window[WINDOW];
};

/* Makes the byte before `end` and as many as can be before it visible. */
static bool look(struct scan *s, off_t end)
{
	off_t from = end > WINDOW ? end - WINDOW : 0;
	ssize_t n;

	if (s->size && s->from < end && end <= s->from + (off_t)s->size)
		return true;
	n = pread(s->file, s->window, (size_t)(end - from), from);
	if (n < (ssize_t)(end - from))
		return false;
	s->from = from;
	s->size = (size_t)n;
	return true;
}

/* The beginning of the line that ends before `end` (where its newline or the end of the file is). */
static off_t line_start(struct scan *s, off_t end)
{
	off_t at = end;

	while (at > 0) {
		const char *newline;

		if (!look(s, at))
			return -1;
		newline = memrchr(s->window, '\n', (size_t)(at - s->from));
		if (newline)
			return s->from + (newline - s->window) + 1;
		at = s->from;
	}
	return 0;
}

/* Its tag, 0 for a line that is none of ours. */
static char tag_of(const struct scan *s, off_t start, off_t end)
{
	char line[NVB_LOG_PREFIX];
	struct nvb_log_record record;

	if (end - start < NVB_LOG_PREFIX || pread(s->file, line, sizeof(line), start) != sizeof(line) ||
		!nvb_log_parse(line, sizeof(line), &record))
		return 0;
	return line[NVB_LOG_TAG];
}

/*
 * Goes back over one file's lines while fewer than `lines` ends of lines were seen. True when all were: *at
 * is the place behind the last one that does not belong to them.
 */
static bool go_back(struct scan *s, off_t size, uint64_t lines, uint64_t *seen, bool *newest, off_t *at)
{
	off_t end = size;
	char last;

	/* Without a newline at its end there is a part of a line. */
	if (size > 0 && pread(s->file, &last, 1, size - 1) == 1 && last == '\n')
		end--;
	while (end >= 0 && size > 0) {
		off_t start = line_start(s, end);
		char tag = start < 0 ? 0 : tag_of(s, start, end);

		if (start < 0)
			break;
		if (tag == 'F' || tag == 'C') {
			if (*seen == lines) {
				*at = end + 1;
				return true;
			}
			++*seen;
		} else if (tag == 'P' && *newest) {
			/* The last line has not ended yet. */
			++*seen;
		}
		*newest = *newest && !tag;
		end = start - 1;
	}
	return false;
}

/* 1: the place was found and taken; 0: it was removed meanwhile, or there is more to look at. */
static int try_file(struct nvb_log_reader *reader, int directory, uint32_t number, uint64_t lines,
	uint64_t *seen, bool *newest, nvb_error **err)
{
	_cleanup_free_ struct scan *s = malloc(sizeof(*s));
	_cleanup_close_ int fd = -1;
	char name[NVB_LOG_NAME];
	struct stat st;
	off_t at;

	if (!s)
		return nvb_fail_oom(err);
	nvb_log_file_name(number, name);
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "log file %s", name);
	s->file = fd;
	s->size = 0;
	if (lines == 0)
		return nvb_log_reader_seek(reader, number, st.st_size, err);
	if (!go_back(s, st.st_size, lines, seen, newest, &at))
		return 0;
	return nvb_log_reader_seek(reader, number, at < st.st_size ? at : st.st_size, err);
}

int nvb_log_reader_tail(struct nvb_log_reader *reader, uint64_t lines, nvb_error **err)
{
	uint32_t lowest, highest;
	bool newest = true;
	uint64_t seen = 0;
	int directory, rc = nvb_log_reader_directory(reader, &directory, err);

	if (rc < 0 || directory < 0 || !nvb_log_file_range(directory, 0, &lowest, &highest))
		return rc;
	for (uint32_t number = highest; rc == 0 && number >= lowest; number--)
		rc = try_file(reader, directory, number, lines, &seen, &newest, err);
	/* Otherwise the reader stays where it was opened: at the oldest line. */
	return rc < 0 ? rc : 0;
}
