/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "capsule/definition.h"
#include "capsule/record.h"
#include "cmocka_all.h"
#include "supervisor/private.h"

/* The definition of a capsule: written and read again as the same; records; when a program is run again. */

static int code(int (*set)(struct nvb_capsule_definition *, const char *, nvb_error **), const char *text,
	struct nvb_capsule_definition *d)
{
	_cleanup_error_ nvb_error *err = NULL;
	int rc = set(d, text, &err);

	assert_true((rc < 0) == (err != NULL));
	return -rc;
}

static char *text_of(const struct nvb_capsule_definition *d, enum nvb_definition_scope scope)
{
	struct nvb_strbuf out = {0};

	nvb_definition_write(d, scope, 0, &out);
	return nvb_sb_finish(&out);
}

static void read_back(const char *text, struct nvb_capsule_definition *d)
{
	_cleanup_error_ nvb_error *err = NULL;

	nvb_capsule_definition_init(d);
	if (nvb_definition_read(d, text, strlen(text), &err) < 0)
		fail_msg("%s", nvb_error_message(err));
}

static void defaults(void **state)
{
	_cleanup_definition_ struct nvb_capsule_definition d = {0}, again = {0};
	_cleanup_free_ char *said = NULL, *all = NULL, *twice = NULL;

	(void)state;
	nvb_capsule_definition_init(&d);
	said = text_of(&d, NVB_DEFINITION_SAID);
	assert_string_equal(said, "{\n\t\"version\": 1\n}");
	all = text_of(&d, NVB_DEFINITION_ALL);
	assert_non_null(strstr(all, "\"restart\": \"no\""));
	read_back(all, &again);
	twice = text_of(&again, NVB_DEFINITION_ALL);
	assert_string_equal(all, twice);
}

static void everything(void **state)
{
	static const char *const command[] = {"sh", "-c", "echo \"hi\"\n", NULL};
	_cleanup_definition_ struct nvb_capsule_definition d = {0}, again = {0};
	_cleanup_free_ char *first = NULL, *second = NULL;

	(void)state;
	nvb_capsule_definition_init(&d);
	assert_int_equal(code(nvb_definition_set_image, "steam:latest", &d), 0);
	assert_int_equal(nvb_definition_set_command(&d, command, NULL), 0);
	assert_int_equal(code(nvb_definition_add_gpu, "all", &d), 0);
	assert_int_equal(code(nvb_definition_add_device, "nvidia.com/gpu=0", &d), 0);
	assert_int_equal(code(nvb_definition_add_device, "/dev/fuse:/dev/x:r", &d), 0);
	assert_int_equal(code(nvb_definition_set_isolation, "exclusive", &d), 0);
	assert_int_equal(code(nvb_definition_set_gpu_memory_limit, "8GB", &d), 0);
	assert_int_equal(code(nvb_definition_add_profile, "gaming", &d), 0);
	assert_int_equal(code(nvb_definition_set_restart, "on-failure:3", &d), 0);
	assert_int_equal(code(nvb_definition_add_label, "tier=db", &d), 0);
	assert_int_equal(nvb_spec_set_name(&d.spec, "web", NULL), 0);
	assert_int_equal(nvb_spec_add_volume(&d.spec, "/a:/b:ro,rslave", NULL), 0);
	assert_int_equal(nvb_spec_add_tmpfs(&d.spec, "/t:size=1m", NULL), 0);
	assert_int_equal(nvb_spec_add_ulimit(&d.spec, "core=unlimited", NULL), 0);
	assert_int_equal(nvb_spec_add_env(&d.spec, "A=b", NULL), 0);
	assert_int_equal(nvb_spec_add_network(&d.spec, "lab", NULL), 0);
	assert_int_equal(nvb_spec_add_port(&d.spec, "127.0.0.1:8000-8001:80-81/udp", NULL), 0);
	assert_int_equal(nvb_spec_add_port(&d.spec, "[::1]::80", NULL), 0);
	assert_int_equal(nvb_spec_add_host(&d.spec, "db:10.0.0.1", NULL), 0);
	assert_int_equal(nvb_spec_add_capability(&d.spec.capabilities_added, "NET_ADMIN", NULL), 0);
	assert_int_equal(nvb_spec_set_memory(&d.spec, "64m", NULL), 0);
	assert_int_equal(nvb_spec_set_cpus(&d.spec, "1.5", NULL), 0);
	d.snapshot_gpu_state = true;
	first = text_of(&d, NVB_DEFINITION_SAID);
	read_back(first, &again);
	second = text_of(&again, NVB_DEFINITION_SAID);
	assert_string_equal(first, second);
	assert_string_equal(again.spec.command[2], command[2]);
	assert_int_equal(again.spec.port_count, 3);
	assert_int_equal(again.restart, NVB_RESTART_ON_FAILURE);
	assert_int_equal(again.restart_retries, 3);
	assert_int_equal(again.spec.resources.nano_cpus, 1500000000);
	assert_true(again.snapshot_gpu_state);
}

static void refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{", "{\"version\": 2}", "{\"nmae\": \"x\"}",
		"{\"name\": 1}", "{\"name\": \"../x\"}", "{\"volumes\": [\"/a:/..\"]}",
		"{\"volumes\": \"/a:/b\"}", "{\"cap_add\": [\"NONE\"]}", "{\"restart\": \"maybe\"}",
		"{\"stop_timeout\": -1}", "{\"stop_timeout\": 31536001}",
		"{\"image\": \"a\", \"image\": \"b\"}", "{\"health_retries\": 4294967296}",
		"{\"pull\": \"now\"}"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_definition_ struct nvb_capsule_definition d = {0};
		_cleanup_error_ nvb_error *err = NULL;

		nvb_capsule_definition_init(&d);
		assert_true(nvb_definition_read(&d, bad[i], strlen(bad[i]), &err) < 0);
		assert_non_null(err);
	}
}

/* As JSON it would be another text, which nobody asked for. */
static void what_json_cannot_carry(void **state)
{
	static const char *const bad[] = {"label", "command", "tmpfs"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_definition_ struct nvb_capsule_definition d = {0};
		_cleanup_error_ nvb_error *err = NULL;
		char *command[] = {(char *)"echo", (char *)"\xff", NULL};

		nvb_capsule_definition_init(&d);
		if (i == 0)
			assert_int_equal(code(nvb_definition_add_label, "tier=\xff", &d), 0);
		else if (i == 1)
			d.spec.command = command;
		else
			assert_int_equal(nvb_spec_add_tmpfs(&d.spec, "/\xff", NULL), 0);
		assert_int_equal(nvb_definition_save(&d, "/nonexistent", false, &err), -NVB_ERR_INVALID);
		assert_non_null(strstr(nvb_error_message(err), "is not UTF-8"));
	}
}

static void words(void **state)
{
	static const char *const policies[] = {
		"", "sometimes", "on-failure:", "on-failure:x", "always:3", "no:1"};
	static const char *const cpus[] = {"", "x", "1.", "1.5x", "-1", "0.001", "99999", "."};
	static const char *const sets[] = {"a", "0-", "-1", "0,,1", "0;1", "1-2-3"};
	_cleanup_definition_ struct nvb_capsule_definition d = {0};

	(void)state;
	nvb_capsule_definition_init(&d);
	for (size_t i = 0; i < NVB_ELEMENTS(policies); i++)
		assert_int_equal(code(nvb_definition_set_restart, policies[i], &d), NVB_ERR_INVALID);
	for (size_t i = 0; i < NVB_ELEMENTS(cpus); i++)
		if (!nvb_streq(cpus[i], "1."))
			assert_int_equal(-nvb_spec_set_cpus(&d.spec, cpus[i], NULL), NVB_ERR_INVALID);
	for (size_t i = 0; i < NVB_ELEMENTS(sets); i++)
		assert_int_equal(-nvb_spec_set_cpuset_cpus(&d.spec, sets[i], NULL), NVB_ERR_INVALID);
	assert_int_equal(-nvb_spec_set_memory(&d.spec, "1k", NULL), NVB_ERR_INVALID);
	assert_int_equal(-nvb_definition_check(&d, NULL), NVB_ERR_INVALID);
	assert_int_equal(code(nvb_definition_set_image, "a", &d), 0);
	assert_int_equal(-nvb_definition_check(&d, NULL), 0);
	d.spec.resources.memory_swap = 1 << 30;
	assert_int_equal(-nvb_definition_check(&d, NULL), NVB_ERR_INVALID);
}

static void records(void **state)
{
	const char *record = "pid 12\nname a b\nnames x\nkeep 1\n";
	_cleanup_free_ char *name = nvb_record_value(record, "name"), *set = NULL, *removed = NULL;

	(void)state;
	assert_string_equal(name, "a b");
	assert_null(nvb_record_value(record, "nam"));
	assert_true(nvb_record_flag(record, "keep"));
	assert_int_equal(nvb_record_number(record, "pid", -1), 12);
	assert_int_equal(nvb_record_number(record, "name", -1), -1);
	set = nvb_record_set(record, "name", "c\nd");
	assert_string_equal(set, "pid 12\nnames x\nkeep 1\nname c\n");
	removed = nvb_record_set(set, "names", NULL);
	assert_string_equal(removed, "pid 12\nkeep 1\nname c\n");
}

static void restarting(void **state)
{
	const uint64_t ms = 1000000, s = 1000 * ms;
	struct nvb_capsule_definition d = {.restart = NVB_RESTART_ON_FAILURE, .restart_retries = 2};

	(void)state;
	assert_false(nvb_restart_wanted(&d, 0, 0));
	assert_true(nvb_restart_wanted(&d, 1, 1));
	assert_true(nvb_restart_wanted(&d, -1, 0));
	assert_false(nvb_restart_wanted(&d, 1, 2));
	d.restart = NVB_RESTART_NO;
	assert_false(nvb_restart_wanted(&d, 1, 0));
	d.restart = NVB_RESTART_UNLESS_STOPPED;
	assert_true(nvb_restart_wanted(&d, 0, 1000));
	assert_int_equal(nvb_restart_delay(0, 0), 100 * ms);
	assert_int_equal(nvb_restart_delay(100 * ms, s), 200 * ms);
	assert_int_equal(nvb_restart_delay(40 * s, 0), 60 * s);
	assert_int_equal(nvb_restart_delay(60 * s, 10 * s), 100 * ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(refused),
		cmocka_unit_test(what_json_cannot_carry),
		cmocka_unit_test(words),
		cmocka_unit_test(records),
		cmocka_unit_test(restarting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
