/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <stdlib.h>

#include "base/choice.h"
#include "base/str.h"
#include "oci/asked.h"

/* What containers ask for: from a config.json to the request that comes of it. */

static const struct nvb_asked_rules usual = {
	.environment = true, .imex = true, .requirements = true, .capabilities = NVB_CAP_ALL};

static char warnings[2048];

static void note(void *data, enum nvb_log_level level, const char *message)
{
	(void)data;
	(void)level;
	strncat(warnings, message, sizeof(warnings) - strlen(warnings) - 2);
	strcat(warnings, "\n");
}

/* A word is "E NAME=VALUE" (environment), "A NAME=VALUE" (annotation), "M PATH" (mount of /dev/null) or "P"
 * (privileged). */
static char *config_of(const char *const *words)
{
	struct nvb_strbuf env = {0}, annotations = {0}, mounts = {0}, all = {0};
	bool privileged = false;

	for (; *words; words++) {
		_cleanup_free_ char *name = strdup(*words + 2 * (strlen(*words) > 2));
		char *value = strchr(name, '=');

		if (**words == 'E') {
			nvb_sb_add(&env, ",");
			nvb_sb_add_json(&env, name);
		} else if (**words == 'A') {
			*value++ = '\0';
			nvb_sb_add(&annotations, ",");
			nvb_sb_add_json(&annotations, name);
			nvb_sb_add(&annotations, ":");
			nvb_sb_add_json(&annotations, value);
		} else if (**words == 'M') {
			nvb_sb_add(&mounts, ",{\"type\":\"bind\",\"source\":\"/dev/null\",\"destination\":");
			nvb_sb_add_json(&mounts, name);
			nvb_sb_add(&mounts, "}");
		} else {
			privileged = true;
		}
	}
	nvb_sb_addf(&all,
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"env\":[\"PATH=/"
		"bin\"%s],\"capabilities\":{\"bounding\":[%s]}},"
		"\"mounts\":[{\"destination\":\"/proc\"}%s],\"annotations\":{\"org.x\":\"y\"%s}}",
		env.s ? env.s : "", privileged ? "\"CAP_KILL\",\"CAP_SYS_ADMIN\"" : "\"CAP_KILL\"",
		mounts.s ? mounts.s : "", annotations.s ? annotations.s : "");
	nvb_sb_release(&env);
	nvb_sb_release(&annotations);
	nvb_sb_release(&mounts);
	return nvb_sb_finish(&all);
}

/* "gpus | capabilities | features | channels", or "-" for no request. */
static char *describe(const struct nvb_request *request)
{
	struct nvb_strbuf sb = {0};
	char names[NVB_CAPABILITIES_TEXT];

	if (!request)
		return strdup("-");
	if (request->driver)
		nvb_sb_add(&sb, "driver ");
	for (size_t i = 0; i < request->selector_count; i++)
		nvb_sb_addf(&sb, "%s ", request->selectors[i].text);
	nvb_sb_addf(&sb, "| %s |", nvb_capabilities_format(request->capabilities, names));
	for (unsigned bit = 1; bit <= NVB_FEATURE_ALL; bit <<= 1)
		if (request->features & bit)
			nvb_sb_addf(&sb, " %s", nvb_choice_name(nvb_feature_names, (int)bit));
	nvb_sb_add(&sb, " |");
	if (request->all_channels)
		nvb_sb_add(&sb, " all");
	for (size_t i = 0; i < request->channel_count; i++)
		nvb_sb_addf(&sb, " %u", request->channels[i]);
	return nvb_sb_finish(&sb);
}

/* What comes of the words, or the message of the failure; malloc'd. */
static char *ask(const char *const *words, const struct nvb_asked_rules *rules)
{
	const struct nvb_log log = {.level = NVB_LOG_WARNING, .emit = note};
	_cleanup_free_ char *config = config_of(words);
	_cleanup_asked_ struct nvb_asked asked = {0};
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_request *request = NULL;
	char *result;
	int rc;

	*warnings = '\0';
	rc = nvb_oci_asked(config, strlen(config), rules, &asked, &err);
	if (rc == 0)
		rc = nvb_asked_request(&asked, rules, &log, &request, &err);
	if (rc < 0) {
		assert_null(request);
		assert_non_null(err);
		return strdup(nvb_error_message(err));
	}
	assert_null(err);
	result = describe(request);
	nvb_request_free(request);
	return result;
}

struct row {
	const char *words[6];
	const char *expected; /* the whole description, or a part of a message */
};

static void check_rows(const struct row *rows, size_t count, const struct nvb_asked_rules *rules, bool fails)
{
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *got = ask(rows[i].words, rules);

		if (fails ? !strstr(got, rows[i].expected) : !nvb_streq(got, rows[i].expected))
			fail_msg("row %zu (%s): got '%s', expected '%s'", i, rows[i].words[0], got,
				rows[i].expected);
	}
}
#define CHECK(rows, rules, fails) check_rows(rows, NVB_ELEMENTS(rows), rules, fails)

#define USUAL	"| compute,utility | |"
#define VISIBLE "E NVIDIA_VISIBLE_DEVICES="
#define MOUNTS	"/var/run/nvidia-container-devices/"

static void the_environment_names_devices(void **state)
{
	static const struct row rows[] = {
		{{NULL}, "-"},
		{{"E OTHER=all"}, "-"},
		{{VISIBLE "all"}, "all " USUAL},
		{{VISIBLE "0"}, "0 " USUAL},
		{{VISIBLE " 2 , 0,"}, "2 0 " USUAL},
		{{VISIBLE "0:1"}, "0:1 " USUAL},
		{{VISIBLE "GPU-33333333-0000-0000-0000-000000000000"},
			"GPU-33333333-0000-0000-0000-000000000000 " USUAL},
		{{VISIBLE "MIG-aaaaaaaa-0000-0000-0000-000000000000"},
			"MIG-aaaaaaaa-0000-0000-0000-000000000000 " USUAL},
		{{VISIBLE "nvidia.com/gpu=0"}, "nvidia.com/gpu=0 " USUAL},
		{{VISIBLE "runtime.nvidia.com/gpu=0,runtime.nvidia.com/gpu=all"}, "0 all " USUAL},
		{{VISIBLE ""}, "-"},
		{{VISIBLE " , "}, "-"},
		{{VISIBLE "void"}, "-"},
		{{VISIBLE "0,void"}, "-"},
		{{VISIBLE "none"}, "driver " USUAL},
		/* The last of a name is what a program sees. */
		{{VISIBLE "all", VISIBLE "1"}, "1 " USUAL},
		{{VISIBLE "all", VISIBLE "void"}, "-"},
		{{"P", VISIBLE "management.nvidia.com/gpu=all"}, "management.nvidia.com/gpu=all " USUAL},
		/* A name in a name is the device of that name, not the inner name's. */
		{{VISIBLE "runtime.nvidia.com/gpu=vendor.com/disk=all"},
			"runtime.nvidia.com/gpu=vendor.com/disk=all " USUAL},
		{{VISIBLE "runtime.nvidia.com/gpu=gpu:management.nvidia.com/gpu=all"},
			"runtime.nvidia.com/gpu=gpu:management.nvidia.com/gpu=all " USUAL},
	};

	(void)state;
	CHECK(rows, &usual, false);
}

static void malformed_values_are_refused_by_name(void **state)
{
	static const struct row rows[] = {
		{{VISIBLE "x"}, "NVIDIA_VISIBLE_DEVICES: 'x' is not a GPU selector"},
		{{VISIBLE "-1"}, "NVIDIA_VISIBLE_DEVICES: "},
		{{VISIBLE "99999999999"}, "NVIDIA_VISIBLE_DEVICES: "},
		{{VISIBLE "all,none"}, "NVIDIA_VISIBLE_DEVICES: both 'none' and a GPU"},
		{{VISIBLE "all\n0"}, "NVIDIA_VISIBLE_DEVICES: "},
		{{VISIBLE "vendor.com/disk=all"}, "vendor.com/disk=all is no device of NVIDIA's"},
		{{VISIBLE "xnvidia.com/disk=all"}, "is no device of NVIDIA's"},
		{{VISIBLE "management.nvidia.com/gpu=all"}, "only for containers with CAP_SYS_ADMIN"},
		{{VISIBLE "gpu:vendor.com/disk=all"}, "is no device of NVIDIA's"},
		{{VISIBLE "0", "E NVIDIA_DRIVER_CAPABILITIES=compute,fly"},
			"NVIDIA_DRIVER_CAPABILITIES: unknown driver capability 'fly'"},
		{{VISIBLE "0", "E NVIDIA_GDS=yes"}, "NVIDIA_GDS: 'yes' means nothing"},
		{{VISIBLE "0", "E NVIDIA_MIG_CONFIG_DEVICES=all"},
			"NVIDIA_MIG_CONFIG_DEVICES: the right to manage MIG"},
		{{VISIBLE "0", "E NVIDIA_MIG_MONITOR_DEVICES=all"}, "NVIDIA_MIG_MONITOR_DEVICES: the right"},
		{{"P", VISIBLE "0", "E NVIDIA_MIG_CONFIG_DEVICES=0"},
			"NVIDIA_MIG_CONFIG_DEVICES: '0' means nothing"},
		{{VISIBLE "0", "E NVIDIA_IMEX_CHANNELS=x"}, "NVIDIA_IMEX_CHANNELS: "},
		{{"A cdi.k8s.io/a=0"}, "annotation: '0' is not a CDI device name"},
	};

	(void)state;
	CHECK(rows, &usual, true);
}

static void without_devices_the_rest_is_not_read(void **state)
{
	static const struct row rows[] = {
		{{"E NVIDIA_GDS=yes"}, "-"},
		{{"E NVIDIA_DRIVER_CAPABILITIES=fly"}, "-"},
		{{VISIBLE "void", "E NVIDIA_MIG_CONFIG_DEVICES=all"}, "-"},
		{{"E NVIDIA_IMEX_CHANNELS=0"}, "-"},
	};

	(void)state;
	CHECK(rows, &usual, false);
}

static void capabilities_follow_their_variable(void **state)
{
#define CAPS  "E NVIDIA_DRIVER_CAPABILITIES="
#define EVERY "compute,compat32,graphics,utility,video,display,ngx"
	static const struct row rows[] = {
		{{VISIBLE "0", CAPS}, "0 " USUAL},
		{{VISIBLE "0", CAPS "all"}, "0 | " EVERY " | |"},
		{{VISIBLE "0", CAPS "graphics, compute"}, "0 | compute,graphics | |"},
		{{VISIBLE "0", CAPS ",video,"}, "0 | video | |"},
		/* Before NVIDIA_REQUIRE_CUDA there was only CUDA_VERSION, and it meant everything. */
		{{"E CUDA_VERSION=8.0.61"}, "all | " EVERY " | |"},
		{{"E CUDA_VERSION=8.0.61", CAPS}, "all " USUAL},
		{{"E CUDA_VERSION=8.0.61", VISIBLE "0"}, "0 | " EVERY " | |"},
		{{"E CUDA_VERSION=8.0.61", VISIBLE "void"}, "-"},
		{{"E CUDA_VERSION=12.4.1", "E NVIDIA_REQUIRE_CUDA=cuda>=12.4"}, "-"},
		{{"E CUDA_VERSION=cu121"}, "-"},
	};
	static const struct row refused[] = {
		{{VISIBLE "0", CAPS "graphics"},
			"NVIDIA_DRIVER_CAPABILITIES: this host does not allow graphics"},
	};
	static const struct row limited[] = {
		{{VISIBLE "0", CAPS "all"}, "0 | compute,utility | |"},
		{{VISIBLE "0", CAPS "compute"}, "0 | compute | |"},
	};
	struct nvb_asked_rules rules = usual;

	(void)state;
	CHECK(rows, &usual, false);
	rules.capabilities = NVB_CAP_DEFAULT;
	CHECK(limited, &rules, false);
	CHECK(refused, &rules, true);
}

static void features_and_channels(void **state)
{
	static const struct row rows[] = {
		{{VISIBLE "0", "E NVIDIA_GDS=enabled", "E NVIDIA_MOFED=enabled",
			 "E NVIDIA_NVSWITCH=disabled"},
			"0 | compute,utility | gds mofed |"},
		{{VISIBLE "0", "E NVIDIA_GDRCOPY=enabled", "E NVIDIA_NVSWITCH=enabled"},
			"0 | compute,utility | gdrcopy nvswitch |"},
		{{"P", VISIBLE "0", "E NVIDIA_MIG_CONFIG_DEVICES=all", "E NVIDIA_MIG_MONITOR_DEVICES=all"},
			"0 | compute,utility | mig-config mig-monitor |"},
		{{VISIBLE "0", "E NVIDIA_MIG_CONFIG_DEVICES="}, "0 " USUAL},
		{{VISIBLE "0", "E NVIDIA_IMEX_CHANNELS=0, 4"}, "0 | compute,utility | | 0 4"},
		{{VISIBLE "0", "E NVIDIA_IMEX_CHANNELS=all"}, "0 | compute,utility | | all"},
		{{VISIBLE "0", "E NVIDIA_IMEX_CHANNELS=void"}, "0 " USUAL},
		{{VISIBLE "0", "E NVIDIA_IMEX_CHANNELS="}, "0 " USUAL},
	};
	static const struct row ignored[] = {{{VISIBLE "0", "E NVIDIA_IMEX_CHANNELS=0"}, "0 " USUAL}};
	struct nvb_asked_rules rules = usual;

	(void)state;
	CHECK(rows, &usual, false);
	rules.imex = false;
	CHECK(ignored, &rules, false);
}

static void annotations_name_cdi_devices(void **state)
{
	static const struct row rows[] = {
		{{"A cdi.k8s.io/x=nvidia.com/gpu=0"}, "nvidia.com/gpu=0 " USUAL},
		{{"A cdi.k8s.io/b=nvidia.com/gpu=1", "A cdi.k8s.io/a=nvidia.com/gpu=0, nvidia.com/gpu=2"},
			"nvidia.com/gpu=0 nvidia.com/gpu=2 nvidia.com/gpu=1 " USUAL},
		{{"A cdi.k8s.io/x=runtime.nvidia.com/gpu=3"}, "3 " USUAL},
		/* They go before the environment, which images set to "all" by themselves ... */
		{{"A cdi.k8s.io/x=nvidia.com/gpu=0", VISIBLE "all"}, "nvidia.com/gpu=0 " USUAL},
		/* ... but another vendor's device says nothing of the GPUs. */
		{{"A cdi.k8s.io/x=vendor.com/nic=0", VISIBLE "1"}, "vendor.com/nic=0 1 " USUAL},
		{{"A cdi.k8s.io/x=vendor.com/nic=0"}, "vendor.com/nic=0 " USUAL},
		{{"A cdi.k8s.io/x=vendor.com/nic=0", VISIBLE "none"}, "driver vendor.com/nic=0 " USUAL},
		{{"A other.io/x=nvidia.com/gpu=0"}, "-"},
		{{"A cdi.k8s.io/x="}, "-"},
	};
	static char *prefixes[] = {(char *)"my.org/", NULL};
	static const struct row others[] = {
		{{"A cdi.k8s.io/x=nvidia.com/gpu=0"}, "-"},
		{{"A my.org/x=nvidia.com/gpu=0"}, "nvidia.com/gpu=0 " USUAL},
	};
	struct nvb_asked_rules rules = usual;

	(void)state;
	CHECK(rows, &usual, false);
	rules.annotation_prefixes = prefixes;
	CHECK(others, &rules, false);
}

static void mounts_name_devices_where_they_may(void **state)
{
	static const struct row rows[] = {
		{{"M " MOUNTS "0"}, "0 " USUAL},
		{{"M " MOUNTS "all", VISIBLE "0"}, "all " USUAL},
		{{"M /var/run//nvidia-container-devices/./GPU-aaaaaaaa/"}, "GPU-aaaaaaaa " USUAL},
		{{"M " MOUNTS "cdi/nvidia.com/gpu/0"}, "nvidia.com/gpu=0 " USUAL},
		{{"M " MOUNTS "cdi/vendor.com/nic=0"}, "vendor.com/nic=0 " USUAL},
		{{"M " MOUNTS "0", "M " MOUNTS "imex/3"}, "0 | compute,utility | | 3"},
		{{"M " MOUNTS "0", "M " MOUNTS "imex/3", "E NVIDIA_IMEX_CHANNELS=1"},
			"0 | compute,utility | | 3"},
		{{"M " MOUNTS "imex/3"}, "-"},
		{{"M " MOUNTS "0", "M " MOUNTS "0"}, "0 " USUAL},
		{{"M " MOUNTS}, "-"},
		{{"M /var/run/nvidia-container-devices-not/0"}, "-"},
		{{"M " MOUNTS "../0"}, "-"},
		{{"A cdi.k8s.io/x=nvidia.com/gpu=5", "M " MOUNTS "0"}, "nvidia.com/gpu=5 " USUAL},
	};
	static const struct row refused[] = {
		{{"M " MOUNTS "x"}, MOUNTS ": 'x' is not a GPU selector"},
		{{"M " MOUNTS "cdi/x"}, MOUNTS ": 'x' is not a GPU selector"},
		{{"M " MOUNTS "0", "M " MOUNTS "imex/x"}, MOUNTS "imex/: "},
	};
	static const struct row ignored[] = {
		{{"M " MOUNTS "0"}, "-"},
		{{"M " MOUNTS "0", VISIBLE "1"}, "1 " USUAL},
	};
	struct nvb_asked_rules rules = usual;

	(void)state;
	CHECK(ignored, &usual, false);
	assert_non_null(strstr(warnings, "mounts below " MOUNTS " are ignored"));
	rules.mounts = true;
	CHECK(rows, &rules, false);
	CHECK(refused, &rules, true);
}

static void unprivileged_containers_may_be_kept_from_asking(void **state)
{
	static const struct row rows[] = {
		{{VISIBLE "all"}, "-"},
		{{"P", VISIBLE "all"}, "all " USUAL},
		{{"E CUDA_VERSION=8.0.61"}, "-"},
		{{"A cdi.k8s.io/x=nvidia.com/gpu=0", "E NVIDIA_MOFED=enabled"}, "nvidia.com/gpu=0 " USUAL},
		{{"M " MOUNTS "0", VISIBLE "all"}, "0 " USUAL},
		{{"M " MOUNTS "0", "E NVIDIA_IMEX_CHANNELS=all"}, "0 " USUAL},
		{{VISIBLE "void"}, "-"},
		{{VISIBLE "x"}, "-"},
	};
	struct nvb_asked_rules rules = usual;

	(void)state;
	rules.environment = false;
	rules.mounts = true;
	CHECK(rows, &rules, false);
	assert_non_null(strstr(warnings, "NVIDIA_VISIBLE_DEVICES is ignored"));
}

static void swarm_resources_stand_in_for_the_variable(void **state)
{
	static char *names[] = {(char *)"DOCKER_RESOURCE_GPU", (char *)"DOCKER_RESOURCE_NVIDIA-GPU", NULL};
	static const struct row rows[] = {
		{{"E DOCKER_RESOURCE_GPU=0"}, "0 " USUAL},
		{{"E DOCKER_RESOURCE_GPU=0", VISIBLE "all"}, "0 " USUAL},
		{{"E DOCKER_RESOURCE_GPU=0", "E DOCKER_RESOURCE_NVIDIA-GPU=3"}, "0 3 " USUAL},
		{{"E DOCKER_RESOURCE_GPU=", VISIBLE "all"}, "-"},
		{{VISIBLE "all"}, "all " USUAL},
	};
	struct nvb_asked_rules rules = usual;

	(void)state;
	rules.swarm_resources = names;
	CHECK(rows, &rules, false);
}

static int read_text(const char *text, struct nvb_asked *asked, nvb_error **err)
{
	return nvb_oci_asked(text, strlen(text), &usual, asked, err);
}

static void odd_documents_are_read_or_refused(void **state)
{
	static const char *const nothing[] = {
		"{}",
		"{\"process\":null,\"mounts\":null,\"annotations\":null}",
		"{\"process\":{\"env\":null,\"capabilities\":null}}",
		"{\"process\":{\"env\":[],\"capabilities\":{\"bounding\":null}}}",
		"{\"process\":{\"env\":[\"NVIDIA_VISIBLE_DEVICES\",\"\",\"=x\"]}}",
		"{\"mounts\":[{},{\"source\":null,\"destination\":\"" MOUNTS
		"0\"},{\"source\":\"/dev/null\"}]}",
	};
	static const struct {
		const char *text, *message;
	} refused[] = {
		{"{\"process\":{\"env\":[\"NVIDIA_VISIBLE", "process.env[0]"},
		{"{\"process\":[]}", "process"},
		{"{\"process\":{\"env\":[1]}}", "process.env[0]"},
		{"{\"process\":{\"Env\":[]}}", "differs from \"env\" only in case"},
		{"{\"mounts\":[{\"source\":1,\"destination\":\"/x\"}]}", "source must be"},
		{"{\"process\":{\"env\":[\"\\ud800\"]}}", "process.env[0]"},
		{"{\"process\":{},\"process\":{}}", "process"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(nothing); i++) {
		_cleanup_asked_ struct nvb_asked asked = {0};

		assert_int_equal(read_text(nothing[i], &asked, NULL), 0);
		assert_int_equal(asked.environment_count + asked.mount_count + asked.annotation_count, 0);
		assert_false(asked.privileged);
	}
	for (size_t i = 0; i < NVB_ELEMENTS(refused); i++) {
		_cleanup_asked_ struct nvb_asked asked = {0};
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(read_text(refused[i].text, &asked, &err), -NVB_ERR_CORRUPT);
		assert_non_null(strstr(nvb_error_message(err), refused[i].message));
	}
}

/* More than any host has to give is refused before it is taken apart. */
static void endless_lists_are_refused(void **state)
{
	char variable[40000] = "E NVIDIA_VISIBLE_DEVICES=";
	const char *const words[] = {variable, NULL};
	_cleanup_free_ char *got = NULL;

	(void)state;
	memset(variable + strlen(variable), ',', sizeof(variable) - strlen(variable) - 1);
	variable[sizeof(variable) - 1] = '\0';
	got = ask(words, &usual);
	assert_non_null(strstr(got, "NVIDIA_VISIBLE_DEVICES: a list of 39974 bytes"));
}

/* An escape does not hide a name. */
static void escapes_are_decoded(void **state)
{
	_cleanup_asked_ struct nvb_asked asked = {0};

	(void)state;
	assert_int_equal(read_text("{\"process\":{\"env\":[\"\\u004eVIDIA_VISIBLE_DEVICES=\\u0061ll\"]}}",
				 &asked, NULL),
		0);
	assert_string_equal(nvb_asked_variable(&asked, "NVIDIA_VISIBLE_DEVICES"), "all");
}

/* How the GPUs are to be held, by those who may say anything. */
static void isolation_is_asked_by_who_may_ask(void **state)
{
	struct nvb_asked_rules strict = usual;
	const struct {
		const char *words[4];
		const struct nvb_asked_rules *rules;
		const char *isolation;
	} cases[] = {
		{{VISIBLE "0", NULL}, &usual, NULL},
		{{VISIBLE "0", "E NVBIND_ISOLATION=exclusive", NULL}, &usual, "exclusive"},
		{{VISIBLE "0", "E NVBIND_ISOLATION=", NULL}, &usual, NULL},
		{{VISIBLE "0", "E NVBIND_ISOLATIONS=exclusive", NULL}, &usual, NULL},
		{{VISIBLE "0", "E NVBIND_ISOLATION=exclusive", NULL}, &strict, NULL},
		{{VISIBLE "0", "E NVBIND_ISOLATION=exclusive", "P", NULL}, &strict, "exclusive"},
	};

	(void)state;
	strict.environment = false;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *config = config_of(cases[i].words);
		_cleanup_asked_ struct nvb_asked asked = {0};
		const char *isolation;

		assert_int_equal(nvb_oci_asked(config, strlen(config), cases[i].rules, &asked, NULL), 0);
		isolation = nvb_asked_isolation(&asked, cases[i].rules);
		assert_true(nvb_streq0(isolation, cases[i].isolation));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_environment_names_devices),
		cmocka_unit_test(malformed_values_are_refused_by_name),
		cmocka_unit_test(without_devices_the_rest_is_not_read),
		cmocka_unit_test(capabilities_follow_their_variable),
		cmocka_unit_test(features_and_channels),
		cmocka_unit_test(annotations_name_cdi_devices),
		cmocka_unit_test(mounts_name_devices_where_they_may),
		cmocka_unit_test(unprivileged_containers_may_be_kept_from_asking),
		cmocka_unit_test(swarm_resources_stand_in_for_the_variable),
		cmocka_unit_test(odd_documents_are_read_or_refused),
		cmocka_unit_test(endless_lists_are_refused),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(isolation_is_asked_by_who_may_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
