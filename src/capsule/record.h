/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_RECORD_H
#define NVB_CAPSULE_RECORD_H

#include <stdbool.h>

/* A capsule's record: "key value" lines. */

/* The value of a key; malloc'd, NULL when there is none. */
char *nvb_record_value(const char *record, const char *key);

/* True for the name of a capsule's directory. */
bool nvb_record_is_id(const char *name);

#endif
