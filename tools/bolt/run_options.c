/* SPDX-License-Identifier: Apache-2.0 */
#include "run_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "helper.h"
#include "verbs.h"

static struct {
	bool remove, interactive, terminal, read_only, privileged, detach, no_health;
	const char *name, *user, *workdir, *hostname, *entrypoint, *stop_signal, *runtime, *gpu_runtime,
		*capabilities, *isolation, *image, *restart, *memory, *memory_swap, *cpus, *pids,
		*cpuset_cpus, *cpuset_mems, *health_command, *gpu_memory_limit, *gpu_compute_limit,
		*mig_match;
	char **env, **env_files, **volumes, **tmpfs, **devices, **cdi_devices, **gpus, **docker_gpus,
		**profiles, **cap_add, **cap_drop, **security, **ulimits, **annotations, **labels,
		**log_options;
	char **networks, **ports, **hosts, **aliases;
	int pull;
	uint64_t shm_size;
	bool shm_given, stop_timeout_given;
	uint32_t stop_timeout, health_retries;
	uint64_t health_interval, health_timeout, health_start_period, health_start_interval;
	uint32_t cpu_shares;
} opt = {.pull = NVB_PULL_MISSING};

static const struct nvb_choice booleans[] = {{"true", 1}, {"false", 0}, {NULL}};

static const struct nvb_choice pulls[] = {
	{"missing", NVB_PULL_MISSING}, {"always", NVB_PULL_ALWAYS}, {"never", NVB_PULL_NEVER}, {NULL}};

static const struct nvb_option run_options[] = {
	{"detach", 'd', NVB_OPTION_FLAG(&opt.detach), "leave the capsule running and print its id"},
	{NULL},
};

static const struct nvb_option create_options[] = {
	{"image", 0, NVB_OPTION_STRING("IMAGE", &opt.image), "the image it is made from"},
	{NULL},
};

static const struct nvb_option capsule_options[] = {
	{"rm", 0, NVB_OPTION_FLAG(&opt.remove), "remove the capsule when it ends"},
	{"interactive", 'i', NVB_OPTION_FLAG(&opt.interactive), "hand standard input on"},
	{"tty", 't', NVB_OPTION_FLAG(&opt.terminal), "give the program a terminal"},
	{"name", 0, NVB_OPTION_STRING("NAME", &opt.name), "name the capsule"},
	{"label", 'l', NVB_OPTION_LIST("NAME[=VALUE]", &opt.labels), "label the capsule (repeatable)"},
	{"entrypoint", 0, NVB_OPTION_STRING("PROGRAM", &opt.entrypoint),
		"replace the image's entry point, '' takes it away"},
	{"env", 'e', NVB_OPTION_LIST("NAME[=VALUE]", &opt.env),
		"set a variable, without a value to the caller's own (repeatable)"},
	{"env-file", 0, NVB_OPTION_LIST("FILE", &opt.env_files),
		"set the variables a file lists (repeatable)"},
	{"workdir", 'w', NVB_OPTION_STRING("DIR", &opt.workdir), "start in this directory"},
	{"user", 'u', NVB_OPTION_STRING("USER[:GROUP]", &opt.user), "run as this user, by name or number"},
	{"hostname", 'h', NVB_OPTION_STRING("NAME", &opt.hostname), "what the capsule calls itself"},
	{"annotation", 0, NVB_OPTION_LIST("NAME=VALUE", &opt.annotations),
		"annotate the container for its OCI runtime (repeatable)"},
	{"pull", 0, NVB_OPTION_CHOICE("WHEN", pulls, &opt.pull), "when to pull the image"},
	{"authfile", 0, NVB_OPTION_STRING("FILE", &pull_authfile), "credentials for that pull"},
	{"tls-verify", 0, NVB_OPTION_CHOICE("BOOL", booleans, &pull_tls_verify),
		"false pulls from a registry without a valid certificate, or over plain HTTP"},
	{"runtime", 0, NVB_OPTION_STRING("PROGRAM", &opt.runtime),
		"the OCI runtime to use, by name or path; without it the first that works here"},
	{NULL},
};

static const struct nvb_option update_options[] = {
	{"restart", 0, NVB_OPTION_STRING("POLICY", &opt.restart),
		"start it again when it ends: no, on-failure[:RETRIES], always, unless-stopped"},
	{NULL},
};

static const struct nvb_option life_options[] = {
	{"restart", 0, NVB_OPTION_STRING("POLICY", &opt.restart),
		"start it again when it ends: no, on-failure[:RETRIES], always, unless-stopped (no)"},
	{"stop-signal", 0, NVB_OPTION_STRING("SIGNAL", &opt.stop_signal), "what asks the program to end"},
	{"stop-timeout", 0, NVB_KIND_U32, "SECONDS", {.u32 = &opt.stop_timeout}, NULL, NULL,
		&opt.stop_timeout_given, "how long it may take to end, before it is killed (10)"},
	{"health-cmd", 0, NVB_OPTION_STRING("COMMAND", &opt.health_command),
		"a shell command that tells whether the program is well"},
	{"health-interval", 0, NVB_OPTION_DURATION("TIME", &opt.health_interval),
		"time between two checks (30s)"},
	{"health-timeout", 0, NVB_OPTION_DURATION("TIME", &opt.health_timeout),
		"how long a check may take (30s)"},
	{"health-start-period", 0, NVB_OPTION_DURATION("TIME", &opt.health_start_period),
		"time in which failures do not count (0s)"},
	{"health-start-interval", 0, NVB_OPTION_DURATION("TIME", &opt.health_start_interval),
		"time between two checks meanwhile (5s)"},
	{"health-retries", 0, NVB_OPTION_U32("NUMBER", &opt.health_retries),
		"failures in a row that make it unhealthy (3)"},
	{"no-healthcheck", 0, NVB_OPTION_FLAG(&opt.no_health), "not the image's check either"},
	{"log-opt", 0, NVB_OPTION_LIST("NAME=VALUE", &opt.log_options),
		"of the log of a detached capsule: max-size=10m, max-file=5 (repeatable)"},
	{NULL},
};

static const struct nvb_option gpu_options[] = {
	{"gpu", 0, NVB_OPTION_LIST("GPU", &opt.gpus),
		"give a GPU: index, UUID, MIG device (0:1), PCI address, all or none (repeatable)"},
	{"gpus", 0, NVB_OPTION_LIST("GPUS", &opt.docker_gpus),
		"as docker's: all, a number of GPUs, or '\"device=0,1\"'"},
	{"cdi-device", 0, NVB_OPTION_LIST("NAME", &opt.cdi_devices),
		"give a CDI device such as nvidia.com/gpu=0 (repeatable)"},
	{"gpu-runtime", 0, NVB_OPTION_STRING("NAME", &opt.gpu_runtime),
		"who gives the GPUs: nvbind (or $BOLT_GPU_RUNTIME)"},
	{"capabilities", 0, NVB_OPTION_STRING("LIST", &opt.capabilities),
		"what the driver is for: compute, utility, graphics, video, display, ngx, compat32, all "
		"(compute,utility, or what the profile names)"},
	{"profile", 0, NVB_OPTION_LIST("NAME", &opt.profiles),
		"what the work wants besides: balanced, gaming, ultra, development, ai, or one of your own "
		"(repeatable)"},
	{"isolation", 0, NVB_OPTION_STRING("MODE", &opt.isolation),
		"shared: others may use its GPUs too; exclusive: nobody else gets them from nvbind; virtual: "
		"a part "
		"of a GPU, by MIG or MPS (shared)"},
	{"gpu-memory-limit", 0, NVB_OPTION_STRING("SIZE", &opt.gpu_memory_limit),
		"at most that much of each GPU's memory: 8GB, 8GiB"},
	{"gpu-compute-limit", 0, NVB_OPTION_STRING("SHARE", &opt.gpu_compute_limit),
		"at most that share of each GPU's multiprocessors: 80%"},
	{"mig-match", 0, NVB_OPTION_STRING("HOW", &opt.mig_match),
		"up: the smallest MIG device of at least that size; strict: of that size; down: else a "
		"smaller one (up)"},
	{NULL},
};

static const struct nvb_option resource_options[] = {
	{"volume", 'v', NVB_OPTION_LIST("HOST:INSIDE[:ro]", &opt.volumes),
		"mount a file or directory of the host; a HOST that is missing becomes a directory "
		"(repeatable)"},
	{"tmpfs", 0, NVB_OPTION_LIST("DIR[:OPTIONS]", &opt.tmpfs), "mount an empty tmpfs (repeatable)"},
	{"device", 0, NVB_OPTION_LIST("DEVICE", &opt.devices),
		"give a device: HOST[:INSIDE][:rwm], or a CDI name (repeatable)"},
	{"read-only", 0, NVB_OPTION_FLAG(&opt.read_only), "make the root file system read-only"},
	{"shm-size", 0, NVB_KIND_SIZE, "BYTES", {.u64 = &opt.shm_size}, NULL, NULL, &opt.shm_given,
		"size of /dev/shm (64m)"},
	{"ulimit", 0, NVB_OPTION_LIST("NAME=SOFT[:HARD]", &opt.ulimits), "set a limit (repeatable)"},
	{NULL},
};

static const struct nvb_option limit_options[] = {
	{"memory", 'm', NVB_OPTION_STRING("BYTES", &opt.memory), "most memory it may use, such as 512m"},
	{"memory-swap", 0, NVB_OPTION_STRING("BYTES", &opt.memory_swap),
		"most memory and swap together; -1: no limit of swap"},
	{"cpus", 0, NVB_OPTION_STRING("NUMBER", &opt.cpus), "most processors it may use, such as 1.5"},
	{"cpu-shares", 'c', NVB_OPTION_U32("NUMBER", &opt.cpu_shares),
		"its weight where processors are scarce (1024)"},
	{"cpuset-cpus", 0, NVB_OPTION_STRING("LIST", &opt.cpuset_cpus), "its processors, such as 0-3,8"},
	{"cpuset-mems", 0, NVB_OPTION_STRING("LIST", &opt.cpuset_mems), "its memory nodes, such as 0"},
	{"pids-limit", 0, NVB_OPTION_STRING("NUMBER", &opt.pids), "most processes; -1: no limit"},
	{NULL},
};

static const struct nvb_option network_options[] = {
	{"network", 0, NVB_OPTION_LIST("NETWORK", &opt.networks),
		"host: the host's own; none: a loopback alone; bridge, or another of 'bolt network ls' "
		"(repeatable; host, or bridge where ports are published)"},
	{"publish", 'p', NVB_OPTION_LIST("[ADDRESS:]HOST:INSIDE[/udp]", &opt.ports),
		"lead a port of the host, or FIRST-LAST, to one of the capsule (repeatable)"},
	{"network-alias", 0, NVB_OPTION_LIST("NAME", &opt.aliases),
		"another name for the others of its networks (repeatable)"},
	{"add-host", 0, NVB_OPTION_LIST("NAME:ADDRESS", &opt.hosts), "add a line to /etc/hosts (repeatable)"},
	{NULL},
};

static const struct nvb_option sandbox_options[] = {
	{"cap-add", 0, NVB_OPTION_LIST("CAPABILITY", &opt.cap_add), "add a capability, or ALL (repeatable)"},
	{"cap-drop", 0, NVB_OPTION_LIST("CAPABILITY", &opt.cap_drop),
		"drop a capability, or ALL (repeatable)"},
	{"security-opt", 0, NVB_OPTION_LIST("OPTION", &opt.security),
		"no-new-privileges[=false], seccomp=unconfined, seccomp=FILE, systempaths=unconfined "
		"(repeatable)"},
	{"privileged", 0, NVB_OPTION_FLAG(&opt.privileged),
		"no sandbox: all capabilities, devices and paths"},
	{NULL},
};

#define SHARED_GROUPS                                                                \
	{"Capsule", capsule_options}, {"Life", life_options}, {"GPUs", gpu_options}, \
		{"Files and devices", resource_options}, {"Limits", limit_options},  \
		{"Network", network_options}, {"Sandbox", sandbox_options},          \
	{                                                                            \
		NULL, NULL                                                           \
	}

const struct nvb_option_group surge_run_groups[] = {{"Run", run_options}, SHARED_GROUPS};
const struct nvb_option_group capsule_create_groups[] = {{"Create", create_options}, SHARED_GROUPS};
/* What `capsule update` can change. */
const struct nvb_option_group capsule_update_groups[] = {
	{"Limits", limit_options}, {"Life", update_options}, {NULL}};

static int check_gpu_runtime(nvb_error **err)
{
	const char *variable = getenv("BOLT_GPU_RUNTIME");
	const char *name = opt.gpu_runtime ? opt.gpu_runtime : variable && *variable ? variable : "nvbind";

	if (nvb_streq(name, "nvbind"))
		return 0;
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s '%s': GPUs are given by nvbind alone",
		opt.gpu_runtime ? "GPU runtime" : "BOLT_GPU_RUNTIME", name);
}

typedef int (*add_function)(struct nvb_capsule_definition *definition, const char *text, nvb_error **err);
typedef int (*spec_function)(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);

/* One value of the command line each. Lists in the order in which they count: files first, what stands on the
 * command line wins. */
static int add_words(struct nvb_capsule_definition *definition, nvb_error **err)
{
	const struct {
		char *const *list;
		add_function add;
	} lists[] = {
		{opt.labels, nvb_definition_add_label},
		{opt.profiles, nvb_definition_add_profile},
		{opt.gpus, nvb_definition_add_gpu},
		{opt.docker_gpus, nvb_definition_add_docker_gpus},
		{opt.cdi_devices, nvb_definition_add_cdi_device},
		{opt.devices, nvb_definition_add_device},
	};
	const struct {
		char *const *list;
		spec_function add;
	} spec_lists[] = {
		{opt.env_files, nvb_spec_add_env_file},
		{opt.env, nvb_spec_add_env},
		{opt.volumes, nvb_spec_add_volume},
		{opt.tmpfs, nvb_spec_add_tmpfs},
		{opt.ulimits, nvb_spec_add_ulimit},
		{opt.security, nvb_spec_add_security_opt},
		{opt.annotations, nvb_spec_add_annotation},
		{opt.networks, nvb_spec_add_network},
		{opt.ports, nvb_spec_add_port},
		{opt.aliases, nvb_spec_add_network_alias},
		{opt.hosts, nvb_spec_add_host},
	};
	int rc = 0;

	for (size_t i = 0; i < NVB_ELEMENTS(spec_lists); i++)
		nvb_strv_foreach (item, spec_lists[i].list)
			if (rc == 0)
				rc = spec_lists[i].add(&definition->spec, *item, err);
	for (size_t i = 0; i < NVB_ELEMENTS(lists); i++)
		nvb_strv_foreach (item, lists[i].list)
			if (rc == 0)
				rc = lists[i].add(definition, *item, err);
	nvb_strv_foreach (option, opt.log_options)
		if (rc == 0)
			rc = nvb_log_options_add(&definition->log, *option, err);
	nvb_strv_foreach (name, opt.cap_add)
		if (rc == 0)
			rc = nvb_spec_add_capability(&definition->spec.capabilities_added, *name, err);
	nvb_strv_foreach (name, opt.cap_drop)
		if (rc == 0)
			rc = nvb_spec_add_capability(&definition->spec.capabilities_dropped, *name, err);
	return rc;
}

static int set_words(struct nvb_capsule_definition *definition, nvb_error **err)
{
	const struct {
		const char *text;
		add_function set;
	} words[] = {
		{opt.capabilities, nvb_definition_set_capabilities},
		{opt.isolation, nvb_definition_set_isolation},
		{opt.gpu_memory_limit, nvb_definition_set_gpu_memory_limit},
		{opt.gpu_compute_limit, nvb_definition_set_gpu_compute_limit},
		{opt.mig_match, nvb_definition_set_mig_match},
		{opt.restart, nvb_definition_set_restart},
	};
	const struct {
		const char *text;
		spec_function set;
	} spec_words[] = {
		{opt.name, nvb_spec_set_name},
		{opt.hostname, nvb_spec_set_hostname},
		{opt.workdir, nvb_spec_set_workdir},
		{opt.stop_signal, nvb_spec_set_stop_signal},
		{opt.memory, nvb_spec_set_memory},
		{opt.memory_swap, nvb_spec_set_memory_swap},
		{opt.cpus, nvb_spec_set_cpus},
		{opt.cpuset_cpus, nvb_spec_set_cpuset_cpus},
		{opt.cpuset_mems, nvb_spec_set_cpuset_mems},
		{opt.pids, nvb_spec_set_pids},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(spec_words); i++)
		if (spec_words[i].text)
			rc = spec_words[i].set(&definition->spec, spec_words[i].text, err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(words); i++)
		if (words[i].text)
			rc = words[i].set(definition, words[i].text, err);
	return rc;
}

static int check(const struct nvb_capsule_spec *spec, nvb_error **err)
{
	if (spec->terminal && spec->interactive && !opt.detach && !opt.image && !isatty(STDIN_FILENO))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "-it: standard input is no terminal"),
			"use -i alone to hand input on");
	if (opt.shm_given && !opt.shm_size)
		return nvb_fail(err, NVB_ERR_INVALID, "--shm-size: must be more than 0");
	if (opt.no_health && opt.health_command)
		return nvb_fail(err, NVB_ERR_INVALID, "--no-healthcheck and --health-cmd exclude each other");
	return 0;
}

static void set_health(struct nvb_health_check *health)
{
	health->disabled = opt.no_health;
	health->shell = opt.health_command;
	health->interval = opt.health_interval;
	health->timeout = opt.health_timeout;
	health->start_period = opt.health_start_period;
	health->start_interval = opt.health_start_interval;
	health->retries = opt.health_retries;
}

int run_options_apply(struct nvb_capsule_definition *definition, nvb_error **err)
{
	struct nvb_capsule_spec *spec = &definition->spec;
	int rc = 0;

	spec->remove = opt.remove;
	spec->interactive = opt.interactive;
	spec->terminal = opt.terminal;
	spec->read_only = opt.read_only;
	spec->privileged = opt.privileged;
	spec->user = opt.user;
	spec->entrypoint = opt.entrypoint;
	spec->runtime = opt.runtime;
	spec->pull = (enum nvb_pull)opt.pull;
	spec->shm_size = opt.shm_size;
	spec->resources.cpu_shares = opt.cpu_shares;
	if (opt.image)
		spec->image = opt.image;
	if (opt.stop_timeout_given)
		rc = nvb_definition_set_stop_timeout(definition, opt.stop_timeout, err);
	set_health(&definition->health);
	if (rc == 0)
		rc = check_gpu_runtime(err);
	if (rc == 0)
		rc = set_words(definition, err);
	if (rc == 0)
		rc = check(spec, err);
	if (rc == 0)
		rc = add_words(definition, err);
	return rc < 0 ? rc : nvb_definition_check(definition, err);
}

bool run_options_detach(void)
{
	return opt.detach;
}

int run_options_update(struct nvb_capsule_definition *definition, bool *any, nvb_error **err)
{
	*any = opt.restart || opt.memory || opt.memory_swap || opt.cpus || opt.cpuset_cpus ||
	       opt.cpuset_mems || opt.pids || opt.cpu_shares;
	if (opt.cpu_shares)
		definition->spec.resources.cpu_shares = opt.cpu_shares;
	if (set_words(definition, err) < 0)
		return -NVB_ERR_INVALID;
	return nvb_definition_check(definition, err);
}

int run_options_apply_create(
	int argc, char **argv, struct nvb_capsule_definition *definition, nvb_error **err)
{
	bool named = argc > 0 && !nvb_streq(argv[0], "--");
	int rc;

	if (named) {
		if (opt.name)
			return nvb_usage(err, "the capsule's name is given twice: '%s' and --name %s",
				argv[0], opt.name);
		opt.name = argv[0];
	}
	/* The command: behind the name, or "--", or both. */
	argv += named;
	if (*argv && nvb_streq(*argv, "--"))
		argv++;
	/* Docker's order of words would make the image a name. */
	if (!opt.image)
		return nvb_hint(
			err, nvb_usage(err, "no image was named"), "bolt capsule create NAME --image IMAGE");
	rc = run_options_apply(definition, err);
	if (rc == 0 && *argv)
		rc = nvb_definition_set_command(definition, (const char *const *)argv, err);
	return rc;
}
