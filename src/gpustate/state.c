/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "gpustate/gpustate.h"

/* The handle: a helper, and one question to it at a time. */

enum { LOCK_TIMEOUT_MS = 10000, LIMIT_S = 1800, LIMIT_MOST_S = 7 * 24 * 3600, PATIENCE_MS = 60000 };

int nvb_gpu_state_open(const nvb_inventory *inventory, const struct nvb_gpu_state_options *options,
	nvb_gpu_state **state, nvb_error **err)
{
	_cleanup_free_ char *library = NULL;
	struct nvb_gpu_state *s;
	int rc;

	if (!inventory || (options && options->size != sizeof(*options)))
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_gpu_state_open: %s",
			inventory ? "options of another size" : "no inventory");
	if (options && (options->limit_s > LIMIT_MOST_S || options->lock_timeout_ms > LIMIT_MOST_S * 1000u))
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_gpu_state_open: a limit of more than a week");
	rc = nvb_gpu_state_driver(inventory, &library, err);
	if (rc == 0 && options && options->library) {
		free(library);
		library = strdup(options->library);
		rc = library ? 0 : nvb_fail_oom(err);
	}
	if (rc < 0)
		return rc;
	s = malloc(sizeof(*s));
	if (!s)
		return nvb_fail_oom(err);
	*s = (struct nvb_gpu_state){.inventory = inventory,
		.library = NVB_TAKE_PTR(library),
		.helper = NVB_NVML_PROCESS_INIT,
		.lock_timeout_ms =
			options && options->lock_timeout_ms ? options->lock_timeout_ms : LOCK_TIMEOUT_MS,
		.limit_s = options && options->limit_s ? options->limit_s : LIMIT_S};
	*state = s;
	return 0;
}

void nvb_gpu_state_close(nvb_gpu_state *state)
{
	if (!state)
		return;
	nvb_nvml_stop(&state->helper);
	free(state->library);
	free(state);
}

/* The errors of the driver, with what they mean here. Source: CUDA Driver API 13.0. */
static const struct meaning {
	int32_t result;
	enum nvb_error_code code;
	const char *what, *hint;
} meanings[] = {
	{1, NVB_ERR_NOT_FOUND, "there is no such process, it does not use CUDA, or the GPUs do not match",
		NULL},
	{2, NVB_ERR_NO_MEMORY, "there is not enough memory, of the host or of the GPU", NULL},
	{100, NVB_ERR_NOT_FOUND, "there is no GPU that this process may open", NULL},
	{101, NVB_ERR_NOT_FOUND, "the GPU it was on, or is to go to, is not here",
		"name other GPUs of the same chip (driver 580 or later)"},
	{401, NVB_ERR_CONFLICT, "it is not in the state that this step starts from", NULL},
	{600, NVB_ERR_BUSY, "its GPU work did not come to an end in time",
		"give it longer, or wait until it has less to do"},
	{800, NVB_ERR_PERMISSION, "it is another user's process", "run as root"},
	{801, NVB_ERR_UNSUPPORTED,
		"the driver cannot for this process or these GPUs: managed memory, MIG, MPS, memory of CUDA "
		"IPC, GPUs of another "
		"chip, or a driver too old",
		"'nvbind gpu-state check' says what can be known beforehand"},
	{803, NVB_ERR_STALE, "libraries and kernel module are of different versions",
		"reboot, or unload and load the nvidia modules"},
};

static int explain(const struct nvb_gpu_state *state, const struct nvb_state_reply *reply, nvb_error **err)
{
	int rc;

	if (reply->result < 0)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s: %s", state->library, reply->text);
	for (size_t i = 0; i < NVB_ELEMENTS(meanings); i++) {
		if (meanings[i].result != reply->result)
			continue;
		rc = nvb_fail(err, meanings[i].code, "%s (%s)", meanings[i].what,
			*reply->text ? reply->text : "CUDA");
		return meanings[i].hint ? nvb_hint(err, rc, "%s", meanings[i].hint) : rc;
	}
	return nvb_fail(err, NVB_ERR_SYSTEM, "CUDA error %d%s%s", reply->result, *reply->text ? " " : "",
		reply->text);
}

/* One question and its answer; a helper that did not answer is gone. */
static int exchange(struct nvb_gpu_state *state, struct nvb_state_request *request,
	struct nvb_state_reply *reply, nvb_error **err)
{
	char data[sizeof(*reply)];
	int rc;

	request->magic = NVB_STATE_MAGIC;
	rc = nvb_nvml_send(&state->helper, request, sizeof(*request), err);
	if (rc == 0)
		rc = nvb_nvml_receive(&state->helper, data, sizeof(data), err);
	if (rc == 0)
		rc = nvb_state_reply_parse(reply, data, sizeof(data), request, err);
	if (rc < 0)
		nvb_nvml_stop(&state->helper);
	return rc;
}

static int start(struct nvb_gpu_state *state, nvb_error **err)
{
	struct nvb_state_request request = {.call = NVB_STATE_START};
	struct nvb_state_reply reply;
	int rc;

	if (state->helper.pid)
		return 0;
	rc = nvb_nvml_start(&state->helper, nvb_gpu_state_child, state->library, err);
	if (rc < 0)
		return rc;
	state->helper.limit_ms = PATIENCE_MS;
	rc = exchange(state, &request, &reply, err);
	if (rc == 0 && reply.result != 0) {
		rc = explain(state, &reply, err);
		nvb_nvml_stop(&state->helper);
	}
	return rc < 0 ? nvb_wrap(err, rc, "starting the driver") : 0;
}

static int limit_of(const struct nvb_gpu_state *state, uint32_t call)
{
	if (call == NVB_STATE_LOCK)
		return (int)state->lock_timeout_ms + PATIENCE_MS;
	return call == NVB_STATE_CHECKPOINT || call == NVB_STATE_RESTORE ? (int)state->limit_s * 1000
									 : PATIENCE_MS;
}

static int ask(struct nvb_gpu_state *state, struct nvb_state_request *request, struct nvb_state_reply *reply,
	nvb_error **err)
{
	int rc = start(state, err);

	if (rc < 0)
		return rc;
	state->helper.limit_ms = limit_of(state, request->call);
	rc = exchange(state, request, reply, err);
	return rc == 0 && reply->result != 0 ? explain(state, reply, err) : rc;
}

int nvb_gpu_state_query(nvb_gpu_state *state, int pid, struct nvb_gpu_process *process, nvb_error **err)
{
	struct nvb_state_request request = {.call = NVB_STATE_QUERY, .pid = pid};
	struct nvb_state_reply reply;
	int rc;

	if (process->size != sizeof(*process) || pid <= 0)
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_gpu_state_query: %s",
			pid <= 0 ? "no pid" : "a structure of another size");
	rc = ask(state, &request, &reply, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "process %d", pid);
	process->pid = pid;
	process->restore_thread = reply.thread;
	process->state = reply.thread ? (enum nvb_gpu_process_state)(reply.state + NVB_GPU_PROCESS_RUNNING)
				      : NVB_GPU_PROCESS_NONE;
	return 0;
}

static const char *const steps[] = {[NVB_GPU_STEP_LOCK] = "lock",
	[NVB_GPU_STEP_CHECKPOINT] = "checkpoint",
	[NVB_GPU_STEP_RESTORE] = "restore",
	[NVB_GPU_STEP_UNLOCK] = "unlock"};

static int fill_pairs(
	struct nvb_state_request *request, const struct nvb_gpu_pair *pairs, size_t count, nvb_error **err)
{
	if (count && request->call != NVB_STATE_RESTORE)
		return nvb_fail(err, NVB_ERR_INVALID, "GPUs change by restore alone");
	if (count > NVB_STATE_PAIRS)
		return nvb_fail(err, NVB_ERR_INVALID, "more than %d pairs of GPUs", NVB_STATE_PAIRS);
	for (size_t i = 0; i < count; i++) {
		bool from = nvb_state_uuid(pairs[i].from, request->pairs[i].from);

		if (!from || !nvb_state_uuid(pairs[i].to, request->pairs[i].to))
			return nvb_fail(err, NVB_ERR_INVALID, "'%s' is no UUID of a GPU",
				from ? pairs[i].to : pairs[i].from);
	}
	request->pair_count = (uint32_t)count;
	return 0;
}

int nvb_gpu_state_step(nvb_gpu_state *state, enum nvb_gpu_step step, int pid,
	const struct nvb_gpu_pair *pairs, size_t pair_count, nvb_error **err)
{
	struct nvb_state_request request = {.call = step, .pid = pid};
	struct nvb_state_reply reply;
	int rc;

	if (step < NVB_GPU_STEP_LOCK || step > NVB_GPU_STEP_UNLOCK || pid <= 0)
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_gpu_state_step: no such step, or no pid");
	rc = fill_pairs(&request, pairs, pair_count, err);
	if (rc < 0)
		return rc;
	/* The driver would wait for ever: the process' own thread does the work. */
	if (nvb_state_is_frozen(pid)) {
		rc = nvb_fail(err, NVB_ERR_BUSY, "%s process %d: it is stopped or frozen", steps[step], pid);
		return nvb_hint(err, rc, "let it run: the driver works in a thread of the process itself");
	}
	if (step == NVB_GPU_STEP_LOCK)
		request.timeout_ms = state->lock_timeout_ms;
	rc = ask(state, &request, &reply, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s process %d", steps[step], pid) : 0;
}

const char *nvb_gpu_process_state_name(enum nvb_gpu_process_state state)
{
	static const char *const names[] = {[NVB_GPU_PROCESS_NONE] = "no CUDA",
		[NVB_GPU_PROCESS_RUNNING] = "running",
		[NVB_GPU_PROCESS_LOCKED] = "locked",
		[NVB_GPU_PROCESS_CHECKPOINTED] = "checkpointed",
		[NVB_GPU_PROCESS_FAILED] = "failed"};

	return (size_t)state < NVB_ELEMENTS(names) ? names[state] : "unknown";
}
