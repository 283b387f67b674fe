/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "capsule/sandbox.h"
#include "capsule/spec.h"
#include "cmocka_all.h"

/* The words of a command line, parsed and refused. */

static struct nvb_capsule_spec spec;

static int setup(void **state)
{
	(void)state;
	nvb_capsule_spec_init(&spec);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nvb_capsule_spec_release(&spec);
	return 0;
}

/* The code, and that there is a message exactly when it failed. */
static int code(int (*add)(struct nvb_capsule_spec *, const char *, nvb_error **), const char *text)
{
	_cleanup_error_ nvb_error *err = NULL;
	int rc = add(&spec, text, &err);

	assert_true((rc < 0) == (err != NULL));
	return -rc;
}

static void volumes(void **state)
{
	static const char *const bad[] = {"", "/a", ":/a", "/a:", "/a:b", "/a:/..", "/a:/b/../c", "/a:/",
		"/a://", "/a:/b:x", "/a:/b:ro,x"};

	(void)state;
	assert_int_equal(code(nvb_spec_add_volume, "/src:/dst"), 0);
	assert_string_equal(spec.volumes[0].source, "/src");
	assert_string_equal(spec.volumes[0].target, "/dst");
	assert_string_equal(spec.volumes[0].propagation, "rprivate");
	assert_false(spec.volumes[0].read_only);
	assert_int_equal(code(nvb_spec_add_volume, "/src:/a//b/./c/:ro,rslave"), 0);
	assert_string_equal(spec.volumes[1].target, "/a/b/c");
	assert_true(spec.volumes[1].read_only);
	assert_string_equal(spec.volumes[1].propagation, "rslave");
	assert_int_equal(code(nvb_spec_add_volume, "/other:/dst/"), NVB_ERR_CONFLICT);
	assert_int_equal(code(nvb_spec_add_volume, "name:/x"), NVB_ERR_UNSUPPORTED);
	assert_int_equal(code(nvb_spec_add_volume, "/a:/x:rshared"), NVB_ERR_UNSUPPORTED);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_int_equal(code(nvb_spec_add_volume, bad[i]), NVB_ERR_INVALID);
	assert_int_equal(spec.volume_count, 2);
}

static void devices(void **state)
{
	static const char *const bad[] = {
		"", "fuse", "/dev/a:/b:x", "/dev/a:/b:rwmr", "/dev/a:/b:/c:rw", "/dev/../a"};

	(void)state;
	assert_int_equal(code(nvb_spec_add_device, "/dev/fuse"), 0);
	assert_string_equal(spec.devices[0].container, "/dev/fuse");
	assert_string_equal(spec.devices[0].access, "rwm");
	assert_int_equal(code(nvb_spec_add_device, "/dev/fuse:r"), 0);
	assert_string_equal(spec.devices[1].access, "r");
	assert_int_equal(code(nvb_spec_add_device, "/dev/fuse:/dev/mine:rw"), 0);
	assert_string_equal(spec.devices[2].container, "/dev/mine");
	assert_string_equal(spec.devices[2].access, "rw");
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_int_equal(code(nvb_spec_add_device, bad[i]), NVB_ERR_INVALID);
	assert_true(nvb_is_cdi_name("nvidia.com/gpu=0"));
	assert_false(nvb_is_cdi_name("/dev/x=y"));
	assert_false(nvb_is_cdi_name("nvidia.com/gpu="));
	assert_false(nvb_is_cdi_name("nvidia.com=gpu/0"));
}

static void limits(void **state)
{
	static const char *const bad[] = {"", "nofile", "=1", "nofile=", "nofile=x", "nofile=2:1", "files=1",
		"nofile=-2", "nofile=1:2:3", "nofile=18446744073709551616"};

	(void)state;
	assert_int_equal(code(nvb_spec_add_ulimit, "nofile=10:20"), 0);
	assert_string_equal(spec.ulimits[0].name, "RLIMIT_NOFILE");
	assert_int_equal(spec.ulimits[0].soft, 10);
	assert_int_equal(spec.ulimits[0].hard, 20);
	assert_int_equal(code(nvb_spec_add_ulimit, "memlock=-1"), 0);
	assert_true(spec.ulimits[1].soft == UINT64_MAX && spec.ulimits[1].hard == UINT64_MAX);
	/* Of one limit twice the last counts. */
	assert_int_equal(code(nvb_spec_add_ulimit, "nofile=5"), 0);
	assert_int_equal(spec.ulimits[0].hard, 5);
	assert_int_equal(spec.ulimit_count, 2);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_int_equal(code(nvb_spec_add_ulimit, bad[i]), NVB_ERR_INVALID);
}

static void security(void **state)
{
	(void)state;
	assert_true(spec.no_new_privileges);
	assert_int_equal(code(nvb_spec_add_security_opt, "no-new-privileges:false"), 0);
	assert_false(spec.no_new_privileges);
	assert_int_equal(code(nvb_spec_add_security_opt, "no-new-privileges"), 0);
	assert_true(spec.no_new_privileges);
	assert_int_equal(code(nvb_spec_add_security_opt, "seccomp=/x"), 0);
	assert_int_equal(spec.seccomp, NVB_SECCOMP_FILE);
	assert_string_equal(spec.seccomp_file, "/x");
	assert_int_equal(code(nvb_spec_add_security_opt, "seccomp:unconfined"), 0);
	assert_int_equal(spec.seccomp, NVB_SECCOMP_UNCONFINED);
	assert_int_equal(code(nvb_spec_add_security_opt, "apparmor=unconfined"), 0);
	assert_int_equal(code(nvb_spec_add_security_opt, "apparmor=mine"), NVB_ERR_UNSUPPORTED);
	assert_int_equal(code(nvb_spec_add_security_opt, "label=type:x"), NVB_ERR_UNSUPPORTED);
	assert_int_equal(code(nvb_spec_add_security_opt, "seccomp"), NVB_ERR_INVALID);
	assert_int_equal(code(nvb_spec_add_security_opt, "nonsense=1"), NVB_ERR_INVALID);
}

static void capabilities(void **state)
{
	const uint64_t docker = UINT64_C(0xa80425fb);
	_cleanup_error_ nvb_error *err = NULL;
	uint64_t set = 0;

	(void)state;
	assert_int_equal(nvb_capability_number("chown"), 0);
	assert_int_equal(nvb_capability_number("CAP_CHECKPOINT_RESTORE"), 40);
	assert_int_equal(nvb_capability_number("CAP_"), -1);
	assert_int_equal(nvb_sandbox_capabilities(&spec, NVB_CAPABILITIES_ALL, &set, NULL), 0);
	assert_true(set == docker);
	/* No more than this process has. */
	assert_int_equal(nvb_sandbox_capabilities(&spec, 1, &set, NULL), 0);
	assert_true(set == 1);
	assert_int_equal(nvb_spec_add_capability(&spec.capabilities_added, "SYS_ADMIN", NULL), 0);
	assert_int_equal(nvb_sandbox_capabilities(&spec, 1, &set, &err), -NVB_ERR_PERMISSION);
	assert_int_equal(nvb_spec_add_capability(&spec.capabilities_dropped, "all", NULL), 0);
	assert_int_equal(nvb_sandbox_capabilities(&spec, NVB_CAPABILITIES_ALL, &set, NULL), 0);
	assert_true(set == UINT64_C(1) << 21);
	spec.capabilities_added = NVB_CAPABILITIES_ALL;
	spec.capabilities_dropped = 1;
	assert_int_equal(nvb_sandbox_capabilities(&spec, NVB_CAPABILITIES_ALL, &set, NULL), 0);
	assert_true(set == (NVB_CAPABILITIES_ALL & ~UINT64_C(1)));
}

static void signal_names(void **state)
{
	static const char *const bad[] = {
		"", "0", "65", "SIG", "SIGNONE", "RTMIN+99", "RTMIN-1", "RTMAX+1", "-9"};
	int number = 0;

	(void)state;
	assert_true(nvb_parse_signal("TERM", &number) && number == SIGTERM);
	assert_true(nvb_parse_signal("sigquit", &number) && number == SIGQUIT);
	assert_true(nvb_parse_signal("9", &number) && number == SIGKILL);
	assert_true(nvb_parse_signal("SIGRTMIN+3", &number) && number == SIGRTMIN + 3);
	assert_true(nvb_parse_signal("RTMAX-1", &number) && number == SIGRTMAX - 1);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_false(nvb_parse_signal(bad[i], &number));
}

static void names(void **state)
{
	static const char *const bad[] = {"", "a", "-ab", ".ab", "a b", "a/b", "../x", "a\nb"};

	(void)state;
	assert_int_equal(code(nvb_spec_set_name, "web-1_x.y"), 0);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_int_equal(code(nvb_spec_set_name, bad[i]), NVB_ERR_INVALID);
	assert_int_equal(code(nvb_spec_set_hostname, "there.local"), 0);
	assert_int_equal(code(nvb_spec_set_hostname, ""), NVB_ERR_INVALID);
	assert_int_equal(code(nvb_spec_set_hostname, "a b"), NVB_ERR_INVALID);
}

static void environment(void **state)
{
	(void)state;
	setenv("NVB_TEST_HERE", "yes", 1);
	unsetenv("NVB_TEST_NOT_HERE");
	assert_int_equal(code(nvb_spec_add_env, "A=b=c"), 0);
	assert_int_equal(code(nvb_spec_add_env, "NVB_TEST_HERE"), 0);
	assert_int_equal(code(nvb_spec_add_env, "NVB_TEST_NOT_HERE"), 0);
	assert_string_equal(spec.env[0], "A=b=c");
	assert_string_equal(spec.env[1], "NVB_TEST_HERE=yes");
	assert_string_equal(spec.env[2], "NVB_TEST_NOT_HERE");
	assert_int_equal(code(nvb_spec_add_env, ""), NVB_ERR_INVALID);
	assert_int_equal(code(nvb_spec_add_env, "=x"), NVB_ERR_INVALID);
	assert_int_equal(code(nvb_spec_add_env, "A=\xff"), NVB_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(volumes, setup, teardown),
		cmocka_unit_test_setup_teardown(devices, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(security, setup, teardown),
		cmocka_unit_test_setup_teardown(capabilities, setup, teardown),
		cmocka_unit_test(signal_names),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(environment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
