/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/output.h"
#include "snapshot_verbs.h"

/* bolt snapshot verify */

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option verify_options[] = {
	SNAPSHOT_STORE_OPTION,
	SNAPSHOT_KEY_OPTION,
	{"trust", 0, NVB_OPTION_FLAG(&snapshot_trust), "also one that this host has not signed"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};
const struct nvb_option_group snapshot_verify_groups[] = {{"Options", verify_options}, {NULL}};

static void keep_line(void *lines, const char *line)
{
	nvb_strv_add(lines, line);
}

/* One snapshot: 0 whole, 1 damaged with the reasons in *lines, or a negated code that is no answer. */
static int verify_one(
	const struct nvb_snapshots *store, const char *name, char *id, char ***lines, nvb_error **err)
{
	struct nvb_progress progress = {0};
	struct nvb_snapshot_options options = {.key_file = snapshot_key_file,
		.progress = snapshot_show_progress,
		.data = &progress,
		.trust = snapshot_trust};
	_cleanup_snapshot_ nvb_snapshot *snapshot = NULL;
	_cleanup_error_ nvb_error *why = NULL;
	nvb_snapshot_id found;
	int rc = nvb_snapshot_find(store, name, &found, err);

	if (rc < 0)
		return rc;
	memcpy(id, found.text, sizeof(found.text));
	rc = nvb_snapshot_open(store, found.text, &options, &snapshot, &why);
	nvb_progress_begin(&progress, "verifying", 0);
	if (rc == 0)
		rc = nvb_snapshot_verify(snapshot, keep_line, lines, &why);
	nvb_progress_end(&progress);
	/* Of what another key reads nobody can say here whether it is whole. */
	if (rc == -NVB_ERR_CORRUPT) {
		if (!*lines)
			nvb_strv_add(lines, nvb_error_message(why));
		return 1;
	}
	if (rc < 0)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	return rc;
}

static void print_one(const char *id, bool damaged, char *const *lines, bool first, struct nvb_strbuf *json)
{
	if (format == NVB_FORMAT_TABLE) {
		printf("%s: %s\n", id, damaged ? "damaged" : "ok");
		nvb_strv_foreach (line, lines) {
			_cleanup_strbuf_ struct nvb_strbuf visible = {0};

			nvb_sb_add_visible(&visible, *line);
			printf("  %s\n", visible.s ?: "");
		}
		return;
	}
	nvb_sb_addf(json, "%s{\"id\": \"%s\", \"ok\": %s, \"problems\": [", first ? "" : ",\n ", id,
		damaged ? "false" : "true");
	nvb_strv_foreach (line, lines) {
		nvb_sb_add(json, line == lines ? "" : ", ");
		nvb_sb_add_json(json, *line);
	}
	nvb_sb_add(json, "]}");
}

int snapshot_verify(int argc, char **argv, nvb_error **err)
{
	_cleanup_snapshots_ struct nvb_snapshots store = {0};
	_cleanup_strbuf_ struct nvb_strbuf json = {0};
	bool any = false;
	int rc = snapshot_place(&store, false, err);

	snapshot_catch_signals();
	for (int i = 0; rc >= 0 && i < argc; i++) {
		_cleanup_strv_ char **lines = NULL;
		char id[NVB_SNAPSHOT_ID + 1];

		rc = verify_one(&store, argv[i], id, &lines, err);
		if (rc < 0)
			break;
		any = any || rc;
		print_one(id, rc, lines, i == 0, &json);
	}
	if (rc < 0)
		return rc;
	if (format == NVB_FORMAT_JSON)
		printf("[%s]\n", json.s ?: "");
	rc = json.failed ? nvb_fail_oom(err) : nvb_stdout_flush(err);
	return rc < 0 ? rc : any;
}
