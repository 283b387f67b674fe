/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "isolation/dmem.h"
#include "isolation/grant.h"

/* A limit of memory that the kernel keeps for a container as a whole. */

enum { LARGEST_FILE = 1 << 20 };

#define CAPACITY "/sys/fs/cgroup/dmem.capacity"

/* As a whole part of the name: 0000:03:00.0 is not in 0000:03:00.01. */
static bool has_part(const char *name, size_t size, const char *part)
{
	size_t length = strlen(part);

	for (size_t at = 0; at + length <= size; at++)
		if (strncasecmp(name + at, part, length) == 0 &&
			(at == 0 || !isalnum((unsigned char)name[at - 1])) &&
			(at + length == size || !isalnum((unsigned char)name[at + length])))
			return true;
	return false;
}

static bool is_vram(const char *name, size_t size)
{
	return memmem(name, size, "vram", strlen("vram")) != NULL;
}

char *nvb_dmem_region(const char *capacity, const char *pci, uint64_t *bytes)
{
	const char *best = NULL;
	size_t best_size = 0;

	for (const char *line = capacity; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t size = strcspn(line, " \n");
		char *end = NULL;
		uint64_t value = line[size] == ' ' ? strtoull(line + size + 1, &end, 10) : 0;

		if (!value || (end && *end && *end != '\n') || !has_part(line, size, pci) ||
			(best && (is_vram(best, best_size) || !is_vram(line, size))))
			continue;
		best = line;
		best_size = size;
		*bytes = value;
	}
	return best ? strndup(best, best_size) : NULL;
}

static int explain(char **why, const char *reason, nvb_error **err)
{
	*why = strdup(reason);
	return *why ? 0 : nvb_fail_oom(err);
}

/* The lines of dmem.max; false where a GPU has no region. */
static bool write_limits(const struct nvb_decision *decision, const char *capacity, struct nvb_strbuf *out)
{
	for (size_t i = 0; i < decision->count; i++) {
		uint64_t bytes = 0;
		_cleanup_free_ char *region = NULL;

		if (decision->devices[i].mig || !decision->devices[i].gpu->pci)
			return false;
		region = nvb_dmem_region(capacity, decision->devices[i].gpu->pci, &bytes);
		if (!region)
			return false;
		nvb_sb_addf(out, "%s%s %" PRIu64, i ? "\n" : "", region, decision->asked->memory_limit);
	}
	return decision->count > 0;
}

int nvb_grant_by_dmem(struct nvb_decision *decision, char **why)
{
	const struct nvb_request *asked = decision->asked;
	struct nvb_limit limit = {.kind = NVB_LIMIT_MEMORY,
		.enforcement = NVB_ENFORCED_KERNEL,
		.asked = asked->memory_limit,
		.granted = asked->memory_limit,
		.by = "dmem",
		.reason = "the control group's own limit, of the container as a whole; not tried yet with "
			  "NVIDIA's driver"};
	_cleanup_free_ char *capacity = NULL;
	_cleanup_strbuf_ struct nvb_strbuf lines = {0};
	int rc;

	if (!asked->memory_limit || decision->options->rules.no_dmem || geteuid() != 0)
		return explain(why, "dmem keeps limits of memory alone", decision->err);
	/* An MPS server takes memory for its clients, in another group than theirs. */
	if (asked->compute_limit)
		return explain(why, "dmem keeps no limit of multiprocessors", decision->err);
	if (nvb_root_read(&(*decision->inventory)->roots.sys, CAPACITY, LARGEST_FILE, &capacity, NULL, NULL) <
		0)
		return explain(why, "the kernel has no dmem here", decision->err);
	if (!write_limits(decision, capacity, &lines))
		return explain(why, "the driver registers no dmem region for the GPU", decision->err);
	if (lines.failed)
		return nvb_fail_oom(decision->err);
	limit.dmem = lines.s;
	rc = nvb_request_add_limit(decision->grant->request, &limit, decision->err);
	return rc < 0 ? rc : 1;
}
