/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config.h"
#include "fuzz.h"

/* Whatever the file says, what comes out can be used as it is; a file that is refused changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_config_init(&config, NULL) < 0)
		return 0;
	if (nvb_config_parse(&config, (const char *)data, size, "input", &err) < 0) {
		FUZZ_CHECK(err && strcmp(config.roots.dev, "/") == 0 && !config.file && !config.hook.path);
		FUZZ_CHECK(!config.cdi.directories && !config.roots.library_path);
	}
	FUZZ_CHECK(*config.roots.driver == '/' && *config.roots.dev == '/' && *config.roots.proc == '/' &&
		   *config.roots.sys == '/');
	FUZZ_CHECK(!config.runtime.runtimes || config.runtime.runtimes[0]);
	FUZZ_CHECK(config.runtime.capabilities && !(config.runtime.capabilities & ~NVB_CAP_ALL));
	FUZZ_CHECK(nvb_choice_name(nvb_config_layout_choices, (int)config.runtime.layout));
	FUZZ_CHECK(nvb_choice_name(nvb_log_level_choices, (int)config.log.level));
	FUZZ_CHECK(nvb_choice_name(nvb_log_format_choices, (int)config.log.format));
	return 0;
}
