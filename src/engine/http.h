/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_HTTP_H
#define NVB_ENGINE_HTTP_H

#include <stddef.h>

#include "base/error.h"

/*
 * Asks a daemon for one document over its unix socket (HTTP/1.0, GET): what docker and CRI-O answer. The body
 * is NUL-terminated and malloc'd. Errors: NVB_ERR_NOT_FOUND (no socket, nobody behind it),
 * NVB_ERR_PERMISSION, NVB_ERR_BUSY (no answer in ten seconds), NVB_ERR_CORRUPT (no HTTP, another status than
 * 200, more than `max` bytes).
 */
int engine_http_get(const char *socket_path, const char *document, size_t max, char **body, size_t *size,
	nvb_error **err);

/* Whether somebody listens on the socket: the same errors, 0 when somebody does. */
int engine_socket_try(const char *socket_path, nvb_error **err);

#endif
