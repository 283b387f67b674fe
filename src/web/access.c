/* SPDX-License-Identifier: Apache-2.0 */
#include "web/access.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

#define IDLE UINT64_C(43200000000000) /* 12 h */

static int make_secret(char out[static NVB_SECRET_TEXT], nvb_error **err)
{
	unsigned char bytes[(NVB_SECRET_TEXT - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return nvb_fail_errno(err, errno, "making a secret");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Looks at every byte, so that how long it takes says nothing of how much of a guess is right. */
static bool same_secret(const char *secret, const char *guess)
{
	size_t n = strlen(secret), guessed = strlen(guess);
	unsigned char differs = (unsigned char)(n != guessed);

	for (size_t i = 0; i < n; i++)
		differs |= (unsigned char)(secret[i] ^ guess[guessed ? i % guessed : 0]);
	return n > 0 && differs == 0;
}

/* What travels in a header: no spaces, no control characters. */
static int check_token(const char *token, const char *path, nvb_error **err)
{
	int rc = 0;

	for (const char *c = token; rc == 0 && *c; c++)
		if (!isgraph((unsigned char)*c))
			rc = nvb_fail(err, NVB_ERR_INVALID, "%s: a token is one line of ASCII without spaces",
				path);
	if (rc == 0 && strlen(token) < NVB_TOKEN_MIN)
		rc = nvb_fail(err, NVB_ERR_INVALID,
			"%s: a token of %zu characters could be guessed; %d are the least", path,
			strlen(token), NVB_TOKEN_MIN);
	return rc == 0 ? 0 : nvb_hint(err, rc, "make one: openssl rand -hex 32 >FILE");
}

int nvb_access_read_token(struct nvb_access *access, const char *path, nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "opening the token's file %s", path);
	if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) {
		rc = nvb_fail(err, NVB_ERR_PERMISSION, "%s: others may read or write the token", path);
		return nvb_hint(err, rc, "chmod 600 %s", path);
	}
	rc = nvb_file_read_fd(fd, path, NVB_TOKEN_MAX - 1, &text, &size, err);
	if (rc < 0)
		return rc;
	while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		text[--size] = '\0';
	if (strlen(text) != size)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: a NUL in the token", path);
	rc = check_token(text, path, err);
	if (rc == 0)
		memcpy(access->token, text, size + 1);
	explicit_bzero(text, size);
	return rc;
}

int nvb_access_make_token(struct nvb_access *access, nvb_error **err)
{
	return make_secret(access->token, err);
}

bool nvb_access_is_token(const struct nvb_access *access, const char *text)
{
	return same_secret(access->token, text);
}

int nvb_access_new_link(struct nvb_access *access, nvb_error **err)
{
	return make_secret(access->link, err);
}

bool nvb_access_is_link(const struct nvb_access *access, const char *text)
{
	return same_secret(access->link, text);
}

int nvb_access_begin(struct nvb_access *access, uint64_t now, const char **session, nvb_error **err)
{
	struct nvb_session *oldest = &access->sessions[0];
	int rc;

	for (size_t i = 1; i < NVB_ELEMENTS(access->sessions); i++)
		if (access->sessions[i].seen < oldest->seen)
			oldest = &access->sessions[i];
	rc = make_secret(oldest->secret, err);
	if (rc < 0)
		return rc;
	oldest->seen = now;
	*session = oldest->secret;
	return 0;
}

static struct nvb_session *find(struct nvb_access *access, const char *text)
{
	struct nvb_session *found = NULL;

	for (size_t i = 0; i < NVB_ELEMENTS(access->sessions); i++)
		if (same_secret(access->sessions[i].secret, text))
			found = &access->sessions[i];
	return found;
}

bool nvb_access_is_session(struct nvb_access *access, const char *text, uint64_t now)
{
	struct nvb_session *session = find(access, text);

	if (!session)
		return false;
	if (now - session->seen > IDLE) {
		*session = (struct nvb_session){0};
		return false;
	}
	session->seen = now;
	return true;
}

void nvb_access_end(struct nvb_access *access, const char *text)
{
	struct nvb_session *session = find(access, text);

	if (session)
		*session = (struct nvb_session){0};
}
