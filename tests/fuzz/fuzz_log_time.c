/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "supervisor/log.h"

/* Moments of --since and --until: what is taken is a moment, what is refused says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct timespec now = {.tv_sec = 1790000000, .tv_nsec = 1};
	_cleanup_free_ char *text = malloc(size + 1);
	_cleanup_error_ nvb_error *err = NULL;
	struct timespec time = {.tv_nsec = -1};

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (nvb_log_parse_time(text, "--since", now, &time, &err) < 0)
		FUZZ_CHECK(err && time.tv_nsec == -1);
	else
		FUZZ_CHECK(!err && time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
	return 0;
}
