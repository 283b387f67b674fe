/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <stdlib.h>

#include "base/str.h"
#include "boltfile/define.h"
#include "boltfile/networks.h"

/* What becomes of a service: the definition of a capsule. */

static const struct nvb_define_host native = {.data = "/data"}, wsl2 = {.data = "/data", .wsl2 = true};

/* The definition as JSON on one line, without what differs from nothing. */
static char *define(const char *text, const struct nvb_define_host *host)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_definition_ struct nvb_capsule_definition d;
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_strbuf out = {0};

	nvb_capsule_definition_init(&d);
	if (nvb_boltfile_parse(&file, text, strlen(text), "B", "/srv/p", NULL, &err) < 0 ||
		nvb_service_define(&file, &file.services[0], 1, host, &d, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	nvb_definition_write(&d, NVB_DEFINITION_SAID, 0, &out);
	return nvb_sb_finish(&out);
}

static void has(const char *json, const char *line)
{
	if (!strstr(json, line))
		fail_msg("no %s in\n%s", line, json);
}

static void refuses(const char *text, const char *message)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_definition_ struct nvb_capsule_definition d;
	_cleanup_error_ nvb_error *err = NULL;

	nvb_capsule_definition_init(&d);
	assert_int_equal(nvb_boltfile_parse(&file, text, strlen(text), "B", "/srv/p", NULL, &err), 0);
	assert_true(nvb_service_define(&file, &file.services[0], 1, &native, &d, &err) < 0);
	if (strcmp(nvb_error_message(err), message) != 0)
		fail_msg("'%s'\n instead of '%s'", nvb_error_message(err), message);
}

#define A "project = 'p'\n[services.a]\nimage = 'x'\n"

static void names_capsules(void **state)
{
	_cleanup_free_ char *json = define(A, &native), *own = define(A "container_name = 'own'\n", &native),
			    *many = define(A "replicas = 2\n", &native);

	(void)state;
	has(json, "\"name\": \"p-a\"");
	has(json, "\"bolt.project=p\", \"bolt.service=a\", \"bolt.number=1\", \"bolt.definition=");
	has(own, "\"name\": \"own\"");
	has(many, "\"name\": \"p-a-1\"");
}

/* The hash is the same for the same words and another for others. */
static void tells_a_change(void **state)
{
	_cleanup_free_ char *one = define(A "command = ['a']\n", &native),
			    *same = define(A "# more\ncommand = 'a'\n", &native),
			    *other = define(A "command = ['b']\n", &native);
	const char *first = strstr(one, "bolt.definition="), *second = strstr(same, "bolt.definition="),
		   *third = strstr(other, "bolt.definition=");

	(void)state;
	assert_memory_equal(first, second, strlen("bolt.definition=") + 16);
	assert_memory_not_equal(first, third, strlen("bolt.definition=") + 16);
}

static void puts_gpu_keys_into_words(void **state)
{
	_cleanup_free_ char *json =
		define(A "[services.a.gpu]\ndriver = 'nvidia-open'\ndevices = ['gpu:1']\n"
			 "isolation = 'exclusive'\nwsl2_optimized = true\n"
			 "[services.a.gpu.gaming]\nprofile = 'competitive'\ndlss_enabled = false\n"
			 "power_profile = 'maximum'\n[services.a.gpu.aiml]\nmig_enabled = true\n"
			 "cuda_cache_size = 2\n[services.a.gpu.capsule]\nmemory_limit = '8GB'\n"
			 "compute_limit = '80%'\nsnapshot_gpu_state = true\n"
			 "[services.a.gaming]\nvsync = false\nesync_enabled = false\n"
			 "[services.a.gaming.audio]\nsystem = 'pipewire'\n"
			 "[services.a.gaming.performance]\nnice_level = -5\n"
			 "[runtime.nvbind]\nperformance_mode = 'ultra'\ncache_driver_info = false\n",
			&native);

	(void)state;
	has(json, "\"gpus\": [\"gpu:1\"]");
	has(json, "\"isolation\": \"exclusive\"");
	has(json, "\"gpu_memory_limit\": \"8GB\"");
	has(json, "\"gpu_compute_limit\": \"80%\"");
	has(json, "\"snapshot_gpu_state\": true");
	has(json, "\"gpu_settings\": [\"driver=nvidia-open\", \"gaming.profile=competitive\", "
		  "\"gaming.power_profile=maximum\", \"performance_mode=ultra\", \"driver-cache=false\", "
		  "\"gaming.dlss_enabled=false\", \"aiml.mig_enabled=true\", \"audio=true\", \"nice=-5\"]");
	has(json, "\"WINEESYNC=0\", \"PROTON_NO_ESYNC=1\", \"__GL_SYNC_TO_VBLANK=0\", "
		  "\"CUDA_CACHE_MAXSIZE=2097152\"");
}

static void knows_wsl2(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_strv_ char **notes = NULL;
	static const char text[] =
		A "[services.a.gpu]\nwsl2_optimized = true\n[runtime.nvbind.wsl2]\nenabled = true\n"
		  "low_latency_mode = true\ngpu_acceleration = 'dxcore'\n";
	_cleanup_free_ char *json = define(text, &wsl2), *plain = define(text, &native);

	(void)state;
	has(json, "\"display=true\", \"audio=true\"");
	has(json, "\"GALLIUM_DRIVER=d3d12\", \"vblank_mode=0\"");
	assert_null(strstr(plain, "d3d12"));
	assert_int_equal(nvb_boltfile_parse(&file, text, strlen(text), "B", "/", NULL, NULL), 0);
	assert_int_equal(nvb_boltfile_host_notes(&file, &wsl2, &notes, NULL), 0);
	assert_int_equal(nvb_strv_length(notes), 0);
	nvb_strv_free(notes);
	notes = NULL;
	assert_int_equal(nvb_boltfile_host_notes(&file, &native, &notes, NULL), 0);
	assert_int_equal(nvb_strv_length(notes), 4);
	assert_string_equal(
		notes[0], "B:7:1: runtime.nvbind.wsl2.enabled has no effect: this host is not WSL2");
	assert_string_equal(
		notes[3], "B:5:1: services.a.gpu.wsl2_optimized has no effect: this host is not WSL2");
}

/* What Windows decides on is said where it does. */
static void knows_whose_the_gpu_is_on_wsl2(void **state)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	_cleanup_strv_ char **notes = NULL, **none = NULL;
	static const char text[] =
		A "[services.a.gpu.gaming]\npower_profile = 'maximum'\ndlss_enabled = true\n"
		  "rt_cores_enabled = false\n";

	(void)state;
	assert_int_equal(nvb_boltfile_parse(&file, text, strlen(text), "B", "/", NULL, NULL), 0);
	assert_int_equal(nvb_boltfile_host_notes(&file, &native, &none, NULL), 0);
	assert_int_equal(nvb_strv_length(none), 0);
	assert_int_equal(nvb_boltfile_host_notes(&file, &wsl2, &notes, NULL), 0);
	assert_int_equal(nvb_strv_length(notes), 2);
	assert_string_equal(notes[0],
		"B:6:1: services.a.gpu.gaming.dlss_enabled has no effect: Windows' driver "
		"brings no DLSS to WSL2");
	assert_string_equal(notes[1], "B:5:1: services.a.gpu.gaming.power_profile reaches the CPUs alone: "
				      "Windows owns the power and the clocks of the GPUs");
}

static void joins_networks(void **state)
{
	_cleanup_free_ char *host = define(A, &native), *ports = define(A "ports = ['80:80']\n", &native),
			    *named =
				    define(A "networks = ['front', 'out']\n[networks.front]\n[networks.out]\n"
					     "external = true\n",
					    &native),
			    *none = define(A "network_mode = 'none'\n", &native);

	(void)state;
	assert_null(strstr(host, "network"));
	has(ports, "\"networks\": [\"bridge\"]");
	has(ports, "\"network_aliases\": [\"a\"]");
	has(named, "\"networks\": [\"p-front\", \"out\"]");
	has(none, "\"networks\": [\"none\"]");
}

static void places_volumes(void **state)
{
	_cleanup_free_ char *json = define(A "volumes = ['kept:/k', 'own:/o:ro', './x:/x']\n[volumes.kept]\n"
					     "[volumes.own]\nname = 'other'\n",
		&native);

	(void)state;
	has(json, "\"/data/volumes/p-kept:/k:rw,rprivate\", \"/data/volumes/other:/o:ro,rprivate\", "
		  "\"/srv/p/x:/x:rw,rprivate\"");
}

static void joins_entry_point_and_command(void **state)
{
	_cleanup_free_ char *json = define(A "entrypoint = ['/init', '-s']\ncommand = ['a', 'b']\n", &native);

	(void)state;
	has(json, "\"entrypoint\": \"/init\"");
	has(json, "\"command\": [\"-s\", \"a\", \"b\"]");
}

static void sets_health_and_life(void **state)
{
	_cleanup_free_ char *json =
		define(A "restart = 'on-failure:3'\nstop_grace_period = '2500ms'\n"
			 "resources = { cpus = 1.5, memory = '512m', pids = 9 }\n"
			 "healthcheck = { test = ['CMD', 'ok', 'x'], interval = '1s', retries = 2 }\n",
			&native);

	(void)state;
	has(json, "\"restart\": \"on-failure:3\"");
	has(json, "\"stop_timeout\": 3");
	has(json, "\"nano_cpus\": 1500000000");
	has(json, "\"memory\": 536870912");
	has(json, "[\"ok\", \"x\"]");
	has(json, "1000000000");
}

static void says_where_a_mistake_is(void **state)
{
	(void)state;
	refuses(A "ulimits = ['nofiles=3']\n",
		"B:4:11: service 'a': ulimit 'nofiles=3': there is no such limit");
	refuses(A "cap_add = ['NET_ADMINN']\n",
		"B:4:11: service 'a': capability 'NET_ADMINN': there is no such");
	refuses(A "env_file = 'none.env'\n",
		"B:4:12: service 'a': environment file: /srv/p/none.env: No such file or directory");
	refuses(A "stop_grace_period = '9000h'\n", "B:4:21: service 'a': the time to stop: 32400000 seconds "
						   "are too long, a year (31536000) is the most");
	refuses(A "stop_signal = 'SIGNOT'\n",
		"B:4:15: service 'a': stop signal 'SIGNOT': there is no such signal");
	refuses(A "volumes = ['/x:y']\n",
		"B:4:11: service 'a': /x:y: the path inside the container must be absolute and without '..'");
}

static void settle(struct nvb_boltfile *file, const char *text, bool bridges)
{
	assert_int_equal(nvb_boltfile_parse(file, text, strlen(text), "B", "/srv/p", NULL, NULL), 0);
	assert_int_equal(nvb_boltfile_settle_networks(file, bridges, NULL), 0);
}

static void services_find_each_other(void **state)
{
#define B "[services.b]\nimage = 'x'\n"
	_cleanup_boltfile_ struct nvb_boltfile alone = {0}, two = {0}, said = {0}, plain = {0}, ports = {0};

	(void)state;
	settle(&alone, A, true);
	assert_null(alone.services[0].networks);
	settle(&two, A "ports = ['80:80']\n" B, true);
	assert_string_equal(two.services[0].networks[0], "default");
	assert_string_equal(two.services[1].networks[0], "default");
	settle(&said, A "network_mode = 'host'\n" B "networks = ['n']\n[networks.n]\n", true);
	assert_null(said.services[0].networks);
	assert_string_equal(said.services[1].networks[0], "n");
	assert_null(said.services[1].networks[1]);
	settle(&plain, A "extra_hosts = ['b:10.0.0.1']\n" B "extra_hosts = ['c:10.0.0.2']\n", false);
	assert_null(plain.services[0].networks);
	assert_null(plain.services[0].extra_hosts[1]);
	assert_string_equal(plain.services[1].extra_hosts[0], "c:10.0.0.2");
	assert_string_equal(plain.services[1].extra_hosts[1], "a:127.0.0.1");
	settle(&ports, A "ports = ['80:80']\n" B, false);
	assert_null(ports.services[0].extra_hosts);
	assert_null(ports.services[1].extra_hosts);
#undef B
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_capsules),
		cmocka_unit_test(tells_a_change),
		cmocka_unit_test(puts_gpu_keys_into_words),
		cmocka_unit_test(knows_wsl2),
		cmocka_unit_test(knows_whose_the_gpu_is_on_wsl2),
		cmocka_unit_test(joins_networks),
		cmocka_unit_test(places_volumes),
		cmocka_unit_test(joins_entry_point_and_command),
		cmocka_unit_test(sets_health_and_life),
		cmocka_unit_test(says_where_a_mistake_is),
		cmocka_unit_test(services_find_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
