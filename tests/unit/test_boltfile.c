/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"
#include "boltfile/boltfile.h"
#include "boltfile/keys.h"
#include "boltfile/print.h"

/* What a Boltfile says, and what is said of one that is wrong. */

static char *const environment[] = {
	(char *)"HOME=/home/jo", (char *)"SET=value", (char *)"EMPTY=", (char *)"B=two", NULL};
static const struct nvb_boltfile_variables variables = {.environment = environment};

static const char *source_directory;

static void parse_fine(struct nvb_boltfile *file, const char *text)
{
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_boltfile_parse(file, text, strlen(text), "B", "/srv/Project One", &variables, &err) < 0)
		fail_msg("%s\n%s", nvb_error_message(err), text);
}

static void refuses(const char *text, const char *message, const char *hint)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_boltfile file = {0};
	int rc = nvb_boltfile_parse(&file, text, strlen(text), "B", "/srv/p", &variables, &err);

	if (rc >= 0)
		fail_msg("taken: %s", text);
	if (strcmp(nvb_error_message(err), message) != 0)
		fail_msg("'%s'\n instead of '%s'", nvb_error_message(err), message);
	if (hint && (!nvb_error_hint(err) || !strstr(nvb_error_hint(err), hint)))
		fail_msg("hint '%s' instead of '%s'", nvb_error_hint(err), hint);
	assert_null(file.services);
	assert_null(file.arena.blocks);
}

static char *read_example(const char *name)
{
	_cleanup_free_ char *path = NULL;
	char *data = NULL;
	size_t size;

	assert_true(asprintf(&path, "%s/tests/boltfile/%s.toml", source_directory, name) > 0);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, NVB_TOML_MAX, &data, &size, NULL), 0);
	return data;
}

/* What is printed means the same, and is printed the same again. */
static void check_round_trip(const char *text)
{
	_cleanup_boltfile_ struct nvb_boltfile first = {0}, second = {0};
	_cleanup_free_ char *toml = NULL, *again = NULL, *json = NULL, *json_again = NULL;

	parse_fine(&first, text);
	assert_int_equal(nvb_boltfile_print_toml(&first, &toml, NULL), 0);
	assert_int_equal(nvb_boltfile_print_json(&first, &json, NULL), 0);
	parse_fine(&second, toml);
	assert_int_equal(second.note_count, 0);
	assert_int_equal(nvb_boltfile_print_toml(&second, &again, NULL), 0);
	assert_int_equal(nvb_boltfile_print_json(&second, &json_again, NULL), 0);
	assert_string_equal(toml, again);
	assert_string_equal(json, json_again);
}

static void reads_the_examples(void **state)
{
	static const char *const names[] = {"gaming", "training", "competitive", "project", "every_key"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(names); i++) {
		_cleanup_free_ char *text = read_example(names[i]);

		check_round_trip(text);
	}
}

static void understands_the_gaming_capsule(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_free_ char *text = read_example("gaming");
	const struct nvb_service *s;

	(void)state;
	parse_fine(&file, text);
	assert_int_equal(file.note_count, 0);
	assert_string_equal(file.project, "projectone");
	s = nvb_boltfile_service(&file, "gaming");
	assert_non_null(s);
	assert_string_equal(s->image, "steam:latest");
	assert_string_equal(s->gpu.driver, "auto");
	assert_string_equal(s->gpu.devices[0], "gpu:0");
	assert_null(s->gpu.devices[1]);
	assert_string_equal(s->gpu.isolation, "exclusive");
	assert_string_equal(s->gpu.gaming.profile, "ultra-low-latency");
	assert_int_equal(s->gpu.gaming.dlss, NVB_SAID_YES);
	assert_int_equal(s->gpu.gaming.vrs, NVB_SAID_NOTHING);
	assert_int_equal(s->gpu.snapshot_gpu_state, NVB_SAID_YES);
	assert_string_equal(s->gpu.memory_limit, "8GB");
	assert_string_equal(s->gpu.compute_limit, "80%");
}

static void understands_the_other_examples(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile training = {0}, competitive = {0}, project = {0};
	_cleanup_free_ char *first = read_example("training"), *second = read_example("competitive"),
			    *third = read_example("project");
	const struct nvb_service *s;

	(void)state;
	parse_fine(&training, first);
	s = nvb_boltfile_service(&training, "pytorch");
	assert_string_equal(s->gpu.isolation, "virtual");
	assert_string_equal(s->gpu.devices[0], "gpu:all");
	assert_int_equal(s->gpu.aiml.mig, NVB_SAID_YES);
	parse_fine(&competitive, second);
	assert_string_equal(competitive.runtime.performance_mode, "ultra");
	assert_string_equal(competitive.runtime.wsl2.gpu_acceleration, "dxcore");
	assert_int_equal(competitive.note_count, 1);
	assert_string_equal(competitive.notes[0].text, "B:16:1: services.esports.gpu.gaming.vrs_enabled has "
						       "no effect: a game decides on variable rate "
						       "shading itself");
	/* The same words below gaming.gpu.nvbind and below gpu. */
	parse_fine(&project, third);
	s = nvb_boltfile_service(&project, "game");
	assert_true(s->gpu_asked);
	assert_string_equal(s->gpu.isolation, "exclusive");
	assert_string_equal(s->gpu.memory_limit, "8GB");
	assert_string_equal(s->gpu.devices[0], "gpu:0");
	assert_string_equal(s->gpu.gaming.profile, "ultra-low-latency");
	assert_false(nvb_boltfile_service(&project, "web")->gpu_asked);
}

/* The example with every key has every key: what the table has beyond it would be printed by no test. */
static void example_has_every_key(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_free_ char *text = read_example("every_key");

	(void)state;
	parse_fine(&file, text);
	for (size_t i = 0; i < nvb_boltfile_table_size; i++) {
		const struct boltfile_key *key = &nvb_boltfile_table[i];
		bool said = false;

		if (!nvb_boltfile_is_first(key))
			continue;
		for (size_t n = 0; nvb_after(key->path, "services.") && n < file.service_count; n++)
			said = said || nvb_boltfile_is_said(key, &file.services[n]);
		for (size_t n = 0; nvb_after(key->path, "networks.") && n < file.networks.count; n++)
			said = said || nvb_boltfile_is_said(key, &file.networks.list[n]);
		for (size_t n = 0; nvb_after(key->path, "volumes.") && n < file.volumes.count; n++)
			said = said || nvb_boltfile_is_said(key, &file.volumes.list[n]);
		if (!strchr(key->path, '*'))
			said = nvb_boltfile_is_said(key, &file);
		if (!said)
			fail_msg("every_key.toml does not have %s", key->path);
	}
}

#define IMAGE "[services.a]\nimage = 'x'\n"

static void refuses_keys_that_are_not_known(void **state)
{
	(void)state;
	refuses("projct = 'x'\n" IMAGE, "B:1:1: there is no key 'projct' in a Boltfile",
		"did you mean 'project'?");
	refuses(IMAGE "isolaton = 'x'\n", "B:3:1: there is no key 'isolaton' in [services.a]",
		"did you mean 'gpu.isolation'?");
	refuses(IMAGE "nonsense = 'x'\n", "B:3:1: there is no key 'nonsense' in [services.a]", NULL);
	refuses(IMAGE "[services.a.gpu]\nisolaton = 'x'\n",
		"B:4:1: there is no key 'isolaton' in [services.a.gpu]", "did you mean 'isolation'?");
	refuses(IMAGE "[services.a.gaming.gpu.gaming]\ndlss = true\n",
		"B:4:1: there is no key 'dlss' in [services.a.gaming.gpu.gaming]", NULL);
	refuses(IMAGE "[services.a.gup]\n", "B:3:13: there is no table 'gup' in [services.a]",
		"did you mean 'gpu'?");
	refuses("[runtime.nvbind.wsl2]\nenable = true\n" IMAGE,
		"B:2:1: there is no key 'enable' in [runtime.nvbind.wsl2]", "did you mean 'enabled'?");
	refuses("[service.a]\nimage = 'x'\n", "B:1:2: there is no table 'service' in a Boltfile",
		"did you mean 'services'?");
}

static void refuses_wrong_types(void **state)
{
	(void)state;
	refuses(IMAGE "ports = '80:80'\n", "B:3:9: 'ports' wants a list of ports, this is a string", NULL);
	refuses(IMAGE "environment = 'A=1'\n",
		"B:3:15: 'environment' wants a table, or a list of NAME=VALUE, this is a string", NULL);
	refuses(IMAGE "privileged = 'yes'\n", "B:3:14: 'privileged' wants true or false, this is a string",
		NULL);
	refuses("[services.a]\nimage = 5\n", "B:2:9: 'image' wants an image, this is an integer", NULL);
	refuses(IMAGE "gpu = true\n", "B:3:7: 'gpu' wants a table, this is a boolean", NULL);
	refuses("services = 1\n", "B:1:12: 'services' wants a table, this is an integer", NULL);
	refuses("[services]\na = 'x'\n", "B:2:5: 'a' wants a table, this is a string", NULL);
	refuses(IMAGE "devices = ['a', 1]\n", "B:3:17: a string should stand here, this is an integer", NULL);
	refuses(IMAGE "[services.a.gpu]\ndevices = ['gpu:x']\n", "B:4:12: 'gpu:x' is not a GPU selector",
		"an index (0)");
	refuses(IMAGE "[services.a.gpu]\nisolation = 'exclusiv'\n",
		"B:4:13: isolation: no such value 'exclusiv'; one of shared, exclusive, virtual",
		"exclusive");
	refuses(IMAGE "[services.a.gpu]\nruntime = 'nvidia'\n",
		"B:4:11: runtime: no such value 'nvidia'; one of nvbind", NULL);
	refuses(IMAGE "healthcheck.test = ['true']\n", "B:3:20: 'test' is no health check", "CMD-SHELL");
	refuses(IMAGE "healthcheck.interval = 5\n", "B:3:24: 'interval' wants a duration, this is an integer",
		NULL);
	refuses(IMAGE "restart = 'sometimes'\n",
		"B:3:11: service 'a': 'restart': there is no policy 'sometimes'", "unless-stopped");
	refuses(IMAGE "replicas = -1\n", "B:3:12: 'replicas': -1 is not between 0 and 1000", NULL);
	refuses(IMAGE "working_dir = 'x'\n", "B:3:15: 'working_dir': 'x' is no absolute path", NULL);
	refuses(IMAGE "ports = ['80:x']\n",
		"B:3:10: port '80:x': the container's port is a number from 1 to 65535, or FIRST-LAST", NULL);
}

static void refuses_services_that_cannot_be(void **state)
{
	(void)state;
	refuses("project = 'x'\n", "B: there is no service in it", "[services.NAME]");
	refuses("[services.a]\ncommand = ['x']\n", "B:1:11: service 'a' names no image",
		"capsule = \"NAME:TAG\"");
	refuses("[services.a]\nbuild = '.'\n", "B:1:11: service 'a' names no image", "bolt builds no images");
	refuses("[services.a]\nimage = 'x'\ncapsule = 'x'\n",
		"B:3:1: 'capsule' says the same as 'image' on line 2; leave one of them out", NULL);
	refuses("[services.a]\nimage = ''\n", "B:2:9: 'image' is empty", NULL);
	refuses("[services.a]\nimage = 'http://x'\n", "B:2:9: 'http://x' is no image's name", NULL);
	refuses("[services.'a b']\nimage = 'x'\n", "B:1:11: 'a b' is no name", NULL);
	refuses("project = 'a b'\n" IMAGE,
		"B:1:11: 'a b': a name is made of letters, digits, '-', '_' and '.'", NULL);
	refuses(IMAGE "environment = ['A=1', 'A=2']\n", "B:3:23: 'A' stands in the list already", NULL);
	refuses(IMAGE "volumes = ['data']\n", "B:3:12: volume 'data': there is no ':'", "SOURCE:TARGET");
	refuses(IMAGE "volumes = ['dat:/x']\n[volumes.data]\n", "B:3:12: 'dat' is no volume of this file",
		"did you mean 'data'?");
	refuses(IMAGE "networks = ['x']\n", "B:3:13: 'x' is no network of this file", "[networks.x]");
	refuses(IMAGE "network_mode = 'hots'\n", "B:3:16: service 'a': there is no network_mode 'hots'",
		NULL);
	refuses(IMAGE "network_mode = 'host'\nports = ['80:80']\n",
		"B:4:9: service 'a': ports cannot be given on the network 'host'", "leave 'ports' out");
	refuses("not toml", "B:1:5: 't' where '=' should follow the key", NULL);
}

static void refuses_circles(void **state)
{
	(void)state;
	refuses(IMAGE "depends_on = ['a']\n", "B:3:14: service 'a': depends_on leads in a circle: a -> a",
		NULL);
	refuses("[services.web]\nimage='x'\ndepends_on=['api']\n[services.api]\nimage='x'\n"
		"depends_on = { db = { condition = 'healthy' } "
		"}\n[services.db]\nimage='x'\ndepends_on=['api']\n",
		"B:6:14: service 'api': depends_on leads in a circle: api -> db -> api", NULL);
	refuses("[services.web]\nimage='x'\ndepends_on=['dv']\n[services.db]\nimage='x'\n",
		"B:3:13: service 'web' depends on 'dv', which is no service of this file",
		"did you mean 'db'?");
	refuses(IMAGE "depends_on = { a = { condition = 'helthy' } }\n",
		"B:3:34: condition: no such value 'helthy'; one of started, service_started, healthy, "
		"service_healthy, completed, service_completed_successfully",
		"healthy");
	refuses(IMAGE "depends_on = { a = { until = 'x' } }\n",
		"B:3:22: there is no key 'until' in a service that another depends on", NULL);
}

static void refuses_limits_without_unit(void **state)
{
	(void)state;
	refuses(IMAGE "[services.a.gpu.capsule]\nmemory_limit = '8'\n",
		"B:4:16: memory_limit: '8' lacks its unit; write it as 8GB or 8MiB", NULL);
	refuses(IMAGE "[services.a.gpu.capsule]\nmemory_limit = 8\n",
		"B:4:16: memory_limit: '8' lacks its unit; write it as 8GB or 8MiB", NULL);
	refuses(IMAGE "[services.a.gaming.gpu]\nmemory_limit = '8G'\n",
		"B:4:16: memory_limit: '8G' can be read in two ways; write 8GB (powers of 1000) or 8GiB "
		"(powers "
		"of 1024)",
		NULL);
	refuses(IMAGE "[services.a.gpu.capsule]\ncompute_limit = 80\n",
		"B:4:17: compute_limit: '80' lacks its unit; write a share as 80%", NULL);
	refuses(IMAGE "[services.a.gpu.capsule]\ncompute_limit = '180%'\n",
		"B:4:17: compute_limit: '180%' is not between 1% and 100%, in whole percents", NULL);
}

static void refuses_ports_given_twice(void **state)
{
	(void)state;
	refuses("[services.a]\nimage='x'\nports=['80:80']\n[services.b]\nimage='x'\nports=['8080:1','80:81']"
		"\n",
		"B:6:7: service 'b': port 80 of the host is given to 'a' already (line 3)", NULL);
	refuses(IMAGE "ports = ['8000-8010:1-11', '127.0.0.1:8005:5']\n",
		"B:3:9: service 'a': port 8005 of the host is given to 'a' already (line 3)", NULL);
	refuses(IMAGE "replicas = 2\nports = ['80:80']\n",
		"B:4:9: service 'a': 2 replicas cannot all have port 80 of the host", "\":80\"");
	refuses(IMAGE "replicas = 2\ncontainer_name = 'x'\n",
		"B:4:18: service 'a': 2 replicas cannot all have one name", NULL);
}

static void takes_ports_that_do_not_meet(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};

	(void)state;
	parse_fine(&file, IMAGE "ports = ['127.0.0.1:80:80', '127.0.0.2:80:80', '80:80/udp', ':80', 3000]\n");
	assert_string_equal(file.services[0].ports[4], "3000:3000");
}

static void says_which_keys_do_nothing(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	parse_fine(&file, "[services.a]\nimage = 'bolt://steam:latest'\nplatform = "
			  "'linux/amd64'\n[quic_fabric]\nx=1\n");
	assert_int_equal(file.note_count, 3);
	assert_string_equal(file.services[0].image, "steam:latest");
	assert_string_equal(file.notes[1].text,
		"B:3:1: services.a.platform has no effect: an image runs on the host's own platform");
	assert_int_equal(nvb_boltfile_refuse_notes(&file, &err), -NVB_ERR_UNSUPPORTED);
	assert_string_equal(nvb_error_message(err), file.notes[0].text);
	assert_string_equal(nvb_error_hint(err), "without --strict it is a warning, as are 2 more");
}

static void says_what_does_nothing_alone(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};

	(void)state;
	parse_fine(&file,
		IMAGE "gaming.performance.nice_level = -5\n[networks.n]\ndriver = 'macvlan'\n[networks.m]\n"
		      "driver = 'bolt'\n[volumes.v]\ndriver = 'nfs'\n");
	assert_int_equal(file.note_count, 3);
	assert_string_equal(
		file.notes[0].text, "B:5:1: a network's driver has no effect: networks are bridges");
	assert_string_equal(file.notes[1].text,
		"B:9:1: a volume's driver has no effect: volumes are directories of the host");
	assert_string_equal(file.notes[2].text, "B:3:20: gaming.performance.nice_level has no effect: it "
						"comes with GPUs, and this service has no "
						"table 'gpu'");
}

static void is_value(const char *text, const char *wanted)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_free_ char *toml = NULL;

	assert_true(asprintf(&toml, "[services.a]\nimage='x'\nuser='%s'\n", text) > 0);
	parse_fine(&file, toml);
	assert_string_equal(file.services[0].user, wanted);
}

static void takes_variables(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};

	(void)state;
	is_value("${SET}", "value");
	is_value("a${SET}b${SET}", "avaluebvalue");
	is_value("${EMPTY:-x}${EMPTY-y}.", "x.");
	is_value("${UNSET:-x}${UNSET-y}", "xy");
	is_value("${UNSET:-a${SET}b}", "avalueb");
	is_value("${SET:+given}${UNSET:+no}", "given");
	is_value("$$HOME $HOME $ ${SET}$", "$HOME $HOME $ value$");
	is_value("$${SET}", "${SET}");
	parse_fine(&file, IMAGE "user = 'x${UNSET}'\nhostname = '$$${SET}$$'\n");
	assert_string_equal(file.services[0].user, "x");
	assert_string_equal(file.services[0].hostname, "$value$");
	assert_string_equal(file.notes[0].text, "B:3:8: the variable UNSET is not set; it is taken as empty");
	refuses(IMAGE "user = '${SET'\n", "B:3:8: '${' is not closed by '}'", NULL);
	refuses(IMAGE "user = '${1}'\n", "B:3:8: '${1}' names no variable", NULL);
	refuses(IMAGE "user = '${SET!x}'\n", "B:3:8: '${SET!x}' is no variable", "${NAME:-default}");
	refuses(IMAGE "user = '${UNSET:?say who}'\n", "B:3:8: the variable UNSET is not set: say who", NULL);
	refuses(IMAGE "user = '${EMPTY}'\n", "B:3:8: 'user' is empty", NULL);
}

static void cuts_commands_as_a_shell(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	const struct nvb_service *s;

	(void)state;
	parse_fine(&file, IMAGE "command = '''a 'b c' \"d\\\"e\" f\\ g '' h'i'\"j\" '''\n");
	s = &file.services[0];
	assert_string_equal(s->command[1], "b c");
	assert_string_equal(s->command[2], "d\"e");
	assert_string_equal(s->command[3], "f g");
	assert_string_equal(s->command[4], "");
	assert_string_equal(s->command[5], "hij");
	assert_null(s->command[6]);
	refuses(IMAGE "command = \"a 'b\"\n", "B:3:11: the quote ' is not closed", NULL);
}

static void counts_paths_from_the_file(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	char **v;

	(void)state;
	parse_fine(
		&file, IMAGE "volumes = ['./a:/a', '../b:/b', '.:/c', '~/d:/d', '/e:/e']\nenv_file = 'x'\n");
	v = file.services[0].volumes;
	assert_string_equal(v[0], "/srv/Project One/a:/a");
	assert_string_equal(v[1], "/srv/Project One/../b:/b");
	assert_string_equal(v[2], "/srv/Project One/.:/c");
	assert_string_equal(v[3], "/home/jo/d:/d");
	assert_string_equal(v[4], "/e:/e");
	assert_string_equal(file.services[0].env_file[0], "/srv/Project One/x");
}

static void names_the_nearest_service(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_error_ nvb_error *err = NULL;
	const struct nvb_service *service;

	(void)state;
	parse_fine(&file, "[services.web]\nimage='x'\n");
	assert_int_equal(nvb_boltfile_find(&file, "wen", &service, &err), -NVB_ERR_NOT_FOUND);
	assert_string_equal(nvb_error_message(err), "B: there is no service 'wen'");
	assert_string_equal(nvb_error_hint(err), "did you mean 'web'?");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_examples),
		cmocka_unit_test(understands_the_gaming_capsule),
		cmocka_unit_test(understands_the_other_examples),
		cmocka_unit_test(example_has_every_key),
		cmocka_unit_test(refuses_keys_that_are_not_known),
		cmocka_unit_test(refuses_wrong_types),
		cmocka_unit_test(refuses_services_that_cannot_be),
		cmocka_unit_test(refuses_circles),
		cmocka_unit_test(refuses_limits_without_unit),
		cmocka_unit_test(refuses_ports_given_twice),
		cmocka_unit_test(takes_ports_that_do_not_meet),
		cmocka_unit_test(says_which_keys_do_nothing),
		cmocka_unit_test(says_what_does_nothing_alone),
		cmocka_unit_test(takes_variables),
		cmocka_unit_test(cuts_commands_as_a_shell),
		cmocka_unit_test(counts_paths_from_the_file),
		cmocka_unit_test(names_the_nearest_service),
	};

	source_directory = argc > 1 ? argv[1] : ".";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
