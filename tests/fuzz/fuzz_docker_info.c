/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/docker_info.h"
#include "fuzz.h"

/* A daemon's answer is whatever it is: words out of it, or one line that says what is wrong with it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_docker_info_ struct docker_info info = {0};
	_cleanup_error_ nvb_error *err = NULL;

	if (docker_info_parse(&info, (const char *)data, size, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		FUZZ_CHECK(!info.version && !info.error && !info.runtimes && !info.cdi_directories);
		return 0;
	}
	FUZZ_CHECK(!info.version || *info.version);
	for (size_t i = 0; info.runtimes && info.runtimes[i]; i++)
		FUZZ_CHECK(strlen(info.runtimes[i]) <= size);
	return 0;
}
