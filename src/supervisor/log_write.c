/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/units.h"
#include "supervisor/log_format.h"
#include "supervisor/spool.h"

enum {
	BUFFER = 128 * 1024,
	LAST_NUMBER = 99999999,
};

struct nvb_log_writer {
	struct nvb_log_options options;
	int directory; /* flock'ed: there is one writer */
	int file;
	uint32_t number, lowest; /* of the file that is written, of the oldest that is kept */
	uint64_t size;		 /* of what stands in it for good */
	/* Records that are not written yet, and how much of them is the program's text. */
	char buffer[BUFFER];
	size_t used, text;
	uint64_t lost;		 /* bytes of text that could not be written */
	int reason;		 /* errno */
	struct nvb_spool *spool; /* NULL: none */
	bool again;		 /* what is being written may be there already */
};

void nvb_log_options_init(struct nvb_log_options *options)
{
	*options = (struct nvb_log_options){.max_size = (uint64_t)10 << 20, .max_files = 5};
}

static int add_max_size(struct nvb_log_options *options, const char *value, nvb_error **err)
{
	uint64_t size;
	int rc;

	if (nvb_streq(value, "-1")) {
		options->max_size = UINT64_MAX;
		return 0;
	}
	rc = nvb_parse_size(value, "max-size", &size, err);
	if (rc < 0)
		return rc;
	if (size < NVB_LOG_LEAST)
		return nvb_fail(
			err, NVB_ERR_INVALID, "max-size=%s: must be at least 4k, or -1 for no limit", value);
	options->max_size = size;
	return 0;
}

int nvb_log_options_add(struct nvb_log_options *options, const char *text, nvb_error **err)
{
	static const char *const known[] = {"max-size", "max-file"};
	const char *value = strchr(text, '=');
	_cleanup_free_ char *key = NULL;
	uint32_t count;

	if (!value || value == text)
		return nvb_fail(err, NVB_ERR_INVALID, "log option '%s': not NAME=VALUE", text);
	key = strndup(text, (size_t)(value - text));
	if (!key)
		return nvb_fail_oom(err);
	value++;
	if (nvb_streq(key, "max-size")) {
		int rc = add_max_size(options, value, err);

		return rc < 0 ? nvb_wrap(err, rc, "log option") : 0;
	}
	if (nvb_streq(key, "max-file")) {
		if (!nvb_parse_u32(value, &count) || count == 0 || count > NVB_LOG_FILES_MOST)
			return nvb_fail(err, NVB_ERR_INVALID,
				"log option: max-file=%s: must be a number from 1 to %d", value,
				NVB_LOG_FILES_MOST);
		options->max_files = count;
		return 0;
	}
	nvb_fail(err, NVB_ERR_INVALID, "log option '%s': there is none of this name", key);
	return nvb_hint(err, -NVB_ERR_INVALID, "%s",
		nvb_nearest(key, known, NVB_ELEMENTS(known)) ?: "max-size, max-file");
}

/* A line that the last writer was killed in becomes one of its own; where not even its prefix was written,
 * nothing of the program's is lost with it. */
static int mend_tail(struct nvb_log_writer *w)
{
	enum { WINDOW = NVB_LOG_PREFIX + NVB_LOG_RECORD_TEXT + 1 };
	char window[WINDOW];
	size_t wanted = w->size < WINDOW ? (size_t)w->size : WINDOW;
	off_t from = (off_t)(w->size - wanted);
	ssize_t n = pread(w->file, window, wanted, from);
	struct nvb_log_record record;
	const char *newline, *line;

	if (n < 0)
		return -errno;
	if ((size_t)n < wanted || wanted == 0 || window[n - 1] == '\n')
		return 0;
	newline = memrchr(window, '\n', (size_t)n);
	/* Longer than any of ours: rubbish, which shall not swallow what comes after it. */
	if (!newline && from > 0)
		return pwrite(w->file, "\n", 1, (off_t)w->size++) == 1 ? 0 : -errno;
	line = newline ? newline + 1 : window;
	if (!nvb_log_parse(line, (size_t)(window + n - line), &record)) {
		w->size = (uint64_t)from + (uint64_t)(line - window);
		return ftruncate(w->file, (off_t)w->size) < 0 ? -errno : 0;
	}
	if (pwrite(w->file, "C", 1, from + (line - window) + NVB_LOG_TAG) != 1 ||
		pwrite(w->file, "\n", 1, (off_t)w->size) != 1)
		return -errno;
	w->size++;
	return 0;
}

static int open_file(struct nvb_log_writer *w, uint32_t number, bool new)
{
	char name[NVB_LOG_NAME];
	struct stat st;
	int fd;

	nvb_log_file_name(number, name);
	fd = openat(w->directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_CREAT | (new ? O_EXCL : 0), 0600);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int failed = errno;

		nvb_closep(&fd);
		return -failed;
	}
	nvb_closep(&w->file);
	w->file = fd;
	w->number = number;
	w->size = (uint64_t)st.st_size;
	return 0;
}

static int open_directory(struct nvb_log_writer *w, const char *path, nvb_error **err)
{
	int rc = nvb_file_mkdirs(AT_FDCWD, path, 0700, err);

	if (rc < 0)
		return rc;
	w->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->directory < 0)
		return nvb_fail_errno(err, errno, "log %s", path);
	if (flock(w->directory, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return nvb_fail(err, NVB_ERR_BUSY, "log %s: is being written by another process", path);
	return nvb_fail_errno(err, errno, "log %s", path);
}

/* Whether somebody reads the file: then it stays, with all that come after it. */
static bool is_read(const struct nvb_log_writer *w, const char *name)
{
	_cleanup_close_ int fd = openat(w->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static void prune(struct nvb_log_writer *w)
{
	while (w->number - w->lowest + 1 > w->options.max_files) {
		uint64_t held =
			(uint64_t)(w->number - w->lowest + 1 - w->options.max_files) * w->options.max_size;
		char name[NVB_LOG_NAME];

		nvb_log_file_name(w->lowest, name);
		if (held < NVB_LOG_HELD_MOST && is_read(w, name))
			return;
		unlinkat(w->directory, name, 0);
		w->lowest++;
	}
}

/* Writes the buffered records. They are there whole or, where the disk has no room for all, not at all. */
static bool flush(struct nvb_log_writer *w)
{
	size_t done = 0;

	while (done < w->used) {
		ssize_t n = pwrite(w->file, w->buffer + done, w->used - done, (off_t)(w->size + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			w->reason = n < 0 ? errno : EIO;
			w->lost += w->text;
			if (ftruncate(w->file, (off_t)w->size) < 0)
				w->reason = errno;
			w->used = w->text = 0;
			return false;
		}
		done += (size_t)n;
	}
	w->size += w->used;
	w->used = w->text = 0;
	return true;
}

/* Where no new file can be had the old one grows. */
static void rotate(struct nvb_log_writer *w)
{
	if (!flush(w) || w->number == LAST_NUMBER || open_file(w, w->number + 1, !w->again) < 0)
		return;
	if (w->again)
		w->size = 0;
	prune(w);
}

static void add_record(struct nvb_log_writer *w, const char *prefix, char tag, const char *text, size_t size)
{
	size_t whole = NVB_LOG_PREFIX + size + 1;
	char *at;

	if (w->size + w->used > 0 && w->size + w->used + whole > w->options.max_size)
		rotate(w);
	if (w->used + whole > BUFFER)
		flush(w);
	at = w->buffer + w->used;
	memcpy(at, prefix, NVB_LOG_PREFIX);
	at[NVB_LOG_TAG] = tag;
	memcpy(at + NVB_LOG_PREFIX, text, size);
	at[whole - 1] = '\n';
	w->used += whole;
	w->text += size;
}

/* What was lost is said once something can be written again. */
static void confess(struct nvb_log_writer *w)
{
	char prefix[NVB_LOG_PREFIX + 1], text[160];
	uint64_t lost = w->lost;
	struct timespec now;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	nvb_log_format_prefix(now, NVB_LOG_SYSTEM, prefix);
	n = snprintf(text, sizeof(text), "%" PRIu64 " bytes of output are missing here: %s", lost,
		strerrordesc_np(w->reason) ?: "the log could not be written");
	add_record(w, prefix, 'F', text, (size_t)n);
	w->text = 0;
	if (flush(w))
		w->lost -= lost;
}

/* What is written, and where, depends on the arguments and the place alone: it can be written again. */
static void append(struct nvb_log_writer *w, enum nvb_log_stream stream, struct timespec time,
	const char *data, size_t size)
{
	const char *at = data, *end = at + size;
	char prefix[NVB_LOG_PREFIX + 1];

	nvb_log_format_prefix(time, stream, prefix);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);
		bool whole = newline && n <= NVB_LOG_RECORD_TEXT;

		if (n > NVB_LOG_RECORD_TEXT)
			n = NVB_LOG_RECORD_TEXT;
		add_record(w, prefix, whole ? 'F' : 'P', at, n);
		at += n + whole;
	}
	flush(w);
}

void nvb_log_write(struct nvb_log_writer *w, enum nvb_log_stream stream, const void *data, size_t size)
{
	struct timespec now;

	if (w->spool)
		nvb_spool_done(w->spool);
	if (w->lost)
		confess(w);
	clock_gettime(CLOCK_REALTIME, &now);
	append(w, stream, now, data, size);
}

ssize_t nvb_log_take(
	struct nvb_log_writer *w, enum nvb_log_stream stream, int fd, char buffer[static NVB_LOG_PIECE])
{
	struct nvb_spool_place place = {.stream = stream};
	ssize_t n = -EINVAL;

	if (w->spool) {
		nvb_spool_done(w->spool);
		if (w->lost)
			confess(w);
		clock_gettime(CLOCK_REALTIME, &place.time);
		place.number = w->number;
		place.size = w->size;
		n = nvb_spool_take(w->spool, &place, fd, buffer, NVB_LOG_PIECE);
		if (n > 0)
			append(w, stream, place.time, buffer, (size_t)n);
	}
	/* A terminal, or a full /run, which shall not hold the program up. */
	if (n < 0 && n != -EAGAIN) {
		n = read(fd, buffer, NVB_LOG_PIECE);
		if (n > 0)
			nvb_log_write(w, stream, buffer, (size_t)n);
		else if (n < 0)
			n = -errno;
	}
	return n;
}

static int forget_later_files(const struct nvb_log_writer *w, uint32_t highest)
{
	char name[NVB_LOG_NAME];

	for (uint32_t number = w->number + 1; number <= highest; number++) {
		nvb_log_file_name(number, name);
		if (unlinkat(w->directory, name, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* What a killed writer had taken stands in the log in whole, in part or not at all. */
static int write_again(struct nvb_log_writer *w, uint32_t highest)
{
	_cleanup_free_ char *piece = w->spool ? malloc(NVB_LOG_PIECE) : NULL;
	struct nvb_spool_place place;
	struct stat st;
	size_t n = piece ? nvb_spool_pending(w->spool, &place, piece, NVB_LOG_PIECE) : 0;
	int rc;

	if (n == 0 || place.number == 0 || place.number > highest || place.stream >= NVB_LOG_STREAMS)
		return 0;
	rc = open_file(w, place.number, false);
	if (rc < 0)
		return rc;
	/* One that was removed meanwhile will be again: what comes behind it shall stand where it stood. */
	if (place.size < w->size || place.number < w->lowest)
		w->size = place.size;
	if (place.number < w->lowest)
		w->lowest = place.number;
	w->again = true;
	append(w, (enum nvb_log_stream)place.stream, place.time, piece, n);
	w->again = false;
	nvb_spool_done(w->spool);
	if (fstat(w->file, &st) < 0 ||
		((uint64_t)st.st_size > w->size && ftruncate(w->file, (off_t)w->size) < 0))
		return -errno;
	return forget_later_files(w, highest);
}

static int begin_writing(struct nvb_log_writer *w, const char *spool)
{
	uint32_t highest;
	int rc;

	if (!nvb_log_file_range(w->directory, 0, &w->lowest, &highest))
		w->lowest = highest = 1;
	rc = open_file(w, highest, false);
	/* Where it cannot be had output is read and then written, which is all that can be done. */
	if (rc == 0 && spool)
		nvb_spool_open(spool, &w->spool, NULL);
	if (rc == 0)
		rc = write_again(w, highest);
	if (rc == 0)
		rc = mend_tail(w);
	if (rc == 0)
		prune(w);
	return rc;
}

int nvb_log_writer_open(const char *directory, const char *spool, const struct nvb_log_options *options,
	struct nvb_log_writer **out, nvb_error **err)
{
	struct nvb_log_writer *w = malloc(sizeof(*w));
	int rc;

	if (!w)
		return nvb_fail_oom(err);
	w->options = *options;
	w->directory = w->file = -1;
	w->used = w->text = 0;
	w->lost = 0;
	w->spool = NULL;
	w->again = false;
	rc = open_directory(w, directory, err);
	if (rc == 0) {
		rc = begin_writing(w, spool);
		if (rc < 0)
			rc = nvb_fail_errno(err, -rc, "log %s", directory);
	}
	if (rc < 0) {
		nvb_log_writer_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

void nvb_log_note(struct nvb_log_writer *w, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text) - 1, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n] = '\n';
	nvb_log_write(w, NVB_LOG_SYSTEM, text, (size_t)n + 1);
}

void nvb_log_writer_close(struct nvb_log_writer *w)
{
	if (!w)
		return;
	nvb_spool_close(w->spool);
	nvb_closep(&w->file);
	nvb_closep(&w->directory);
	free(w);
}
