/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/cuda/transfer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * One allocation's content between the device and the process, piece by piece: what has come to one side is
 * given up on the other at once. So it takes no more of the machine's memory than there was, and what was
 * freed is used again while it is warm.
 */
enum { PIECE = 512 << 10, ZEROS = 64 << 10 };

static size_t at_most(uint64_t left, size_t size)
{
	return left < size ? (size_t)left : size;
}

static bool read_piece(int fd, char *to, size_t size, off_t at)
{
	while (size) {
		ssize_t n = pread(fd, to, size, at);

		if (n <= 0)
			return false;
		to += n;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

/* Zeros need not be written: the device's memory starts with them. */
static bool write_piece(int fd, const char *from, size_t size, off_t at)
{
	while (size) {
		size_t block = at_most(size, ZEROS);
		ssize_t n = (ssize_t)block;

		if (*from || memcmp(from, from + 1, block - 1) != 0)
			n = pwrite(fd, from, block, at);
		if (n <= 0)
			return false;
		from += n;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

/* As far as `*done`; stretches that were never written stay unwritten. */
static bool read_written(int fd, const struct allocation *a, char *to, uint64_t *done)
{
	while (*done < a->size) {
		off_t data = lseek(fd, (off_t)(a->offset + *done), SEEK_DATA), hole;
		off_t end = (off_t)(a->offset + a->size);

		if (data < 0 || data >= end)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		for (*done = (uint64_t)data - a->offset; data < end && data < hole;) {
			size_t size = at_most(
				(uint64_t)((hole < end ? hole : end) - data), PIECE - (size_t)data % PIECE);

			/* One call instead of a fault for each page; where it is not known they come. */
			madvise(to + *done, size, MADV_POPULATE_WRITE);
			if (!read_piece(fd, to + *done, size, data))
				return false;
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, data, (off_t)size);
			data += (off_t)size;
			*done += size;
		}
	}
	*done = a->size;
	return true;
}

static bool write_back(int fd, const struct allocation *a, char *from, uint64_t *done)
{
	while (*done < a->size) {
		size_t size = at_most(a->size - *done, PIECE - (size_t)((a->offset + *done) % PIECE));

		if (!write_piece(fd, from + *done, size, (off_t)(a->offset + *done)))
			return false;
		madvise(from + *done, size, MADV_DONTNEED);
		*done += size;
	}
	return true;
}

/* A place for the copy that lies to page tables as the allocation does: it is moved there by whole tables. */
static char *reserve(const struct allocation *a)
{
	enum { TABLE = 2 << 20 };
	size_t size = a->size + 2 * TABLE;
	char *room =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *place, *end;

	if (room == MAP_FAILED)
		return NULL;
	end = room + size;
	place = room + (TABLE - (uintptr_t)room % TABLE) + (uintptr_t)a->address % TABLE;
	munmap(room, (size_t)(place - room));
	munmap(place + a->size, (size_t)(end - (place + a->size)));
	return place;
}

bool cuda_map_device(const struct memory *m, const struct allocation *a)
{
	return mmap(a->address, a->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
		       m->fd, (off_t)a->offset) != MAP_FAILED;
}

bool cuda_transfer_out(const struct memory *m, const struct allocation *a, bool *lost)
{
	uint64_t done = 0, undone = 0;
	char *copy = reserve(a);

	if (!copy)
		return false;
	if (read_written(m->fd, a, copy, &done) && mprotect(copy, a->size, PROT_NONE) == 0 &&
		mremap(copy, a->size, a->size, MREMAP_MAYMOVE | MREMAP_FIXED, a->address) != MAP_FAILED)
		return true;
	mprotect(copy, a->size, PROT_READ | PROT_WRITE);
	*lost |= !write_back(m->fd, &(struct allocation){.offset = a->offset, .size = done}, copy, &undone);
	munmap(copy, a->size);
	return false;
}

bool cuda_transfer_in(const struct memory *m, const struct allocation *a, bool *lost)
{
	uint64_t done = 0, undone = 0;

	if (mprotect(a->address, a->size, PROT_READ | PROT_WRITE) < 0)
		return false;
	if (write_back(m->fd, a, a->address, &done))
		return true;
	/* The piece that it failed in is here, too, and the same where it came to be there. */
	*lost |= !read_written(
		m->fd, &(struct allocation){.offset = a->offset, .size = done}, a->address, &undone);
	return false;
}
