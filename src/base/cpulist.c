/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpulist.h"

#include <sched.h>
#include <string.h>

#include "base/str.h"

enum { BITS = 64 };

static bool reserve(struct nvb_cpulist *list, unsigned last)
{
	size_t wanted = last / BITS + 1;
	uint64_t *words;

	if (wanted <= list->count)
		return true;
	words = realloc(list->words, wanted * sizeof(*words));
	if (!words)
		return false;
	memset(words + list->count, 0, (wanted - list->count) * sizeof(*words));
	list->words = words;
	list->count = wanted;
	return true;
}

/* "7", "0-15" */
static bool add_range(struct nvb_cpulist *list, char *text)
{
	char *dash = strchr(text, '-');
	uint32_t first, last;

	if (dash)
		*dash = '\0';
	if (!nvb_parse_u32(text, &first) || !nvb_parse_u32(dash ? dash + 1 : text, &last) || first > last ||
		last >= NVB_CPUS_MAX || !reserve(list, last))
		return false;
	for (uint32_t cpu = first; cpu <= last; cpu++)
		list->words[cpu / BITS] |= UINT64_C(1) << cpu % BITS;
	return true;
}

bool nvb_cpulist_add(struct nvb_cpulist *list, const char *text)
{
	_cleanup_strv_ char **parts = nvb_strv_split(text, ",\n");

	if (!parts)
		return false;
	for (size_t i = 0; parts[i]; i++)
		if (!add_range(list, parts[i]))
			return false;
	return true;
}

void nvb_cpulist_intersect(struct nvb_cpulist *list, const struct nvb_cpulist *other)
{
	for (size_t i = 0; i < list->count; i++)
		list->words[i] &= i < other->count ? other->words[i] : 0;
}

bool nvb_cpulist_keep_allowed(struct nvb_cpulist *list)
{
	_cleanup_cpulist_ struct nvb_cpulist allowed = {0};
	cpu_set_t *set = CPU_ALLOC(NVB_CPUS_MAX);
	bool ok = set && sched_getaffinity(0, CPU_ALLOC_SIZE(NVB_CPUS_MAX), set) == 0 &&
		  reserve(&allowed, NVB_CPUS_MAX - 1);

	for (unsigned cpu = 0; ok && cpu < NVB_CPUS_MAX; cpu++)
		if (CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(NVB_CPUS_MAX), set))
			allowed.words[cpu / BITS] |= UINT64_C(1) << cpu % BITS;
	if (set)
		CPU_FREE(set);
	if (ok)
		nvb_cpulist_intersect(list, &allowed);
	return ok;
}

bool nvb_cpulist_is_empty(const struct nvb_cpulist *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->words[i])
			return false;
	return true;
}

bool nvb_cpulist_has(const struct nvb_cpulist *list, unsigned cpu)
{
	return cpu / BITS < list->count && list->words[cpu / BITS] >> cpu % BITS & 1;
}

char *nvb_cpulist_format(const struct nvb_cpulist *list)
{
	struct nvb_strbuf text = {0};

	nvb_sb_add(&text, "");
	for (unsigned cpu = 0; cpu < list->count * BITS; cpu++) {
		unsigned last = cpu;

		if (!nvb_cpulist_has(list, cpu))
			continue;
		while (nvb_cpulist_has(list, last + 1))
			last++;
		nvb_sb_addf(&text, "%s%u", text.len ? "," : "", cpu);
		if (last > cpu)
			nvb_sb_addf(&text, "-%u", last);
		cpu = last;
	}
	return nvb_sb_finish(&text);
}

void nvb_cpulist_release(struct nvb_cpulist *list)
{
	free(list->words);
	*list = (struct nvb_cpulist){0};
}
