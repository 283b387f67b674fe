/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "capsule/definition_table.h"

/* The definition as JSON. A field is a row of one table; what it holds is written in the words in which it
 * was asked for, and read through the functions that check these words. */

typedef struct nvb_capsule_definition definition;

/* Those of the spec, called with the definition. */
#define SPEC_ADDER(name, function)                                        \
	static int name(definition *d, const char *text, nvb_error **err) \
	{                                                                 \
		return function(&d->spec, text, err);                     \
	}
SPEC_ADDER(set_name, nvb_spec_set_name)
SPEC_ADDER(set_hostname, nvb_spec_set_hostname)
SPEC_ADDER(set_workdir, nvb_spec_set_workdir)
SPEC_ADDER(set_stop_signal, nvb_spec_set_stop_signal)
SPEC_ADDER(set_cpus_list, nvb_spec_set_cpuset_cpus)
SPEC_ADDER(set_mems_list, nvb_spec_set_cpuset_mems)
SPEC_ADDER(add_annotation, nvb_spec_add_annotation)
SPEC_ADDER(add_volume, nvb_spec_add_volume)
SPEC_ADDER(add_tmpfs, nvb_spec_add_tmpfs)
SPEC_ADDER(add_device, nvb_spec_add_device)
SPEC_ADDER(add_ulimit, nvb_spec_add_ulimit)
SPEC_ADDER(add_network, nvb_spec_add_network)
SPEC_ADDER(add_alias, nvb_spec_add_network_alias)
SPEC_ADDER(add_port, nvb_spec_add_port)
SPEC_ADDER(add_host, nvb_spec_add_host)

/* A name alone takes a variable away; nvb_spec_add_env would hand on the reader's own. */
static int add_env(definition *d, const char *text, nvb_error **err)
{
	if (!*text || *text == '=')
		return nvb_fail(err, NVB_ERR_INVALID, "environment '%s': the name is empty", text);
	return nvb_strv_add(&d->spec.env, text) ? 0 : nvb_fail_oom(err);
}

static int set_restart(definition *d, const char *text, nvb_error **err)
{
	return nvb_definition_set_restart(d, text, err);
}

static bool volume_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	const struct nvb_volume *v;

	if (i >= d->spec.volume_count)
		return false;
	v = &d->spec.volumes[i];
	nvb_sb_addf(out, "%s:%s:%s,%s", v->source, v->target, v->read_only ? "ro" : "rw", v->propagation);
	return true;
}

static bool tmpfs_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	if (i >= d->spec.tmpfs_count)
		return false;
	nvb_sb_addf(out, "%s%s%s", d->spec.tmpfs[i].target, *d->spec.tmpfs[i].options ? ":" : "",
		d->spec.tmpfs[i].options);
	return true;
}

static bool device_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	if (i >= d->spec.device_count)
		return false;
	nvb_sb_addf(out, "%s:%s:%s", d->spec.devices[i].host, d->spec.devices[i].container,
		d->spec.devices[i].access);
	return true;
}

static void add_limit(struct nvb_strbuf *out, uint64_t value)
{
	if (value == UINT64_MAX)
		nvb_sb_add(out, "unlimited");
	else
		nvb_sb_addf(out, "%llu", (unsigned long long)value);
}

static bool ulimit_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	if (i >= d->spec.ulimit_count)
		return false;
	nvb_sb_addf(out, "%s=", nvb_ulimit_name(&d->spec.ulimits[i]));
	add_limit(out, d->spec.ulimits[i].soft);
	nvb_sb_addc(out, ':');
	add_limit(out, d->spec.ulimits[i].hard);
	return true;
}

static bool restart_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	char text[40];

	if (i > 0)
		return false;
	nvb_sb_add(out, nvb_definition_restart_text(d, text, sizeof(text)));
	return true;
}

static bool network_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	const struct nvb_capsule_spec *spec = &d->spec;

	if (spec->network == NVB_NETWORK_BRIDGE) {
		if (i >= nvb_strv_length(spec->networks))
			return false;
		nvb_sb_add(out, spec->networks[i]);
		return true;
	}
	if (i > 0 || !spec->network_given)
		return false;
	nvb_sb_add(out, spec->network == NVB_NETWORK_HOST ? "host" : "none");
	return true;
}

/* As nvb_port_parse takes it. */
static bool port_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	const struct nvb_port *port;
	bool bracket;

	if (i >= d->spec.port_count)
		return false;
	port = &d->spec.ports[i];
	bracket = strchr(port->address, ':') != NULL;
	if (*port->address)
		nvb_sb_addf(out, "%s%s%s:", bracket ? "[" : "", port->address, bracket ? "]" : "");
	if (port->host)
		nvb_sb_addf(out, "%u", port->host);
	nvb_sb_addf(out, "%s%u%s", port->host || *port->address ? ":" : "", port->container,
		port->udp ? "/udp" : "");
	return true;
}

/* "ADDRESS\tNAME" to "NAME:ADDRESS" */
static bool host_item(const definition *d, size_t i, struct nvb_strbuf *out)
{
	const char *line, *tab;

	if (i >= nvb_strv_length(d->spec.extra_hosts))
		return false;
	line = d->spec.extra_hosts[i];
	tab = strchr(line, '\t');
	nvb_sb_addf(out, "%s:%.*s", tab ? tab + 1 : "", (int)strcspn(line, "\t"), line);
	return true;
}

static const struct nvb_choice pulls[] = {
	{"missing", NVB_PULL_MISSING}, {"always", NVB_PULL_ALWAYS}, {"never", NVB_PULL_NEVER}, {NULL}};
static const struct nvb_choice seccomps[] = {{"default", NVB_SECCOMP_DEFAULT},
	{"unconfined", NVB_SECCOMP_UNCONFINED}, {"file", NVB_SECCOMP_FILE}, {NULL}};

#define AT(member) offsetof(definition, member)

const struct nvb_definition_field nvb_definition_fields[] = {
	{"name", NVB_FIELD_TEXT, AT(spec.name), .add = set_name},
	{"image", NVB_FIELD_TEXT, AT(spec.image), .add = nvb_definition_set_image},
	{"entrypoint", NVB_FIELD_TEXT, AT(spec.entrypoint)},
	{"command", NVB_FIELD_WORDS, AT(spec.command)},
	{"user", NVB_FIELD_TEXT, AT(spec.user)},
	{"working_directory", NVB_FIELD_TEXT, AT(spec.working_directory), .add = set_workdir},
	{"hostname", NVB_FIELD_TEXT, AT(spec.hostname), .add = set_hostname},
	{"environment", NVB_FIELD_TEXTS, AT(spec.env), .add = add_env},
	{"labels", NVB_FIELD_TEXTS, AT(labels), .add = nvb_definition_add_label},
	{"annotations", NVB_FIELD_TEXTS, AT(spec.annotations), .add = add_annotation},
	{"remove", NVB_FIELD_FLAG, AT(spec.remove)},
	{"interactive", NVB_FIELD_FLAG, AT(spec.interactive)},
	{"terminal", NVB_FIELD_FLAG, AT(spec.terminal)},
	{"pull", NVB_FIELD_CHOICE, AT(spec.pull), pulls},
	{"runtime", NVB_FIELD_TEXT, AT(spec.runtime)},
	{"gpus", NVB_FIELD_TEXTS, AT(gpus), .add = nvb_definition_add_gpu},
	{"docker_gpus", NVB_FIELD_TEXTS, AT(docker_gpus), .add = nvb_definition_add_docker_gpus},
	{"cdi_devices", NVB_FIELD_TEXTS, AT(cdi_devices), .add = nvb_definition_add_cdi_device},
	{"gpu_capabilities", NVB_FIELD_TEXT, AT(capabilities), .add = nvb_definition_set_capabilities},
	{"profiles", NVB_FIELD_TEXTS, AT(profiles), .add = nvb_definition_add_profile},
	{"isolation", NVB_FIELD_TEXT, AT(isolation), .add = nvb_definition_set_isolation},
	{"gpu_memory_limit", NVB_FIELD_TEXT, AT(gpu_memory_limit),
		.add = nvb_definition_set_gpu_memory_limit},
	{"gpu_compute_limit", NVB_FIELD_TEXT, AT(gpu_compute_limit),
		.add = nvb_definition_set_gpu_compute_limit},
	{"mig_match", NVB_FIELD_TEXT, AT(mig_match), .add = nvb_definition_set_mig_match},
	{"gpu_settings", NVB_FIELD_TEXTS, AT(gpu_settings), .add = nvb_definition_add_gpu_setting},
	{"snapshot_gpu_state", NVB_FIELD_FLAG, AT(snapshot_gpu_state)},
	{"restart", NVB_FIELD_ITEM, 0, .add = set_restart, .item = restart_item},
	{"stop_signal", NVB_FIELD_TEXT, AT(spec.stop_signal), .add = set_stop_signal},
	{"stop_timeout", NVB_FIELD_NUMBER, AT(stop_timeout), .most = NVB_STOP_TIMEOUT_MOST},
	{"health_disabled", NVB_FIELD_FLAG, AT(health.disabled)},
	{"health_shell", NVB_FIELD_TEXT, AT(health.shell)},
	{"health_command", NVB_FIELD_WORDS, AT(health.command)},
	{"health_interval", NVB_FIELD_NUMBER, AT(health.interval)},
	{"health_timeout", NVB_FIELD_NUMBER, AT(health.timeout)},
	{"health_start_period", NVB_FIELD_NUMBER, AT(health.start_period)},
	{"health_start_interval", NVB_FIELD_NUMBER, AT(health.start_interval)},
	{"health_retries", NVB_FIELD_NUMBER32, AT(health.retries)},
	{"log_max_size", NVB_FIELD_NUMBER, AT(log.max_size)},
	{"log_max_files", NVB_FIELD_NUMBER32, AT(log.max_files)},
	{"networks", NVB_FIELD_ITEMS, 0, .add = add_network, .item = network_item},
	{"network_aliases", NVB_FIELD_TEXTS, AT(spec.network_aliases), .add = add_alias},
	{"ports", NVB_FIELD_ITEMS, 0, .add = add_port, .item = port_item},
	{"extra_hosts", NVB_FIELD_ITEMS, 0, .add = add_host, .item = host_item},
	{"volumes", NVB_FIELD_ITEMS, 0, .add = add_volume, .item = volume_item},
	{"tmpfs", NVB_FIELD_ITEMS, 0, .add = add_tmpfs, .item = tmpfs_item},
	{"devices", NVB_FIELD_ITEMS, 0, .add = add_device, .item = device_item},
	{"ulimits", NVB_FIELD_ITEMS, 0, .add = add_ulimit, .item = ulimit_item},
	{"shm_size", NVB_FIELD_NUMBER, AT(spec.shm_size)},
	{"memory", NVB_FIELD_NUMBER, AT(spec.resources.memory)},
	{"memory_swap", NVB_FIELD_NUMBER, AT(spec.resources.memory_swap)},
	{"nano_cpus", NVB_FIELD_NUMBER, AT(spec.resources.nano_cpus)},
	{"cpu_shares", NVB_FIELD_NUMBER, AT(spec.resources.cpu_shares)},
	{"pids_limit", NVB_FIELD_NUMBER, AT(spec.resources.pids)},
	{"cpuset_cpus", NVB_FIELD_TEXT, AT(spec.resources.cpuset_cpus), .add = set_cpus_list},
	{"cpuset_mems", NVB_FIELD_TEXT, AT(spec.resources.cpuset_mems), .add = set_mems_list},
	{"read_only", NVB_FIELD_FLAG, AT(spec.read_only)},
	{"privileged", NVB_FIELD_FLAG, AT(spec.privileged)},
	{"cap_add", NVB_FIELD_SET, AT(spec.capabilities_added)},
	{"cap_drop", NVB_FIELD_SET, AT(spec.capabilities_dropped)},
	{"no_new_privileges", NVB_FIELD_FLAG, AT(spec.no_new_privileges)},
	{"unmasked", NVB_FIELD_FLAG, AT(spec.unmasked)},
	{"seccomp", NVB_FIELD_CHOICE, AT(spec.seccomp), seccomps},
	{"seccomp_file", NVB_FIELD_TEXT, AT(spec.seccomp_file)},
};

const size_t nvb_definition_field_count = NVB_ELEMENTS(nvb_definition_fields);
