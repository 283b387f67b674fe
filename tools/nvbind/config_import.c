/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/file.h"
#include "base/str.h"
#include "base/toml.h"
#include "cli/output.h"
#include "config/import.h"
#include "nvbind.h"

#define NVIDIA_CONFIG "/etc/nvidia-container-runtime/config.toml"

static const char *output;

static const struct nvb_option import_options[] = {
	{"output", 'o', NVB_OPTION_STRING("FILE", &output), "write it to FILE, not to standard output"},
	{NULL},
};

/* A line for each key that has no counterpart; what came out of the file is escaped. */
static void print_notes(char *const *notes)
{
	nvb_strv_foreach (note, notes) {
		_cleanup_strbuf_ struct nvb_strbuf line = {0};

		nvb_sb_add_visible(&line, *note);
		if (!line.failed)
			fprintf(stderr, "nvbind: %s\n", line.s);
	}
}

static int config_import(int argc, char **argv, nvb_error **err)
{
	const char *file = argc ? argv[0] : NVIDIA_CONFIG;
	_cleanup_free_ char *data = NULL, *text = NULL;
	_cleanup_strv_ char **notes = NULL;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, file, NVB_TOML_MAX, &data, &size, err);

	if (rc == -NVB_ERR_NOT_FOUND && !argc)
		return nvb_hint(err, rc,
			"NVIDIA's runtime then goes by its defaults, and so does nvbind: there is nothing to "
			"import; "
			"name a FILE that lies elsewhere");
	if (rc == 0)
		rc = nvb_config_import(data, size, file, &text, &notes, err);
	if (rc < 0)
		return rc;
	rc = output ? nvb_file_output(output, text, strlen(text), 0644, err)
		    : nvb_stdout_write(text, strlen(text), err);
	if (rc == 0)
		print_notes(notes);
	return rc;
}

const struct nvb_verb nvbind_config_verbs[] = {
	{.name = "import",
		.summary = "make a config.toml of the settings of NVIDIA's container runtime",
		.synopsis = "[FILE]",
		.description =
			"Reads the config.toml of NVIDIA's container runtime (" NVIDIA_CONFIG
			") and prints the nvbind configuration that means the same. A key that has no "
			"counterpart is named on standard error, one a line, with the reason. Keys that ask "
			"for what nvbind does anyway need none.",
		.examples = "  nvbind config import\n"
			    "  nvbind config import /etc/nvidia-container-runtime/config.toml --output "
			    "/etc/nvbind/config.toml\n",
		.groups = NVB_GROUPS({"Options", import_options}),
		.run = config_import,
		.max_args = 1},
	{NULL},
};
