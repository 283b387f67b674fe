/* SPDX-License-Identifier: Apache-2.0 */
#include "config/import.h"

#include <string.h>

#include "base/str.h"
#include "cmocka_all.h"
#include "config/config.h"

/* What one text becomes: its lines behind the heading, and the notes, each on a line. */
static void imports(const char *theirs, const char *ours, const char *wanted_notes)
{
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **notes = NULL;
	_cleanup_strbuf_ struct nvb_strbuf all = {0};
	int rc = nvb_config_import(theirs, strlen(theirs), "t", &text, &notes, &err);

	if (rc < 0)
		fail_msg("%s: %s", theirs, nvb_error_message(err));
	assert_string_equal(strchr(text, '\n') + 1, ours);
	nvb_strv_foreach (note, notes)
		nvb_sb_addf(&all, "%s\n", *note);
	assert_string_equal(all.s ? all.s : "", wanted_notes);
}

static void every_key_with_a_counterpart(void **state)
{
	(void)state;
	imports("", "", "");
	imports("disable-require = true", "\n[runtime]\ncheck-requirements = false # disable-require\n", "");
	imports("swarm-resource = \"DOCKER_RESOURCE_GPU, OTHER\"",
		"\n[runtime]\nswarm-resources = [\"DOCKER_RESOURCE_GPU\", \"OTHER\"] # swarm-resource\n", "");
	imports("swarm-resource = \"\"", "", "");
	imports("accept-nvidia-visible-devices-envvar-when-unprivileged = false",
		"\n[runtime]\naccept-environment-when-unprivileged = false # "
		"accept-nvidia-visible-devices-envvar-when-unprivileged\n",
		"");
	imports("accept-nvidia-visible-devices-as-volume-mounts = true",
		"\n[runtime]\naccept-volume-mounts = true # accept-nvidia-visible-devices-as-volume-mounts\n",
		"");
	imports("supported-driver-capabilities = \"utility,compute\"",
		"\n[runtime]\ncapabilities = [\"utility\", \"compute\"] # supported-driver-capabilities\n",
		"");
	imports("[nvidia-container-cli]\nroot = \"/nonexistent/driver\"",
		"\n[roots]\ndriver = \"/nonexistent/driver\" # nvidia-container-cli.root\n", "");
	imports("[nvidia-container-cli]\nroot = \"/\"", "", "");
	imports("[nvidia-container-runtime]\nruntimes = [\"/opt/runc\", \"crun\"]",
		"\n[runtime]\nruntimes = [\"/opt/runc\", \"crun\"] # nvidia-container-runtime.runtimes\n",
		"");
	imports("[nvidia-container-runtime]\nlog-level = \"trace\"",
		"\n[log]\nlevel = \"debug\" # nvidia-container-runtime.log-level\n", "");
	imports("[nvidia-container-runtime.modes.cdi]\nspec-dirs = [\"/a\", \"/b\"]",
		"\n[cdi]\ndirectories = [\"/a\", \"/b\"] # nvidia-container-runtime.modes.cdi.spec-dirs\n",
		"");
	imports("[nvidia-container-runtime]\nmodes.cdi.annotation-prefixes = [\"x/\"]",
		"\n[runtime]\nannotation-prefixes = [\"x/\"] # "
		"nvidia-container-runtime.modes.cdi.annotation-prefixes\n",
		"");
	imports("[nvidia-container-runtime.modes.legacy]\ncuda-compat-mode = \"disabled\"",
		"\n[driver]\ncuda-compat = false # nvidia-container-runtime.modes.legacy.cuda-compat-mode\n",
		"");
	imports("[features]\nignore-imex-channel-requests = true",
		"\n[runtime]\naccept-imex-channels = false # features.ignore-imex-channel-requests\n", "");
	imports("nvidia-container-runtime.modes.legacy.cuda-compat-mode = 'ldconfig'\n[features]\n"
		"disable-cuda-compat-lib-hook = true",
		"\n[driver]\ncuda-compat = false # features.disable-cuda-compat-lib-hook\n", "");
	imports("[features]\nallow-cuda-compat-libs-from-container = true",
		"\n[driver]\ncuda-compat = true # features.allow-cuda-compat-libs-from-container\n", "");
}

static void what_nvbind_does_anyway_needs_nothing(void **state)
{
	(void)state;
	imports("[nvidia-container-runtime]\nruntimes = [\"runc\", \"crun\"]\nlog-level = \"info\"\nmode = "
		"\"auto\"\n"
		"debug = \"/dev/null\"\nmodes.cdi.default-kind = \"nvidia.com/gpu\"\n"
		"[nvidia-container-cli]\nenvironment = []\nno-cgroups = false\nuser = \"\"\ndebug = \"\"\n"
		"[nvidia-container-runtime-hook]\npath = \"nvidia-container-runtime-hook\"\n"
		"skip-mode-detection = false\n[nvidia-ctk]\npath = \"nvidia-ctk\"\n"
		"[features]\nallow-ldconfig-from-container = false\nallow-cuda-compat-libs-from-container = "
		"false\n",
		"", "");
}

static void every_other_key_has_a_line(void **state)
{
	static const char *const keys[] = {
		"nvidia-container-cli.path = \"/x\"",
		"nvidia-container-cli.environment = [\"A=b\"]",
		"nvidia-container-cli.debug = \"/var/log/x\"",
		"nvidia-container-cli.ldcache = \"/etc/ld.so.cache\"",
		"nvidia-container-cli.ldconfig = \"@/sbin/ldconfig\"",
		"nvidia-container-cli.load-kmods = true",
		"nvidia-container-cli.no-pivot = true",
		"nvidia-container-cli.no-cgroups = true",
		"nvidia-container-cli.user = \"root:video\"",
		"nvidia-container-cli.root = \"relative\"",
		"nvidia-container-runtime.debug = \"/var/log/x\"",
		"nvidia-container-runtime.mode = \"cdi\"",
		"nvidia-container-runtime.modes.cdi.default-kind = \"x.com/y\"",
		"nvidia-container-runtime.modes.cdi.spec-dirs = [\"relative\"]",
		"nvidia-container-runtime.modes.csv.mount-spec-path = \"/x\"",
		"nvidia-container-runtime.modes.csv.compat-container-root = \"/x\"",
		"nvidia-container-runtime.modes.jit-cdi.nvcdi-feature-flags = [\"x\"]",
		"nvidia-container-runtime.modes.jit-cdi.nvcdi-disable-hooks = [\"x\"]",
		"nvidia-container-runtime-hook.path = \"/x\"",
		"nvidia-container-runtime-hook.skip-mode-detection = true",
		"nvidia-ctk.path = \"/x\"",
		"features.allow-ldconfig-from-container = true",
		"features.allow-unknown-oci-spec-fields = true",
		"features.disable-imex-channel-creation = true",
		"features.no-additional-gids-for-device-nodes = true",
		"supported-driver-capabilities = \"teleport\"",
		"nvidia-container-runtime.experimental = true",
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(keys); i++) {
		_cleanup_free_ char *text = NULL, *begin = NULL;
		_cleanup_strv_ char **notes = NULL;

		assert_int_equal(nvb_config_import(keys[i], strlen(keys[i]), "t", &text, &notes, NULL), 0);
		assert_non_null(notes);
		assert_true(asprintf(&begin, "t:1: %.*s: ", (int)strcspn(keys[i], " "), keys[i]) > 0);
		assert_non_null(nvb_after(notes[0], begin));
		assert_true(strlen(notes[0]) > strlen(begin) + 10);
		assert_null(strchr(strchr(text, '\n') + 1, '[')); /* nothing was made up in its place */
	}
}

static void what_their_runtime_refuses_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"disable-require = \"yes\"", "t:1:19: 'disable-require' wants true or false, this is a string"},
		{"x = ", "t:1:5: the end of the file where a value should stand"},
		{"[nvidia-container-runtime]\nlog-level = \"loud\"", "t:2:13: "},
		{"[nvidia-container-runtime]\nruntimes = \"runc\"", "t:2:12: "},
		{"nvidia-container-runtime.modes.legacy.cuda-compat-mode = \"x\"", "t:1:58: "},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		char *text = NULL, **notes = NULL;

		assert_int_equal(
			nvb_config_import(cases[i].text, strlen(cases[i].text), "t", &text, &notes, &err),
			-NVB_ERR_INVALID);
		assert_non_null(nvb_after(nvb_error_message(err), cases[i].message));
		assert_null(text);
		assert_null(notes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_with_a_counterpart),
		cmocka_unit_test(what_nvbind_does_anyway_needs_nothing),
		cmocka_unit_test(every_other_key_has_a_line),
		cmocka_unit_test(what_their_runtime_refuses_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
