/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "base/jscan.h"
#include "capsule/definition.h"
#include "capsule/sandbox.h"

/* The definition as JSON. A field is a row of one table; what it holds is written in the words in which it
 * was asked for, and read through the functions that check these words. */

enum kind {
	TEXT,	  /* const char *; an absent one is NULL */
	TEXTS,	  /* char ** */
	WORDS,	  /* char *const *, in the arena */
	FLAG,	  /* bool */
	NUMBER,	  /* uint64_t */
	NUMBER32, /* uint32_t */
	CHOICE,	  /* an enumeration with names */
	SET,	  /* uint64_t: capabilities by number */
	ITEM,	  /* a structure, written as one text */
	ITEMS,	  /* an array of structures, written one by one */
};

typedef struct nvb_capsule_definition definition;

struct field {
	const char *key;
	enum kind kind;
	size_t offset;
	const struct nvb_choice *choices;
	/* Reads one text, checked; NULL: any text that is UTF-8. */
	int (*add)(definition *d, const char *text, nvb_error **err);
	/* Of ITEM and ITEMS: the text of number i, false behind the last. */
	bool (*item)(const definition *d, size_t i, struct nvb_strbuf *out);
};

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

static const struct field fields[] = {
	{"name", TEXT, AT(spec.name), .add = set_name},
	{"image", TEXT, AT(spec.image), .add = nvb_definition_set_image},
	{"entrypoint", TEXT, AT(spec.entrypoint)},
	{"command", WORDS, AT(spec.command)},
	{"user", TEXT, AT(spec.user)},
	{"working_directory", TEXT, AT(spec.working_directory), .add = set_workdir},
	{"hostname", TEXT, AT(spec.hostname), .add = set_hostname},
	{"environment", TEXTS, AT(spec.env), .add = add_env},
	{"labels", TEXTS, AT(labels), .add = nvb_definition_add_label},
	{"annotations", TEXTS, AT(spec.annotations), .add = add_annotation},
	{"remove", FLAG, AT(spec.remove)},
	{"interactive", FLAG, AT(spec.interactive)},
	{"terminal", FLAG, AT(spec.terminal)},
	{"pull", CHOICE, AT(spec.pull), pulls},
	{"runtime", TEXT, AT(spec.runtime)},
	{"gpus", TEXTS, AT(gpus), .add = nvb_definition_add_gpu},
	{"docker_gpus", TEXTS, AT(docker_gpus), .add = nvb_definition_add_docker_gpus},
	{"cdi_devices", TEXTS, AT(cdi_devices), .add = nvb_definition_add_cdi_device},
	{"gpu_capabilities", TEXT, AT(capabilities), .add = nvb_definition_set_capabilities},
	{"profiles", TEXTS, AT(profiles), .add = nvb_definition_add_profile},
	{"isolation", TEXT, AT(isolation), .add = nvb_definition_set_isolation},
	{"gpu_memory_limit", TEXT, AT(gpu_memory_limit), .add = nvb_definition_set_gpu_memory_limit},
	{"gpu_compute_limit", TEXT, AT(gpu_compute_limit), .add = nvb_definition_set_gpu_compute_limit},
	{"mig_match", TEXT, AT(mig_match), .add = nvb_definition_set_mig_match},
	{"gpu_settings", TEXTS, AT(gpu_settings), .add = nvb_definition_add_gpu_setting},
	{"snapshot_gpu_state", FLAG, AT(snapshot_gpu_state)},
	{"restart", ITEM, 0, .add = set_restart, .item = restart_item},
	{"stop_signal", TEXT, AT(spec.stop_signal), .add = set_stop_signal},
	{"stop_timeout", NUMBER, AT(stop_timeout)},
	{"health_disabled", FLAG, AT(health.disabled)},
	{"health_shell", TEXT, AT(health.shell)},
	{"health_command", WORDS, AT(health.command)},
	{"health_interval", NUMBER, AT(health.interval)},
	{"health_timeout", NUMBER, AT(health.timeout)},
	{"health_start_period", NUMBER, AT(health.start_period)},
	{"health_start_interval", NUMBER, AT(health.start_interval)},
	{"health_retries", NUMBER32, AT(health.retries)},
	{"log_max_size", NUMBER, AT(log.max_size)},
	{"log_max_files", NUMBER32, AT(log.max_files)},
	{"networks", ITEMS, 0, .add = add_network, .item = network_item},
	{"network_aliases", TEXTS, AT(spec.network_aliases), .add = add_alias},
	{"ports", ITEMS, 0, .add = add_port, .item = port_item},
	{"extra_hosts", ITEMS, 0, .add = add_host, .item = host_item},
	{"volumes", ITEMS, 0, .add = add_volume, .item = volume_item},
	{"tmpfs", ITEMS, 0, .add = add_tmpfs, .item = tmpfs_item},
	{"devices", ITEMS, 0, .add = add_device, .item = device_item},
	{"ulimits", ITEMS, 0, .add = add_ulimit, .item = ulimit_item},
	{"shm_size", NUMBER, AT(spec.shm_size)},
	{"memory", NUMBER, AT(spec.resources.memory)},
	{"memory_swap", NUMBER, AT(spec.resources.memory_swap)},
	{"nano_cpus", NUMBER, AT(spec.resources.nano_cpus)},
	{"cpu_shares", NUMBER, AT(spec.resources.cpu_shares)},
	{"pids_limit", NUMBER, AT(spec.resources.pids)},
	{"cpuset_cpus", TEXT, AT(spec.resources.cpuset_cpus), .add = set_cpus_list},
	{"cpuset_mems", TEXT, AT(spec.resources.cpuset_mems), .add = set_mems_list},
	{"read_only", FLAG, AT(spec.read_only)},
	{"privileged", FLAG, AT(spec.privileged)},
	{"cap_add", SET, AT(spec.capabilities_added)},
	{"cap_drop", SET, AT(spec.capabilities_dropped)},
	{"no_new_privileges", FLAG, AT(spec.no_new_privileges)},
	{"unmasked", FLAG, AT(spec.unmasked)},
	{"seccomp", CHOICE, AT(spec.seccomp), seccomps},
	{"seccomp_file", TEXT, AT(spec.seccomp_file)},
};

enum { VERSION = 1 };

/* Writing. */

#define VALUE(d, field, type) (*(type const *)((const char *)(d) + (field)->offset))

static void write_texts(const char *const *texts, struct nvb_strbuf *out)
{
	nvb_sb_addc(out, '[');
	for (size_t i = 0; texts && texts[i]; i++) {
		nvb_sb_add(out, i ? ", " : "");
		nvb_sb_add_json(out, texts[i]);
	}
	nvb_sb_addc(out, ']');
}

static void write_item(const definition *d, const struct field *field, struct nvb_strbuf *out)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	field->item(d, 0, &text);
	if (text.failed)
		out->failed = true;
	else
		nvb_sb_add_json(out, text.s);
}

static void write_items(const definition *d, const struct field *field, struct nvb_strbuf *out)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_addc(out, '[');
	for (size_t i = 0; field->item(d, i, &text); i++) {
		nvb_sb_add(out, i ? ", " : "");
		if (text.failed)
			out->failed = true;
		else
			nvb_sb_add_json(out, text.s);
		nvb_sb_release(&text);
	}
	nvb_sb_addc(out, ']');
}

static void write_set(uint64_t set, struct nvb_strbuf *out)
{
	bool first = true;

	nvb_sb_addc(out, '[');
	for (int i = 0; i < NVB_CAPABILITY_COUNT; i++)
		if (set >> i & 1) {
			nvb_sb_addf(out, "%s\"%s\"", first ? "" : ", ", nvb_capability_name(i));
			first = false;
		}
	nvb_sb_addc(out, ']');
}

static void write_value(const definition *d, const struct field *field, struct nvb_strbuf *out)
{
	const char *text;

	switch (field->kind) {
	case TEXT:
		text = VALUE(d, field, char *);
		text ? nvb_sb_add_json(out, text) : nvb_sb_add(out, "null");
		break;
	case TEXTS:
	case WORDS:
		write_texts(VALUE(d, field, const char *const *), out);
		break;
	case FLAG:
		nvb_sb_add(out, VALUE(d, field, bool) ? "true" : "false");
		break;
	case NUMBER:
		nvb_sb_addf(out, "%llu", (unsigned long long)VALUE(d, field, uint64_t));
		break;
	case NUMBER32:
		nvb_sb_addf(out, "%u", VALUE(d, field, uint32_t));
		break;
	case CHOICE:
		nvb_sb_add_json(out, nvb_choice_name(field->choices, VALUE(d, field, int)));
		break;
	case SET:
		write_set(VALUE(d, field, uint64_t), out);
		break;
	case ITEM:
		write_item(d, field, out);
		break;
	case ITEMS:
		write_items(d, field, out);
		break;
	}
}

void nvb_definition_write(
	const definition *d, enum nvb_definition_scope scope, unsigned indent, struct nvb_strbuf *out)
{
	definition defaults;

	nvb_capsule_definition_init(&defaults);
	nvb_sb_addf(out, "{\n%.*s\"version\": %d", (int)indent + 1, "\t\t\t\t\t\t\t\t", VERSION);
	for (size_t i = 0; i < NVB_ELEMENTS(fields); i++) {
		_cleanup_strbuf_ struct nvb_strbuf value = {0}, other = {0};

		write_value(d, &fields[i], &value);
		write_value(&defaults, &fields[i], &other);
		if (value.failed || other.failed)
			out->failed = true;
		else if (scope == NVB_DEFINITION_ALL || !nvb_streq(value.s, other.s))
			nvb_sb_addf(
				out, ",\n%.*s\"%s\": ", (int)indent + 1, "\t\t\t\t\t\t\t\t", fields[i].key),
				nvb_sb_add(out, value.s);
	}
	nvb_sb_addf(out, "\n%.*s}", (int)indent, "\t\t\t\t\t\t\t\t");
	nvb_capsule_definition_release(&defaults);
}

/* Reading. */

#define PLACE(d, field, type) (*(type *)((char *)(d) + (field)->offset))

static int read_text(struct nvb_jscan *js, char **out, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_STRING, &value, err);

	if (rc < 0)
		return rc;
	*out = nvb_json_strdup(&value);
	return *out ? 0 : nvb_fail_oom(err);
}

static int read_one_text(definition *d, const struct field *field, struct nvb_jscan *js, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	const char *kept;
	int rc = read_text(js, &text, err);

	if (rc < 0)
		return rc;
	if (field->add)
		return field->add(d, text, err);
	kept = nvb_arena_strdup(&d->spec.arena, text);
	if (!kept)
		return nvb_fail_oom(err);
	PLACE(d, field, const char *) = kept;
	return 0;
}

static int add_text(definition *d, const struct field *field, const char *text, nvb_error **err)
{
	if (field->kind == SET)
		return nvb_spec_add_capability(&PLACE(d, field, uint64_t), text, err);
	if (field->add)
		return field->add(d, text, err);
	return nvb_strv_add(&PLACE(d, field, char **), text) ? 0 : nvb_fail_oom(err);
}

static int read_array(definition *d, const struct field *field, struct nvb_jscan *js, nvb_error **err)
{
	int rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err), more;

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) != 0) {
		_cleanup_free_ char *text = NULL;

		rc = more < 0 ? more : read_text(js, &text, err);
		if (rc == 0)
			rc = add_text(d, field, text, err);
	}
	return rc;
}

/* Collected first: the arena's vector has one size. */
static int read_words(definition *d, const struct field *field, struct nvb_jscan *js, nvb_error **err)
{
	_cleanup_strv_ char **words = NULL;
	size_t count;
	char **copy;
	int rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err), more;

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) != 0) {
		_cleanup_free_ char *text = NULL;

		rc = more < 0 ? more : read_text(js, &text, err);
		if (rc == 0 && !nvb_strv_add(&words, text))
			rc = nvb_fail_oom(err);
	}
	if (rc < 0)
		return rc;
	count = nvb_strv_length(words);
	copy = nvb_arena_alloc(&d->spec.arena, (count + 1) * sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++)
		if (!(copy[i] = nvb_arena_strdup(&d->spec.arena, words[i])))
			copy = NULL;
	if (!copy)
		return nvb_fail_oom(err);
	PLACE(d, field, char *const *) = copy;
	return 0;
}

static int read_number(definition *d, const struct field *field, struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json value;
	uint64_t number;
	int rc = nvb_jscan_expect(js, NVB_JSON_NUMBER, &value, err);

	if (rc < 0)
		return rc;
	if (!nvb_json_u64(&value, &number) || (field->kind == NUMBER32 && number > UINT32_MAX))
		return nvb_jscan_fail(js, js->at, err, "not a whole number in range");
	if (field->kind == NUMBER32)
		PLACE(d, field, uint32_t) = (uint32_t)number;
	else
		PLACE(d, field, uint64_t) = number;
	return 0;
}

static int read_choice(definition *d, const struct field *field, struct nvb_jscan *js, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int rc = read_text(js, &text, err), value;

	if (rc == 0)
		rc = nvb_choice_parse(field->choices, text, field->key, &value, err);
	if (rc == 0)
		PLACE(d, field, int) = value;
	return rc;
}

static int read_flag(definition *d, const struct field *field, struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_BOOL, &value, err);

	if (rc == 0)
		PLACE(d, field, bool) = *value.text == 't';
	return rc;
}

static int read_value(definition *d, const struct field *field, struct nvb_jscan *js, nvb_error **err)
{
	enum nvb_json_type type;
	struct nvb_json null;
	int rc = nvb_jscan_peek(js, &type, err);

	if (rc < 0)
		return rc;
	if (type == NVB_JSON_NULL && field->kind == TEXT)
		return nvb_jscan_value(js, &null, err);
	switch (field->kind) {
	case TEXT:
	case ITEM:
		return read_one_text(d, field, js, err);
	case WORDS:
		return read_words(d, field, js, err);
	case TEXTS:
	case SET:
	case ITEMS:
		return read_array(d, field, js, err);
	case NUMBER:
	case NUMBER32:
		return read_number(d, field, js, err);
	case CHOICE:
		return read_choice(d, field, js, err);
	case FLAG:
		break;
	}
	return read_flag(d, field, js, err);
}

static int read_version(struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json value;
	uint64_t version;
	int rc = nvb_jscan_expect(js, NVB_JSON_NUMBER, &value, err);

	if (rc < 0)
		return rc;
	if (nvb_json_u64(&value, &version) && version == VERSION)
		return 0;
	return nvb_hint(err, nvb_jscan_fail(js, js->at, err, "a version this bolt does not know"),
		"the capsule was made by a newer bolt");
}

int nvb_definition_read(definition *d, const char *text, size_t size, nvb_error **err)
{
	static const size_t none = NVB_ELEMENTS(fields);
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key;
	int rc, more;

	nvb_jscan_begin(&js, text, size);
	rc = nvb_jscan_enter(&js, NVB_JSON_OBJECT, err);
	while (rc == 0 && (more = nvb_jscan_next(&js, &key, err)) != 0) {
		size_t i = 0;

		if (more < 0)
			return more;
		if (nvb_json_equals(&key, "version", strlen("version"))) {
			rc = read_version(&js, err);
			continue;
		}
		while (i < none && !nvb_json_equals(&key, fields[i].key, strlen(fields[i].key)))
			i++;
		if (i == none)
			return nvb_jscan_fail(&js, js.at, err, "there is no such field");
		rc = read_value(d, &fields[i], &js, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "%s", fields[i].key);
	}
	return rc < 0 ? rc : nvb_jscan_end(&js, err);
}
