/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "base/toml.h"
#include "boltfile/compose.h"
#include "fuzz.h"

/* Whatever the Compose file says, what comes out is TOML. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_error_ nvb_error *err = NULL, *toml_err = NULL;
	_cleanup_free_ char *toml = NULL;
	_cleanup_strv_ char **lost = NULL;

	if (nvb_compose_import((const char *)data, size, "input", &toml, &lost, &err) < 0) {
		FUZZ_CHECK(err && strncmp(nvb_error_message(err), "input:", 6) == 0 && !toml && !lost);
		return 0;
	}
	if (nvb_toml_parse(&doc, toml, strlen(toml), "made", &toml_err) < 0)
		/* Two keys of a Compose file can mean one of a Boltfile; nothing else may be wrong. */
		FUZZ_CHECK(strstr(nvb_error_message(toml_err), "stands already") ||
			   strstr(nvb_error_message(toml_err), "nested more than"));
	nvb_strv_foreach (line, lost)
		FUZZ_CHECK(strncmp(*line, "input:", 6) == 0);
	return 0;
}
