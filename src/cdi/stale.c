/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/stale.h"

#include <ctype.h>
#include <stdarg.h>

#include "base/str.h"

static const char *const names[NVB_CDI_STALE_KINDS] = {
	[NVB_CDI_STALE_INVALID] = "invalid",
	[NVB_CDI_STALE_CONFLICT] = "conflict",
	[NVB_CDI_STALE_DRIVER] = "driver",
	[NVB_CDI_STALE_GPUS] = "gpus",
	[NVB_CDI_STALE_MIG] = "mig",
	[NVB_CDI_STALE_NODE] = "node",
	[NVB_CDI_STALE_NUMBERS] = "numbers",
	[NVB_CDI_STALE_GONE] = "gone",
	[NVB_CDI_STALE_NEW] = "new",
	[NVB_CDI_STALE_HOOK] = "hook",
	[NVB_CDI_STALE_OTHER] = "other",
	[NVB_CDI_STALE_UNMADE] = "unmade",
	[NVB_CDI_STALE_HIDDEN] = "hidden",
};

const char *nvb_cdi_stale_name(enum nvb_cdi_stale kind)
{
	return names[kind];
}

void nvb_cdi_findings_release(struct nvb_cdi_findings *findings)
{
	free(findings->items);
	nvb_arena_release(&findings->arena);
	*findings = (struct nvb_cdi_findings){0};
}

/* The last few suffice: what is found twice is found in a row, for a device's several names. */
static bool is_there(const struct nvb_cdi_findings *findings, enum nvb_cdi_stale kind, const char *subject,
	const char *message)
{
	for (size_t i = findings->count; i-- > 0;)
		if (findings->items[i].kind == kind && nvb_streq0(findings->items[i].subject, subject) &&
			(subject || nvb_streq(findings->items[i].message, message)))
			return true;
	return false;
}

enum { FINDINGS_MAX = 1000 }; /* more say no more; and looking for doubles is quadratic */

int nvb_cdi_findings_add(struct nvb_cdi_findings *findings, enum nvb_cdi_stale kind, const char *subject,
	nvb_error **err, const char *fmt, ...)
{
	_cleanup_free_ char *message = NULL;
	struct nvb_cdi_finding finding = {.kind = kind};
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&message, fmt, ap);
	va_end(ap);
	if (n < 0) {
		message = NULL;
		return nvb_fail_oom(err);
	}
	if (findings->count == FINDINGS_MAX || is_there(findings, kind, subject, message))
		return 0;
	finding.subject = subject ? nvb_arena_strdup(&findings->arena, subject) : NULL;
	finding.message = nvb_arena_strdup(&findings->arena, message);
	if ((subject && !finding.subject) || !finding.message ||
		!NVB_GROW(findings->items, findings->count, findings->capacity))
		return nvb_fail_oom(err);
	findings->items[findings->count++] = finding;
	findings->by_kind[kind]++;
	return 0;
}

/* Insertion keeps the order within a kind; there are few findings. */
void nvb_cdi_findings_sort(struct nvb_cdi_findings *findings)
{
	for (size_t i = 1; i < findings->count; i++) {
		const struct nvb_cdi_finding finding = findings->items[i];
		size_t j = i;

		for (; j > 0 && findings->items[j - 1].kind > finding.kind; j--)
			findings->items[j] = findings->items[j - 1];
		findings->items[j] = finding;
	}
}

/* Digits and dots with a dot among them: "550.54.15". The length, 0 for none. */
static size_t version_length(const char *p)
{
	size_t n = strspn(p, "0123456789.");

	return n && isdigit((unsigned char)*p) && memchr(p, '.', n) ? n : 0;
}

char *nvb_cdi_driver_version_in(const char *path)
{
	static const char *const libraries[] = {"libcuda.so.", "libnvidia-ml.so.", "libGLX_nvidia.so."};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = version_length(name);

	/* A tree: "<version>-<32 hex digits>". */
	if (n && name[n] == '-' && strlen(name + n + 1) == 32 &&
		strspn(name + n + 1, "0123456789abcdef") == 32)
		return strndup(name, n);
	for (size_t i = 0; i < NVB_ELEMENTS(libraries); i++) {
		const char *version = nvb_after(name, libraries[i]);

		n = version ? version_length(version) : 0;
		if (n && !version[n])
			return strndup(version, n);
	}
	return NULL;
}
