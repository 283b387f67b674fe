/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cpulist.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

static const struct {
	const char *name;
	int policy;
} policies[] = {
	{"batch", SCHED_BATCH},
	{"idle", SCHED_IDLE},
	{"fifo", SCHED_FIFO},
	{"round-robin", SCHED_RR},
};

bool nvb_schedule_has_cpuset(void)
{
	_cleanup_free_ char *controllers = NULL;

	if (access("/sys/fs/cgroup/cpuset", F_OK) == 0)
		return true;
	return nvb_file_read(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", 4096, &controllers, NULL, NULL) ==
		       0 &&
	       strstr(controllers, "cpuset");
}

static const struct nvb_edit *find(const struct nvb_plan *plan, enum nvb_edit_kind kind)
{
	for (size_t i = 0; plan && i < plan->edit_count; i++)
		if (plan->edits[i].kind == kind)
			return &plan->edits[i];
	return NULL;
}

char *nvb_schedule_cpus(const struct nvb_plan *plan, const struct nvb_log *log)
{
	const struct nvb_edit *edit = find(plan, NVB_EDIT_CPUS);
	_cleanup_cpulist_ struct nvb_cpulist near = {0};

	if (!edit)
		return NULL;
	if (nvb_cpulist_add(&near, edit->cpus) && nvb_cpulist_keep_allowed(&near) &&
		!nvb_cpulist_is_empty(&near))
		return nvb_cpulist_format(&near);
	nvb_warning(log, "%s: left out: none of the CPUs %s may be used here", edit->rule, edit->cpus);
	return NULL;
}

bool nvb_schedule_wanted(const struct nvb_plan *plan, bool no_cpuset)
{
	return find(plan, NVB_EDIT_NICE) || find(plan, NVB_EDIT_SCHEDULER) ||
	       (no_cpuset && find(plan, NVB_EDIT_CPUS));
}

static void refused(const struct nvb_edit *edit, const struct nvb_log *log, const char *what, int sys)
{
	nvb_warning(log, "%s: left out: %s: %s%s", edit->rule, what, strerror(sys),
		sys == EPERM || sys == EACCES ? " (it takes root, and a control group that may)" : "");
}

/* A first process that is created and not started has one thread. */
static void set_nice(const struct nvb_edit *edit, pid_t init, const struct nvb_log *log)
{
	int now;

	if (setpriority(PRIO_PROCESS, (id_t)init, edit->nice) < 0) {
		refused(edit, log, "nice", errno);
		return;
	}
	errno = 0;
	now = getpriority(PRIO_PROCESS, (id_t)init);
	if (errno || now != edit->nice)
		nvb_warning(log, "%s: nice is %d, not %d", edit->rule, now, edit->nice);
	else
		nvb_debug(log, "the container's first process has nice %d", now);
}

static void set_policy(const struct nvb_edit *edit, pid_t init, const struct nvb_log *log)
{
	struct sched_param param = {.sched_priority = edit->scheduler.priority};
	size_t i = 0;

	while (i < NVB_ELEMENTS(policies) && !nvb_streq(policies[i].name, edit->scheduler.policy))
		i++;
	if (i == NVB_ELEMENTS(policies))
		return;
	if (sched_setscheduler(init, policies[i].policy, &param) < 0) {
		refused(edit, log, "scheduler", errno);
		return;
	}
	param.sched_priority = 0;
	if (sched_getscheduler(init) != policies[i].policy || sched_getparam(init, &param) < 0 ||
		param.sched_priority != edit->scheduler.priority)
		nvb_warning(log, "%s: the scheduling policy is not %s", edit->rule, policies[i].name);
	else
		nvb_debug(log, "the container's first process is scheduled by %s", policies[i].name);
}

static void set_affinity(const struct nvb_plan *plan, pid_t init, const struct nvb_log *log)
{
	_cleanup_free_ char *text = nvb_schedule_cpus(plan, log);
	const struct nvb_edit *edit = find(plan, NVB_EDIT_CPUS);
	_cleanup_cpulist_ struct nvb_cpulist list = {0};
	size_t size = CPU_ALLOC_SIZE(NVB_CPUS_MAX);
	cpu_set_t *set = text && nvb_cpulist_add(&list, text) ? CPU_ALLOC(NVB_CPUS_MAX) : NULL;

	if (!set)
		return;
	CPU_ZERO_S(size, set);
	for (unsigned cpu = 0; cpu < NVB_CPUS_MAX; cpu++)
		if (nvb_cpulist_has(&list, cpu))
			CPU_SET_S(cpu, size, set);
	if (sched_setaffinity(init, size, set) < 0)
		refused(edit, log, "CPUs", errno);
	CPU_FREE(set);
}

void nvb_schedule_apply(const struct nvb_plan *plan, bool no_cpuset, pid_t init, const struct nvb_log *log)
{
	const struct nvb_edit *nice = find(plan, NVB_EDIT_NICE), *policy = find(plan, NVB_EDIT_SCHEDULER);

	if (nice)
		set_nice(nice, init, log);
	if (policy)
		set_policy(policy, init, log);
	if (no_cpuset && find(plan, NVB_EDIT_CPUS))
		set_affinity(plan, init, log);
}
