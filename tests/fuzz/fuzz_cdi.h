/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_CDI_H
#define TESTS_FUZZ_CDI_H

#include <string.h>

#include "cdi/read.h"
#include "cdi/write.h"
#include "fuzz.h"

/* Written and read again, in either format, a good spec says the same and stays good. */
static inline void fuzz_cdi_round_trip(struct nvb_cdi_spec *spec, enum nvb_cdi_format format)
{
	_cleanup_cdi_spec_ struct nvb_cdi_spec again = {0};
	_cleanup_free_ char *text = NULL, *twice = NULL;
	size_t size, twice_size;

	if (nvb_cdi_encode(spec, format, &text, &size, NULL) < 0)
		return; /* no memory: what was read is UTF-8 */
	FUZZ_CHECK(strlen(text) == size);
	FUZZ_CHECK(nvb_cdi_parse(&again, text, size, format, "again", NULL) == 0);
	FUZZ_CHECK(nvb_cdi_spec_equal(spec, &again));
	FUZZ_CHECK(nvb_cdi_required_version(spec, NULL) == nvb_cdi_required_version(&again, NULL));
	if (nvb_cdi_encode(&again, format, &twice, &twice_size, NULL) < 0)
		return;
	FUZZ_CHECK(size == twice_size && memcmp(text, twice, size) == 0);
}

/* Every problem has its place and one line; a document without errors survives being written. */
static inline int fuzz_cdi(const uint8_t *data, size_t size, enum nvb_cdi_format format)
{
	_cleanup_cdi_report_ struct nvb_cdi_report report = {0};
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_cdi_check(&spec, (const char *)data, size, format, "input", &report, &err) < 0) {
		FUZZ_CHECK(err && strncmp(nvb_error_message(err), "input:", 6) == 0);
		FUZZ_CHECK(!spec.version && !spec.arena.blocks);
		return 0;
	}
	for (size_t i = 0; i < report.count; i++)
		FUZZ_CHECK(report.problems[i].line && report.problems[i].path && report.problems[i].message);
	if (!report.errors) {
		fuzz_cdi_round_trip(&spec, NVB_CDI_YAML);
		fuzz_cdi_round_trip(&spec, NVB_CDI_JSON);
	}
	return 0;
}

#endif
