/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/define.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/units.h"
#include "boltfile/define_gpu.h"

#define FIELD(name) offsetof(struct nvb_service, name)

typedef int (*adder)(struct nvb_capsule_definition *d, const char *text, nvb_error **err);

#define SPEC_ADDER(name, function)                                                           \
	static int name(struct nvb_capsule_definition *d, const char *text, nvb_error **err) \
	{                                                                                    \
		return function(&d->spec, text, err);                                        \
	}
SPEC_ADDER(add_tmpfs, nvb_spec_add_tmpfs)
SPEC_ADDER(add_ulimit, nvb_spec_add_ulimit)
SPEC_ADDER(add_env, nvb_spec_add_env)
SPEC_ADDER(add_env_file, nvb_spec_add_env_file)
SPEC_ADDER(add_security_opt, nvb_spec_add_security_opt)
SPEC_ADDER(add_annotation, nvb_spec_add_annotation)
SPEC_ADDER(add_port, nvb_spec_add_port)
SPEC_ADDER(add_host, nvb_spec_add_host)
SPEC_ADDER(set_workdir, nvb_spec_set_workdir)
SPEC_ADDER(set_hostname, nvb_spec_set_hostname)
SPEC_ADDER(set_stop_signal, nvb_spec_set_stop_signal)
SPEC_ADDER(set_cpus, nvb_spec_set_cpus)
SPEC_ADDER(set_memory, nvb_spec_set_memory)
SPEC_ADDER(set_pids, nvb_spec_set_pids)

static int add_capability(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	return nvb_spec_add_capability(&d->spec.capabilities_added, text, err);
}

static int drop_capability(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	return nvb_spec_add_capability(&d->spec.capabilities_dropped, text, err);
}

static int keep(struct nvb_capsule_definition *d, const char *text, const char **out, nvb_error **err)
{
	const char *copy = nvb_arena_strdup(&d->spec.arena, text);

	if (!copy)
		return nvb_fail_oom(err);
	*out = copy;
	return 0;
}

static int set_user(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	return keep(d, text, &d->spec.user, err);
}

static int set_stop_timeout(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	uint64_t ns;
	int rc = nvb_parse_duration(text, "stop_grace_period", &ns, err);

	return rc < 0 ? rc : nvb_definition_set_stop_timeout(d, ns / 1000000000 + (ns % 1000000000 > 0), err);
}

static int set_shm_size(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	return nvb_parse_size(text, "shm_size", &d->spec.shm_size, err);
}

static int set_log_size(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	char word[80];

	snprintf(word, sizeof(word), "max-size=%s", text);
	return nvb_log_options_add(&d->log, word, err);
}

static int set_log_files(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	char word[80];

	snprintf(word, sizeof(word), "max-file=%s", text);
	return nvb_log_options_add(&d->log, word, err);
}

static int set_pull(struct nvb_capsule_definition *d, const char *text, nvb_error **err)
{
	(void)err;
	d->spec.pull = nvb_streq(text, "always")  ? NVB_PULL_ALWAYS
		       : nvb_streq(text, "never") ? NVB_PULL_NEVER
						  : NVB_PULL_MISSING;
	return 0;
}

/* In the order in which they count: files first, so that what stands beside them wins. */
static const struct {
	size_t field;
	adder add;
} lists[] = {
	{FIELD(env_file), add_env_file},
	{FIELD(environment), add_env},
	{FIELD(tmpfs), add_tmpfs},
	{FIELD(ulimits), add_ulimit},
	{FIELD(security_opt), add_security_opt},
	{FIELD(annotations), add_annotation},
	{FIELD(ports), add_port},
	{FIELD(extra_hosts), add_host},
	{FIELD(cap_add), add_capability},
	{FIELD(cap_drop), drop_capability},
	{FIELD(labels), nvb_definition_add_label},
	{FIELD(devices), nvb_definition_add_device},
};

static const struct {
	size_t field;
	adder set;
} texts[] = {
	{FIELD(image), nvb_definition_set_image},
	{FIELD(working_dir), set_workdir},
	{FIELD(user), set_user},
	{FIELD(hostname), set_hostname},
	{FIELD(restart), nvb_definition_set_restart},
	{FIELD(stop_signal), set_stop_signal},
	{FIELD(stop_grace_period), set_stop_timeout},
	{FIELD(pull), set_pull},
	{FIELD(shm_size), set_shm_size},
	{FIELD(cpus), set_cpus},
	{FIELD(memory), set_memory},
	{FIELD(pids), set_pids},
	{FIELD(log_max_size), set_log_size},
	{FIELD(log_max_file), set_log_files},
};

int nvb_service_error_at(const struct nvb_boltfile *file, const struct nvb_service *service, size_t field,
	int rc, nvb_error **err)
{
	const struct nvb_toml_value *at = service->value;

	if (rc >= 0)
		return rc;
	for (size_t i = 0; i < service->given_count; i++)
		if (service->given[i].offset == field)
			at = service->given[i].value;
	return nvb_wrap(
		err, rc, "%s:%u:%u: service '%s'", file->doc.file, at->line, at->column, service->name);
}

static int add_words(const struct nvb_boltfile *file, const struct nvb_service *service,
	struct nvb_capsule_definition *d, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(texts); i++) {
		const char *text = *(const char *const *)((const char *)service + texts[i].field);

		if (text)
			rc = nvb_service_error_at(
				file, service, texts[i].field, texts[i].set(d, text, err), err);
	}
	for (size_t i = 0; i < NVB_ELEMENTS(lists); i++)
		nvb_strv_foreach (item, *(char *const *const *)((const char *)service + lists[i].field))
			if (rc == 0)
				rc = nvb_service_error_at(
					file, service, lists[i].field, lists[i].add(d, *item, err), err);
	return rc;
}

const struct nvb_boltfile_part *nvb_boltfile_part(const struct nvb_boltfile_parts *parts, const char *name)
{
	for (size_t i = 0; i < parts->count; i++)
		if (nvb_streq(parts->list[i].name, name))
			return &parts->list[i];
	return NULL;
}

const char *nvb_boltfile_part_name(const struct nvb_boltfile *file, const struct nvb_boltfile_parts *parts,
	const char *name, struct nvb_arena *arena)
{
	const struct nvb_boltfile_part *part = nvb_boltfile_part(parts, name);

	if (part && part->called)
		return nvb_arena_strdup(arena, part->called);
	if (part && part->external == NVB_SAID_YES)
		return nvb_arena_strdup(arena, name);
	return nvb_arena_printf(arena, "%s-%s", file->project, name);
}

/* A volume of the file's is a directory of bolt's own. */
static int add_volumes(const struct nvb_boltfile *file, const struct nvb_service *service,
	const struct nvb_define_host *host, struct nvb_capsule_definition *d, nvb_error **err)
{
	int rc = 0;

	nvb_strv_foreach (volume, service->volumes) {
		const char *text = *volume, *colon = strchr(text, ':');
		const char *name, *called;

		if (*text != '/') {
			name = nvb_arena_strndup(&d->spec.arena, text, (size_t)(colon - text));
			called = name ? nvb_boltfile_part_name(file, &file->volumes, name, &d->spec.arena)
				      : NULL;
			text = called ? nvb_arena_printf(
						&d->spec.arena, "%s/volumes/%s%s", host->data, called, colon)
				      : NULL;
		}
		rc = text ? nvb_spec_add_volume(&d->spec, text, err) : nvb_fail_oom(err);
		if (rc < 0)
			return nvb_service_error_at(file, service, FIELD(volumes), rc, err);
	}
	return 0;
}

/* Others of the same networks know a capsule by its service's name. */
static int add_networks(const struct nvb_boltfile *file, const struct nvb_service *service,
	struct nvb_capsule_definition *d, nvb_error **err)
{
	bool bridged = (service->ports && *service->ports) || (service->networks && *service->networks);
	int rc = 0;

	if (service->network_mode) {
		rc = nvb_spec_add_network(&d->spec, service->network_mode, err);
		bridged = nvb_streq(service->network_mode, "bridge");
		rc = nvb_service_error_at(file, service, FIELD(network_mode), rc, err);
	}
	nvb_strv_foreach (name, service->networks) {
		const char *called = nvb_boltfile_part_name(file, &file->networks, *name, &d->spec.arena);

		if (rc == 0)
			rc = called ? nvb_spec_add_network(&d->spec, called, err) : nvb_fail_oom(err);
		rc = nvb_service_error_at(file, service, FIELD(networks), rc, err);
	}
	if (rc == 0 && bridged)
		rc = nvb_service_error_at(file, service, FIELD(networks),
			nvb_spec_add_network_alias(&d->spec, service->name, err), err);
	return rc;
}

/* The first word of an entry point replaces the image's, the others stand before the command. */
static int set_command(const struct nvb_service *service, struct nvb_capsule_definition *d, nvb_error **err)
{
	_cleanup_strv_ char **words = NULL;
	char **entrypoint = service->entrypoint;
	int rc = 0;

	if (entrypoint)
		rc = keep(d, *entrypoint ? *entrypoint : "", &d->spec.entrypoint, err);
	nvb_strv_foreach (word, entrypoint && *entrypoint ? entrypoint + 1 : NULL)
		if (!nvb_strv_add(&words, *word))
			return nvb_fail_oom(err);
	nvb_strv_foreach (word, service->command)
		if (!nvb_strv_add(&words, *word))
			return nvb_fail_oom(err);
	return rc < 0 || !words ? rc : nvb_definition_set_command(d, (const char *const *)words, err);
}

static int set_duration(const char *text, const char *what, uint64_t *out, nvb_error **err)
{
	return text ? nvb_parse_duration(text, what, out, err) : 0;
}

static int set_health(
	const struct nvb_service_health *words, struct nvb_capsule_definition *d, nvb_error **err)
{
	struct nvb_health_check *check = &d->health;
	size_t n = nvb_strv_length(words->test);
	char **command;
	int rc = 0;

	check->disabled = words->disable == NVB_SAID_YES || (n == 1 && nvb_streq(words->test[0], "NONE"));
	if (n == 2 && nvb_streq(words->test[0], "CMD-SHELL"))
		rc = keep(d, words->test[1], &check->shell, err);
	if (n > 1 && nvb_streq(words->test[0], "CMD")) {
		command = nvb_arena_alloc(&d->spec.arena, n * sizeof(*command));
		for (size_t i = 1; command && i < n; i++) {
			command[i - 1] = nvb_arena_strdup(&d->spec.arena, words->test[i]);
			if (!command[i - 1])
				return nvb_fail_oom(err);
		}
		check->command = command;
		rc = command ? 0 : nvb_fail_oom(err);
	}
	if (rc == 0)
		rc = set_duration(words->interval, "interval", &check->interval, err);
	if (rc == 0)
		rc = set_duration(words->timeout, "timeout", &check->timeout, err);
	if (rc == 0)
		rc = set_duration(words->start_period, "start_period", &check->start_period, err);
	if (rc == 0)
		rc = set_duration(words->start_interval, "start_interval", &check->start_interval, err);
	if (words->retries)
		check->retries = (uint32_t)strtoul(words->retries, NULL, 10);
	return rc;
}

static void set_flags(const struct nvb_service *service, struct nvb_capsule_definition *d)
{
	d->spec.privileged = service->privileged == NVB_SAID_YES;
	d->spec.read_only = service->read_only == NVB_SAID_YES;
	d->spec.interactive = service->interactive == NVB_SAID_YES;
	d->spec.terminal = service->terminal == NVB_SAID_YES;
}

unsigned nvb_service_replicas(const struct nvb_service *service)
{
	return service->replicas ? (unsigned)strtoul(service->replicas, NULL, 10) : 1;
}

static int set_name(const struct nvb_boltfile *file, const struct nvb_service *service, unsigned number,
	struct nvb_capsule_definition *d, nvb_error **err)
{
	char name[160], label[32];
	int rc;

	if (service->container_name)
		snprintf(name, sizeof(name), "%s", service->container_name);
	else if (nvb_service_replicas(service) < 2)
		snprintf(name, sizeof(name), "%s-%s", file->project, service->name);
	else
		snprintf(name, sizeof(name), "%s-%s-%u", file->project, service->name, number);
	rc = nvb_service_error_at(
		file, service, FIELD(container_name), nvb_spec_set_name(&d->spec, name, err), err);
	snprintf(label, sizeof(label), NVB_LABEL_NUMBER "=%u", number);
	if (rc == 0 && (!nvb_strv_addf(&d->labels, NVB_LABEL_PROJECT "=%s", file->project) ||
			       !nvb_strv_addf(&d->labels, NVB_LABEL_SERVICE "=%s", service->name) ||
			       !nvb_strv_add(&d->labels, label)))
		rc = nvb_fail_oom(err);
	return rc;
}

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): tells one definition from a changed one, no more. */
static int add_hash(struct nvb_capsule_definition *d, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	uint64_t hash = 0xcbf29ce484222325;

	nvb_definition_write(d, NVB_DEFINITION_SAID, 0, &text);
	if (text.failed)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.s[i]) * 0x100000001b3;
	if (!nvb_strv_addf(&d->labels, NVB_LABEL_HASH "=%016llx", (unsigned long long)hash))
		return nvb_fail_oom(err);
	return 0;
}

int nvb_service_define(const struct nvb_boltfile *file, const struct nvb_service *service, unsigned number,
	const struct nvb_define_host *host, struct nvb_capsule_definition *d, nvb_error **err)
{
	int rc = add_words(file, service, d, err);

	set_flags(service, d);
	if (rc == 0)
		rc = set_name(file, service, number, d, err);
	if (rc == 0)
		rc = nvb_service_error_at(file, service, FIELD(command), set_command(service, d, err), err);
	if (rc == 0)
		rc = add_volumes(file, service, host, d, err);
	if (rc == 0)
		rc = add_networks(file, service, d, err);
	if (rc == 0)
		rc = nvb_service_error_at(
			file, service, FIELD(health.test), set_health(&service->health, d, err), err);
	if (rc == 0)
		rc = nvb_service_error_at(file, service, FIELD(gpu.devices),
			nvb_service_define_gpu(file, service, host, d, err), err);
	if (rc == 0)
		rc = nvb_service_error_at(file, service, FIELD(image), nvb_definition_check(d, err), err);
	return rc < 0 ? rc : add_hash(d, err);
}
