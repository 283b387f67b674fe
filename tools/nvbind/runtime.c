/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cli/common.h"
#include "cli/sibling.h"
#include "config.h"
#include "runtime_verbs.h"

char *nvbind_runtime_program(void)
{
	return nvb_sibling_program("nvbind-runtime", NVB_BINDIR);
}

const char *const *nvbind_runtime_spec_directories(void)
{
	char *const *directories = nvb_common_config()->cdi.directories;
	bool standard = nvb_strv_length(directories) == 2 && nvb_streq(directories[0], "/etc/cdi") &&
			nvb_streq(directories[1], "/var/run/cdi");

	return directories && !standard ? (const char *const *)directories : NULL;
}

const struct nvb_verb nvbind_runtime_verbs[] = {
	{.name = "configure",
		.summary = "make docker, podman, containerd or CRI-O know nvbind-runtime",
		.description =
			"Edits the engine's configuration: /etc/docker/daemon.json, a drop-in of podman's "
			"containers.conf.d or CRI-O's crio.conf.d, containerd's config.toml (or its conf.d, "
			"where "
			"containerd merges it). Only the values that are needed are set; comments, order and "
			"everything else stay byte for byte. The difference is shown, the file as it was is "
			"kept, "
			"and --undo brings it back. Doing it twice changes nothing more. The engine is not "
			"restarted: the command that does it is printed.",
		.examples = "  nvbind runtime configure --runtime docker --dry-run\n"
			    "  nvbind runtime configure --runtime docker --set-default\n"
			    "  nvbind runtime configure --runtime containerd --cdi\n"
			    "  nvbind runtime configure --runtime docker --undo\n",
		.groups = NVB_GROUPS({"Options", nvbind_runtime_configure_options}),
		.run = nvbind_runtime_configure},
	{.name = "check",
		.summary = "say whether the engines know nvbind-runtime",
		.description = "Compares what the files say with what the running engine says: for docker "
			       "through its "
			       "socket (DOCKER_HOST), for podman by asking podman, for containerd and CRI-O "
			       "by the merged "
			       "configuration and the daemon's start. Every line is a finding with what to "
			       "do about it. "
			       "Ends with 1 when something keeps the runtime from being used. Without "
			       "--runtime, all "
			       "engines that are installed.",
		.examples = "  nvbind runtime check\n"
			    "  nvbind runtime check --runtime docker --format json\n",
		.groups = NVB_GROUPS({"Options", nvbind_runtime_check_options}),
		.run = nvbind_runtime_check},
	{NULL},
};
