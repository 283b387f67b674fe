/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"
#include "boltfile/boltfile.h"
#include "boltfile/compose.h"

/* Compose files as Boltfiles. */

static const char *source_directory;

static char *read_file(const char *name)
{
	_cleanup_free_ char *path = NULL;
	char *data = NULL;
	size_t size;

	assert_true(asprintf(&path, "%s/tests/boltfile/compose/%s", source_directory, name) > 0);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, NVB_TOML_MAX, &data, &size, NULL), 0);
	return data;
}

static char *import(const char *yaml, char ***lost)
{
	_cleanup_error_ nvb_error *err = NULL;
	char *toml = NULL;

	if (nvb_compose_import(yaml, strlen(yaml), "C", &toml, lost, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return toml;
}

static void takes_a_whole_file_over(void **state)
{
	static char *const environment[] = {(char *)"HOME=/root", NULL};
	const struct nvb_boltfile_variables variables = {.environment = environment};
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_free_ char *yaml = read_file("shop.yaml"), *wanted = read_file("shop.toml"), *toml = NULL;
	_cleanup_strv_ char **lost = NULL;
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	toml = import(yaml, &lost);
	assert_string_equal(toml, wanted);
	assert_int_equal(nvb_strv_length(lost), 7);
	assert_string_equal(lost[6], "C:52: services.trainer.deploy.resources.reservations.devices: nvbind "
				     "gives NVIDIA's GPUs alone");
	if (nvb_boltfile_parse(&file, toml, strlen(toml), "B", "/", &variables, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_int_equal(file.note_count, 0);
}

/* What a service asks for comes out as these devices. */
static void gives(const char *service, const char *devices)
{
	_cleanup_free_ char *yaml = NULL, *toml = NULL;
	_cleanup_strv_ char **lost = NULL;
	char line[128];

	assert_true(asprintf(&yaml, "services:\n  a:\n    image: x\n%s", service) > 0);
	toml = import(yaml, &lost);
	snprintf(line, sizeof(line), "\ndevices = [%s]\n", devices ? devices : "");
	if (devices ? !strstr(toml, line) : strstr(toml, ".gpu]") != NULL)
		fail_msg("%s of\n%s", toml, yaml);
}

static void knows_every_way_to_ask_for_gpus(void **state)
{
#define RESERVE "    deploy: {resources: {reservations: {devices: "
	(void)state;
	gives(RESERVE "[{driver: nvidia, count: all, capabilities: [gpu]}]}}}\n", "\"gpu:all\"");
	gives(RESERVE "[{count: 2, capabilities: [gpu]}]}}}\n", "\"gpu:0\", \"gpu:1\"");
	gives(RESERVE "[{driver: nvidia, capabilities: [gpu]}]}}}\n", "\"gpu:all\"");
	gives(RESERVE "[{driver: nvidia, device_ids: ['1', GPU-11]}]}}}\n", "\"1\", \"GPU-11\"");
	gives(RESERVE "[{driver: cdi, device_ids: [nvidia.com/gpu=0]}]}}}\n", "\"nvidia.com/gpu=0\"");
	gives(RESERVE "[{driver: other, count: 1}]}}}\n", NULL);
	gives("    gpus: all\n", "\"gpu:all\"");
	gives("    gpus: [{count: 1}]\n", "\"gpu:0\"");
	gives("    runtime: nvidia\n    environment: {NVIDIA_VISIBLE_DEVICES: all}\n", "\"all\"");
	gives("    runtime: nvidia\n    environment: [NVIDIA_VISIBLE_DEVICES=1]\n", "\"1\"");
	gives("    runtime: nvidia\n    environment: [NVIDIA_VISIBLE_DEVICES=none]\n", NULL);
	gives("    runtime: nvidia\n", NULL);
}

static void merges_and_keeps_variables(void **state)
{
	_cleanup_strv_ char **lost = NULL;
	_cleanup_free_ char *toml =
		import("x-a: &a {image: one, tty: yes}\nx-b: &b {image: two, user: u}\n"
		       "services:\n  s:\n    <<: [*a, *b]\n    hostname: $H-${I:-x}-$$J-$1\n"
		       "    stop_grace_period: 1m1500ms\n",
			&lost);

	(void)state;
	assert_non_null(strstr(toml, "image = \"one\"\n"));
	assert_non_null(strstr(toml, "user = \"u\"\n"));
	assert_non_null(strstr(toml, "tty = true\n"));
	assert_non_null(strstr(toml, "hostname = \"${H}-${I:-x}-$$J-$1\"\n"));
	assert_non_null(strstr(toml, "stop_grace_period = \"61500ms\"\n"));
	assert_null(lost);
}

static void says_what_is_lost(void **state)
{
	_cleanup_strv_ char **lost = NULL;
	_cleanup_free_ char *toml =
		import("services:\n  s:\n    image: x\n    cpu_rt_runtime: 1\n    volumes: [/data]\n"
		       "    x-mine: 1\n    extends: {service: t}\n",
			&lost);

	(void)state;
	assert_int_equal(nvb_strv_length(lost), 3);
	assert_string_equal(lost[0], "C:5: services.s.volumes: '/data' has no name; give it one: NAME:/data");
	assert_string_equal(lost[1], "C:7: services.s.extends: write the other service's keys here ('docker "
				     "compose config' does)");
	assert_string_equal(lost[2], "C:4: services.s.cpu_rt_runtime: has no counterpart in a Boltfile");
	assert_non_null(strstr(toml, "# cpu_rt_runtime: has no counterpart in a Boltfile\n"));
}

static void refuses_what_is_none(void **state)
{
	static const struct {
		const char *yaml, *message;
	} cases[] = {
		{"a: 1\n", "C: there are no services in it"},
		{"services: []\n", "C: there are no services in it"},
		{"- a\n", "C: there are no services in it"},
		{"a: b: c\n", "C:1: not YAML: mapping values are not allowed in this context"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		char *toml = NULL, **lost = NULL;

		assert_true(nvb_compose_import(
				    cases[i].yaml, strlen(cases[i].yaml), "C", &toml, &lost, &err) < 0);
		assert_string_equal(nvb_error_message(err), cases[i].message);
		assert_null(toml);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_whole_file_over),
		cmocka_unit_test(knows_every_way_to_ask_for_gpus),
		cmocka_unit_test(merges_and_keeps_variables),
		cmocka_unit_test(says_what_is_lost),
		cmocka_unit_test(refuses_what_is_none),
	};

	source_directory = argc > 1 ? argv[1] : ".";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
