/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "supervisor/log_format.h"

enum { BUFFER = 4 * (NVB_LOG_PREFIX + NVB_LOG_RECORD_TEXT + 1) };

struct nvb_log_reader {
	char *path;
	int directory; /* -1 until it is there */
	int file;      /* flock'ed: it is not removed meanwhile */
	uint32_t number;
	off_t offset; /* behind what is in the buffer */
	bool sealed;  /* there is a later file, so this one does not grow any more */
	bool skip;    /* the line that is being read is too long to be one of ours */
	struct nvb_log_missed missed;
	struct nvb_log_place first[NVB_LOG_STREAMS]; /* what lies before is left out */
	size_t begin, end;
	char buffer[BUFFER];
};

int nvb_log_reader_open(const char *directory, struct nvb_log_reader **out, nvb_error **err)
{
	struct nvb_log_reader *r = malloc(sizeof(*r));

	if (!r)
		return nvb_fail_oom(err);
	memset(r, 0, offsetof(struct nvb_log_reader, buffer));
	r->file = r->directory = -1;
	r->path = strdup(directory);
	if (!r->path) {
		nvb_log_reader_close(r);
		return nvb_fail_oom(err);
	}
	*out = r;
	return 0;
}

void nvb_log_reader_close(struct nvb_log_reader *r)
{
	if (!r)
		return;
	nvb_closep(&r->file);
	nvb_closep(&r->directory);
	free(r->path);
	free(r);
}

struct nvb_log_missed nvb_log_reader_missed(const struct nvb_log_reader *r)
{
	return r->missed;
}

bool nvb_log_file_range(int directory, uint32_t above, uint32_t *lowest, uint32_t *highest)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint32_t low = UINT32_MAX, high = 0, number;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (entry = readdir(dir))) {
		if (!nvb_log_file_number(entry->d_name, &number) || number <= above)
			continue;
		low = number < low ? number : low;
		high = number > high ? number : high;
	}
	if (!high)
		return false;
	*lowest = low;
	*highest = high;
	return true;
}

/* 1; 0 when there is no log yet. */
static int open_directory(struct nvb_log_reader *r, nvb_error **err)
{
	if (r->directory >= 0)
		return 1;
	r->directory = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->directory >= 0)
		return 1;
	return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "log %s", r->path);
}

/* Opens a file so that it stays. 1; 0 when it was removed just now. */
static int hold(struct nvb_log_reader *r, uint32_t number, off_t offset, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	char name[NVB_LOG_NAME];
	struct stat st;

	nvb_log_file_name(number, name);
	fd = openat(r->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "log %s/%s", r->path, name);
	/* The writer has it for the moment in which it removes it. */
	if (flock(fd, LOCK_SH) < 0 || fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "log %s/%s", r->path, name);
	if (st.st_nlink == 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_CORRUPT, "log %s/%s: is no file", r->path, name);
	nvb_closep(&r->file);
	r->file = NVB_TAKE_FD(fd);
	r->number = number;
	r->offset = offset;
	r->begin = r->end = 0;
	r->sealed = r->skip = false;
	return 1;
}

/* The next file. 1; 0 when there is none. */
static int advance(struct nvb_log_reader *r, nvb_error **err)
{
	uint32_t before = r->number, lowest, highest;
	int rc = 0;

	while (rc == 0) {
		if (!nvb_log_file_range(r->directory, before, &lowest, &highest))
			return 0;
		rc = hold(r, lowest, 0, err);
	}
	if (rc == 1 && before && lowest > before + 1)
		r->missed.files += lowest - before - 1;
	return rc;
}

/* Whether the writer has gone on to a later file than the one that is open. */
static bool has_successor(const struct nvb_log_reader *r)
{
	char name[NVB_LOG_NAME];
	uint32_t lowest, highest;
	struct stat st;

	nvb_log_file_name(r->number + 1, name);
	if (faccessat(r->directory, name, F_OK, 0) == 0)
		return true;
	/* Even the next one may be gone where readers were too slow. */
	return fstat(r->file, &st) == 0 && st.st_nlink == 0 &&
	       nvb_log_file_range(r->directory, r->number, &lowest, &highest);
}

/* A line of the buffer; false when it is none of ours. */
static bool take(struct nvb_log_reader *r, size_t size, bool cut, struct nvb_log_record *record)
{
	const char *line = r->buffer + r->begin;
	const off_t place = r->offset - (off_t)(r->end - r->begin);
	bool whole = !r->skip && nvb_log_parse(line, size, record);
	const struct nvb_log_place *first = whole ? &r->first[record->stream] : NULL;

	r->begin += size + !cut;
	r->skip = false;
	if (!whole) {
		r->missed.lines++;
		return false;
	}
	if (cut)
		record->ends_line = true;
	return r->number > first->number || (r->number == first->number && place >= first->offset);
}

/* More bytes of the file: how many, or a negated code. */
static ssize_t fill(struct nvb_log_reader *r, nvb_error **err)
{
	ssize_t n;

	if (r->begin > 0) {
		memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
		r->end -= r->begin;
		r->begin = 0;
	}
	if (r->end == BUFFER) {
		r->end = 0;
		r->skip = true;
	}
	n = pread(r->file, r->buffer + r->end, BUFFER - r->end, r->offset);
	if (n < 0)
		return nvb_fail_errno(err, errno, "log %s", r->path);
	r->end += (size_t)n;
	r->offset += n;
	return n;
}

int nvb_log_reader_next(struct nvb_log_reader *r, bool final, struct nvb_log_record *record, nvb_error **err)
{
	size_t looked = 0;
	int rc = open_directory(r, err);

	if (rc > 0 && r->file < 0)
		rc = advance(r, err);
	while (rc > 0) {
		size_t size = r->end - r->begin;
		const char *newline = memchr(r->buffer + r->begin + looked, '\n', size - looked);
		ssize_t n;

		if (newline) {
			looked = 0;
			if (take(r, (size_t)(newline - r->buffer) - r->begin, false, record))
				return 1;
			continue;
		}
		n = fill(r, err);
		looked = r->end - r->begin - (n > 0 ? (size_t)n : 0);
		if (n != 0) {
			rc = n < 0 ? (int)n : 1;
		} else if (!r->sealed && has_successor(r)) {
			/* Something may have been written between our last look and the new file. */
			r->sealed = true;
		} else if (r->sealed || final) {
			looked = 0;
			if (size > 0 && take(r, r->end - r->begin, true, record))
				return 1;
			rc = r->sealed ? advance(r, err) : 0;
		} else {
			return 0;
		}
	}
	return rc;
}

int nvb_log_reader_directory(struct nvb_log_reader *r, int *directory, nvb_error **err)
{
	int rc = open_directory(r, err);

	*directory = r->directory;
	return rc < 0 ? rc : 0;
}

int nvb_log_reader_seek(struct nvb_log_reader *r, uint32_t number, off_t offset, nvb_error **err)
{
	return hold(r, number, offset, err);
}

void nvb_log_reader_skip(struct nvb_log_reader *r, const struct nvb_log_place first[static NVB_LOG_STREAMS])
{
	memcpy(r->first, first, sizeof(r->first));
}
