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

/* Its tag and stream; tag 0 for a line that is none of ours. */
static char tag_of(const struct scan *s, off_t start, off_t end, enum nvb_log_stream *stream)
{
	char line[NVB_LOG_PREFIX];
	struct nvb_log_record record;

	if (end - start < NVB_LOG_PREFIX || pread(s->file, line, sizeof(line), start) != sizeof(line) ||
		!nvb_log_parse(line, sizeof(line), &record))
		return 0;
	*stream = record.stream;
	return line[NVB_LOG_TAG];
}

/*
 * The search, from the end of the newest file backwards. First for the place behind the last end of a line
 * that does not belong: all records behind it do. Then, since streams take turns in the middle of lines, for
 * the beginnings of those lines that reach over that place; other streams' records there are left out by the
 * reader.
 */
struct tail {
	uint64_t lines, seen;
	bool begun; /* a record was seen: one that has no end yet is a line only as the last */
	bool found;
	struct nvb_log_place place;
	bool present[NVB_LOG_STREAMS];		     /* it has records behind the place */
	struct nvb_log_place first[NVB_LOG_STREAMS]; /* the first of them, later the beginning of its line */
	bool open[NVB_LOG_STREAMS];		     /* which may lie further back */
	off_t patience;
};

/* A beginning that is further away than this, in other streams' output, is not looked for. */
enum { PATIENCE = 4 << 20 };

static void found_place(struct tail *t, uint32_t number, off_t behind)
{
	t->found = true;
	t->place = (struct nvb_log_place){number, behind};
	memcpy(t->open, t->present, sizeof(t->open));
	t->patience = PATIENCE;
}

static bool is_done(const struct tail *t)
{
	bool open = false;

	for (size_t i = 0; i < NVB_LOG_STREAMS; i++)
		open |= t->open[i];
	return t->found && (!open || t->patience <= 0);
}

static void look_at(
	struct tail *t, uint32_t number, off_t start, off_t end, char tag, enum nvb_log_stream stream)
{
	bool ends = tag == 'F' || tag == 'C';

	if (!t->found && ends && t->seen == t->lines)
		found_place(t, number, end + 1);
	if (t->found) {
		t->patience -= end - start;
		if (t->open[stream] && !ends)
			t->first[stream] = (struct nvb_log_place){number, start};
		else
			t->open[stream] = false;
		return;
	}
	t->seen += ends || !t->begun;
	t->begun = t->present[stream] = true;
	t->first[stream] = (struct nvb_log_place){number, start};
}

static void go_back(struct scan *s, struct tail *t, uint32_t number, off_t size)
{
	off_t end = size;
	char last;

	/* Without a newline at its end there is a part of a line. */
	if (size > 0 && pread(s->file, &last, 1, size - 1) == 1 && last == '\n')
		end--;
	while (end >= 0 && size > 0 && !is_done(t)) {
		off_t start = line_start(s, end);
		enum nvb_log_stream stream;
		char tag = start < 0 ? 0 : tag_of(s, start, end, &stream);

		if (start < 0)
			break;
		if (tag)
			look_at(t, number, start, end, tag, stream);
		end = start - 1;
	}
}

static int scan_file(struct tail *t, int directory, uint32_t number, nvb_error **err)
{
	_cleanup_free_ struct scan *s = malloc(sizeof(*s));
	_cleanup_close_ int fd = -1;
	char name[NVB_LOG_NAME];
	struct stat st;

	if (!s)
		return nvb_fail_oom(err);
	nvb_log_file_name(number, name);
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "log file %s", name);
	s->file = fd;
	s->size = 0;
	if (t->lines == 0)
		found_place(t, number, st.st_size);
	else
		go_back(s, t, number, st.st_size);
	/* The newline of a line that has none yet. */
	if (t->found && t->place.number == number && t->place.offset > st.st_size)
		t->place.offset = st.st_size;
	return 0;
}

static bool is_before(struct nvb_log_place a, struct nvb_log_place b)
{
	return a.number != b.number ? a.number < b.number : a.offset < b.offset;
}

/* Where a file was removed meanwhile the reader begins behind the gap. */
static int go_to(struct nvb_log_reader *reader, struct tail *t, nvb_error **err)
{
	struct nvb_log_place begin = t->place;
	int rc;

	for (size_t i = 0; i < NVB_LOG_STREAMS; i++) {
		if (!t->present[i])
			t->first[i] = t->place;
		else if (is_before(t->first[i], begin))
			begin = t->first[i];
	}
	rc = nvb_log_reader_seek(reader, begin.number, begin.offset, err);
	if (rc == 0)
		rc = nvb_log_reader_seek(reader, t->place.number, t->place.offset, err);
	if (rc > 0)
		nvb_log_reader_skip(reader, t->first);
	return rc < 0 ? rc : 0;
}

int nvb_log_reader_tail(struct nvb_log_reader *reader, uint64_t lines, nvb_error **err)
{
	struct tail t = {.lines = lines};
	uint32_t lowest, highest;
	int directory, rc = nvb_log_reader_directory(reader, &directory, err);

	if (rc < 0 || directory < 0 || !nvb_log_file_range(directory, 0, &lowest, &highest))
		return rc;
	for (uint32_t number = highest; rc == 0 && number >= lowest && !is_done(&t); number--)
		rc = scan_file(&t, directory, number, err);
	/* Otherwise the reader stays where it was opened: at the oldest line. */
	return rc == 0 && t.found ? go_to(reader, &t, err) : rc;
}
