/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

const struct nvb_choice nvb_lease_modes[] = {
	{"shared", NVB_LEASE_SHARED},
	{"exclusive", NVB_LEASE_EXCLUSIVE},
	{NULL},
};

void nvb_lease_record_release(struct nvb_lease_record *record)
{
	free(record->engine);
	free(record->container);
	free(record->runtime_state);
	free(record->pid_file);
	nvb_lease_devices_release(&record->devices);
	*record = (struct nvb_lease_record){0};
}

static void add_line(struct nvb_strbuf *out, const char *key, const char *value)
{
	if (value)
		nvb_sb_addf(out, "%s %s\n", key, value);
}

char *nvb_lease_record_format(const struct nvb_lease_record *record)
{
	struct nvb_strbuf out = {0};

	add_line(&out, "mode", nvb_choice_name(nvb_lease_modes, (int)record->mode));
	add_line(&out, "engine", record->engine);
	add_line(&out, "container", record->container);
	nvb_sb_addf(&out, "process %d %" PRIu64 "\n", record->pid, record->started);
	add_line(&out, "runtime-state", record->runtime_state);
	add_line(&out, "pid-file", record->pid_file);
	nvb_sb_addf(&out, "since %" PRId64 "\n", record->since);
	for (size_t i = 0; i < record->devices.count; i++) {
		const struct nvb_lease_device *device = &record->devices.list[i];

		nvb_sb_addf(&out, "device %s %s %s\n", device->key, device->parent ? device->parent : "-",
			device->uuid ? device->uuid : "-");
	}
	return nvb_sb_finish(&out);
}

static int corrupt(nvb_error **err, const char *line)
{
	return nvb_fail(err, NVB_ERR_CORRUPT, "'%s' is no line of a lease", line);
}

static int set_string(char **to, const char *value, nvb_error **err)
{
	char *copy = strdup(value);

	if (!copy)
		return nvb_fail_oom(err);
	free(*to);
	*to = copy;
	return 0;
}

/* NULL for "-", false without memory. */
static bool set_optional(char **to, const char *value)
{
	*to = nvb_streq(value, "-") ? NULL : strdup(value);
	return *to || nvb_streq(value, "-");
}

static int parse_device(struct nvb_lease_record *record, char *value, nvb_error **err)
{
	struct nvb_lease_devices *devices = &record->devices;
	char *save = NULL, *key = strtok_r(value, " ", &save), *parent = strtok_r(NULL, " ", &save),
	     *uuid = strtok_r(NULL, " ", &save);
	struct nvb_lease_device *device;

	if (!uuid || *save)
		return corrupt(err, "device");
	if (!NVB_GROW(devices->list, devices->count, devices->capacity))
		return nvb_fail_oom(err);
	device = &devices->list[devices->count++];
	*device = (struct nvb_lease_device){.key = strdup(key)};
	return device->key && set_optional(&device->parent, parent) && set_optional(&device->uuid, uuid)
		       ? 0
		       : nvb_fail_oom(err);
}

static int parse_process(struct nvb_lease_record *record, const char *value, nvb_error **err)
{
	_cleanup_strv_ char **words = nvb_strv_split(value, " ");
	uint32_t pid;

	if (nvb_strv_length(words) != 2 || !nvb_parse_u32(words[0], &pid) || pid == 0 || pid > INT32_MAX ||
		!nvb_parse_u64(words[1], &record->started))
		return corrupt(err, "process");
	record->pid = (pid_t)pid;
	return 0;
}

static int parse_line(struct nvb_lease_record *record, char *line, nvb_error **err)
{
	char *value = strchr(line, ' ');
	uint64_t number;
	int mode;

	if (!value)
		return corrupt(err, line);
	*value++ = '\0';
	if (nvb_streq(line, "mode")) {
		int rc = nvb_choice_parse(nvb_lease_modes, value, "mode", &mode, NULL);

		if (rc < 0)
			return corrupt(err, line);
		record->mode = (enum nvb_lease_mode)mode;
	}
	if (nvb_streq(line, "since")) {
		if (!nvb_parse_u64(value, &number) || number > INT64_MAX)
			return corrupt(err, line);
		record->since = (int64_t)number;
	}
	if (nvb_streq(line, "engine"))
		return set_string(&record->engine, value, err);
	if (nvb_streq(line, "container"))
		return set_string(&record->container, value, err);
	if (nvb_streq(line, "runtime-state"))
		return set_string(&record->runtime_state, value, err);
	if (nvb_streq(line, "pid-file"))
		return set_string(&record->pid_file, value, err);
	if (nvb_streq(line, "process"))
		return parse_process(record, value, err);
	return nvb_streq(line, "device") ? parse_device(record, value, err) : 0;
}

int nvb_lease_record_parse(const char *text, struct nvb_lease_record *out, nvb_error **err)
{
	_cleanup_lease_record_ struct nvb_lease_record record = {0};
	_cleanup_free_ char *copy = strdup(text);
	int rc = 0;

	if (!copy)
		return nvb_fail_oom(err);
	for (char *save = NULL, *line = strtok_r(copy, "\n", &save); rc == 0 && line;
		line = strtok_r(NULL, "\n", &save))
		rc = parse_line(&record, line, err);
	if (rc == 0 && (!record.pid || !record.devices.count))
		rc = corrupt(err, "");
	if (rc < 0)
		return rc;
	*out = record;
	record = (struct nvb_lease_record){0};
	return 0;
}
