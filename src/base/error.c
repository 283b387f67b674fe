/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct nvb_error {
	enum nvb_error_code code;
	int sys;
	char *message;
	char *hint;
};

/* Handed out when there is no memory for anything else; never freed, never written. */
static struct nvb_error no_memory = {
	.code = NVB_ERR_NO_MEMORY,
	.sys = ENOMEM,
};

static const char *const code_names[] = {
	[NVB_OK] = "ok",
	[NVB_ERR_INVALID] = "invalid",
	[NVB_ERR_NOT_FOUND] = "not-found",
	[NVB_ERR_UNSUPPORTED] = "unsupported",
	[NVB_ERR_PERMISSION] = "permission",
	[NVB_ERR_BUSY] = "busy",
	[NVB_ERR_CONFLICT] = "conflict",
	[NVB_ERR_CORRUPT] = "corrupt",
	[NVB_ERR_STALE] = "stale",
	[NVB_ERR_SYSTEM] = "system",
	[NVB_ERR_NO_MEMORY] = "no-memory",
	[NVB_ERR_CANCELLED] = "cancelled",
};

enum nvb_error_code nvb_error_code(const nvb_error *error)
{
	return error ? error->code : NVB_OK;
}

int nvb_error_errno(const nvb_error *error)
{
	return error ? error->sys : 0;
}

const char *nvb_error_message(const nvb_error *error)
{
	if (!error)
		return "success";
	return error->message ? error->message : "out of memory";
}

const char *nvb_error_hint(const nvb_error *error)
{
	return error ? error->hint : NULL;
}

const char *nvb_error_code_name(enum nvb_error_code code)
{
	size_t i = (size_t)code;

	return i < NVB_ELEMENTS(code_names) ? code_names[i] : "unknown";
}

void nvb_error_free(nvb_error *error)
{
	if (!error || error == &no_memory)
		return;
	free(error->message);
	free(error->hint);
	free(error);
}

static enum nvb_error_code code_of_errno(int sys)
{
	switch (sys) {
	case ENOENT:
	case ENOTDIR:
	case ENODEV:
	case ENXIO:
		return NVB_ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return NVB_ERR_PERMISSION;
	case ENOMEM:
		return NVB_ERR_NO_MEMORY;
	case ENOSYS:
	case EOPNOTSUPP:
		return NVB_ERR_UNSUPPORTED;
	case EBUSY:
		return NVB_ERR_BUSY;
	default:
		return NVB_ERR_SYSTEM;
	}
}

/* Fills an empty *err. The negated code of what stands there then: without memory, that there is none. */
static int set(nvb_error **err, enum nvb_error_code code, int sys, char *message)
{
	struct nvb_error *e = message ? calloc(1, sizeof(*e)) : NULL;

	if (!e) {
		free(message);
		*err = &no_memory;
		return -(int)NVB_ERR_NO_MEMORY;
	}
	*e = (struct nvb_error){.code = code, .sys = sys, .message = message};
	*err = e;
	return -(int)code;
}

int nvb_error_set(nvb_error **err, enum nvb_error_code code, const char *message, const char *hint)
{
	int rc;

	if (code <= NVB_OK || code > NVB_ERR_CANCELLED)
		code = NVB_ERR_SYSTEM;
	if (!err || *err)
		return -(int)code;
	rc = set(err, code, 0, strdup(message ? message : "no reason given"));
	if (hint && *err != &no_memory)
		(*err)->hint = strdup(hint); /* a hint may be missing, the message may not */
	return rc;
}

static char *__attribute__((format(printf, 1, 0))) vformat(const char *fmt, va_list ap)
{
	char *s;

	return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

int nvb_fail(nvb_error **err, enum nvb_error_code code, const char *fmt, ...)
{
	va_list ap;
	int rc = -(int)code;

	if (err && !*err) {
		va_start(ap, fmt);
		rc = set(err, code, 0, vformat(fmt, ap));
		va_end(ap);
	}
	return rc;
}

int nvb_fail_errno(nvb_error **err, int sys, const char *fmt, ...)
{
	enum nvb_error_code code = code_of_errno(sys);
	_cleanup_free_ char *what = NULL;
	char *message;
	va_list ap;

	if (!err || *err)
		return -(int)code;
	va_start(ap, fmt);
	what = vformat(fmt, ap);
	va_end(ap);
	if (!what || asprintf(&message, "%s: %s", what, strerrordesc_np(sys) ?: "unknown error") < 0)
		message = NULL;
	return set(err, code, sys, message);
}

int nvb_fail_oom(nvb_error **err)
{
	if (err && !*err)
		*err = &no_memory;
	return -(int)NVB_ERR_NO_MEMORY;
}

int nvb_wrap(nvb_error **err, int rc, const char *fmt, ...)
{
	_cleanup_free_ char *context = NULL;
	char *message;
	va_list ap;

	if (!err || !*err || *err == &no_memory)
		return rc;
	va_start(ap, fmt);
	context = vformat(fmt, ap);
	va_end(ap);
	if (!context || asprintf(&message, "%s: %s", context, (*err)->message) < 0)
		return rc;
	free((*err)->message);
	(*err)->message = message;
	return rc;
}

int nvb_hint(nvb_error **err, int rc, const char *fmt, ...)
{
	char *hint;
	va_list ap;

	if (!err || !*err || *err == &no_memory)
		return rc;
	va_start(ap, fmt);
	hint = vformat(fmt, ap);
	va_end(ap);
	if (!hint)
		return rc;
	free((*err)->hint);
	(*err)->hint = hint;
	return rc;
}

void nvb_error_move(nvb_error **err, nvb_error *from)
{
	if (err && !*err)
		*err = from;
	else
		nvb_error_free(from);
}
