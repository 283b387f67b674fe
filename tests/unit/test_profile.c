/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/str.h"
#include "profile/profile.h"
#include "scratch.h"

static char one[128], two[128], *directories[3];

static void put(const char *directory, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.toml", directory, name);
	assert_int_equal(nvb_file_write(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
}

static const struct nvb_setting *find(
	const struct nvb_profile *p, enum nvb_setting_kind kind, const char *name)
{
	for (size_t i = 0; i < p->setting_count; i++)
		if (p->settings[i].kind == kind && nvb_streq0(p->settings[i].name, name))
			return &p->settings[i];
	return NULL;
}

static void read_fine(struct nvb_profile *profile, const char *name)
{
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_profile_read(profile, directories, name, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
}

static void refuses(const char *name, enum nvb_error_code code, const char *message, const char *hint)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_profile profile = {0};

	assert_int_equal(nvb_profile_read(&profile, directories, name, &err), -(int)code);
	if (!strstr(nvb_error_message(err), message))
		fail_msg("%s", nvb_error_message(err));
	if (hint)
		assert_non_null(strstr(nvb_error_hint(err), hint));
	assert_null(profile.settings);
	assert_null(profile.arena.blocks);
}

static void reads_every_key(void **state)
{
	_cleanup_profile_ struct nvb_profile p = {0};

	(void)state;
	put(one, "all",
		"description = 'd'\ncapabilities = ['compute', 'graphics']\nshm-size = '2g'\n"
		"[env]\nA = '1'\nB = { value = '2', reason = 'why' }\n"
		"[limits]\nmemlock = 'unlimited'\nstack = '64MiB'\nnofile = 7\n[cdi]\nclass = 'gpu-x'\n");
	read_fine(&p, "all");
	assert_string_equal(p.description, "d");
	assert_string_equal(p.cdi_class, "gpu-x");
	assert_int_equal(p.capabilities, NVB_CAP_COMPUTE | NVB_CAP_GRAPHICS);
	assert_int_equal(find(&p, NVB_SETTING_SHM, NULL)->amount, 2ll << 30);
	assert_string_equal(find(&p, NVB_SETTING_ENV, "A")->value, "1");
	assert_string_equal(find(&p, NVB_SETTING_ENV, "B")->reason, "why");
	assert_true(find(&p, NVB_SETTING_RLIMIT, "memlock")->amount == UINT64_MAX);
	assert_int_equal(find(&p, NVB_SETTING_RLIMIT, "stack")->amount, 64 << 20);
	assert_int_equal(find(&p, NVB_SETTING_RLIMIT, "nofile")->amount, 7);
}

static void extends_and_replaces(void **state)
{
	_cleanup_profile_ struct nvb_profile p = {0}, q = {0};

	(void)state;
	put(one, "base", "capabilities = ['compute']\n[env]\nA = '1'\nB = '1'\n[cdi]\nclass = 'c'\n");
	put(one, "child", "extends = 'base'\n[env]\nB = '2'\n");
	read_fine(&p, "child");
	assert_int_equal(p.setting_count, 2);
	assert_string_equal(find(&p, NVB_SETTING_ENV, "B")->value, "2");
	assert_int_equal(p.capabilities, NVB_CAP_COMPUTE);
	assert_string_equal(p.cdi_class, "gpu-child"); /* a class names one profile */
	/* A file in a later directory takes the place of the whole. */
	put(two, "base", "[env]\nC = '3'\n");
	read_fine(&q, "base");
	assert_int_equal(q.setting_count, 1);
	assert_string_equal(q.settings[0].name, "C");
}

static void becomes_part_of_a_request(void **state)
{
	_cleanup_profile_ struct nvb_profile p = {0}, q = {0};
	nvb_request *request = NULL;

	(void)state;
	put(one, "p", "capabilities = ['graphics']\n[env]\nA = '1'\n");
	put(one, "q", "capabilities = ['video']\n");
	read_fine(&p, "p");
	read_fine(&q, "q");
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_profile_apply(&p, request, NULL), 0);
	assert_int_equal(request->capabilities, NVB_CAP_GRAPHICS);
	assert_int_equal(nvb_profile_apply(&q, request, NULL), 0);
	assert_int_equal(request->capabilities, NVB_CAP_GRAPHICS | NVB_CAP_VIDEO);
	nvb_profile_release(&p);
	assert_int_equal(request->setting_count, 1);
	assert_string_equal(request->settings[0].value, "1");
	assert_string_equal(request->settings[0].profile, "p");
	nvb_request_free(request);
}

static void refuses_what_it_cannot_mean(void **state)
{
	(void)state;
	put(one, "gaming", "");
	refuses("gamming", NVB_ERR_NOT_FOUND, "no profile 'gamming'", "did you mean 'gaming'?");
	refuses("zzzzzzzz", NVB_ERR_NOT_FOUND, "no profile", "there are ");
	refuses("../gaming", NVB_ERR_INVALID, "no name of a profile", "lower-case");
	refuses("", NVB_ERR_INVALID, "no name of a profile", NULL);
	put(one, "x", "dlss = true\n");
	refuses("x", NVB_ERR_INVALID, "x.toml:1:1", NULL);
	put(one, "x", "capabilities = ['comput']\n");
	refuses("x", NVB_ERR_INVALID, "unknown driver capability", NULL);
	put(one, "x", "[env]\n'A=B' = '1'\n");
	refuses("x", NVB_ERR_INVALID, "x.toml:2:1", NULL);
	put(one, "x", "[env]\nA = { reason = 'none' }\n");
	refuses("x", NVB_ERR_INVALID, "no 'value'", NULL);
	put(one, "x", "[limits]\nmemlok = 1\n");
	refuses("x", NVB_ERR_INVALID, "memlok", "memlock");
	put(one, "x", "[limits]\nnofile = '12k'\n");
	refuses("x", NVB_ERR_INVALID, "neither a number", NULL);
	put(one, "x", "shm-size = 0\n");
	refuses("x", NVB_ERR_INVALID, "more than 0", NULL);
	put(one, "x", "extends = 'y'\n");
	put(one, "y", "extends = 'x'\n");
	refuses("x", NVB_ERR_INVALID, "extend each other", NULL);
	put(one, "y", "broken");
	refuses("x", NVB_ERR_INVALID, "profile x extends y", NULL);
}

static int set_up(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	scratch_mkdir("one");
	scratch_mkdir("two");
	snprintf(one, sizeof(one), "%s/one", scratch.path);
	snprintf(two, sizeof(two), "%s/two", scratch.path);
	directories[0] = one;
	directories[1] = two;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_every_key, set_up, scratch_remove),
		cmocka_unit_test_setup_teardown(extends_and_replaces, set_up, scratch_remove),
		cmocka_unit_test_setup_teardown(becomes_part_of_a_request, set_up, scratch_remove),
		cmocka_unit_test_setup_teardown(refuses_what_it_cannot_mean, set_up, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
