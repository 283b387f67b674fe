/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_MEM_H
#define NVB_BASE_MEM_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Scope-bound ownership. A variable with a cleanup attribute must be initialised where it is declared; to
 * hand its value out of the scope, take it. */

#define NVB_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define NVB_TAKE_PTR(p)                     \
	({                                  \
		__typeof__(p) _taken = (p); \
		(p) = NULL;                 \
		_taken;                     \
	})

#define NVB_TAKE_FD(fd)            \
	({                         \
		int _taken = (fd); \
		(fd) = -1;         \
		_taken;            \
	})

static inline void nvb_freep(void *p)
{
	free(*(void **)p);
}

static inline void nvb_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void nvb_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void nvb_closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_(fn)	   __attribute__((cleanup(fn)))
#define _cleanup_free_	   _cleanup_(nvb_freep)
#define _cleanup_close_	   _cleanup_(nvb_closep)
#define _cleanup_fclose_   _cleanup_(nvb_fclosep)
#define _cleanup_closedir_ _cleanup_(nvb_closedirp)
#define _unused_	   __attribute__((unused))

/*
 * Growing array: makes room for one more element in `array` (elements of its own type, `count` used,
 *`capacity` allocated). False without memory; the array is unchanged then. A new element is not cleared.
 *
 *	if (!NVB_GROW(list->gpus, list->gpu_count, list->gpu_capacity))
 *		return nvb_fail_oom(err);
 *	list->gpus[list->gpu_count++] = gpu;
 */
bool nvb_grow(void **array, size_t count, size_t *capacity, size_t element_size);
#define NVB_GROW(array, count, capacity) nvb_grow((void **)&(array), (count), &(capacity), sizeof(*(array)))

/*
 * Arena: many small objects that live and die together (an inventory, a plan). Allocations are cleared and
 * aligned for any type; there is no free of a single one. Not thread-safe. Zero-initialise, then use.
 */
struct nvb_arena {
	struct nvb_arena_block *blocks;
};

void *nvb_arena_alloc(struct nvb_arena *arena, size_t size);
char *nvb_arena_strdup(struct nvb_arena *arena, const char *s);
char *nvb_arena_strndup(struct nvb_arena *arena, const char *s, size_t n);
char *nvb_arena_printf(struct nvb_arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *nvb_arena_memdup(struct nvb_arena *arena, const void *data, size_t size);
void nvb_arena_release(struct nvb_arena *arena);

#endif
