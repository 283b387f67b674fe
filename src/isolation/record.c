/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "isolation/grant.h"

/* Grants on disk. */

void nvb_grant_record_release(struct nvb_grant_record *record)
{
	free(record->container);
	free(record->mode);
	free(record->program);
	free(record->library_path);
	free(record->mig_pci);
	free(record->limits);
	*record = (struct nvb_grant_record){0};
}

static void add_line(struct nvb_strbuf *sb, const char *key, const char *value)
{
	if (value)
		nvb_sb_addf(sb, "%s %s\n", key, value);
}

char *nvb_grant_record_format(const struct nvb_grant_record *record)
{
	struct nvb_strbuf sb = {0};

	add_line(&sb, "container", record->container);
	add_line(&sb, "mode", record->mode);
	add_line(&sb, "mps", record->program);
	add_line(&sb, "libraries", record->library_path);
	if (record->daemon.pid)
		nvb_sb_addf(&sb, "daemon %d %" PRIu64 "\n", record->daemon.pid, record->daemon.started);
	if (record->mig_pci)
		nvb_sb_addf(&sb, "mig %s %u %u\n", record->mig_pci, record->mig_gi, record->mig_ci);
	if (record->making)
		nvb_sb_add(&sb, "making mig\n");
	add_line(&sb, "limits", record->limits);
	return nvb_sb_finish(&sb);
}

static int corrupt(nvb_error **err, const char *what)
{
	return nvb_fail(err, NVB_ERR_CORRUPT, "'%s' is no line of a grant", what);
}

static int parse_mig(struct nvb_grant_record *record, char *value, nvb_error **err)
{
	char *save = NULL, *pci = strtok_r(value, " ", &save), *gi = strtok_r(NULL, " ", &save),
	     *ci = strtok_r(NULL, " ", &save);

	if (!ci || *save || record->mig_pci || !nvb_parse_u32(gi, &record->mig_gi) ||
		!nvb_parse_u32(ci, &record->mig_ci))
		return corrupt(err, "mig");
	record->mig_pci = strdup(pci);
	return record->mig_pci ? 0 : nvb_fail_oom(err);
}

static int parse_daemon(struct nvb_grant_record *record, char *value, nvb_error **err)
{
	char *started = strchr(value, ' ');
	uint32_t pid;

	if (!started || record->daemon.pid)
		return corrupt(err, "daemon");
	*started++ = '\0';
	if (!nvb_parse_u32(value, &pid) || pid < 2 || pid > INT32_MAX ||
		!nvb_parse_u64(started, &record->daemon.started))
		return corrupt(err, "daemon");
	record->daemon.pid = (pid_t)pid;
	return 0;
}

static int parse_line(struct nvb_grant_record *record, char *line, nvb_error **err)
{
	const struct {
		const char *key;
		char **to;
	} strings[] = {{"container", &record->container}, {"mode", &record->mode}, {"mps", &record->program},
		{"libraries", &record->library_path}, {"limits", &record->limits}};
	char *value = strchr(line, ' ');

	if (!value)
		return corrupt(err, line);
	*value++ = '\0';
	if (nvb_streq(line, "mig"))
		return parse_mig(record, value, err);
	if (nvb_streq(line, "daemon"))
		return parse_daemon(record, value, err);
	if (nvb_streq(line, "making"))
		record->making = true;
	for (size_t i = 0; i < NVB_ELEMENTS(strings); i++) {
		if (!nvb_streq(line, strings[i].key))
			continue;
		if (*strings[i].to)
			return corrupt(err, line);
		*strings[i].to = strdup(value);
		return *strings[i].to ? 0 : nvb_fail_oom(err);
	}
	return 0;
}

int nvb_grant_record_parse(const char *text, struct nvb_grant_record *out, nvb_error **err)
{
	_cleanup_grant_record_ struct nvb_grant_record record = {0};
	_cleanup_free_ char *copy = strdup(text);
	int rc = 0;

	if (!copy)
		return nvb_fail_oom(err);
	for (char *save = NULL, *line = strtok_r(copy, "\n", &save); rc == 0 && line;
		line = strtok_r(NULL, "\n", &save))
		rc = parse_line(&record, line, err);
	if (rc == 0 && !record.container)
		rc = corrupt(err, "");
	/* It becomes a program's path. */
	if (rc == 0 && record.program && *record.program != '/')
		rc = corrupt(err, "mps");
	if (rc < 0)
		return rc;
	*out = record;
	record = (struct nvb_grant_record){0};
	return 0;
}

char *nvb_grant_path(const struct nvb_root *dev, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, NVB_GRANTS "%s%s", name ? "/" : "", name ? name : "") < 0) {
		path = NULL;
		return NULL;
	}
	return nvb_root_host_path(dev, path);
}

static void add_amount(struct nvb_strbuf *sb, const char *name, enum nvb_limit_kind kind, uint64_t amount)
{
	if (!amount)
		nvb_sb_addf(sb, ", \"%s\": null", name);
	else if (kind == NVB_LIMIT_MEMORY)
		nvb_sb_addf(sb, ", \"%s\": %" PRIu64, name, amount);
	else
		nvb_sb_addf(sb, ", \"%s\": %" PRIu64 ".%" PRIu64, name, amount / 10, amount % 10);
}

static void add_string(struct nvb_strbuf *sb, const char *name, const char *value)
{
	nvb_sb_addf(sb, ", \"%s\": ", name);
	if (value)
		nvb_sb_add_json(sb, value);
	else
		nvb_sb_add(sb, "null");
}

char *nvb_grant_limits_json(const struct nvb_request *request)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_addc(&sb, '[');
	for (size_t i = 0; i < request->limit_count; i++) {
		const struct nvb_limit *limit = &request->limits[i];
		bool memory = limit->kind == NVB_LIMIT_MEMORY;

		nvb_sb_addf(&sb, "%s{\"of\": \"%s\"", i ? ", " : "", memory ? "memory" : "compute");
		add_string(&sb, "device", limit->device);
		add_amount(&sb, memory ? "asked_bytes" : "asked_percent", limit->kind, limit->asked);
		add_amount(&sb, memory ? "granted_bytes" : "granted_percent", limit->kind, limit->granted);
		add_string(&sb, "enforced_by", nvb_enforcement_name(limit->enforcement));
		add_string(&sb, "by", limit->by);
		add_string(&sb, "reason", limit->reason);
		nvb_sb_addc(&sb, '}');
	}
	nvb_sb_addc(&sb, ']');
	return nvb_sb_finish(&sb);
}
