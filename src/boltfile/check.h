/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_CHECK_H
#define NVB_BOLTFILE_CHECK_H

#include "boltfile/values.h"

/* What only the whole file can tell: that names lead somewhere, that nothing waits for itself, that no port
 * is given twice. For parse.c. */
int nvb_boltfile_check(struct boltfile_reader *r);

#endif
