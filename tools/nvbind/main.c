/* SPDX-License-Identifier: Apache-2.0 */
#include "../benchmark/verb.h"
#include <string.h>

#include "base/error.h"
#include "cdi_verbs.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/version.h"
#include "../doctor/verb.h"
#include "../monitor/monitor.h"
#include "gpu_state_verbs.h"
#include "mig_verbs.h"
#include "knob_verbs.h"
#include "nvbind.h"
#include "plugin_verbs.h"
#include "profile_verbs.h"
#include "runtime_verbs.h"

static const struct nvb_verb verbs[] = {
	{
		.name = "info",
		.summary = "show driver, GPUs, device nodes and the driver's files",
		.description = "Everything is read from /proc, /sys, /dev and the driver's files. What only "
			       "NVIDIA's "
			       "management library knows (memory, compute capability, UUIDs of MIG devices) "
			       "is asked "
			       "of it with --nvml.",
		.examples = "  nvbind info\n"
			    "  nvbind info --json --nvml\n"
			    "  nvbind info --driver-check && echo fit\n",
		.groups = info_groups,
		.run = verb_info,
	},
	VERB_MONITOR(verb_monitor),
	VERB_DOCTOR,
	{
		.name = "cdi",
		.summary = "generate, list, show and check CDI specs",
		.verbs = nvbind_cdi_verbs,
	},
	{
		.name = "runtime",
		.summary = "make container engines know nvbind-runtime, and see whether they do",
		.verbs = nvbind_runtime_verbs,
	},
	{
		.name = "mig",
		.summary = "divide GPUs into MIG devices",
		.verbs = nvbind_mig_verbs,
	},
	{
		.name = "config",
		.summary = "take over the settings of NVIDIA's container runtime",
		.verbs = nvbind_config_verbs,
	},
	{
		.name = "plugin",
		.summary = "list plugins and try them",
		.verbs = nvbind_plugin_verbs,
	},
	{
		.name = "profile",
		.summary = "list, show and check profiles",
		.verbs = nvbind_profile_verbs,
	},
	{
		.name = "gpu-state",
		.summary = "take what processes have on the GPU into the processes, and put it back",
		.verbs = nvbind_gpu_state_verbs,
	},
	{
		.name = "knob",
		.summary = "list and put back what capsules have turned: power, clocks, governor",
		.verbs = nvbind_knob_verbs,
	},
	{
		.name = "plan",
		.summary = "say what a container would get, and why",
		.description = "Prints every edit with its reason, whether it is required, and who enforces "
			       "it. Nothing "
			       "is changed.",
		.examples = "  nvbind plan --gpu 0\n"
			    "  nvbind plan --gpus all --capabilities all --format json\n",
		.groups = plan_groups,
		.run = verb_plan,
	},
	{
		.name = "inject",
		.summary = "give a container's config.json its GPUs",
		.description =
			"Edits the config.json of an OCI bundle so that the container runc, crun or any "
			"other "
			"OCI runtime makes of it has the GPUs asked for. What is not about them stays byte "
			"for "
			"byte as it was. Doing it twice changes nothing more; what an earlier run with other "
			"GPUs added stays.",
		.examples = "  nvbind inject --bundle . --gpu 0\n"
			    "  nvbind inject --file config.json --gpus all --output - | diff config.json -\n",
		.groups = inject_groups,
		.run = verb_inject,
	},
	{
		.name = "run",
		.synopsis = "IMAGE [--] [COMMAND [ARGUMENT...]]",
		.summary = "run a container with GPUs in docker, podman or bolt",
		.description =
			"Makes the engine's own command line, shows it and becomes it: the engine stays in "
			"the foreground, and its exit status is the container's. podman gets its devices by "
			"CDI, docker by CDI or through the runtime nvbind, whichever its daemon can.",
		.examples =
			"  nvbind run --runtime podman --rm --gpu all nvidia/cuda:latest nvidia-smi\n"
			"  nvbind run --runtime docker --gpu 0 --profile ai --dry-run pytorch/pytorch bash\n"
			"  nvbind run --runtime bolt --gpu 1 --profile gaming steam:latest\n",
		.groups = run_groups,
		.run = verb_run,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
		.options_end_at_first_argument = true,
		.failure = 125, /* as docker: ours and a program's own must differ */
	},
	BENCHMARK_VERB,
	NVB_VERB_VERSION,
	{NULL},
};

int load_inventory(const struct nvb_request *request, struct nvb_inventory **inventory, nvb_error **err)
{
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *loaded = NULL;
	struct nvb_inventory_options options;
	int rc;

	nvb_common_inventory_options(&options);
	rc = nvb_inventory_load(&options, &loaded, err);
	if (rc == -NVB_ERR_NOT_FOUND)
		return nvb_hint(
			err, rc, "check --root and its relatives, NVBIND_ROOT and the configuration file");
	if (rc == 0 && request && nvb_request_needs_nvml(request, loaded))
		rc = nvb_inventory_ask_nvml(loaded, options.log, err);
	if (rc == 0)
		*inventory = NVB_TAKE_PTR(loaded);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct nvb_program program = {
		.name = "nvbind",
		.summary = "give containers NVIDIA GPUs",
		.verbs = verbs,
		.common = nvb_common_groups,
		.prepare = nvb_common_prepare,
	};

	if (argc == 2 && strcmp(argv[1], "__man-config") == 0) {
		_cleanup_error_ nvb_error *err = NULL;

		if (print_config_page(&err) == 0)
			return 0;
		nvb_report_error("nvbind", err);
		return 1;
	}
	return nvb_program_main(&program, argc, argv);
}
