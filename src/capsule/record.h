/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_RECORD_H
#define NVB_CAPSULE_RECORD_H

#include <stdbool.h>

#include "base/str.h"
#include "capsule/state.h"

/* A capsule's record: "key value" lines. */

/* The value of a key; malloc'd, NULL when there is none. */
char *nvb_record_value(const char *record, const char *key);
/* Whether a key's value is "1". */
bool nvb_record_flag(const char *record, const char *key);
/* The value of a key as a number; `absent` when there is none. */
long long nvb_record_number(const char *record, const char *key, long long absent);
/* The record with the key's line replaced, or without it for NULL; malloc'd, NULL without memory. Values end
 * at their first newline. */
char *nvb_record_set(const char *record, const char *key, const char *value);
char *nvb_record_set_number(const char *record, const char *key, long long value);

/* Adds a key's line; nothing for NULL. A value ends at its first newline, and where it is longer than a list
 * has use for: what an image or a user wrote must not make the record larger than NVB_RECORD_MOST. */
void nvb_record_line(struct nvb_strbuf *out, const char *key, const char *value);

/* True for the name of a capsule's directory. */
bool nvb_record_is_id(const char *name);

/* The inside of state.c, for the files beside it. */

enum { NVB_RECORD_MOST = 1 << 16 };

char *nvb_state_join(const char *a, const char *b);
/* Fills in the paths that follow from id and runtime; false without memory. */
bool nvb_entry_fill_paths(const struct nvb_state *state, struct nvb_entry *entry);
/* Whether the container was started. */
bool nvb_entry_has_init(const struct nvb_entry *entry);

#endif
