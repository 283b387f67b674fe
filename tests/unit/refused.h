/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_REFUSED_H
#define TESTS_REFUSED_H

#include "cmocka_all.h"

#include <string.h>

#include "base/error.h"

/* What must fail does, with that code and a message in which that stands. */
static inline void refused(int rc, nvb_error **err, enum nvb_error_code code, const char *message)
{
	assert_int_equal(rc, -(int)code);
	assert_int_equal(nvb_error_code(*err), code);
	if (!strstr(nvb_error_message(*err), message))
		fail_msg("'%s' is not in: %s", message, nvb_error_message(*err));
	nvb_error_free(*err);
	*err = NULL;
}

#endif
