/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/proc.h"
#include "screen.h"

/* Ending a process: the one that was chosen when the question was put, or none. */

void screen_ask_kill(struct screen *s)
{
	const struct nvb_view_row *row;
	const struct nvb_sample_process *p;
	char owner[NVB_VIEW_CELL];

	if (!s->watch->sampler) {
		snprintf(s->message, sizeof(s->message), "This is a log: its processes are not this host's.");
		return;
	}
	if (s->processes.selected >= s->row_count) {
		snprintf(s->message, sizeof(s->message), "There is no process to end.");
		return;
	}
	row = &s->rows[s->processes.selected];
	p = nvb_sample_process(s->sample, row->gpu, row->process);
	if (!p->started_ns) {
		snprintf(s->message, sizeof(s->message), "Process %u has ended, or may not be looked at.",
			p->pid);
		return;
	}
	s->victim = (struct screen_victim){.pid = p->pid, .started_ns = p->started_ns};
	snprintf(s->victim.what, sizeof(s->victim.what), "%u (%.60s) of %s", p->pid,
		p->command ? p->command : "?", nvb_view_owner(p, owner));
	s->mode = MODE_KILL;
}

/* By descriptor: whoever has the number later is not meant. */
static int send(const struct screen_victim *victim, int signal)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, (pid_t)victim->pid, 0);
	uint64_t tick = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);

	if (fd < 0)
		return -errno;
	if (nvb_proc_start_time((pid_t)victim->pid) * tick != victim->started_ns)
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) < 0 ? -errno : 0;
}

void screen_kill(struct screen *s, int signal)
{
	int rc = send(&s->victim, signal);

	if (rc == -ESRCH)
		snprintf(s->message, sizeof(s->message), "Process %u has ended already.", s->victim.pid);
	else if (rc < 0)
		snprintf(s->message, sizeof(s->message), "Process %u: %s.", s->victim.pid, strerror(-rc));
	else
		snprintf(s->message, sizeof(s->message), "Sent SIG%s to process %.200s.",
			sigabbrev_np(signal), s->victim.what);
}
