/* SPDX-License-Identifier: Apache-2.0 */
#include "no_memory.h"

#include "cdi/diff.h"
#include "cdi/read.h"
#include "cdi/recipe.h"
#include "cdi/registry.h"
#include "cdi/stale.h"
#include "cdi/write.h"
#include "fixture.h"
#include "nvbind/plan.h"
#include "nvbind/request.h"
#include "watch/watch.h"

/* Where memory ends: CDI specs, whether they are stale, waiting for changes. */

static struct nvb_inventory *loaded;
static struct nvb_inventory made;

/* cdi */

static const char spec_yaml[] =
	"cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ncontainerEdits: &e\n  env: [A=b]\n  hooks:\n  - hookName: "
	"createContainer\n    path: /bin/true\n    args: [true, '-x']\ndevices:\n- name: 0\n  "
	"containerEdits: *e\n- "
	"name: \"1\"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/null\n";
static const char spec_json[] =
	"{\"cdiVersion\":\"0.5.0\",\"kind\":\"nvidia.com/other\",\"devices\":[{\"name\":\"\\u0061\","
	"\"containerEdits\":{\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"/"
	"b\",\"options\":[\"ro\"]}]}}]}";

static int reads_a_spec(const char *text, enum nvb_cdi_format format, nvb_error **err)
{
	struct nvb_cdi_spec spec = {0};
	int rc = nvb_cdi_parse(&spec, text, strlen(text), format, "spec", err);

	assert_untouched(rc, spec);
	nvb_cdi_spec_release(&spec);
	return rc;
}

static int reads_yaml(nvb_error **err)
{
	return reads_a_spec(spec_yaml, NVB_CDI_YAML, err);
}

static int reads_json(nvb_error **err)
{
	return reads_a_spec(spec_json, NVB_CDI_JSON, err);
}

static int loads_a_registry(nvb_error **err)
{
	const char *directories[] = {scratch.path, NULL};
	struct nvb_cdi_registry registry = {0};
	int rc = nvb_cdi_registry_load(&registry, directories, NULL, err);

	assert_untouched(rc, registry);
	if (rc == 0) {
		assert_int_equal(registry.fault_count, 1);
		assert_int_equal(registry.entry_count, 3);
	}
	nvb_cdi_registry_release(&registry);
	return rc;
}

static struct nvb_cdi_spec one, other; /* read while nothing fails */

static int compares_specs(nvb_error **err)
{
	struct nvb_cdi_diff diff = {0};
	int rc = nvb_cdi_diff(&diff, &one, &other, err);

	if (rc == 0)
		assert_true(diff.count > 4);
	else
		assert_int_equal(diff.count, 0);
	nvb_cdi_diff_release(&diff);
	return rc;
}

static int finds_reasons(nvb_error **err)
{
	struct nvb_cdi_findings findings = {0};
	int rc = nvb_cdi_look_at_host(&findings, &other, &made, err);

	if (rc == 0)
		rc = nvb_cdi_look_at_changes(&findings, &one, &other, err);
	nvb_cdi_findings_release(&findings);
	return rc;
}

static int keeps_recipes(nvb_error **err)
{
	const struct nvb_cdi_recipe recipe = {.mode = "gds", .root = "/a b"};
	struct nvb_cdi_recipe read = {0};
	char *line = NULL, *found = NULL;
	int rc = nvb_cdi_recipe_format(&recipe, &line, err);

	assert_untouched(rc, line);
	if (rc == 0)
		rc = nvb_cdi_recipe_parse(&read, line, err);
	if (rc < 0)
		assert_null(read.mode);
	if (rc == 0)
		rc = nvb_cdi_recipe_find(NULL, "# nvbind cdi generate\n", &found, err);
	free(line);
	free(found);
	nvb_cdi_recipe_release(&read);
	return rc;
}

static int watches_a_host(nvb_error **err)
{
	struct nvb_watcher watcher = {.inotify = -1, .uevents = -1};
	int rc = nvb_watcher_open(&watcher, NULL, err);

	if (rc == 0)
		rc = nvb_watcher_add_directory(&watcher, scratch.path, err);
	if (rc == 0)
		rc = nvb_watcher_add_file(&watcher, "/nothing/of/this", err);
	if (rc == 0)
		rc = nvb_watcher_add_inventory(&watcher, loaded, err);
	nvb_watcher_close(&watcher);
	return rc;
}

static void stale_specs(void **state)
{
	(void)state;
	fixture_inventory(&made);
	assert_int_equal(nvb_cdi_parse(&one, spec_yaml, strlen(spec_yaml), NVB_CDI_YAML, "a", NULL), 0);
	assert_int_equal(nvb_cdi_parse(&other, spec_json, strlen(spec_json), NVB_CDI_JSON, "b", NULL), 0);
	EXHAUST(compares_specs);
	EXHAUST(finds_reasons);
	EXHAUST(keeps_recipes);
	nvb_cdi_spec_release(&one);
	nvb_cdi_spec_release(&other);
	make_host();
	loaded = host_load(NULL);
	EXHAUST(watches_a_host);
	nvb_inventory_free(loaded);
}

static void cdi_specs(void **state)
{
	(void)state;
	EXHAUST(reads_yaml);
	EXHAUST(reads_json);
	scratch_write("a.yaml", spec_yaml);
	scratch_write("b.json", spec_json);
	scratch_write("c.yaml", "nothing: [");
	EXHAUST(loads_a_registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(cdi_specs),
		scratch_test(stale_specs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
