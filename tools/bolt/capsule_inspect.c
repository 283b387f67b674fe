/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "capsule/capsules.h"
#include "capsule/lifecycle.h"
#include "capsule/locate.h"
#include "cli/output.h"
#include "host.h"
#include "isolation/isolation.h"
#include "lease/lease.h"
#include "verbs.h"

/* bolt capsule inspect: what a capsule was asked to be, and what it is. */

static void add_text(struct nvb_strbuf *out, const char *key, const char *value)
{
	nvb_sb_addf(out, ",\n\t\t\"%s\": ", key);
	value ? nvb_sb_add_json(out, value) : nvb_sb_add(out, "null");
}

static void add_number(struct nvb_strbuf *out, const char *key, long long value, long long unknown)
{
	if (value == unknown)
		nvb_sb_addf(out, ",\n\t\t\"%s\": null", key);
	else
		nvb_sb_addf(out, ",\n\t\t\"%s\": %lld", key, value);
}

/* What others wrote of it into its directory as JSON: the last word on its health, on the limits of its GPUs.
 */
static void add_file(struct nvb_strbuf *out, const char *key, const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t size;

	if (asprintf(&path, "%s/%s", directory, name) < 0 ||
		nvb_file_read(AT_FDCWD, path, 1 << 20, &text, &size, NULL) < 0)
		return;
	while (size && strchr(" \n", text[size - 1]))
		text[--size] = '\0';
	if (size)
		nvb_sb_addf(out, ",\n\t\t\"%s\": %s", key, text);
}

/* The leases that are its own. */
static void add_leases(struct nvb_strbuf *out, const char *id, const struct nvb_inventory_options *options)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	struct nvb_lease_info *list = NULL;
	size_t count = 0, shown = 0;

	nvb_sb_add(out, ",\n\t\t\"gpus\": [");
	if (nvb_root_open(&root, options->dev_root ? options->dev_root : "/", NULL) == 0 &&
		nvb_lease_list(&root, &list, &count, NULL) == 0)
		for (size_t i = 0; i < count; i++) {
			if (!nvb_streq0(list[i].container, id))
				continue;
			for (size_t d = 0; d < list[i].devices.count; d++) {
				nvb_sb_addf(out, "%s{\"device\": ", shown++ ? ", " : "");
				nvb_sb_add_json(out, list[i].devices.list[d].key);
				nvb_sb_add(out, ", \"uuid\": ");
				list[i].devices.list[d].uuid
					? nvb_sb_add_json(out, list[i].devices.list[d].uuid)
					: nvb_sb_add(out, "null");
				nvb_sb_addf(out, ", \"lease\": \"%s\"}",
					nvb_choice_name(nvb_lease_modes, (int)list[i].mode));
			}
		}
	nvb_sb_addc(out, ']');
	nvb_lease_list_free(list, count);
}

/* Its limits, and who keeps them. */
static int add_isolation(
	struct nvb_strbuf *out, const char *id, const struct nvb_inventory_options *options, nvb_error **err)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	const char *dev = options->dev_root ? options->dev_root : options->root ? options->root : "/";

	nvb_sb_add(out, ",\n\t\t\"isolation\": ");
	if (nvb_root_open(&root, dev, NULL) == 0)
		return nvb_isolation_inspect(&root, id, out, err);
	nvb_sb_add(out, "null");
	return 0;
}

static int inspect(const struct nvb_state *state, const char *which, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	_cleanup_capsule_info_ struct nvb_capsule_info info = {0};
	_cleanup_located_ struct nvb_located located = {0};
	char id[NVB_CAPSULE_ID + 1];
	int rc = nvb_capsule_find(state, which, id, err);

	nvb_capsule_definition_init(&definition);
	if (rc == 0)
		rc = nvb_capsule_info_of(state, id, &info, err);
	if (rc == 0)
		rc = nvb_locate(state, id, &located, err);
	if (rc == 0)
		rc = nvb_capsule_definition_of(state, id, &definition, err);
	if (rc < 0)
		return rc;
	nvb_sb_addf(out, "{\n\t\t\"id\": \"%s\"", id);
	add_text(out, "name", info.name);
	add_text(out, "state", nvb_choice_name(nvb_capsule_states, (int)info.state));
	nvb_sb_addf(out, ",\n\t\t\"supervised\": %s", !info.unsupervised && info.init ? "true" : "false");
	add_number(out, "pid", info.init, 0);
	add_number(out, "status", info.status, -1);
	add_text(out, "error", info.error);
	nvb_sb_addf(out, ",\n\t\t\"stopped_by_user\": %s", info.stopped ? "true" : "false");
	add_number(out, "restarts", (long long)info.restarts, -1);
	add_number(out, "created", info.created, 0);
	add_number(out, "started", info.began, 0);
	add_number(out, "since", info.since, 0);
	add_number(out, "ended", info.ended, 0);
	add_text(out, "runtime", located.runtime);
	add_text(out, "cgroup", located.cgroup);
	add_text(out, "log", located.logs);
	add_leases(out, id, run_host()->inventory);
	rc = add_isolation(out, id, run_host()->inventory, err);
	if (rc < 0)
		return rc;
	add_file(out, "health", located.run, "health.json");
	nvb_sb_add(out, ",\n\t\t\"definition\": ");
	nvb_definition_write(&definition, NVB_DEFINITION_ALL, 2, out);
	nvb_sb_add(out, "\n\t}");
	return out->failed ? nvb_fail_oom(err) : 0;
}

int capsule_inspect(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	int rc = nvb_state_open(&state, err);

	nvb_sb_add(&out, "[\n\t");
	for (int i = 0; rc == 0 && i < argc; i++) {
		nvb_sb_add(&out, i ? ", " : "");
		rc = inspect(&state, argv[i], &out, err);
	}
	nvb_sb_add(&out, "\n]\n");
	if (rc == 0 && out.failed)
		rc = nvb_fail_oom(err);
	return rc < 0 ? rc : nvb_stdout_write(out.s, out.len, err);
}
