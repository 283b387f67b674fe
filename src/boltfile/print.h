/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_PRINT_H
#define NVB_BOLTFILE_PRINT_H

#include "boltfile/keys.h"

/* What both printers ask of a row. */

/* Whether it is the first of those that fill its field: the one that is printed. */
bool nvb_boltfile_is_first(const struct boltfile_key *key);
bool nvb_boltfile_is_said(const struct boltfile_key *key, const void *base);

#endif
