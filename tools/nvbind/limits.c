/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <sys/resource.h>

#include "base/str.h"
#include "cli/output.h"
#include "nvbind.h"

/* A profile's limits, and what this process may give: a limit above makes a runtime refuse the container. */

static const struct {
	const char *name;
	__rlimit_resource_t resource;
} known[] = {{"memlock", RLIMIT_MEMLOCK}, {"stack", RLIMIT_STACK}, {"core", RLIMIT_CORE},
	{"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"rtprio", RLIMIT_RTPRIO}};

/* The kernel knows best whether we may: asked, and put back. */
static bool may_raise(__rlimit_resource_t resource, const struct rlimit *own, uint64_t wanted)
{
	struct rlimit raised = {own->rlim_cur, wanted};

	if (setrlimit(resource, &raised) < 0)
		return false;
	setrlimit(resource, own);
	return true;
}

uint64_t allowed_limit(const char *name, uint64_t wanted)
{
	for (size_t i = 0; i < NVB_ELEMENTS(known); i++) {
		struct rlimit own;

		if (!nvb_streq(known[i].name, name) || getrlimit(known[i].resource, &own) < 0 ||
			wanted <= own.rlim_max || may_raise(known[i].resource, &own, wanted))
			continue;
		nvb_report_warning("nvbind",
			"%s: the profile asks for more than this user may have; %" PRIu64 " is used", name,
			(uint64_t)own.rlim_max);
		return own.rlim_max;
	}
	return wanted;
}
