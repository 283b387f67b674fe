/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "snapshot/manifest.h"

/* A snapshot's manifest: what was read is written and read again as the same; in two parts as in one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_snapshot_manifest_ struct nvb_snapshot_manifest manifest = {0}, again = {0}, parts = {0};
	_cleanup_strbuf_ struct nvb_strbuf first = {0}, second = {0}, open = {0}, sealed = {0};

	if (nvb_snapshot_manifest_read(&manifest, (const char *)data, size, NULL) < 0)
		return 0;
	nvb_snapshot_manifest_write(&manifest, NVB_MANIFEST_ALL, 0, &first);
	FUZZ_CHECK(!first.failed && nvb_snapshot_manifest_read(&again, first.s, first.len, NULL) == 0);
	nvb_snapshot_manifest_write(&again, NVB_MANIFEST_ALL, 0, &second);
	FUZZ_CHECK(!second.failed && strcmp(first.s, second.s) == 0);
	nvb_snapshot_manifest_write(&manifest, NVB_MANIFEST_OPEN, 0, &open);
	nvb_snapshot_manifest_write(&manifest, NVB_MANIFEST_SEALED, 0, &sealed);
	FUZZ_CHECK(nvb_snapshot_manifest_read(&parts, open.s, open.len, NULL) == 0);
	FUZZ_CHECK(!parts.definition && !parts.details);
	FUZZ_CHECK(nvb_snapshot_manifest_read(&parts, sealed.s, sealed.len, NULL) == 0);
	nvb_sb_release(&second);
	nvb_snapshot_manifest_write(&parts, NVB_MANIFEST_ALL, 0, &second);
	FUZZ_CHECK(!second.failed && strcmp(first.s, second.s) == 0);
	return 0;
}
