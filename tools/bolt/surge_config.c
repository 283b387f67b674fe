/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "boltfile/define.h"
#include "boltfile/networks.h"
#include "cli/output.h"
#include "host.h"
#include "surge_file.h"
#include "verbs.h"

/* bolt surge config: the Boltfile as it was understood. */

enum { FORMAT_TOML, FORMAT_JSON };
static const struct nvb_choice formats[] = {{"toml", FORMAT_TOML}, {"json", FORMAT_JSON}, {NULL}};
static int format = FORMAT_TOML;
static bool names, quiet;

static const struct nvb_option config_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", formats, &format), "toml or json"},
	{"services", 0, NVB_OPTION_FLAG(&names), "print the services' names alone"},
	{"quiet", 'q', NVB_OPTION_FLAG(&quiet), "print nothing: look for mistakes alone"},
	{NULL},
};
const struct nvb_option_group surge_config_groups[] = {
	{"Options", config_options}, {"Boltfile", surge_file_options}, {NULL}};

int surge_config(int argc, char **argv, nvb_error **err)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	/* Where bolt would keep volumes does not matter here. */
	const struct nvb_define_host anywhere = {.data = ""};
	_cleanup_free_ char *text = NULL;
	int rc = surge_file_read(&file, err);

	/* Names on the loopback are no part of a file that another host may get. */
	if (rc == 0 && nvb_boltfile_has_bridges())
		rc = nvb_boltfile_settle_networks(&file, true, err);
	if (rc == 0)
		rc = nvb_boltfile_check_services(&file, &anywhere, run_host()->profiles, NULL, err);

	(void)argc;
	(void)argv;
	if (rc < 0 || quiet)
		return rc;
	if (names) {
		for (size_t i = 0; i < file.service_count; i++)
			puts(file.services[i].name);
		return nvb_stdout_flush(err);
	}
	rc = format == FORMAT_JSON ? nvb_boltfile_print_json(&file, &text, err)
				   : nvb_boltfile_print_toml(&file, &text, err);
	return rc < 0 ? rc : nvb_stdout_write(text, strlen(text), err);
}
