/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/metric.h"

#include "base/str.h"

const char *const nvb_metric_groups[] = {
	[NVB_GROUP_START] = "starting a container",
	[NVB_GROUP_LIBRARY] = "in the library",
	[NVB_GROUP_CONTEXT] = "CUDA contexts",
	[NVB_GROUP_NATIVE] = "the same work on the host and in a capsule",
	[NVB_GROUP_INPUT] = "input",
};

const struct nvb_metric nvb_metrics[] = {
	{"total", NVB_GROUP_START, NVB_UNIT_NS, false, "the whole command",
		"from before the command is spawned until it has been waited for; CLOCK_BOOTTIME"},
	{"first-process", NVB_GROUP_START, NVB_UNIT_NS, false, "until the first process",
		"from before the command is spawned until the container's first process reads "
		"CLOCK_BOOTTIME, "
		"which is the first thing it does; it is a static program"},
	{"gpu-ready", NVB_GROUP_START, NVB_UNIT_NS, false, "until the GPUs answer",
		"from before the command is spawned until the first GPU call has returned in the container"},
	{"engine", NVB_GROUP_START, NVB_UNIT_NS, true, "phase: engine",
		"from before the command is spawned until the first exec of an OCI runtime, less plan and "
		"edit; "
		"the kernel's time of the exec (process connector; fanotify tells which program it was)"},
	{"plan-and-edit", NVB_GROUP_START, NVB_UNIT_NS, true, "phase: plan and edit",
		"bolt: from before it is spawned until its log says that GPUs are planned, and the writing "
		"of the "
		"bundle, by the times of its log (realtime clock, microseconds); nvidia-container-runtime: "
		"from its "
		"exec to that of the runtime behind it; of others it is within engine or runtime"},
	{"hooks", NVB_GROUP_START, NVB_UNIT_NS, true, "phase: hooks",
		"from exec to exit of the hooks' programs, as the kernel reports them; what runs at a time "
		"counts once; 0 where none ran"},
	{"runtime", NVB_GROUP_START, NVB_UNIT_NS, true, "phase: OCI runtime",
		"from its first exec until the first process, less hooks and what counts as plan and edit"},
	{"load", NVB_GROUP_START, NVB_UNIT_NS, true, "phase: program",
		"in the container, from the first process to the main of the program that calls the GPU: an "
		"exec and the dynamic linker"},
	{"first-gpu-call", NVB_GROUP_START, NVB_UNIT_NS, true, "phase: first GPU call",
		"in the container, loading libcuda.so.1, cuInit and cuDeviceGetCount"},
	{"end", NVB_GROUP_START, NVB_UNIT_NS, true, "phase: end",
		"from when the first GPU call (without GPUs, the first process's look at the clock) is over "
		"until the "
		"command has been waited for"},
	{"plan", NVB_GROUP_LIBRARY, NVB_UNIT_NS, false, "plan",
		"nvb_plan_make for all GPUs, the inventory loaded"},
	{"edit", NVB_GROUP_LIBRARY, NVB_UNIT_NS, false, "edit",
		"nvb_oci_edit of a config.json of 8 KB, as an engine writes it"},
	{"passthrough", NVB_GROUP_LIBRARY, NVB_UNIT_NS, false, "plan and edit",
		"both, one after the other, in this process"},
	{"bind", NVB_GROUP_CONTEXT, NVB_UNIT_NS, false, "bind a prepared context",
		"nvb_context_bind, two contexts in turn; 64 calls between two looks at the clock"},
	{"bind-driver", NVB_GROUP_CONTEXT, NVB_UNIT_NS, false, "the driver's own call",
		"cuCtxSetCurrent, the same contexts, in turn with the above"},
	{"launch", NVB_GROUP_CONTEXT, NVB_UNIT_NS, false, "launch",
		"cuLaunchKernel of a kernel that does nothing, until the call returns; 8 calls a look"},
	{"launch-and-wait", NVB_GROUP_CONTEXT, NVB_UNIT_NS, false, "launch and wait",
		"the same and cuCtxSynchronize"},
	{"compute", NVB_GROUP_NATIVE, NVB_UNIT_PER_SECOND, false, "compute",
		"multiplications and additions of a kernel that does nothing else, in a second"},
	{"input", NVB_GROUP_INPUT, NVB_UNIT_NS, false, "input",
		"from before an event is written to a uinput device until a program that waits for it has "
		"read it from the device's node; CLOCK_MONOTONIC on both sides"},
	{NULL},
};

const struct nvb_metric *nvb_metric_find(const char *name)
{
	for (const struct nvb_metric *metric = nvb_metrics; metric->name; metric++)
		if (nvb_streq(metric->name, name))
			return metric;
	return NULL;
}
