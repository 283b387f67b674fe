/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "config/config.h"
#include "config/import.h"
#include "fuzz.h"

/* What is made of any file is a configuration of ours; what is not taken gives one line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_strv_ char **notes = NULL;
	_cleanup_free_ char *text = NULL;

	if (nvb_config_import((const char *)data, size, "input", &text, &notes, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n') && !text && !notes);
		return 0;
	}
	FUZZ_CHECK(nvb_config_init(&config, NULL) == 0);
	FUZZ_CHECK(nvb_config_parse(&config, text, strlen(text), "ours", NULL) == 0);
	return 0;
}
