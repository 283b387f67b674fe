/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi_verbs.h"

#include "cli/output.h"
#include "nvbind/cdi.h"

const struct nvb_verb nvbind_cdi_verbs[] = {
	{.name = "generate",
		.summary = "write a CDI spec for this host's GPUs",
		.description = "Describes every GPU and MIG device of this host in a spec of the Container "
			       "Device Interface, "
			       "which podman, docker, containerd and CRI-O read: 'podman run --device "
			       "nvidia.com/gpu=0 ...'. "
			       "It names nvbind-hook, which makes links and the linker's cache inside the "
			       "container, and no "
			       "device numbers: these are looked up when a container is made.",
		.examples = "  nvbind cdi generate --output /etc/cdi/\n"
			    "  nvbind cdi generate --format json --device-name-strategy uuid\n"
			    "  nvbind cdi generate --mode management --output /etc/cdi/\n",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_generate_options}),
		.run = nvbind_cdi_generate},
	{.name = "list",
		.summary = "list the devices of this host's CDI specs",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_list_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_list},
	{.name = "show",
		.summary = "show a device, a spec or all specs",
		.synopsis = "[DEVICE|FILE]",
		.description =
			"DEVICE is a qualified name (nvidia.com/gpu=0): what a container gets that asks for "
			"it. FILE is a spec. Without either, a table of the specs.",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_show_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_show,
		.max_args = 1},
	{.name = "validate",
		.summary = "check CDI specs",
		.synopsis = "[FILE...]",
		.description = "Checks files against the CDI specification and its JSON schema; without "
			       "FILE, all specs "
			       "of this host. Every problem is named with its line, its path in the document "
			       "and the "
			       "rule it breaks. Ends with 1 if there was an error; warnings are what the "
			       "specification "
			       "forbids and every engine takes.",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_validate_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_validate,
		.max_args = NVB_ARGS_ANY},
	{.name = "status",
		.summary = "tell which specs do not fit this host any more, and why",
		.description =
			"Looks at every spec of this host, whoever wrote it: whether the nodes, files and "
			"hooks it "
			"names are there, device numbers and the driver's version are right, and no other "
			"spec has "
			"its devices. A spec that nvbind made is compared with what it would say if it were "
			"made "
			"now. Ends with 0 when all fit, 1 when one does not, 2 when that cannot be told.",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_status_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_status,
		.failure = 2},
	{.name = "refresh",
		.summary = "make those specs of ours again that do not fit any more",
		.description = "A spec says in its first lines how it was made; it is made again so where "
			       "the host has "
			       "changed, each file as a whole or not at all. Specs that others made are left "
			       "alone. Driver "
			       "trees of another driver version that no spec names and no container uses are "
			       "removed. "
			       "With --watch it stays and does so whenever the driver, its devices or the "
			       "specs change; it "
			       "sleeps in between. SIGHUP asks for a pass, SIGTERM ends it. Ends with 1 if a "
			       "spec of ours "
			       "does not fit in the end.",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_refresh_options},
			{"Where specs are", nvbind_cdi_directory_options}),
		.run = nvbind_cdi_refresh},
	{.name = "diff",
		.summary = "show what two specs say differently",
		.synopsis = "A B",
		.description =
			"Compares by device and edit: order, quoting and format make no difference. '-' is "
			"the spec that would be made now, in the way the other one was. Ends with 0 when "
			"both say the same, 1 when not, 2 on trouble.",
		.examples = "  nvbind cdi diff /etc/cdi/nvidia.com-gpu.yaml -\n",
		.groups = NVB_GROUPS({"Options", nvbind_cdi_diff_options}),
		.run = nvbind_cdi_diff,
		.min_args = 2,
		.max_args = 2,
		.failure = 2},
	{NULL},
};
