/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_ERROR_H
#define NVBIND_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef NVB_API
#define NVB_API __attribute__((visibility("default")))
#endif

/**
 * What kind of thing went wrong. Functions return 0 on success and the negated code on failure, so a caller
 * can branch on the kind without an error object. New codes may be added; treat an unknown one as
 * NVB_ERR_SYSTEM.
 */
enum nvb_error_code {
	NVB_OK = 0,
	NVB_ERR_INVALID,     /* the caller's input is malformed or contradicts itself */
	NVB_ERR_NOT_FOUND,   /* the thing named does not exist */
	NVB_ERR_UNSUPPORTED, /* this host, driver or device cannot do it */
	NVB_ERR_PERMISSION,  /* it exists, but the caller may not */
	NVB_ERR_BUSY,	     /* somebody else holds it */
	NVB_ERR_CONFLICT,    /* two sources disagree (two specs name one device, a name is taken) */
	NVB_ERR_CORRUPT,     /* data on disk or from a program is not what its format demands */
	NVB_ERR_STALE,	     /* was right once, no longer describes this host */
	NVB_ERR_SYSTEM,	     /* a system call failed; nvb_error_errno() says which error */
	NVB_ERR_NO_MEMORY,
	NVB_ERR_CANCELLED, /* stopped by a signal or by the caller */
};

/** A failure: code, errno, message with its context, and what to do about it. Owned by whoever received it.
 */
typedef struct nvb_error nvb_error;

/** The kind of failure. NULL is NVB_OK. */
NVB_API enum nvb_error_code nvb_error_code(const nvb_error *error);

/** The errno of the failed system call, 0 when none was involved. */
NVB_API int nvb_error_errno(const nvb_error *error);

/** One line without a trailing newline: context first, cause last ("reading /etc/x: no such file"). Never
 * NULL; valid until free. */
NVB_API const char *nvb_error_message(const nvb_error *error);

/** What the user can do about it, one sentence, or NULL. Valid until free. */
NVB_API const char *nvb_error_hint(const nvb_error *error);

/** The name of a code as it appears in JSON output and logs ("not-found"). Static string, never NULL. */
NVB_API const char *nvb_error_code_name(enum nvb_error_code code);

/**
 * For functions that the caller gives the library (struct nvb_bolt_runtime_ops): makes an error in *error and
 * returns the negated code. `hint` may be NULL; both strings are copied. An error that stands there already
 * stays, `error` may be NULL; a code that is none becomes NVB_ERR_SYSTEM. Without memory *error says that.
 */
NVB_API int nvb_error_set(
	nvb_error **error, enum nvb_error_code code, const char *message, const char *hint);

/** Frees an error; NULL is allowed. */
NVB_API void nvb_error_free(nvb_error *error);

#ifdef __cplusplus
}
#endif
#endif
