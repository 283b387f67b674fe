/* SPDX-License-Identifier: Apache-2.0 */
#include "no_memory.h"

#include "base/toml.h"
#include "config/config.h"
#include "config/import.h"
#include "engine/configure.h"
#include "mig/file.h"
#include "mig/state.h"

/* Where memory ends: layouts of MIG, configurations of engines. */

static int reads_a_mig_file(const char *text, const char *name, nvb_error **err)
{
	struct nvb_mig_file file = {.arena = {0}};
	int rc = nvb_mig_file_parse(&file, text, strlen(text), name, err);

	assert_untouched(rc, file);
	nvb_mig_file_release(&file);
	return rc;
}

static int reads_mig_yaml(nvb_error **err)
{
	return reads_a_mig_file("version: v1\nmig-configs:\n  a:\n  - devices: [0, 1]\n    device-filter: "
				"0x233510DE\n    mig-enabled: true\n    mig-devices: {1g.18gb: 2}\n",
		"a.yaml", err);
}

static int reads_mig_toml(nvb_error **err)
{
	return reads_a_mig_file("version = \"v1\"\n[[mig-configs.a]]\ndevices = \"all\"\nmig-enabled = "
				"true\nmig-devices = {\"1g.18gb\" = 2}\n",
		"a.toml", err);
}

static int reads_a_mig_record(nvb_error **err)
{
	struct nvb_mig_before before = {0};
	int rc = nvb_mig_before_parse("nvbind-mig 1\nprocess 1 2\ngpu 0000:07:00.0 on\ninstance 9 0+4 0+3\n"
				      "gpu 0000:0f:00.0 off\nend\n",
		&before, err);
	char *text = rc == 0 ? nvb_mig_before_format(&before) : NULL;

	assert_untouched(rc, before);
	if (rc == 0 && !text)
		rc = nvb_fail_oom(err);
	free(text);
	nvb_mig_before_release(&before);
	return rc;
}

static void layouts_of_mig(void **state)
{
	(void)state;
	EXHAUST(reads_mig_yaml);
	EXHAUST(reads_mig_toml);
	EXHAUST(reads_a_mig_record);
}

static int configure(enum engine_id id, const char *name, nvb_error **err)
{
	struct engine_request request = {.name = "nvbind", .runtime_path = "/r", .set_default = true};
	struct engine_outcome outcome = {0};
	char file[128], state[128];
	int rc;

	snprintf(file, sizeof(file), "%s/%s", scratch.path, name);
	snprintf(state, sizeof(state), "%s/state", scratch.path);
	request.file = file;
	request.state_directory = state;
	rc = engine_configure(engine_get(id), &request, true, &outcome, err);
	assert_untouched(rc, outcome.file);
	engine_outcome_release(&outcome);
	return rc;
}

static int configures_docker(nvb_error **err)
{
	return configure(ENGINE_DOCKER, "daemon.json", err);
}

static int configures_containerd(nvb_error **err)
{
	return configure(ENGINE_CONTAINERD, "config.toml", err);
}

static int configures_crio(nvb_error **err)
{
	return configure(ENGINE_CRIO, "crio.conf.d/99-nvbind.conf", err);
}

static int undoes(nvb_error **err)
{
	struct engine_outcome outcome = {0};
	char file[128], state[128];
	int rc;

	snprintf(file, sizeof(file), "%s/done.json", scratch.path);
	snprintf(state, sizeof(state), "%s/state", scratch.path);
	rc = engine_undo(engine_get(ENGINE_DOCKER), file, state, true, &outcome, err);
	assert_untouched(rc, outcome.file);
	engine_outcome_release(&outcome);
	return rc;
}

static int imports_settings(nvb_error **err)
{
	static const char theirs[] =
		"disable-require = true\nswarm-resource = \"A,B\"\n[nvidia-container-cli]\n"
		"root = \"/d\"\nldconfig = \"@/x\"\n";
	char *text = NULL, **notes = NULL;
	int rc = nvb_config_import(theirs, sizeof(theirs) - 1, "theirs", &text, &notes, err);

	assert_untouched(rc, text);
	assert_untouched(rc, notes);
	free(text);
	nvb_strv_free(notes);
	return rc;
}

static void engines_and_their_settings(void **unused)
{
	struct engine_request request = {.name = "nvbind", .runtime_path = "/r"};
	struct engine_outcome outcome = {0};
	char file[128], state[128];

	(void)unused;
	snprintf(file, sizeof(file), "%s/done.json", scratch.path);
	snprintf(state, sizeof(state), "%s/state", scratch.path);
	scratch_write("daemon.json", "{\n  \"features\": {\"buildkit\": true}\n}\n");
	scratch_write("done.json", "{}");
	scratch_write("config.toml",
		"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
		"options = { SystemdCgroup = true }\n");
	scratch_mkdir("crio.conf.d");
	scratch_write("crio.conf.d/10.conf", "[crio.runtime.runtimes.crun]\nmonitor_path = \"/c\"\n");
	request.file = file;
	request.state_directory = state;
	assert_int_equal(engine_configure(engine_get(ENGINE_DOCKER), &request, false, &outcome, NULL), 0);
	engine_outcome_release(&outcome);
	scratch_write("done.json", "{\"runtimes\": {\"nvbind\": {\"path\": \"/r\"}}, \"theirs\": 1}");
	EXHAUST(configures_docker);
	EXHAUST(configures_containerd);
	EXHAUST(configures_crio);
	EXHAUST(undoes);
	EXHAUST(imports_settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_of_mig),
		scratch_test(engines_and_their_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
