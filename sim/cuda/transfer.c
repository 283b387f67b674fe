/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/cuda/transfer.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * One allocation's content between the device and the process, piece by piece: what has come to one side is
 * given up on the other at once. So it takes no more of the machine's memory than there was, and what was
 * freed is used again while it is warm.
 */
enum { PIECE = 1 << 20, ZEROS = 64 << 10, PARTS = 4 };

/* Older C libraries have these, too, under the name of their time. */
#if defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.17");
#endif

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

/* A part of an allocation: it is moved from its start on, `done` bytes of it so far. */
struct part {
	int fd;
	uint64_t offset, size; /* on the device */
	char *memory;	       /* here */
	uint64_t done;
	bool (*move)(struct part *part);
	bool ok;
};

/* Stretches that were never written stay unwritten. */
static bool read_written(struct part *p)
{
	off_t end = (off_t)(p->offset + p->size);

	while (p->done < p->size) {
		off_t data = lseek(p->fd, (off_t)(p->offset + p->done), SEEK_DATA), hole;

		if (data < 0 || data >= end)
			break;
		hole = lseek(p->fd, data, SEEK_HOLE);
		for (p->done = (uint64_t)data - p->offset; data < end && data < hole;) {
			size_t size = at_most((uint64_t)((hole < end ? hole : end) - data), PIECE);

			/* One call instead of a fault for each page; where it is not known they come. */
			madvise(p->memory + p->done, size, MADV_POPULATE_WRITE);
			if (!read_piece(p->fd, p->memory + p->done, size, data))
				return false;
			fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, data, (off_t)size);
			data += (off_t)size;
			p->done += size;
		}
	}
	p->done = p->size;
	return true;
}

static bool write_back(struct part *p)
{
	while (p->done < p->size) {
		size_t size = at_most(p->size - p->done, PIECE);

		if (!write_piece(p->fd, p->memory + p->done, size, (off_t)(p->offset + p->done)))
			return false;
		madvise(p->memory + p->done, size, MADV_DONTNEED);
		p->done += size;
	}
	return true;
}

static void *move_part(void *part)
{
	struct part *p = part;

	p->ok = p->move(p);
	return NULL;
}

/* A processor alone cannot copy as fast as memory is. */
static bool move_parts(struct part parts[PARTS], bool (*move)(struct part *part))
{
	pthread_t threads[PARTS];
	bool started[PARTS] = {false}, ok = true;

	for (int i = 0; i < PARTS; i++) {
		parts[i].move = move;
		started[i] =
			i && parts[i].size && pthread_create(&threads[i], NULL, move_part, &parts[i]) == 0;
	}
	for (int i = 0; i < PARTS; i++) {
		if (started[i])
			pthread_join(threads[i], NULL);
		else
			move_part(&parts[i]);
		ok &= parts[i].ok;
	}
	return ok;
}

static void divide(const struct memory *m, const struct allocation *a, char *memory, struct part parts[PARTS])
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t count = processors < 1 ? 1 : processors > PARTS ? PARTS : (uint64_t)processors;
	uint64_t size = a->size / count / PIECE * PIECE, at = 0;

	/* A thread costs more than a little that it moves. */
	if (a->size < (uint64_t)PARTS * PIECE)
		count = 1;
	for (uint64_t i = 0; i < PARTS; i++) {
		uint64_t length = i >= count ? 0 : i == count - 1 ? a->size - at : size;

		parts[i] = (struct part){
			.fd = m->fd, .offset = a->offset + at, .size = length, .memory = memory + at};
		at += length;
	}
}

/* What was moved goes back. */
static bool undo_parts(struct part parts[PARTS], bool (*move)(struct part *part))
{
	for (int i = 0; i < PARTS; i++) {
		parts[i].size = parts[i].done;
		parts[i].done = 0;
	}
	return move_parts(parts, move);
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
	struct part parts[PARTS];
	char *copy = reserve(a);

	if (!copy)
		return false;
	/* What is given up there need not be looked for in page tables here. */
	if (mmap(a->address, a->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		    0) == MAP_FAILED) {
		munmap(copy, a->size);
		return false;
	}
	divide(m, a, copy, parts);
	if (move_parts(parts, read_written) && mprotect(copy, a->size, PROT_NONE) == 0 &&
		mremap(copy, a->size, a->size, MREMAP_MAYMOVE | MREMAP_FIXED, a->address) != MAP_FAILED)
		return true;
	mprotect(copy, a->size, PROT_READ | PROT_WRITE);
	*lost |= !undo_parts(parts, write_back) || !cuda_map_device(m, a);
	munmap(copy, a->size);
	return false;
}

bool cuda_transfer_in(const struct memory *m, const struct allocation *a, bool *lost)
{
	struct part parts[PARTS];

	if (mprotect(a->address, a->size, PROT_READ | PROT_WRITE) < 0)
		return false;
	divide(m, a, a->address, parts);
	if (move_parts(parts, write_back))
		return true;
	/* The piece that it failed in is here still; what came of it there is of no account. */
	*lost |= !undo_parts(parts, read_written);
	return false;
}
