/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
	NOTES = 4096,	      /* bytes of the file before output */
	LARGEST = 256 * 1024, /* of output that is done with, before it goes */
};

static const char magic[16] = "bolt spool 1\n";

struct note {
	struct nvb_spool_place place;
	uint64_t begin; /* where in the file output that is not done with begins */
};

/* Of two notes one counts. The other is changed, and then counts: a single store, before or after which one
 * may be killed, but not within. */
struct notes {
	char magic[sizeof(magic)];
	_Atomic uint32_t current;
	struct note note[2];
};

struct nvb_spool {
	int fd;
	struct notes *notes;
	uint64_t end; /* of what is in the file */
};

static bool is_spool(const struct nvb_spool *s)
{
	const struct notes *notes = s->notes;

	return memcmp(notes->magic, magic, sizeof(magic)) == 0 && notes->current < 2 &&
	       notes->note[notes->current].begin >= NOTES;
}

static void begin_anew(struct nvb_spool *s)
{
	memset(s->notes, 0, sizeof(*s->notes));
	s->notes->note[0].begin = NOTES;
	memcpy(s->notes->magic, magic, sizeof(magic));
	s->end = NOTES;
}

static int map(struct nvb_spool *s, nvb_error **err)
{
	struct stat st;
	void *notes;

	if (fstat(s->fd, &st) < 0)
		return nvb_fail_errno(err, errno, "spool");
	/* Room that is not there would be a SIGBUS later. */
	if (st.st_size < NOTES && (ftruncate(s->fd, 0) < 0 || posix_fallocate(s->fd, 0, NOTES) != 0))
		return nvb_fail_errno(err, ENOSPC, "spool");
	notes = mmap(NULL, NOTES, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (notes == MAP_FAILED)
		return nvb_fail_errno(err, errno, "spool");
	s->notes = notes;
	s->end = st.st_size < NOTES ? NOTES : (uint64_t)st.st_size;
	if (is_spool(s))
		return 0;
	if (ftruncate(s->fd, NOTES) < 0)
		return nvb_fail_errno(err, errno, "spool");
	begin_anew(s);
	return 0;
}

int nvb_spool_open(const char *path, struct nvb_spool **out, nvb_error **err)
{
	struct nvb_spool *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return nvb_fail_oom(err);
	s->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	rc = s->fd < 0 ? nvb_fail_errno(err, errno, "%s", path) : map(s, err);
	if (rc < 0) {
		nvb_spool_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void nvb_spool_close(struct nvb_spool *s)
{
	if (!s)
		return;
	if (s->notes)
		munmap(s->notes, NOTES);
	nvb_closep(&s->fd);
	free(s);
}

static void write_down(struct nvb_spool *s, const struct nvb_spool_place *place, uint64_t begin)
{
	uint32_t other = 1 - s->notes->current;

	s->notes->note[other] = (struct note){.place = *place, .begin = begin};
	/* The release: a killed process has made the stores before this one, too. */
	atomic_store_explicit(&s->notes->current, other, memory_order_release);
}

void nvb_spool_done(struct nvb_spool *s)
{
	if (s->notes->note[s->notes->current].begin != s->end)
		write_down(s, &(struct nvb_spool_place){0}, s->end);
}

/* Shorter before it is noted: a beginning behind the file's end is that of nothing. */
static void shorten(struct nvb_spool *s)
{
	if (s->end < NOTES + LARGEST || ftruncate(s->fd, NOTES) < 0)
		return;
	s->end = NOTES;
}

ssize_t nvb_spool_take(
	struct nvb_spool *s, const struct nvb_spool_place *place, int fd, void *buffer, size_t size)
{
	loff_t at;
	ssize_t n;

	nvb_spool_done(s);
	shorten(s);
	at = (loff_t)s->end;
	write_down(s, place, s->end);
	do
		n = splice(fd, NULL, s->fd, &at, size, SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	at = (loff_t)s->end;
	s->end += (uint64_t)n;
	if (pread(s->fd, buffer, (size_t)n, at) != n)
		return -EIO;
	return n;
}

size_t nvb_spool_pending(const struct nvb_spool *s, struct nvb_spool_place *place, void *buffer, size_t size)
{
	const struct note *note = &s->notes->note[s->notes->current];
	size_t n = s->end > note->begin ? (size_t)(s->end - note->begin) : 0;
	ssize_t got;

	if (n > size)
		n = size;
	got = n ? pread(s->fd, buffer, n, (off_t)note->begin) : 0;
	if (got <= 0)
		return 0;
	*place = note->place;
	return (size_t)got;
}
