/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_ACCESS_H
#define NVB_WEB_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Who may see what: a token for programs (Authorization: Bearer), and for browsers a session, which is begun
 * with the token or with a link that works once, and lives in this process's memory alone.
 */
#define NVB_SECRET_TEXT 65 /* 256 bits as hexadecimal digits and a NUL */
#define NVB_TOKEN_MAX	512
#define NVB_TOKEN_MIN	16 /* fewer characters could be guessed */

struct nvb_session {
	char secret[NVB_SECRET_TEXT];
	uint64_t seen; /* nanoseconds; when it was last used */
};

struct nvb_access {
	char token[NVB_TOKEN_MAX]; /* "": none */
	char link[NVB_SECRET_TEXT];
	struct nvb_session sessions[32];
};

/* Reads a token, one line, from a file that nobody but its owner may read. */
int nvb_access_read_token(struct nvb_access *access, const char *path, nvb_error **err);
/* A token that nobody knows, for pages that are reached by the link alone. */
int nvb_access_make_token(struct nvb_access *access, nvb_error **err);

/* Takes the same time whatever is wrong with it. */
bool nvb_access_is_token(const struct nvb_access *access, const char *text);

/* Another link: the one before no longer works. */
int nvb_access_new_link(struct nvb_access *access, nvb_error **err);
bool nvb_access_is_link(const struct nvb_access *access, const char *text);

/* Begins a session, in the place of the one that was not used for longest. *session lives until it is
 * replaced. */
int nvb_access_begin(struct nvb_access *access, uint64_t now, const char **session, nvb_error **err);
/* Whether it is one, not idle for longer than half a day; that it was used is noted. */
bool nvb_access_is_session(struct nvb_access *access, const char *text, uint64_t now);
void nvb_access_end(struct nvb_access *access, const char *session);

#endif
