/* SPDX-License-Identifier: Apache-2.0 */
#include "captured.h"
#include "scratch.h"

#include "base/str.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "config/config.h"

static int parse(struct nvb_config *config, const char *text, nvb_error **err)
{
	return nvb_config_parse(config, text, strlen(text), "f", err);
}

static void without_a_file_there_are_defaults(void **state)
{
	_cleanup_config_ struct nvb_config config = {0};

	(void)state;
	assert_int_equal(nvb_config_init(&config, NULL), 0);
	assert_string_equal(config.roots.driver, "/");
	assert_string_equal(config.roots.sys, "/");
	assert_int_equal(config.log.level, NVB_LOG_WARNING);
	assert_int_equal(config.log.format, NVB_LOG_TEXT);
	assert_true(config.driver.cuda_compat);
	assert_true(config.driver.mask_params);
	assert_null(config.runtime.runtimes);
	assert_true(config.runtime.accept_environment);
	assert_false(config.runtime.accept_mounts);
	assert_true(config.runtime.accept_imex);
	assert_true(config.runtime.check_requirements);
	assert_int_equal(config.runtime.capabilities, NVB_CAP_ALL);
	assert_int_equal(config.runtime.layout, NVB_LAYOUT_FILES);
	assert_true(config.isolation.mig_create);
	assert_false(config.isolation.mig_mode);
	assert_true(config.isolation.mps);
	assert_false(nvb_config_isolation_rules(&config).no_mps);
	assert_null(config.roots.library_path);
	assert_null(config.cdi.directories);
	assert_null(config.hook.path);
	assert_null(config.file);
}

static void every_key_goes_where_it_belongs(void **state)
{
	_cleanup_config_ struct nvb_config config = {0};

	(void)state;
	assert_int_equal(nvb_config_init(&config, NULL), 0);
	/* `root` first or last in the file: what names one root wins. */
	assert_int_equal(
		parse(&config,
			"[roots]\ndev = '/d/'\nroot = '/r//'\nlibrary-path = ['/a', '/b']\n"
			"[log]\nlevel = 'info'\nformat = 'json'\n[hook]\npath = '/x/nvbind-hook'\n"
			"[driver]\ncuda-compat = false\nmask-params = false\n"
			"[runtime]\nruntimes = ['/opt/runc']\n"
			"accept-environment-when-unprivileged = false\naccept-volume-mounts = true\n"
			"accept-imex-channels = false\ncheck-requirements = false\n"
			"annotation-prefixes = ['a/', 'b/']\nswarm-resources = ['DOCKER_RESOURCE_GPU']\n"
			"capabilities = ['compute', 'utility']\nlayout = 'tree'\n"
			"[cdi]\ndirectories = []\n",
			NULL),
		0);
	assert_string_equal(config.roots.driver, "/r");
	assert_string_equal(config.roots.dev, "/d");
	assert_string_equal(config.roots.proc, "/r");
	assert_string_equal(config.roots.sys, "/r");
	assert_string_equal(config.roots.library_path[1], "/b");
	assert_int_equal(config.log.level, NVB_LOG_INFO);
	assert_int_equal(config.log.format, NVB_LOG_JSON);
	assert_string_equal(config.hook.path, "/x/nvbind-hook");
	assert_false(config.driver.cuda_compat);
	assert_false(config.driver.mask_params);
	assert_string_equal(config.runtime.runtimes[0], "/opt/runc");
	assert_null(config.runtime.runtimes[1]);
	assert_false(config.runtime.accept_environment);
	assert_true(config.runtime.accept_mounts);
	assert_false(config.runtime.accept_imex);
	assert_false(config.runtime.check_requirements);
	assert_string_equal(config.runtime.annotation_prefixes[1], "b/");
	assert_string_equal(config.runtime.swarm_resources[0], "DOCKER_RESOURCE_GPU");
	assert_int_equal(config.runtime.capabilities, NVB_CAP_DEFAULT);
	assert_int_equal(config.runtime.layout, NVB_LAYOUT_TREE);
	assert_non_null(config.cdi.directories);
	assert_null(config.cdi.directories[0]);
	assert_string_equal(config.file, "f");
}

static void mistakes_name_the_line_and_change_nothing(void **state)
{
	static const struct {
		const char *text, *message, *hint;
	} cases[] = {
		{"[rots]\nroot = '/'", "f:1:2: there is no table 'rots' in the configuration",
			"did you mean 'roots'?"},
		{"root = '/'", "f:1:1: there is no key 'root' in the configuration", "did you mean 'roots'?"},
		{"[roots]\n rot = '/'", "f:2:2: there is no key 'rot' in [roots]", "did you mean 'root'?"},
		{"[hook]\nzebra = 1", "f:2:1: there is no key 'zebra' in [hook]", NULL},
		{"roots = '/'", "f:1:9: 'roots' wants a table, this is a string", NULL},
		{"[roots]\nroot = 1", "f:2:8: 'root' wants a string, this is an integer", NULL},
		{"[roots]\ndev = 'x'", "f:2:7: 'x' is no absolute path", NULL},
		{"[roots]\ndev = ''", "f:2:7: '' is no absolute path", NULL},
		{"[roots]\nlibrary-path = ['/a',\n'b']", "f:3:1: 'b' is no absolute path", NULL},
		{"[roots]\nlibrary-path = '/a'",
			"f:2:16: 'library-path' wants an array of strings, this is a string", NULL},
		{"[runtime]\nruntimes = []", "f:2:12: 'runtimes' names no program", NULL},
		{"[runtime]\ncapabilities = []", "f:2:16: 'capabilities' allows none", NULL},
		{"[runtime]\nswarm-resources = ['']", "f:2:20: a word of the list is empty", NULL},
		{"[runtime]\nruntimes = ['./runc']",
			"f:2:13: './runc' is neither a program's name nor an absolute path", NULL},
		{"[log]\nlevel = 'loud'",
			"f:2:9: level: no such value 'loud'; one of error, warning, info, debug", NULL},
		{"[log]\nlevel = 'info'\n[hook]\npath = 'x'", "f:4:8: 'x' is no absolute path", NULL},
		{"[log", "f:1:5: the end of the file where ']' should close the header", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_config_ struct nvb_config config = {0};
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_config_init(&config, NULL), 0);
		assert_int_equal(parse(&config, cases[i].text, &err), -NVB_ERR_INVALID);
		assert_string_equal(nvb_error_message(err), cases[i].message);
		if (cases[i].hint)
			assert_string_equal(nvb_error_hint(err), cases[i].hint);
		assert_string_equal(config.roots.dev, "/");
		assert_int_equal(config.log.level, NVB_LOG_WARNING);
		assert_null(config.file);
	}
}

static void a_root_replaces_all_four(void **state)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_free_ char *directory = NULL;
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_config_init(&config, NULL), 0);
	assert_int_equal(parse(&config, "[roots]\ndev = '/d'\n[log]\nlevel = 'debug'", NULL), 0);
	assert_int_equal(nvb_config_set_root(&config, NULL, NULL), 0);
	assert_int_equal(nvb_config_set_root(&config, "", NULL), 0);
	assert_string_equal(config.roots.dev, "/d");
	assert_int_equal(nvb_config_set_root(&config, "/r/", NULL), 0);
	assert_string_equal(config.roots.dev, "/r");
	assert_string_equal(config.roots.driver, "/r");
	assert_int_equal(config.log.level, NVB_LOG_DEBUG);
	/* A relative path is made absolute now, since others will use it from elsewhere. */
	scratch_mkdir("here");
	directory = getcwd(NULL, 0);
	assert_int_equal(fchdir(scratch.fd), 0);
	assert_int_equal(nvb_config_set_root(&config, "here", NULL), 0);
	assert_int_equal(nvb_config_set_root(&config, "absent", &err), -NVB_ERR_NOT_FOUND);
	assert_int_equal(chdir(directory), 0);
	assert_string_equal(config.roots.proc, scratch_path("here"));
}

static void assert_unreadable(const char *path, const char *why)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_error_ nvb_error *err = NULL;

	assert_int_equal(nvb_config_init(&config, NULL), 0);
	assert_int_equal(nvb_config_read_file(&config, scratch_path(path), &err), -NVB_ERR_PERMISSION);
	assert_non_null(strstr(nvb_error_message(err), why));
	assert_non_null(nvb_error_hint(err));
}

static void root_reads_no_file_that_others_can_write(void **state)
{
	_cleanup_config_ struct nvb_config config = {0};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(nvb_config_init(&config, NULL), 0);
	scratch_mkdir("d");
	scratch_write("d/config.toml", "[log]\nlevel = 'debug'\n");
	assert_int_equal(nvb_config_read_file(&config, scratch_path("d/config.toml"), NULL), 0);
	assert_int_equal(fchmodat(scratch.fd, "d/config.toml", 0666, 0), 0);
	assert_unreadable("d/config.toml", "everybody can write it");
	assert_int_equal(fchmodat(scratch.fd, "d/config.toml", 0664, 0), 0);
	assert_int_equal(fchownat(scratch.fd, "d/config.toml", 0, 1234, 0), 0);
	assert_unreadable("d/config.toml", "its group can write it");
	assert_int_equal(fchmodat(scratch.fd, "d/config.toml", 0644, 0), 0);
	/* Who can write the directory can put another file in its place, unless it is sticky, as /tmp is. */
	assert_int_equal(fchmodat(scratch.fd, "d", 0777, 0), 0);
	assert_unreadable("d/config.toml", "everybody can write it");
	assert_int_equal(fchmodat(scratch.fd, "d", 01777, 0), 0);
	assert_int_equal(nvb_config_read_file(&config, scratch_path("d/config.toml"), NULL), 0);
}

static void what_is_no_file_is_refused(void **state)
{
	_cleanup_config_ struct nvb_config config = {0};

	(void)state;
	assert_int_equal(nvb_config_init(&config, NULL), 0);
	assert_int_equal(mkfifoat(scratch.fd, "fifo", 0600), 0);
	assert_int_equal(nvb_config_read_file(&config, scratch_path("fifo"), NULL), -NVB_ERR_CORRUPT);
	assert_int_equal(nvb_config_read_file(&config, scratch_path("absent"), NULL), -NVB_ERR_NOT_FOUND);
}

static int load(void *data)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_error_ nvb_error *err = NULL;

	(void)data;
	if (nvb_config_init(&config, NULL) < 0 || nvb_config_load(&config, NULL, true, &err) < 0) {
		fputs(nvb_error_message(err), stderr);
		return 1;
	}
	puts(config.file && strstr(config.file, scratch.path) ? config.file : "no file of the test's");
	return 0;
}

static struct captured child;

static void the_users_file_is_found(void **state)
{
	char expected[128];

	(void)state;
	scratch_mkdir("home/.config/nvbind");
	scratch_mkdir("xdg/nvbind");
	scratch_write("home/.config/nvbind/config.toml", "");
	scratch_write("xdg/nvbind/config.toml", "");
	setenv("HOME", scratch_path("home"), 1);
	setenv("XDG_CONFIG_HOME", scratch_path("xdg"), 1);
	capture(&child, load, NULL);
	snprintf(expected, sizeof(expected), "%s/xdg/nvbind/config.toml\n", scratch.path);
	assert_string_equal(child.out, expected);
	/* A relative XDG_CONFIG_HOME would be below the working directory. */
	setenv("XDG_CONFIG_HOME", "xdg", 1);
	capture(&child, load, NULL);
	snprintf(expected, sizeof(expected), "%s/home/.config/nvbind/config.toml\n", scratch.path);
	assert_string_equal(child.out, expected);
	/* Somebody else's home, as under some sudo: root does not read it. */
	if (geteuid() == 0) {
		assert_int_equal(fchownat(scratch.fd, "home/.config/nvbind/config.toml", 1234, 1234, 0), 0);
		capture(&child, load, NULL);
		assert_int_equal(child.status, 1);
		assert_non_null(strstr(child.err, "another user owns it"));
	}
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", scratch_path("nowhere"), 1);
	capture(&child, load, NULL);
	assert_string_equal(child.out, "no file of the test's\n");
}

/* What flags, environment and file make together, through a program as users start it. */
static int show(int argc, char **argv, nvb_error **err)
{
	const struct nvb_config *c = nvb_common_config();
	struct nvb_inventory_options o;

	(void)argc;
	(void)argv;
	(void)err;
	nvb_common_inventory_options(&o);
	printf("%s %s %s %s %s|dev %s|", c->roots.driver, c->roots.dev, c->roots.proc, c->roots.sys,
		c->roots.library_path ? c->roots.library_path[0] : "-", o.dev_root);
	printf("%s %s\n", nvb_choice_name(nvb_log_level_choices, (int)nvb_logging()->level),
		nvb_choice_name(nvb_log_format_choices, (int)c->log.format));
	return 0;
}

static int run_program(void *line)
{
	static const struct nvb_verb verbs[] = {{.name = "show", .summary = "show", .run = show}, {NULL}};
	static const struct nvb_program program = {
		"prog", "shows", verbs, nvb_common_groups, nvb_common_prepare};
	char **words = nvb_strv_split(line, " ");

	return nvb_program_main(&program, (int)nvb_strv_length(words), words);
}

static void assert_shows(const char *arguments, const char *expected)
{
	char line[512];

	snprintf(line, sizeof(line), "prog show --config %s/c.toml %s", scratch.path, arguments);
	capture(&child, run_program, line);
	if (child.status != 0)
		fail_msg("%s: %s", line, child.err);
	assert_string_equal(child.out, expected);
}

static void flags_win_over_environment_over_file(void **state)
{
	(void)state;
	unsetenv("NVBIND_ROOT");
	unsetenv("NVBIND_LOG");
	scratch_write("c.toml", "[roots]\nroot = '/file'\nlibrary-path = ['/l']\n[log]\nlevel = 'info'\n");
	assert_shows("", "/file /file /file /file /l|dev /file|info text\n");
	assert_shows("--dev-root /dev2", "/file /dev2 /file /file /l|dev /dev2|info text\n");
	setenv("NVBIND_ROOT", "/env", 1);
	setenv("NVBIND_LOG", "error,json", 1);
	assert_shows("", "/env /env /env /env /l|dev /env|error json\n");
	assert_shows("--root /flag --sys-root /s --log-level debug --library-path /a:/b",
		"/flag /flag /flag /s /a|dev /flag|debug json\n");
	unsetenv("NVBIND_ROOT");
	unsetenv("NVBIND_LOG");
	scratch_write("c.toml", "[log]\nlvel = 'info'\n");
	capture(&child, run_program, (void *)"prog show --config /nonexistent/c.toml");
	assert_int_equal(child.status, 1);
	assert_string_equal(
		child.err, "prog: configuration /nonexistent/c.toml: No such file or directory\n");
}

/* Every key that is listed is one that a file may have: of another type it is refused by its name. */
static void try_key(const struct nvb_config_key_info *key, void *data)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_error_ nvb_error *err = NULL;
	char text[256], wanted[128];

	assert_true(key->type && key->help);
	snprintf(text, sizeof(text), "[%s]\n%s = 1979-05-27\n", key->section, key->name);
	snprintf(wanted, sizeof(wanted), "'%s' wants ", key->name);
	assert_int_equal(nvb_config_init(&config, NULL), 0);
	assert_int_equal(parse(&config, text, &err), -NVB_ERR_INVALID);
	assert_non_null(strstr(nvb_error_message(err), wanted));
	++*(unsigned *)data;
}

static void the_keys_can_be_listed(void **state)
{
	unsigned count = 0;

	(void)state;
	nvb_config_keys(try_key, &count);
	assert_true(count >= 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_there_are_defaults),
		cmocka_unit_test(every_key_goes_where_it_belongs),
		cmocka_unit_test(mistakes_name_the_line_and_change_nothing),
		scratch_test(a_root_replaces_all_four),
		scratch_test(root_reads_no_file_that_others_can_write),
		scratch_test(what_is_no_file_is_refused),
		scratch_test(the_users_file_is_found),
		scratch_test(flags_win_over_environment_over_file),
		cmocka_unit_test(the_keys_can_be_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
