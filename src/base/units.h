/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_UNITS_H
#define NVB_BASE_UNITS_H

#include <stdint.h>

#include "base/error.h"

/*
 * Amounts as people write them, on command lines and in files. `what` names the thing in the message;
 * NVB_ERR_INVALID, *out untouched, for anything that is not the whole of an amount or does not fit.
 */

/* Bytes: "512", "64k", "8G", "8GB", "8GiB", "1.5g", upper or lower case. All are powers of 1024, as docker
 * and the kernel read them. At most three decimal places. */
int nvb_parse_size(const char *s, const char *what, uint64_t *out, nvb_error **err);

/*
 * A limit on a GPU's memory in bytes: "8GB" is 8 * 10^9, as MIG profiles and data sheets count, "8GiB" 8 *
 * 2^30, as programs allocate. A number alone ("8") and a letter alone ("8G") are refused: both readings are
 * in use, and they differ by 7%. 0 is refused. At most three decimal places.
 */
int nvb_parse_memory_limit(const char *s, const char *what, uint64_t *out, nvb_error **err);

/* A share: "80%", 1 to 100, whole percents. "0.8" and "80" are refused: it would be guessed what they mean.
 */
int nvb_parse_percent(const char *s, const char *what, uint32_t *out, nvb_error **err);

/* Nanoseconds: "500us", "100ms", "2s", "1.5s", "5m", "1h", "7d". A bare number is refused: nobody agrees what
 * it means. */
int nvb_parse_duration(const char *s, const char *what, uint64_t *out, nvb_error **err);

#endif
