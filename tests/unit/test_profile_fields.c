/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/str.h"
#include "profile/fields.h"
#include "profile/overrides.h"
#include "profile/profile.h"
#include "scratch.h"

/* What profiles hold besides variables and limits: the table of fields, inheritance over several files, what
 * a Boltfile says beside a profile, and what is installed. */

static char one[128], two[128], installed[512], *directories[3];

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

static void refuses(const char *text, const char *message, const char *hint)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_profile profile = {0};

	put(one, "f", text);
	assert_int_equal(nvb_profile_read(&profile, directories, "f", &err), -NVB_ERR_INVALID);
	if (!strstr(nvb_error_message(err), message))
		fail_msg("%s", nvb_error_message(err));
	if (hint && !(nvb_error_hint(err) && strstr(nvb_error_hint(err), hint)))
		fail_msg("%s: no hint of '%s'", nvb_error_message(err), hint);
}

/* A circle is named; one that extends its own name means the one in the directory before. */
static void follows_what_extends_what(void **state)
{
	_cleanup_profile_ struct nvb_profile p = {0};

	(void)state;
	put(one, "c2", "extends = 'c3'\n");
	put(one, "c3", "extends = 'f'\n");
	refuses("extends = 'c2'\n", "in a circle: f extends c2 extends c3 extends f", NULL);
	refuses("extends = 'f'\n", "f.toml extends its own name", NULL);
	put(one, "own", "[env]\nA = '1'\nB = '1'\nC = '1'\n");
	put(two, "own", "extends = 'own'\n[env]\nB = '2'\nC = false\n");
	read_fine(&p, "own");
	assert_int_equal(p.file_count, 2);
	assert_string_equal(find(&p, NVB_SETTING_ENV, "A")->value, "1");
	assert_string_equal(find(&p, NVB_SETTING_ENV, "B")->value, "2");
	assert_null(find(&p, NVB_SETTING_ENV, "C"));
	assert_non_null(strstr(find(&p, NVB_SETTING_ENV, "A")->file, one));
	assert_non_null(strstr(find(&p, NVB_SETTING_ENV, "B")->file, two));
	assert_int_equal(find(&p, NVB_SETTING_ENV, "B")->line, 3);
}

/* Every row of the table of fields is read, kept, and found again. */
static void reads_every_field(void **state)
{
	static const char *const samples[] = {[NVB_FIELD_SWITCH] = "true",
		[NVB_FIELD_NUMBER] = "7",
		[NVB_FIELD_SIZE] = "'64MiB'",
		[NVB_FIELD_BYTES] = "'unlimited'",
		[NVB_FIELD_COUNT] = "9",
		[NVB_FIELD_KNOB] = "'keep'"};

	(void)state;
	for (size_t i = 0; i < nvb_profile_field_count; i++) {
		const struct nvb_profile_field *field = &nvb_profile_fields[i];
		_cleanup_profile_ struct nvb_profile p = {0};
		char text[256], said[NVB_SETTING_TEXT];
		const char *quote = field->type == NVB_FIELD_CHOICE ? "'" : "";

		snprintf(text, sizeof(text), "%s%s%s%s = %s%s%s\n", field->table ? "[" : "",
			field->table ? field->table : "", field->table ? "]\n" : "", field->key, quote,
			field->choices ? field->choices[1].name : samples[field->type], quote);
		put(one, "f", text);
		read_fine(&p, "f");
		assert_int_equal(p.setting_count, 1);
		assert_ptr_equal(nvb_profile_field_of(&p.settings[0]), field);
		assert_true(*nvb_setting_text(&p.settings[0], said) != '\0');
		assert_true(field->effect && field->reader);
	}
}

static void refuses_what_no_field_takes(void **state)
{
	(void)state;
	refuses("[driver]\ndlls = true\n", "f.toml:2:1", "dlss");
	refuses("[session]\ninput = 'keyboard'\n", "f.toml:2:9", NULL);
	refuses("[cpu]\nnice = -21\n", "f.toml:2:8", NULL);
	refuses("[cpu]\nscheduler = 'deadline'\n", "f.toml:2:13", NULL);
	refuses("[knobs]\npower-limit = '300'\n", "power-limit cannot be '300'", "watts");
	refuses("[knobs]\ngpu-clocks = '1800-1500MHz'\n", "gpu-clocks cannot be", NULL);
	refuses("[drivers]\n", "f.toml:1:2", "driver");
	refuses("[cache]\nshaders-size = 0\n", "more than 0", NULL);
}

static void switches_parts(void **state)
{
	_cleanup_profile_ struct nvb_profile p = {0}, q = {0};
	nvb_request *request = NULL;

	(void)state;
	put(one, "off", "capabilities = ['all']\n[driver]\ndlss = false\nray-tracing = false\n");
	put(one, "on", "[driver]\ndlss = true\n");
	read_fine(&p, "off");
	read_fine(&q, "on");
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_profile_apply(&p, request, NULL), 0);
	assert_int_equal(request->capabilities, NVB_CAP_ALL | NVB_WITHOUT_DLSS | NVB_WITHOUT_RAY_TRACING);
	assert_int_equal(nvb_request_set_capabilities(request, "graphics", NULL), 0);
	assert_int_equal(
		request->capabilities, NVB_CAP_GRAPHICS | NVB_WITHOUT_DLSS | NVB_WITHOUT_RAY_TRACING);
	assert_int_equal(nvb_profile_apply(&q, request, NULL), 0);
	assert_int_equal(request->capabilities, NVB_CAP_GRAPHICS | NVB_CAP_NGX | NVB_WITHOUT_RAY_TRACING);
	nvb_request_free(request);
}

static void says_what_has_no_effect(void **state)
{
	static const char *const wanted[] = {"NVIDIA_DLSS_ENABLED: no program reads it",
		"did you mean 'CUDA_CACHE_PATH'", "a size without its cache", "a priority has no effect"};
	_cleanup_profile_ struct nvb_profile p = {0};
	_cleanup_strv_ char **warnings = NULL;

	(void)state;
	put(one, "w",
		"[env]\nNVIDIA_DLSS_ENABLED = '1'\nCUDA_CACHE_PAHT = '/x'\nCUDA_DEVICE_ORDER = 'x'\n"
		"[cache]\nkernels-size = '1GiB'\n[cpu]\nscheduler = 'batch'\npriority = 3\n");
	read_fine(&p, "w");
	assert_int_equal(nvb_profile_check(&p, &warnings, NULL), 0);
	assert_int_equal(nvb_strv_length(warnings), 4);
	for (size_t i = 0; i < NVB_ELEMENTS(wanted); i++) {
		bool found = false;

		nvb_strv_foreach (warning, warnings)
			found |= strstr(*warning, wanted[i]) != NULL;
		if (!found)
			fail_msg("no warning '%s'", wanted[i]);
	}
}

/* The value that counts for a name: the last. */
static const struct nvb_setting *said(
	const struct nvb_request *request, enum nvb_setting_kind kind, const char *name)
{
	for (size_t i = request->setting_count; i > 0; i--)
		if (request->settings[i - 1].kind == kind && nvb_streq0(request->settings[i - 1].name, name))
			return &request->settings[i - 1];
	return NULL;
}

static const struct nvb_override_note *noted(const struct nvb_override_notes *notes, const char *key)
{
	for (size_t i = 0; i < notes->count; i++)
		if (nvb_streq(notes->list[i].key, key))
			return &notes->list[i];
	fail_msg("no note on %s", key);
	return NULL;
}

static void overrides_of_games(void **state)
{
	_cleanup_override_notes_ struct nvb_override_notes notes = {0};
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_gaming_overrides gaming = {.profile = "Ultra_Low_Latency",
		.dlss_enabled = 1,
		.rt_cores_enabled = 0,
		.vrs_enabled = 0,
		.wine_optimizations = 0,
		.power_profile = "efficiency"};
	nvb_request *request = NULL;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	if (nvb_gaming_overrides_apply(&gaming, installed, request, &notes, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_string_equal(said(request, NVB_SETTING_ENV, "__GL_MaxFramesAllowed")->value, "1");
	assert_int_equal(said(request, NVB_SETTING_PART, "dlss")->amount, 1);
	assert_false(request->capabilities & NVB_WITHOUT_DLSS);
	assert_true(request->capabilities & NVB_WITHOUT_RAY_TRACING);
	assert_int_equal(said(request, NVB_SETTING_PART, "wine")->amount, 0);
	assert_string_equal(said(request, NVB_SETTING_KNOB, "power-limit")->value, "70%");
	assert_string_equal(said(request, NVB_SETTING_KNOB, "cpu-governor")->value, "keep");
	assert_false(noted(&notes, "vrs_enabled")->has_effect);
	assert_true(noted(&notes, "dlss_enabled")->has_effect);
	nvb_request_free(request);
	gaming.power_profile = "maximun";
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(
		nvb_gaming_overrides_apply(&gaming, installed, request, &notes, &err), -NVB_ERR_INVALID);
	assert_non_null(strstr(nvb_error_hint(err), "'maximum'"));
	nvb_request_free(request);
}

static void overrides_of_ai(void **state)
{
	_cleanup_override_notes_ struct nvb_override_notes notes = {0};
	const struct nvb_aiml_overrides aiml = {"training", 1, 0, 1};
	nvb_request *request = NULL;
	bool mig = false;

	(void)state;
	assert_int_equal(nvb_request_new(&request, NULL), 0);
	assert_int_equal(nvb_aiml_overrides_apply(&aiml, installed, request, &mig, &notes, NULL), 0);
	assert_true(mig);
	assert_string_equal(said(request, NVB_SETTING_ENV, "NVIDIA_TF32_OVERRIDE")->value, "0");
	assert_string_equal(
		said(request, NVB_SETTING_ENV, "PYTORCH_ALLOC_CONF")->value, "expandable_segments:True");
	assert_true(noted(&notes, "tensor_cores_enabled")->has_effect);
	nvb_request_free(request);
}

/* Nothing that is installed has a warning, and the names that users and programs know are there. */
static void installed_profiles_are_fine(void **state)
{
	static const char *const names[] = {"gaming", "ultra-low-latency", "competitive", "performance",
		"aaa", "balanced", "efficiency", "ultra", "development", "ai", "aiml", "training",
		"inference", "bolt-gaming"};
	char *only[] = {installed, NULL};
	_cleanup_strv_ char **found = nvb_profile_names(only);

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(names); i++)
		assert_true(nvb_strv_contains(found, names[i]));
	nvb_strv_foreach (name, found) {
		_cleanup_profile_ struct nvb_profile p = {0};
		_cleanup_strv_ char **warnings = NULL;
		_cleanup_error_ nvb_error *err = NULL;

		if (nvb_profile_read(&p, only, *name, &err) < 0)
			fail_msg("%s", nvb_error_message(err));
		assert_non_null(p.description);
		assert_int_equal(nvb_profile_check(&p, &warnings, NULL), 0);
		if (warnings)
			fail_msg("%s", warnings[0]);
	}
}

static void has(const char *text, const char *name)
{
	char code[64];

	snprintf(code, sizeof(code), "`%s`", name);
	if (!strstr(text, code))
		fail_msg("docs/profiles.md does not have %s", code);
}

static void documentation_is_whole(void **state)
{
	_cleanup_free_ char *text = NULL;
	char path[600];

	(void)state;
	snprintf(path, sizeof(path), "%s/../docs/profiles.md", installed);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, 1 << 20, &text, NULL, NULL), 0);
	for (size_t i = 0; i < nvb_profile_field_count; i++)
		has(text, nvb_profile_fields[i].key);
	for (size_t i = 0; i < nvb_variable_count; i++)
		has(text, nvb_variables[i].name);
}

static int set_up(void **state)
{
	const char *source = getenv("NVB_TEST_SOURCE");

	if (scratch_make(state) < 0)
		return -1;
	snprintf(installed, sizeof(installed), "%s/profiles", source ? source : ".");
	scratch_mkdir("one");
	scratch_mkdir("two");
	snprintf(one, sizeof(one), "%s/one", scratch.path);
	snprintf(two, sizeof(two), "%s/two", scratch.path);
	directories[0] = one;
	directories[1] = two;
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(follows_what_extends_what),
		TEST(reads_every_field),
		TEST(refuses_what_no_field_takes),
		TEST(switches_parts),
		TEST(says_what_has_no_effect),
		TEST(overrides_of_games),
		TEST(overrides_of_ai),
		TEST(installed_profiles_are_fine),
		TEST(documentation_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
