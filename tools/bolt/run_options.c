/* SPDX-License-Identifier: Apache-2.0 */
#include "run_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/sibling.h"
#include "config.h"
#include "helper.h"
#include "profile/profile.h"
#include "verbs.h"

static struct {
	bool remove, interactive, terminal, read_only, privileged;
	const char *name, *user, *workdir, *hostname, *entrypoint, *stop_signal, *runtime, *gpu_runtime,
		*capabilities, *isolation, *gpu_memory_limit, *gpu_compute_limit, *mig_match;
	char **env, **env_files, **volumes, **tmpfs, **devices, **cdi_devices, **gpus, **docker_gpus,
		**profiles, **cap_add, **cap_drop, **security, **ulimits, **annotations;
	char **networks, **ports, **hosts, **aliases;
	int pull;
	uint64_t shm_size;
	bool shm_given;
} opt = {.pull = NVB_PULL_MISSING};

static const struct nvb_choice booleans[] = {{"true", 1}, {"false", 0}, {NULL}};

static const struct nvb_choice pulls[] = {
	{"missing", NVB_PULL_MISSING}, {"always", NVB_PULL_ALWAYS}, {"never", NVB_PULL_NEVER}, {NULL}};

static const struct nvb_option capsule_options[] = {
	{"rm", 0, NVB_OPTION_FLAG(&opt.remove), "remove the capsule when it ends"},
	{"interactive", 'i', NVB_OPTION_FLAG(&opt.interactive), "hand standard input on"},
	{"tty", 't', NVB_OPTION_FLAG(&opt.terminal), "give the program a terminal"},
	{"name", 0, NVB_OPTION_STRING("NAME", &opt.name), "name the capsule"},
	{"entrypoint", 0, NVB_OPTION_STRING("PROGRAM", &opt.entrypoint),
		"replace the image's entry point, '' takes it away"},
	{"env", 'e', NVB_OPTION_LIST("NAME[=VALUE]", &opt.env),
		"set a variable, without a value to the caller's own (repeatable)"},
	{"env-file", 0, NVB_OPTION_LIST("FILE", &opt.env_files),
		"set the variables a file lists (repeatable)"},
	{"workdir", 'w', NVB_OPTION_STRING("DIR", &opt.workdir), "start in this directory"},
	{"user", 'u', NVB_OPTION_STRING("USER[:GROUP]", &opt.user), "run as this user, by name or number"},
	{"hostname", 'h', NVB_OPTION_STRING("NAME", &opt.hostname), "what the capsule calls itself"},
	{"stop-signal", 0, NVB_OPTION_STRING("SIGNAL", &opt.stop_signal), "what asks the program to end"},
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

const struct nvb_option_group surge_run_groups[] = {
	{"Capsule", capsule_options},
	{"GPUs", gpu_options},
	{"Files, devices and limits", resource_options},
	{"Network", network_options},
	{"Sandbox", sandbox_options},
	{NULL, NULL},
};

static int check_gpu_runtime(nvb_error **err)
{
	const char *variable = getenv("BOLT_GPU_RUNTIME");
	const char *name = opt.gpu_runtime ? opt.gpu_runtime : variable && *variable ? variable : "nvbind";

	if (nvb_streq(name, "nvbind"))
		return 0;
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s '%s': GPUs are given by nvbind alone",
		opt.gpu_runtime ? "GPU runtime" : "BOLT_GPU_RUNTIME", name);
}

static int add_profiles(struct nvb_request *request, nvb_error **err)
{
	_cleanup_free_ char *installed = opt.profiles ? nvb_sibling_data("profiles.d", NVB_DATADIR) : NULL;

	if (!opt.profiles)
		return 0;
	if (!opt.gpus && !opt.docker_gpus && !opt.cdi_devices && !opt.devices)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "--profile %s: no GPU was asked for", opt.profiles[0]),
			"add --gpu all, or another");
	return installed ? nvb_profiles_apply(opt.profiles, installed, request, err) : nvb_fail_oom(err);
}

static int apply_isolation(struct nvb_request *request, nvb_error **err)
{
	int rc = opt.isolation ? nvb_request_set_isolation(request, opt.isolation, err) : 0;

	if (rc == 0 && opt.gpu_memory_limit)
		rc = nvb_request_set_memory_limit(request, opt.gpu_memory_limit, err);
	if (rc == 0 && opt.gpu_compute_limit)
		rc = nvb_request_set_compute_limit(request, opt.gpu_compute_limit, err);
	return rc == 0 && opt.mig_match ? nvb_request_set_mig_match(request, opt.mig_match, err) : rc;
}

static int make_request(struct nvb_request *request, struct nvb_capsule_spec *spec, nvb_error **err)
{
	int rc = add_profiles(request, err);

	if (rc == 0)
		rc = apply_isolation(request, err);
	if (rc == 0 && opt.capabilities)
		rc = nvb_request_set_capabilities(request, opt.capabilities, err);
	nvb_strv_foreach (gpu, opt.gpus)
		if (rc == 0)
			rc = nvb_request_add_gpus(request, *gpu, err);
	nvb_strv_foreach (value, opt.docker_gpus)
		if (rc == 0)
			rc = nvb_request_add_docker_gpus(request, *value, err);
	nvb_strv_foreach (name, opt.cdi_devices)
		if (rc == 0)
			rc = nvb_request_add_cdi_device(request, *name, err);
	nvb_strv_foreach (device, opt.devices)
		if (rc == 0)
			rc = nvb_is_cdi_name(*device) ? nvb_request_add_cdi_device(request, *device, err)
						      : nvb_spec_add_device(spec, *device, err);
	return rc;
}

typedef int (*add_function)(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);

static int add_each(struct nvb_capsule_spec *spec, char *const *list, add_function add, nvb_error **err)
{
	int rc = 0;

	nvb_strv_foreach (item, list)
		if (rc == 0)
			rc = add(spec, *item, err);
	return rc;
}

static int add_annotation(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	if (*text == '=' || !strchr(text, '='))
		return nvb_fail(err, NVB_ERR_INVALID, "annotation '%s': not NAME=VALUE", text);
	return nvb_strv_add(&spec->annotations, text) ? 0 : nvb_fail_oom(err);
}

static int apply_lists(struct nvb_capsule_spec *spec, nvb_error **err)
{
	const struct {
		char *const *list;
		add_function add;
	} lists[] = {
		/* Files first: what stands on the command line wins. */
		{opt.env_files, nvb_spec_add_env_file},
		{opt.env, nvb_spec_add_env},
		{opt.volumes, nvb_spec_add_volume},
		{opt.tmpfs, nvb_spec_add_tmpfs},
		{opt.ulimits, nvb_spec_add_ulimit},
		{opt.security, nvb_spec_add_security_opt},
		{opt.annotations, add_annotation},
		{opt.networks, nvb_spec_add_network},
		{opt.ports, nvb_spec_add_port},
		{opt.aliases, nvb_spec_add_network_alias},
		{opt.hosts, nvb_spec_add_host},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(lists); i++)
		rc = add_each(spec, lists[i].list, lists[i].add, err);
	nvb_strv_foreach (name, opt.cap_add)
		if (rc == 0)
			rc = nvb_spec_add_capability(&spec->capabilities_added, *name, err);
	nvb_strv_foreach (name, opt.cap_drop)
		if (rc == 0)
			rc = nvb_spec_add_capability(&spec->capabilities_dropped, *name, err);
	return rc < 0 ? rc : nvb_spec_settle_network(spec, err);
}

static int check(const struct nvb_capsule_spec *spec, nvb_error **err)
{
	if (spec->terminal && spec->interactive && !isatty(STDIN_FILENO))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "-it: standard input is no terminal"),
			"use -i alone to hand input on");
	if (opt.shm_given && !opt.shm_size)
		return nvb_fail(err, NVB_ERR_INVALID, "--shm-size: must be more than 0");
	if (spec->working_directory && *spec->working_directory != '/')
		return nvb_fail(err, NVB_ERR_INVALID, "--workdir '%s': not an absolute path",
			spec->working_directory);
	return 0;
}

int run_options_apply(struct nvb_capsule_spec *spec, struct nvb_request **request, nvb_error **err)
{
	int rc;

	spec->remove = opt.remove;
	spec->interactive = opt.interactive;
	spec->terminal = opt.terminal;
	spec->read_only = opt.read_only;
	spec->privileged = opt.privileged;
	spec->user = opt.user;
	spec->working_directory = opt.workdir;
	spec->entrypoint = opt.entrypoint;
	spec->stop_signal = opt.stop_signal;
	spec->runtime = opt.runtime;
	spec->pull = (enum nvb_pull)opt.pull;
	spec->shm_size = opt.shm_size;
	rc = check_gpu_runtime(err);
	if (rc == 0)
		rc = check(spec, err);
	if (rc == 0 && opt.name)
		rc = nvb_spec_set_name(spec, opt.name, err);
	if (rc == 0 && opt.hostname)
		rc = nvb_spec_set_hostname(spec, opt.hostname, err);
	if (rc == 0)
		rc = apply_lists(spec, err);
	if (rc == 0)
		rc = nvb_request_new(request, err);
	return rc < 0 ? rc : make_request(*request, spec, err);
}
