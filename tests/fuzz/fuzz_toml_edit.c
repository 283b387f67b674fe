/* SPDX-License-Identifier: Apache-2.0 */
#include "edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct edit_wish wishes[] = {
		{EDIT_PATH("p", "c.d", "runtimes", "n", "options", "BinaryName"), "\"/r\""},
		{EDIT_PATH("p", "c.d", "runtimes", "n", "runtime_type"), "\"t\""},
		{EDIT_PATH("p", "c.d", "default"), "\"n\""},
		{EDIT_PATH("p", "cdi"), "true"},
		{EDIT_PATH("version"), "2"},
	};

	edit_all(&document_toml, data, size, wishes, NVB_ELEMENTS(wishes));
	return 0;
}
