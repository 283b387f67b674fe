/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "bolt/latency.h"

/* The calling thread: how it is scheduled, and how late its timers may be. Both are the kernel's of a thread,
 * so the thread's number is what they are put back by. */

static int change_policy(struct nvb_thread_before *before, int priority)
{
	const struct sched_param wanted = {.sched_priority = priority};
	struct sched_param now;
	int policy;

	if (sched_setscheduler(before->thread, SCHED_RR | SCHED_RESET_ON_FORK, &wanted) < 0)
		return -errno;
	before->scheduling = true;
	policy = sched_getscheduler(before->thread);
	if (policy < 0 || sched_getparam(before->thread, &now) < 0)
		return -errno;
	before->set_policy = policy;
	before->set_priority = now.sched_priority;
	return (policy & ~SCHED_RESET_ON_FORK) == SCHED_RR && now.sched_priority == priority ? 0 : -EIO;
}

/* Where real-time priorities are not to be had, a lower nice value may be. */
static int change_nice(struct nvb_thread_before *before)
{
	enum { WANTED = -11 }; /* as sound servers ask for */

	if (setpriority(PRIO_PROCESS, (id_t)before->thread, WANTED) < 0)
		return -errno;
	before->scheduling = true;
	errno = 0;
	before->set_nice = getpriority(PRIO_PROCESS, (id_t)before->thread);
	return before->set_nice == WANTED ? 0 : -EIO;
}

static int schedule(struct nvb_low_latency *latency, int priority, nvb_error **err)
{
	struct nvb_thread_before *before = &latency->thread;
	struct sched_param param = {0};
	int rc, nice_rc;

	before->policy = sched_getscheduler(before->thread);
	errno = 0;
	before->nice = before->set_nice = getpriority(PRIO_PROCESS, (id_t)before->thread);
	if (before->policy < 0 || sched_getparam(before->thread, &param) < 0)
		return nvb_latency_note(
			latency, false, err, "scheduling", "it cannot be read: %s", strerrordesc_np(errno));
	before->priority = param.sched_priority;
	before->set_policy = before->policy;
	before->set_priority = before->priority;
	rc = change_policy(before, priority);
	if (rc == 0)
		return nvb_latency_note(latency, true, err, "scheduling", "SCHED_RR, priority %d", priority);
	nice_rc = change_nice(before);
	if (nice_rc == 0)
		return nvb_latency_note(latency, true, err, "scheduling",
			"nice %d (SCHED_RR was refused: %s; it takes CAP_SYS_NICE or RLIMIT_RTPRIO)",
			before->set_nice, strerrordesc_np(-rc));
	return nvb_latency_note(latency, false, err, "scheduling",
		"SCHED_RR: %s, a lower nice value: %s (they take CAP_SYS_NICE, RLIMIT_RTPRIO or RLIMIT_NICE)",
		strerrordesc_np(-rc), strerrordesc_np(-nice_rc));
}

/* The kernel may let a sleeper wake that many ns late, to wake several at a time: 50 us by default. */
static int sharpen_timers(struct nvb_low_latency *latency, nvb_error **err)
{
	int before = prctl(PR_GET_TIMERSLACK), now;

	if (before < 0 || prctl(PR_SET_TIMERSLACK, 1UL) < 0)
		return nvb_latency_note(latency, false, err, "timers", "%s", strerrordesc_np(errno));
	latency->thread.slack = (unsigned long)before;
	latency->thread.timers = true;
	now = prctl(PR_GET_TIMERSLACK);
	/* A real-time thread's timers are never late by that, and read as 0. */
	return nvb_latency_note(
		latency, now == 0 || now == 1, err, "timers", "at most %d ns late, before %d", now, before);
}

int nvb_latency_thread(struct nvb_low_latency *latency, int priority, nvb_error **err)
{
	int rc;

	latency->thread.thread = (pid_t)syscall(SYS_gettid);
	rc = sharpen_timers(latency, err);
	return rc < 0 ? rc : schedule(latency, priority, err);
}

static bool is_ours(const struct nvb_thread_before *before)
{
	struct sched_param now;

	errno = 0;
	return sched_getscheduler(before->thread) == before->set_policy &&
	       sched_getparam(before->thread, &now) == 0 && now.sched_priority == before->set_priority &&
	       getpriority(PRIO_PROCESS, (id_t)before->thread) == before->set_nice && errno == 0;
}

void nvb_latency_thread_back(const struct nvb_thread_before *before)
{
	const struct sched_param param = {.sched_priority = before->priority};

	if (before->scheduling && is_ours(before)) {
		sched_setscheduler(before->thread, before->policy, &param);
		setpriority(PRIO_PROCESS, (id_t)before->thread, before->nice);
	}
	/* prctl is about the calling thread alone; of another one the slack stays as it is. */
	if (before->timers && before->thread == (pid_t)syscall(SYS_gettid))
		prctl(PR_SET_TIMERSLACK, before->slack);
}
