/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

struct nvb_arena_block {
	struct nvb_arena_block *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char data[];
};

enum { ARENA_FIRST = 4096, ARENA_LARGEST = 256 * 1024 };

bool nvb_grow(void **array, size_t count, size_t *capacity, size_t element_size)
{
	size_t wanted, bytes;
	void *grown;

	if (count < *capacity)
		return true;
	wanted = *capacity ? *capacity * 2 : 8;
	if (__builtin_mul_overflow(wanted, element_size, &bytes) || bytes > PTRDIFF_MAX)
		return false;
	grown = realloc(*array, bytes);
	if (!grown)
		return false;
	*array = grown;
	*capacity = wanted;
	return true;
}

static struct nvb_arena_block *new_block(const struct nvb_arena *arena, size_t size)
{
	size_t room = ARENA_FIRST;
	struct nvb_arena_block *block;

	/* Doubling keeps the number of blocks logarithmic; the cap keeps the waste bounded. */
	if (arena->blocks)
		room = arena->blocks->size < ARENA_LARGEST ? arena->blocks->size * 2 : ARENA_LARGEST;
	if (room < size)
		room = size;
	if (room > PTRDIFF_MAX - sizeof(*block))
		return NULL;
	block = malloc(sizeof(*block) + room);
	if (block)
		*block = (struct nvb_arena_block){.size = room};
	return block;
}

void *nvb_arena_alloc(struct nvb_arena *arena, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct nvb_arena_block *block = arena->blocks;
	void *p;

	if (size > SIZE_MAX - align)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	if (!block || block->size - block->used < size) {
		block = new_block(arena, size);
		if (!block)
			return NULL;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	p = block->data + block->used;
	block->used += size;
	return memset(p, 0, size);
}

void *nvb_arena_memdup(struct nvb_arena *arena, const void *data, size_t size)
{
	void *p = nvb_arena_alloc(arena, size);

	return p && size ? memcpy(p, data, size) : p;
}

char *nvb_arena_strndup(struct nvb_arena *arena, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = nvb_arena_alloc(arena, len + 1);

	return p ? memcpy(p, s, len) : NULL;
}

char *nvb_arena_strdup(struct nvb_arena *arena, const char *s)
{
	return nvb_arena_memdup(arena, s, strlen(s) + 1);
}

char *nvb_arena_printf(struct nvb_arena *arena, const char *fmt, ...)
{
	va_list ap, again;
	char *p = NULL;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	if (len >= 0)
		p = nvb_arena_alloc(arena, (size_t)len + 1);
	if (p)
		vsnprintf(p, (size_t)len + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p;
}

void nvb_arena_release(struct nvb_arena *arena)
{
	while (arena->blocks) {
		struct nvb_arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}
