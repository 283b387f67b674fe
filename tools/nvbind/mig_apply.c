/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/common.h"
#include "mig/file.h"
#include "mig_verbs.h"
#include "nvbind.h"

/* nvbind mig apply, nvbind mig recover */

static const char *config_name;
static bool mode_only, forget;

const struct nvb_option nvbind_mig_apply_options[] = {
	{"config", 'c', NVB_OPTION_STRING("NAME", &config_name),
		"which configuration of the file (needed where it has several)"},
	{"mode-only", 0, NVB_OPTION_FLAG(&mode_only),
		"switch MIG on or off and leave instances alone; a mode may wait for the GPU's next reset"},
	{NULL},
};

const struct nvb_option nvbind_mig_recover_options[] = {
	{"forget", 0, NVB_OPTION_FLAG(&forget), "leave things as they are, and forget what was there before"},
	{NULL},
};

static int read_file(const char *path, struct nvb_mig_file *file, nvb_error **err)
{
	enum { SIZE_MAX_BYTES = 4 << 20 };
	_cleanup_free_ char *data = NULL;
	bool input = nvb_streq(path, "-");
	size_t size = 0;
	int rc;

	if (input) {
		_cleanup_strbuf_ struct nvb_strbuf sb = {0};
		char buffer[4096];
		size_t n;

		while ((n = fread(buffer, 1, sizeof(buffer), stdin)) > 0 && sb.len < SIZE_MAX_BYTES)
			nvb_sb_addn(&sb, buffer, n);
		if (ferror(stdin))
			return nvb_fail(err, NVB_ERR_SYSTEM, "reading standard input failed");
		size = sb.len;
		data = nvb_sb_finish(&sb);
		if (!data)
			return nvb_fail_oom(err);
	} else {
		rc = nvb_file_read(AT_FDCWD, path, SIZE_MAX_BYTES, &data, &size, err);
		if (rc < 0)
			return rc;
	}
	return nvb_mig_file_parse(file, data, size, input ? "standard input" : path, err);
}

int nvbind_mig_apply(int argc, char **argv, nvb_error **err)
{
	_cleanup_mig_file_ struct nvb_mig_file file = {.arena = {0}};
	_cleanup_mig_host_ struct mig_host host = {NULL, NULL};
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	const struct nvb_mig_config *config;
	int rc = read_file(argv[0], &file, err);

	(void)argc;
	if (rc == 0)
		rc = nvb_mig_file_choose(&file, config_name, &config, err);
	if (rc == 0)
		rc = mig_host_open(&host, !mig_is_dry_run(), err);
	if (rc == 0)
		rc = nvb_mig_file_plan(host.mig, &file, config, mode_only, &change, err);
	return rc < 0 ? rc : mig_make(&host, &change, mode_only, err);
}

int nvbind_mig_recover(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	_cleanup_mig_ struct nvb_mig *mig = NULL;
	struct nvb_inventory_options options;
	bool found = false;
	int rc = load_inventory(NULL, &inventory, err);

	(void)argc;
	(void)argv;
	nvb_common_inventory_options(&options);
	if (rc == 0)
		rc = nvb_mig_open_raw(inventory, true, options.log, &mig, err);
	if (rc == 0)
		rc = nvb_mig_recover(mig, forget, &found, err);
	if (rc == 0 && !found)
		fputs("Nothing to put back: no change was cut off\n", stderr);
	else if (rc == 0 && forget)
		fputs("Forgotten; things stay as they are\n", stderr);
	return rc;
}
