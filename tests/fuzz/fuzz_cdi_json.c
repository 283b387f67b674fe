/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_cdi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_cdi(data, size, NVB_CDI_JSON);
}
