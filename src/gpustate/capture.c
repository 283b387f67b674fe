/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "gpustate/gpustate.h"

/* All processes of a capsule, or none. */

/* Those that use CUDA, each once. */
static int find_all(struct nvb_gpu_state *state, const int *pids, size_t count, struct nvb_gpu_process **out,
	size_t *found, nvb_error **err)
{
	_cleanup_free_ struct nvb_gpu_process *list = calloc(count + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < count; i++) {
		struct nvb_gpu_process process = {.size = sizeof(process)};
		bool known = false;
		int rc;

		for (size_t k = 0; k < n; k++)
			known |= list[k].pid == pids[i];
		if (known)
			continue;
		rc = nvb_gpu_state_query(state, pids[i], &process, err);
		if (rc < 0)
			return rc;
		if (process.state != NVB_GPU_PROCESS_NONE)
			list[n++] = process;
	}
	*out = NVB_TAKE_PTR(list);
	*found = n;
	return 0;
}

static int refuse_state(const struct nvb_gpu_process *p, nvb_error **err)
{
	int rc;

	if (p->state == NVB_GPU_PROCESS_FAILED) {
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "process %d: the driver reports it failed", p->pid);
		return nvb_hint(err, rc, "it can only be ended");
	}
	rc = nvb_fail(err, NVB_ERR_CONFLICT, "process %d is %s already", p->pid,
		nvb_gpu_process_state_name(p->state));
	return nvb_hint(err, rc, "'nvbind gpu-state restore' and 'unlock' set it going again");
}

/*
 * Lets a process run again, whatever it was at: a helper that was killed may have left a step under way, so
 * its state is looked at before each.
 */
static int set_going(struct nvb_gpu_state *state, int pid, nvb_error **err)
{
	enum { TRIES = 16, PAUSE_NS = 50000000 };
	_cleanup_error_ nvb_error *last = NULL;

	for (int i = 0; i < TRIES; i++) {
		struct nvb_gpu_process p = {.size = sizeof(p)};
		enum nvb_gpu_step step;
		int rc;

		nvb_error_free(NVB_TAKE_PTR(last));
		rc = nvb_gpu_state_query(state, pid, &p, &last);
		if (rc == 0 && (p.state == NVB_GPU_PROCESS_RUNNING || p.state == NVB_GPU_PROCESS_NONE))
			return 0;
		if (rc == 0 && p.state == NVB_GPU_PROCESS_FAILED)
			return nvb_fail(
				err, NVB_ERR_UNSUPPORTED, "process %d: the driver reports it failed", pid);
		step = p.state == NVB_GPU_PROCESS_LOCKED ? NVB_GPU_STEP_UNLOCK : NVB_GPU_STEP_RESTORE;
		if (rc == 0)
			rc = nvb_gpu_state_step(state, step, pid, NULL, 0, &last);
		if (rc < 0)
			nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	nvb_error_move(err, NVB_TAKE_PTR(last));
	return -NVB_ERR_SYSTEM;
}

/* Undoes all, and says what became of it in the message of the failure. Returns `why`. */
static int undo(struct nvb_gpu_state *state, const struct nvb_gpu_process *list, size_t count, int why,
	nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf left = {0};

	for (size_t i = 0; i < count; i++) {
		_cleanup_error_ nvb_error *error = NULL;

		if (set_going(state, list[i].pid, &error) < 0)
			nvb_sb_addf(&left, "%s%s", left.len ? "; " : "",
				error ? nvb_error_message(error) : "a process could not be set going");
	}
	if (left.len)
		return nvb_wrap(err, why, "not all could be undone (%s)", left.s ? left.s : "no memory");
	return nvb_wrap(err, why, "nothing was captured, the processes run on");
}

static int check_leftovers(const int *pids, size_t count, nvb_error **err)
{
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *what = NULL;
		int rc = nvb_state_leftover(pids[i], &what, err);

		if (rc < 0)
			return rc;
		if (what) {
			rc = nvb_fail(err, NVB_ERR_BUSY, "process %d still has %s", pids[i], what);
			return nvb_hint(err, rc,
				"it uses the driver by other means than CUDA (NVML, graphics), which cannot "
				"be "
				"saved");
		}
	}
	return 0;
}

int nvb_gpu_state_capture(
	nvb_gpu_state *state, const int *pids, size_t count, size_t *captured, nvb_error **err)
{
	bool touched;

	return nvb_state_capture(state, pids, count, captured, &touched, err);
}

int nvb_state_capture(struct nvb_gpu_state *state, const int *pids, size_t count, size_t *captured,
	bool *touched, nvb_error **err)
{
	_cleanup_free_ struct nvb_gpu_process *list = NULL;
	size_t n = 0;
	int rc = find_all(state, pids, count, &list, &n, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (list[i].state != NVB_GPU_PROCESS_RUNNING)
			rc = refuse_state(&list[i], err);
	*touched = rc == 0;
	if (rc < 0)
		return rc;
	/* All locked before the first moves: else one would wait for work of another that is gone. */
	for (enum nvb_gpu_step step = NVB_GPU_STEP_LOCK; rc == 0 && step <= NVB_GPU_STEP_CHECKPOINT; step++)
		for (size_t i = 0; rc == 0 && i < n; i++)
			rc = nvb_gpu_state_step(state, step, list[i].pid, NULL, 0, err);
	if (rc == 0)
		rc = check_leftovers(pids, count, err);
	if (rc < 0)
		return undo(state, list, n, rc, err);
	if (captured)
		*captured = n;
	return 0;
}

int nvb_gpu_state_restore(nvb_gpu_state *state, const int *pids, size_t count,
	const struct nvb_gpu_pair *pairs, size_t pair_count, nvb_error **err)
{
	_cleanup_free_ struct nvb_gpu_process *list = NULL;
	size_t n = 0;
	int rc = find_all(state, pids, count, &list, &n, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		if (list[i].state == NVB_GPU_PROCESS_FAILED)
			rc = refuse_state(&list[i], err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (list[i].state == NVB_GPU_PROCESS_CHECKPOINTED)
			rc = nvb_gpu_state_step(
				state, NVB_GPU_STEP_RESTORE, list[i].pid, pairs, pair_count, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (list[i].state != NVB_GPU_PROCESS_RUNNING)
			rc = nvb_gpu_state_step(state, NVB_GPU_STEP_UNLOCK, list[i].pid, NULL, 0, err);
	return rc < 0 ? nvb_wrap(err, rc, "not all were restored, and it can be tried again") : 0;
}

int nvb_state_restore_surely(struct nvb_gpu_state *state, const int *pids, size_t count,
	const struct nvb_gpu_pair *pairs, size_t pair_count, nvb_error **err)
{
	enum { HELPERS = 4 };
	int rc = 0;

	for (int i = 0; i < HELPERS; i++) {
		_cleanup_error_ nvb_error *why = NULL;

		rc = nvb_gpu_state_restore(state, pids, count, pairs, pair_count, &why);
		if ((rc != -NVB_ERR_SYSTEM && rc != -NVB_ERR_CORRUPT) || i == HELPERS - 1) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			break;
		}
	}
	return rc;
}
