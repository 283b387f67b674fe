/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "mig/file.h"

static void check(const uint8_t *data, size_t size, const char *name)
{
	_cleanup_mig_file_ struct nvb_mig_file file = {.arena = {0}};
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_mig_file_parse(&file, (const char *)data, size, name, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n') && !file.config_count);
		return;
	}
	FUZZ_CHECK(file.config_count);
	for (size_t c = 0; c < file.config_count; c++) {
		FUZZ_CHECK(file.configs[c].name && file.configs[c].rule_count);
		for (size_t r = 0; r < file.configs[c].rule_count; r++) {
			const struct nvb_mig_rule *rule = &file.configs[c].rules[r];

			FUZZ_CHECK(rule->enabled || !rule->wanted_count);
			for (size_t w = 0; w < rule->wanted_count; w++)
				FUZZ_CHECK(rule->wanted[w].name && rule->wanted[w].count);
		}
	}
}

/* Files of MIG layouts: what is accepted is complete, what is refused gives one line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size, "f.yaml");
	check(data, size, "f.toml");
	return 0;
}
