/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_JSCAN_STRING_H
#define NVB_BASE_JSCAN_STRING_H

#include "base/jscan.h"

/* Strings of the JSON scanner: for jscan.c alone. */

/*
 * Scans the string whose first byte behind the quote is `p`. Returns its closing quote, or NULL with what is
 * wrong in *why and where in *at.
 */
const char *nvb_jstring_scan(
	const char *p, const char *end, bool *escaped, const char **why, const char **at);

/* Orders decoded strings: a total order, no more. */
int nvb_jstring_compare(const struct nvb_json *a, const struct nvb_json *b);

/* Equal but for case, as Go's encoding/json folds names. */
bool nvb_jstring_folds_to(const struct nvb_json *string, const char *name);

#endif
