/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_DETACH_KEYS_H
#define NVB_CAPSULE_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The keys that leave a capsule's terminal without ending its program, as docker spells them:
 * "ctrl-p,ctrl-q", "ctrl-x,d". */
enum { NVB_DETACH_KEYS_MOST = 16 };
#define NVB_DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

struct nvb_detach_keys {
	unsigned char keys[NVB_DETACH_KEYS_MOST];
	size_t count; /* 0: nothing leaves */
	size_t seen;  /* so many of them were typed and are held back */
};

/* "" is none. */
int nvb_detach_keys_parse(const char *text, struct nvb_detach_keys *keys, nvb_error **err);

/*
 * Takes the keys out of what is typed: `out` (with room for size + NVB_DETACH_KEYS_MOST bytes) gets what is
 * for the program; *out_size how much. True: the last key of the sequence was typed, the rest is dropped.
 */
bool nvb_detach_keys_filter(struct nvb_detach_keys *keys, const unsigned char *in, size_t size,
	unsigned char *out, size_t *out_size);

#endif
