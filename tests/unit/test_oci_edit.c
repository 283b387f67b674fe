/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <stdio.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "nvbind/oci.h"
#include "semantics.h"

#define HOOK "/usr/bin/nvbind-hook"

static void plan_freep(struct nvb_plan **plan)
{
	nvb_plan_free(*plan);
}
#define _cleanup_plan_ _cleanup_(plan_freep)

static const struct nvb_oci_options with_hook = {.size = sizeof(with_hook), .hook_path = HOOK};

/* The edited text; fails the test where the edit fails or a second one changes anything. */
static char *edit_with(const char *config, const struct nvb_plan *plan, const struct nvb_oci_options *options)
{
	_cleanup_error_ nvb_error *error = NULL;
	_cleanup_free_ char *again = NULL;
	char *out = NULL;
	size_t size = 0, again_size = 0;

	if (nvb_oci_edit(config, strlen(config), plan, options, &out, &size, &error) < 0)
		fail_msg("refused: %s", nvb_error_message(error));
	assert_int_equal(out[size], '\0');
	assert_int_equal(nvb_oci_edit(out, size, plan, options, &again, &again_size, NULL), 0);
	assert_string_equal(out, again);
	assert_int_equal(size, again_size);
	return out;
}

static char *edit(const char *config, const struct nvb_plan *plan)
{
	return edit_with(config, plan, &with_hook);
}

static void refuses(const char *config, const char *message)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_sample_plan();
	_cleanup_error_ nvb_error *error = NULL;
	char *out = NULL;
	size_t size = 7;

	assert_int_equal(nvb_oci_edit(config, strlen(config), plan, &with_hook, &out, &size, &error),
		-NVB_ERR_CORRUPT);
	assert_string_equal(nvb_error_message(error), message);
	assert_null(out);
	assert_int_equal(size, 7);
}

static void an_empty_plan_changes_nothing(void **state)
{
	static const char config[] = " {\"ociVersion\" :\"1.0.2\",\"linux\":null , \"mounts\":[ ] }\n";
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *out = edit(config, plan);

	(void)state;
	assert_string_equal(out, config);
}

static void fills_what_is_there_in_its_own_style(void **state)
{
	static const char config[] = "{\n"
				     "\t\"ociVersion\": \"1.0.2\",\n"
				     "\t\"process\": {\n"
				     "\t\t\"env\": [\n"
				     "\t\t\t\"PATH=/bin\",\n"
				     "\t\t\t\"TERM=xterm\"\n"
				     "\t\t],\n"
				     "\t\t\"cwd\": \"/\"\n"
				     "\t},\n"
				     "\t\"mounts\": [],\n"
				     "\t\"linux\": {\n"
				     "\t\t\"resources\": {\n"
				     "\t\t\t\"devices\": [\n"
				     "\t\t\t\t{\n"
				     "\t\t\t\t\t\"allow\": false,\n"
				     "\t\t\t\t\t\"access\": \"rwm\"\n"
				     "\t\t\t\t}\n"
				     "\t\t\t]\n"
				     "\t\t}\n"
				     "\t}\n"
				     "}";
	static const char wanted[] =
		"{\n"
		"\t\"ociVersion\": \"1.0.2\",\n"
		"\t\"process\": {\n"
		"\t\t\"env\": [\n"
		"\t\t\t\"PATH=/bin\",\n"
		"\t\t\t\"TERM=xterm\",\n"
		"\t\t\t\"A=b\"\n"
		"\t\t],\n"
		"\t\t\"cwd\": \"/\",\n"
		"\t\t\"user\": {\n"
		"\t\t\t\"additionalGids\": [\n"
		"\t\t\t\t44\n"
		"\t\t\t]\n"
		"\t\t}\n"
		"\t},\n"
		"\t\"mounts\": [\n"
		"\t\t{\"destination\": \"/lib/x\", \"type\": \"bind\", \"source\": \"/lib/x\", \"options\": "
		"[\"ro\", "
		"\"nosuid\", \"nodev\", \"rbind\", \"rprivate\"]}\n"
		"\t],\n"
		"\t\"linux\": {\n"
		"\t\t\"resources\": {\n"
		"\t\t\t\"devices\": [\n"
		"\t\t\t\t{\n"
		"\t\t\t\t\t\"allow\": false,\n"
		"\t\t\t\t\t\"access\": \"rwm\"\n"
		"\t\t\t\t},\n"
		"\t\t\t\t{\"allow\": true, \"type\": \"c\", \"major\": 195, \"minor\": 0, \"access\": "
		"\"rw\"}\n"
		"\t\t\t]\n"
		"\t\t},\n"
		"\t\t\"devices\": [\n"
		"\t\t\t{\"path\": \"/dev/nvidia0\", \"type\": \"c\", \"major\": 195, \"minor\": 0}\n"
		"\t\t]\n"
		"\t},\n"
		"\t\"hooks\": {\n"
		"\t\t\"createContainer\": [\n"
		"\t\t\t{\"path\": \"/usr/bin/nvbind-hook\", \"args\": [\"nvbind-hook\", \"apply\", "
		"\"--link\", "
		"\"x.2::/lib/x.1\"], \"env\": [\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\"]}\n"
		"\t\t]\n"
		"\t}\n"
		"}";
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *out = NULL;

	(void)state;
	oci_add_device(plan, "/dev/nvidia0", 195, 0);
	oci_add_mount(plan, "/lib/x", "/lib/x");
	oci_add_env(plan, "A", "b");
	oci_add_gid(plan, 44);
	oci_add_link(plan, "/lib/x.1", "x.2");
	out = edit(config, plan);
	assert_string_equal(out, wanted);
}

static void stays_compact(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *out = NULL;

	(void)state;
	oci_add_device(plan, "/dev/nvidia0", 195, 0);
	oci_add_env(plan, "A", "b");
	out = edit("{\"ociVersion\":\"1.0.2\",\"process\":{\"env\":[\"X=y\"]}}", plan);
	assert_string_equal(out,
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"env\":[\"X=y\",\"A=b\"]},\"linux\":{\"devices\":[{"
		"\"path\":\"/dev/nvidia0\",\"type\":\"c\",\"major\":195,\"minor\":0}],\"resources\":{"
		"\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":0,\"access\":\"rw\"}]}}"
		"}");
}

static void replaces_what_has_the_same_name(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *out = NULL;

	(void)state;
	oci_add_device(plan, "/dev/nvidia0", 195, 0);
	oci_add_mount(plan, "/host/x", "/lib/x");
	oci_add_env(plan, "A", "new");
	out = edit("{\"ociVersion\":\"1\",\"process\":{\"env\":[\"A=old\" , \"AA=1\",\"\\u0041=2\",\"A\"]},"
		   "\"mounts\":[{\"source\":\"/o\",\"destination\":\"/lib//x/\"},{\"destination\":\"/lib\\/"
		   "y\"}],"
		   "\"linux\":{\"devices\":[{\"path\":\"/dev/../dev/nvidia0\",\"major\":1}],"
		   "\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}}}",
		plan);
	assert_string_equal(out,
		"{\"ociVersion\":\"1\",\"process\":{\"env\":[\"A=new\" , \"AA=1\",\"A=new\",\"A=new\"]},"
		"\"mounts\":[{\"destination\":\"/lib/x\",\"type\":\"bind\",\"source\":\"/host/"
		"x\",\"options\":[\"ro\","
		"\"nosuid\",\"nodev\",\"rbind\",\"rprivate\"]},{\"destination\":\"/lib\\/y\"}],"
		"\"linux\":{\"devices\":[{\"path\":\"/dev/"
		"nvidia0\",\"type\":\"c\",\"major\":195,\"minor\":0}],"
		"\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}}}");
}

static void takes_null_for_nothing(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *out = NULL;

	(void)state;
	oci_add_device(plan, "/dev/nvidia0", 195, 0);
	out = edit("{\"ociVersion\":\"1\",\"linux\":{\"devices\":null, \"resources\":null},\"mounts\":null}",
		plan);
	assert_string_equal(out,
		"{\"ociVersion\":\"1\",\"linux\":{\"devices\":[{\"path\":\"/dev/"
		"nvidia0\",\"type\":\"c\",\"major\":195,"
		"\"minor\":0}], "
		"\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":0,"
		"\"access\":\"rw\"}]}},\"mounts\":null}");
}

/* How many times `what` stands in `text`. */
static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void rules_hold_behind_any_denial(void **state)
{
#define OURS "{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":0,\"access\":\"rw\"}"
	static const struct {
		const char *rules;
		size_t ours; /* how often our rule stands there afterwards */
	} cases[] = {
		{"{\"allow\":false,\"access\":\"rwm\"}", 1},
		{OURS, 1},
		{OURS ",{\"allow\":false,\"access\":\"rwm\"}", 2},
		{OURS ",{\"allow\":false,\"type\":\"c\",\"major\":195,\"access\":\"w\"}", 2},
		{OURS ",{\"allow\":false,\"type\":\"c\",\"major\":195,\"minor\":1,\"access\":\"rwm\"}", 1},
		{OURS ",{\"allow\":false,\"type\":\"b\",\"access\":\"rwm\"}", 1},
		{OURS ",{\"allow\":false,\"type\":\"a\",\"major\":7,\"access\":\"rwm\"}", 2},
		{"{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":-1,\"access\":\"rwm\"}", 0},
		{"{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":0,\"access\":\"r\"}", 1},
		{"{\"allow\":true,\"type\":null,\"access\":\"rwm\"}", 0},
	};
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();

	(void)state;
	oci_add_device(plan, "/dev/nvidia0", 195, 0);
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *config = NULL, *out = NULL;

		assert_true(asprintf(&config,
				    "{\"ociVersion\":\"1\",\"linux\":{\"resources\":{\"devices\":[%s]}}}",
				    cases[i].rules) > 0);
		out = edit(config, plan);
		if (count(out, OURS) != cases[i].ours)
			fail_msg("case %zu: %s", i, out);
		/* Those of others stand in front as they were. */
		assert_non_null(strstr(out, cases[i].rules));
	}
}

static void a_hidden_mount_comes_again(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *visible = NULL, *hidden = NULL;

	(void)state;
	oci_add_mount(plan, "/a", "/usr/lib/a");
	visible = edit("{\"ociVersion\":\"1\",\"mounts\":[{\"destination\":\"/usr\"},{\"destination\":\"/usr/"
		       "lib/a\"},"
		       "{\"destination\":\"/usr/li\"}]}",
		plan);
	hidden = edit("{\"ociVersion\":\"1\",\"mounts\":[{\"destination\":\"/usr/lib/"
		      "a\"},{\"destination\":\"/usr\"}]}",
		plan);
	assert_int_equal(count(visible, "/usr/lib/a"), 1);
	assert_int_equal(count(hidden, "/usr/lib/a"), 2);
}

static void our_hook_is_replaced_and_others_stay(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *out = NULL, *without = NULL;
	struct nvb_oci_options no_hook = {.size = sizeof(no_hook), .no_hook = true};
	static const char config[] = "{\"ociVersion\":\"1\",\"hooks\":{\"createContainer\":[{\"path\":\"/"
				     "other\"},{\"path\":\"" HOOK "\",\"args\":[\"old\"]}]}}";

	(void)state;
	oci_add_link(plan, "/l", "t");
	out = edit(config, plan);
	assert_string_equal(out,
		"{\"ociVersion\":\"1\",\"hooks\":{\"createContainer\":[{\"path\":\"/"
		"other\"},{\"path\":\"" HOOK "\",\"args\":[\"nvbind-hook\",\"apply\",\"--link\",\"t::/"
		"l\"],\"env\":[\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\"]}]}}");
	without = edit_with(config, plan, &no_hook);
	assert_string_equal(without, config);
}

static void foreign_hooks_of_one_path_stand_side_by_side(void **state)
{
	static const char *const args[][3] = {{"h", "one", NULL}, {"h", "two", NULL}};
	static const char *const env[] = {"A=b", NULL};
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *out = NULL;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct nvb_edit *hook = nvb_plan_add(plan, NVB_EDIT_HOOK, NVB_SCOPE_COMMON);

		hook->rule = "cdi:/etc/cdi/x.yaml";
		hook->hook.when = i ? "createContainer" : "prestart";
		hook->hook.path = "/bin/h";
		hook->hook.args = args[i];
		hook->hook.env = env;
		hook->hook.timeout = i ? 0 : 5;
	}
	out = edit("{\"ociVersion\":\"1\",\"hooks\":{\"createContainer\":[{\"path\":\"/bin/"
		   "h\",\"args\":[\"h\"]}]}}",
		plan);
	assert_string_equal(out,
		"{\"ociVersion\":\"1\",\"hooks\":{\"createContainer\":[{\"path\":\"/bin/"
		"h\",\"args\":[\"h\"]},{\"path\":"
		"\"/bin/h\",\"args\":[\"h\",\"two\"],\"env\":[\"A=b\"]}],\"prestart\":[{\"path\":\"/bin/"
		"h\",\"args\":["
		"\"h\",\"one\"],\"env\":[\"A=b\"],\"timeout\":5}]}}");
}

static void nodes_are_mounted_in_user_namespaces(void **state)
{
	static const char userns[] =
		"{\"ociVersion\":\"1\",\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}}";
	static const char plain[] =
		"{\"ociVersion\":\"1\",\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}";
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_free_ char *inside = NULL, *outside = NULL, *told = NULL;
	struct nvb_oci_options options = with_hook;

	(void)state;
	oci_add_device(plan, "/dev/nvidia0", 195, 0);
	oci_add_device(plan, "/dev/nvidia1", 195, 1);
	plan->edits[1].device.host = "/driver/dev/nvidia1";
	inside = edit(userns, plan);
	assert_int_equal(count(inside, "\"path\":\"/dev/nvidia"), 0);
	assert_int_equal(count(inside, "\"source\":\"/dev/nvidia0\",\"options\":[\"bind\",\"rprivate\"]"), 1);
	assert_int_equal(count(inside, "\"source\":\"/driver/dev/nvidia1\""), 1);
	assert_int_equal(count(inside, "\"allow\":true"), 2);
	outside = edit(plain, plan);
	assert_int_equal(count(outside, "\"path\":\"/dev/nvidia"), 2);
	assert_int_equal(count(outside, "\"source\""), 0);
	options.user_namespace = true;
	told = edit_with(plain, plan, &options);
	assert_int_equal(count(told, "\"path\":\"/dev/nvidia"), 0);
	assert_int_equal(count(told, "\"source\""), 2);
}

static void unknown_numbers_come_from_the_node(void **state)
{
	static const char config[] = "{\"ociVersion\":\"1\"}";
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	_cleanup_error_ nvb_error *error = NULL;
	_cleanup_free_ char *out = NULL, *unchanged = NULL;
	size_t size;

	(void)state;
	oci_add_device(plan, "/dev/null", 0, 0);
	plan->edits[0].device.known_numbers = false;
	out = edit(config, plan);
	assert_non_null(strstr(out, "\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3"));
	plan->edits[0].device.host = "/dev/there/is/none";
	assert_int_equal(nvb_oci_edit(config, strlen(config), plan, NULL, &unchanged, &size, &error),
		-NVB_ERR_NOT_FOUND);
	assert_non_null(strstr(nvb_error_message(error), "/dev/there/is/none"));
	plan->edits[0].required = false;
	unchanged = edit(config, plan);
	assert_string_equal(unchanged, config);
}

static void options_of_another_library_are_refused(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	struct nvb_oci_options options = {.size = sizeof(options) + 8};
	char *out = NULL;
	size_t size;

	(void)state;
	assert_int_equal(nvb_oci_edit("{\"ociVersion\":\"1\"}", 18, plan, &options, &out, &size, NULL),
		-NVB_ERR_INVALID);
	options.size = 0;
	assert_int_equal(nvb_oci_edit("{\"ociVersion\":\"1\"}", 18, plan, &options, &out, &size, NULL),
		-NVB_ERR_INVALID);
	assert_null(out);
}

static void what_json_cannot_say_is_refused(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_empty_plan();
	char *out = NULL;
	size_t size;

	(void)state;
	oci_add_mount(plan, "/caf\xe9", "/x");
	assert_int_equal(nvb_oci_edit("{\"ociVersion\":\"1\"}", 18, plan, NULL, &out, &size, NULL),
		-NVB_ERR_UNSUPPORTED);
	assert_null(out);
}

static void refuses_what_runtimes_could_read_differently(void **state)
{
	(void)state;
	refuses("[]", "must be an object, is an array (byte 0)");
	refuses("{}", "not an OCI config.json: ociVersion is missing");
	refuses("{\"ociVersion\":\"1\"}", "process is missing: there is nothing to give the GPU to");
	refuses("{\"ociVersion\":1}", "ociVersion: must be a string, is a number (byte 14)");
	refuses("{\"ociVersion\":\"1\",\"linux\":[]}", "linux: must be an object, is an array (byte 26)");
	refuses("{\"ociVersion\":\"1\",\"linux\":{\"devices\":{}}}",
		"linux.devices: must be an array, is an object (byte 37)");
	refuses("{\"ociVersion\":\"1\",\"linux\":{\"devices\":[{\"path\":5}]}}",
		"linux.devices[0]: path must be a string, is a number (byte 46)");
	refuses("{\"ociVersion\":\"1\",\"process\":{\"env\":[\"A\",1]}}",
		"process.env[1]: must be a string, is a number (byte 40)");
	refuses("{\"ociVersion\":\"1\",\"Mounts\":[]}",
		"Mounts: differs from \"mounts\" only in case: runtimes disagree on what it means (byte 18)");
	refuses("{\"ociVersion\":\"1\",\"mounts\":[{\"Destination\":\"/x\"}]}",
		"mounts[0].Destination: differs from \"destination\" only in case: runtimes disagree on what "
		"it means "
		"(byte 29)");
	refuses("{\"ociVersion\":\"1\",\"mounts\":[],\"mounts\":[]}",
		"the key \"mounts\" stands twice (byte 30)");
	refuses("{\"ociVersion\":\"1\",\"annotations\":{\"a\":\"\\u0000\"}}",
		"annotations.a: NUL character in a string (byte 38)");
}

/* Random documents around the places, judged by json-c. */
static void grow(struct nvb_strbuf *sb, unsigned *seed, const char *const *parts, size_t parts_count)
{
	nvb_sb_add(sb, parts[(size_t)rand_r(seed) % parts_count]);
}

static char *random_config(unsigned *seed)
{
	static const char *const spaces[] = {"", "", " ", "\n\t", "\r\n  "};
	static const char *const envs[] = {
		"", "\"A=1\"", "\"NVIDIA_VISIBLE_DEVICES=all\"", "\"B\", \"NVIDIA_VISIBLE_DEVICES\""};
	static const char *const users[] = {"", ",\"user\":{\"uid\":0}", ",\"user\": {}",
		",\"user\":{\"additionalGids\":[44, 5]}", ",\"user\":null"};
	static const char *const mounts[] = {"", ",\"mounts\":[]", ",\"mounts\":null",
		",\"mounts\" : [ {\"destination\":\"/proc\"} ]",
		",\"mounts\":[{\"destination\":\"/usr/lib64/libcuda.so.550.54.15\"}]"};
	static const char *const devices[] = {"", "\"devices\":[]",
		"\"devices\":[{\"path\":\"/dev/nvidia0\"}, {\"n\":18446744073709551615}]"};
	static const char *const rules[] = {"", "\"resources\":{}",
		"\"resources\":{\"devices\":[{\"allow\":false}]}",
		"\"resources\":{\"devices\":[{\"allow\":true},{\"type\":\"c\",\"major\":195}],\"m\":-1}"};
	static const char *const hooks[] = {"", ",\"hooks\":{}",
		",\"hooks\":{\"createContainer\":[{\"path\":\"" HOOK "\"}]}",
		",\"hooks\":{\"poststop\":[{\"path\":\"/p\"}]}"};
	const char *space = spaces[(size_t)rand_r(seed) % NVB_ELEMENTS(spaces)];
	struct nvb_strbuf sb = {0};
	size_t before;

	nvb_sb_addf(
		&sb, "{%s\"ociVersion\":%s\"1.0.2\",\"process\":%s{\"env\":[%s", space, space, space, space);
	grow(&sb, seed, envs, NVB_ELEMENTS(envs));
	nvb_sb_add(&sb, "]");
	grow(&sb, seed, users, NVB_ELEMENTS(users));
	nvb_sb_add(&sb, "}");
	grow(&sb, seed, mounts, NVB_ELEMENTS(mounts));
	nvb_sb_addf(&sb, ",%s\"linux\":{%s", space, space);
	before = sb.len;
	grow(&sb, seed, devices, NVB_ELEMENTS(devices));
	if (sb.len > before)
		nvb_sb_add(&sb, ",\"maskedPaths\":[\"\\ud83d\\ude00\"],");
	else
		nvb_sb_add(&sb, "\"namespaces\":[{\"type\":\"user\"}],");
	before = sb.len;
	grow(&sb, seed, rules, NVB_ELEMENTS(rules));
	if (sb.len == before)
		nvb_sb_add(&sb, "\"x\":1.5e3");
	nvb_sb_add(&sb, "}");
	grow(&sb, seed, hooks, NVB_ELEMENTS(hooks));
	nvb_sb_addf(&sb, "%s}%s", space, space);
	return nvb_sb_finish(&sb);
}

static void edits_are_right_by_json_c(void **state)
{
	_cleanup_plan_ struct nvb_plan *plan = oci_sample_plan();
	unsigned seed = 1;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		_cleanup_free_ char *config = random_config(&seed), *out = edit(config, plan);
		char buffer[4096];
		const char *wrong = oci_judge(
			config, strlen(config), out, strlen(out), plan, HOOK, buffer, sizeof(buffer));

		if (wrong)
			fail_msg("%s\nin:  %s\nout: %s", wrong, config, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_plan_changes_nothing),
		cmocka_unit_test(fills_what_is_there_in_its_own_style),
		cmocka_unit_test(stays_compact),
		cmocka_unit_test(replaces_what_has_the_same_name),
		cmocka_unit_test(takes_null_for_nothing),
		cmocka_unit_test(rules_hold_behind_any_denial),
		cmocka_unit_test(a_hidden_mount_comes_again),
		cmocka_unit_test(our_hook_is_replaced_and_others_stay),
		cmocka_unit_test(foreign_hooks_of_one_path_stand_side_by_side),
		cmocka_unit_test(nodes_are_mounted_in_user_namespaces),
		cmocka_unit_test(unknown_numbers_come_from_the_node),
		cmocka_unit_test(options_of_another_library_are_refused),
		cmocka_unit_test(what_json_cannot_say_is_refused),
		cmocka_unit_test(refuses_what_runtimes_could_read_differently),
		cmocka_unit_test(edits_are_right_by_json_c),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
