/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "container/hook_state.h"
#include "fuzz.h"

/* What a hook takes out of a container's state and out of a config.json. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_hook_state_ struct nvb_hook_state state = {0};
	_cleanup_free_ char *path = NULL;

	if (nvb_hook_state_parse(&state, (const char *)data, size, NULL) == 0)
		FUZZ_CHECK(state.bundle && state.bundle[0] == '/');
	else
		FUZZ_CHECK(!state.bundle);
	if (nvb_hook_root_path((const char *)data, size, &path, NULL) == 0)
		FUZZ_CHECK(path && *path);
	else
		FUZZ_CHECK(!path);
	return 0;
}
