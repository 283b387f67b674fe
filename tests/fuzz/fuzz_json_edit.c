/* SPDX-License-Identifier: Apache-2.0 */
#include "edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct edit_wish wishes[] = {
		{EDIT_PATH("runtimes", "nvbind", "path"), "\"/usr/bin/nvbind-runtime\""},
		{EDIT_PATH("default-runtime"), "\"nvbind\""},
		{EDIT_PATH("features", "cdi"), "true"},
		{EDIT_PATH("cdi-spec-dirs"), "[\"/etc/cdi\", \"/run/cdi\"]"},
	};

	edit_all(&document_json, data, size, wishes, NVB_ELEMENTS(wishes));
	return 0;
}
