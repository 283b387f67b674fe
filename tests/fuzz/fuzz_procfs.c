/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "inventory/libs.h"
#include "inventory/procfs.h"

/* What came out of a text ends, has no control characters, and is what it should be or empty. */
static void check_text(const char *s)
{
	FUZZ_CHECK(memchr(s, '\0', NVB_PROC_TEXT));
	for (; *s; s++)
		FUZZ_CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct nvb_proc_version version;
	struct nvb_proc_gpu gpu;
	struct nvb_mig_minors minors = {0};
	char pci[NVB_PCI_ADDRESS], again[NVB_PCI_ADDRESS];
	const char *library;
	uint32_t number;

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (nvb_procfs_parse_version(text, &version))
		FUZZ_CHECK(nvb_is_driver_version(version.version));
	nvb_procfs_parse_information(text, &gpu);
	check_text(gpu.model);
	check_text(gpu.firmware);
	FUZZ_CHECK(!*gpu.uuid || nvb_is_uuid(gpu.uuid, "GPU-"));
	(void)nvb_procfs_find_major(text, "nvidia-uvm", &number);
	(void)nvb_procfs_parse_capability(text, &number);
	FUZZ_CHECK(nvb_procfs_parse_mig_minors(text, &minors));
	for (size_t i = 0; i < minors.count; i++)
		FUZZ_CHECK(nvb_mig_minor_find(
			&minors, minors.list[i].gpu, minors.list[i].gi, minors.list[i].ci, &number));
	free(minors.list);
	if (nvb_pci_normalise(text, pci))
		FUZZ_CHECK(nvb_pci_normalise(pci, again) && nvb_streq(pci, again));
	library = nvb_lib_version(text);
	if (library)
		FUZZ_CHECK(library > text && library <= text + size);
	(void)nvb_lib_find(text);
	return 0;
}
