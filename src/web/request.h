/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_REQUEST_H
#define NVB_WEB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* What stands in a request's headers and body, all of it a stranger's. The output is NUL-terminated, `size`
 * bytes at most; false, and *out untouched, where it is not there, is not well-formed, or does not fit. */

/* The value of a cookie in a Cookie header (RFC 6265, 4.2.1). Of several the first. */
bool nvb_request_cookie(const char *header, const char *name, char *out, size_t size);

/* The token of an Authorization header "Bearer TOKEN" (RFC 6750, 2.1). */
bool nvb_request_bearer(const char *header, char *out, size_t size);

/* A field of a form as browsers send it: name=value&..., plus for a space, %XX; NVB_REQUEST_FIELD bytes at
 * most. A NUL in it is refused. */
#define NVB_REQUEST_FIELD 1024
bool nvb_request_field(const char *body, size_t length, const char *name, char *out, size_t size);

#endif
