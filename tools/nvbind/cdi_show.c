/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/str.h"
#include "cdi/read.h"
#include "cdi/write.h"
#include "cdi_verbs.h"
#include "cli/logging.h"
#include "cli/output.h"

static int format = NVB_CDI_YAML;

const struct nvb_option nvbind_cdi_show_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvbind_cdi_format_choices, &format),
		"format of what is shown; the table of specs is JSON with json"},
	{NULL},
};

/* Strings were quoted by the writer of the spec, control characters included: nothing raw gets out. */
static int print_spec(const struct nvb_cdi_spec *spec, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int rc = nvb_cdi_encode(spec, (enum nvb_cdi_format)format, &text, &size, err);

	if (rc < 0)
		return rc;
	return nvb_stdout_write(text, size, err);
}

static int show_file(const char *path, nvb_error **err)
{
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	int rc = nvb_cdi_read_file(&spec, AT_FDCWD, path, path, err);

	return rc < 0 ? rc : print_spec(&spec, err);
}

/* A spec that says of this device alone what its own spec says of it. */
static int show_device(const struct nvb_cdi_registry *registry, const char *name, nvb_error **err)
{
	const struct nvb_cdi_entry *entry;
	struct nvb_cdi_device device;
	struct nvb_cdi_spec spec;
	int rc = nvb_cdi_registry_find(registry, name, &entry, err);

	if (rc < 0)
		return rc;
	device = *entry->device;
	spec = entry->source->spec;
	spec.devices = &device;
	spec.device_count = 1;
	return print_spec(&spec, err);
}

static int print_table(const struct nvb_cdi_registry *registry, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"SPEC", false}, {"KIND", false}, {"VERSION", false}, {"DEVICES", true}, {NULL, false}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	int rc;

	for (size_t i = 0; i < registry->source_count; i++) {
		const struct nvb_cdi_source *source = &registry->sources[i];

		nvb_table_cell(&table, source->path);
		nvb_table_cell(&table, source->spec.kind);
		nvb_table_cell(&table, source->spec.version);
		nvb_table_cellf(&table, "%zu", source->spec.device_count);
	}
	rc = nvb_table_print(&table, stdout, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static int print_json(const struct nvb_cdi_registry *registry, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	nvb_sb_addc(&out, '[');
	for (size_t i = 0; i < registry->source_count; i++) {
		const struct nvb_cdi_source *source = &registry->sources[i];

		nvb_sb_add(&out, i ? ",\n  {\"spec\": " : "\n  {\"spec\": ");
		nvb_sb_add_json(&out, source->path);
		nvb_sb_add(&out, ", \"kind\": ");
		nvb_sb_add_json(&out, source->spec.kind);
		nvb_sb_add(&out, ", \"version\": ");
		nvb_sb_add_json(&out, source->spec.version);
		nvb_sb_addf(&out, ", \"devices\": %zu}", source->spec.device_count);
	}
	nvb_sb_add(&out, registry->source_count ? "\n]\n" : "]\n");
	if (out.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(out.s, out.len, err);
}

int nvbind_cdi_show(int argc, char **argv, nvb_error **err)
{
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	int rc;

	/* A qualified name has a '=', and its part before that is no path. */
	if (argc && (!strchr(argv[0], '=') || argv[0][0] == '/' || argv[0][0] == '.'))
		return show_file(argv[0], err);
	rc = nvbind_cdi_load(&registry, nvb_logging(), err);
	if (rc < 0)
		return rc;
	if (argc)
		return show_device(&registry, argv[0], err);
	return format == NVB_CDI_JSON ? print_json(&registry, err) : print_table(&registry, err);
}
