/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmocka_all.h"
#include "sim/mig_files.h"
#include "sim/scenario.h"
#include "sim/scenario_gpu.h"

static char directory[] = "/tmp/nvb-scenario-XXXXXX";

static int make_directory(void **state _unused_)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state _unused_)
{
	return nvb_file_remove_tree(AT_FDCWD, directory, NULL);
}

static void parses_pci_addresses(void **state _unused_)
{
	static const char *const wrong[] = {
		"", "0000:1b:00", "0000:1b:00.8", "0000:1b:20.0", "0000:1b:00.0 ", "x"};
	struct sim_pci pci = {0};

	assert_true(sim_parse_pci("0012:ab:1f.7", &pci));
	assert_int_equal(pci.domain, 0x12);
	assert_int_equal(pci.bus, 0xab);
	assert_int_equal(pci.device, 0x1f);
	assert_int_equal(pci.function, 7);
	for (size_t i = 0; i < NVB_ELEMENTS(wrong); i++)
		if (sim_parse_pci(wrong[i], &pci))
			fail_msg("'%s' was taken for a PCI address", wrong[i]);
}

static void parses_lists_of_cpus(void **state _unused_)
{
	static const char *const wrong[] = {"x", "1-", "3-1", "1,,2", "128", "0-128", "1 2"};
	sim_u64 set[2] = {0, 0};

	assert_true(sim_parse_cpus("0-1,63-64,127", set, 128));
	assert_true(set[0] == (UINT64_C(3) | UINT64_C(1) << 63));
	assert_true(set[1] == (UINT64_C(1) | UINT64_C(1) << 63));
	for (size_t i = 0; i < NVB_ELEMENTS(wrong); i++)
		if (sim_parse_cpus(wrong[i], set, 128))
			fail_msg("'%s' was taken for a list of CPUs", wrong[i]);
}

static void knows_driver_branches(void **state _unused_)
{
	assert_int_equal(sim_branch("570.133.20"), 570);
	assert_int_equal(sim_branch(""), 0);
	assert_int_equal(sim_branch("x"), 0);
}

/* Loads a text as a scenario; *message is the error's when there is one. */
static int load(const char *text, const struct sim_scenario_choice *choice, struct sim_scenario *scenario,
	char *message, size_t size)
{
	nvb_error *error = NULL;
	char path[128];
	int rc;

	snprintf(path, sizeof(path), "%s/test.toml", directory);
	assert_int_equal(nvb_file_write(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
	rc = sim_scenario_load(path, choice, scenario, &error);
	snprintf(message, size, "%s", error ? nvb_error_message(error) : "");
	nvb_error_free(error);
	return rc;
}

static void counts_and_places_gpus(void **state _unused_)
{
	const char *const text = "driver = \"570.1\"\nmodule = \"open\"\n"
				 "[[gpu]]\nname = \"A\"\naddresses = [\"0000:07:00.0\"]\nnuma = [1]\n"
				 "[[gpu]]\ncount = 2\nname = \"B\"\nnuma = [0, 1]\n";
	_cleanup_scenario_ struct sim_scenario s = SIM_SCENARIO_INIT;
	char message[256];

	assert_int_equal(
		load(text, &(struct sim_scenario_choice){.gpus = 5, .seed = 1}, &s, message, 256), 0);
	assert_int_equal(s.machine.gpu_count, 5);
	assert_string_equal(s.gpu[0].name, "A");
	assert_string_equal(s.gpu[1].name, "B");
	assert_int_equal(s.gpu[0].pci.bus, 7);
	assert_int_equal(s.gpu[1].numa_node, 0);
	assert_int_equal(s.gpu[4].numa_node, 1); /* the last one repeats */
	assert_string_equal(s.name, "test");
	assert_string_equal(s.machine.driver_version, "570.1");
	for (uint32_t i = 0; i < 5; i++)
		for (uint32_t j = 0; j < i; j++) {
			assert_string_not_equal(s.gpu[i].uuid, s.gpu[j].uuid);
			assert_memory_not_equal(&s.gpu[i].pci, &s.gpu[j].pci, sizeof(s.gpu[i].pci));
		}
}

static void refuses_what_is_wrong(void **state _unused_)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"drivr = \"1\"", "drivr"},
		{"driver = \"5/../..\"", "driver version"},
		{"layout = \"beos\"", "no layout 'beos'"},
		{"module = \"closed\"", "closed"},
		{"cuda = \"twelve\"", "CUDA version"},
		{"[[gpu]]\nnam = \"x\"", "nam"},
		{"[[gpu]]\nname = 7", "string"},
		{"[[gpu]]\ncompute_capability = \"nine\"", "compute capability"},
		{"[[gpu]]\naddresses = [\"1b\"]", "PCI address"},
		{"[[gpu]]\ncpus = [\"0-5000\"]", "list of CPUs"},
		{"[[gpu]]\nnvlinks = 19", "18 links"},
		{"[[gpu]]\nfeatures = [\"fun\"]", "fun"},
		{"[[gpu]]\ncount = 65", "between 1 and 64"},
		{"[[gpu]]\npower_w = 4294968", "between 0 and 4294967"},
		{"[[device]]\nvendor = 1", "address"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_scenario_ struct sim_scenario s = SIM_SCENARIO_INIT;
		char message[256];

		assert_true(load(cases[i].text, &(struct sim_scenario_choice){0}, &s, message, 256) < 0);
		if (!strstr(message, cases[i].message))
			fail_msg("%s: %s", cases[i].text, message);
		assert_null(s.gpu); /* outputs are untouched */
	}
}

static bool exists(int root, const char *path)
{
	return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void mig_files_follow_the_state(void **state _unused_)
{
	_cleanup_close_ int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sim_mig_files files = {{0}};
	struct sim_gpu gpu = {.minor = 3};

	assert_int_equal(mkdirat(root, "dev", 0755), 0);
	gpu.mig.gi[0].used = 1;
	gpu.mig.gi[0].id = 9;
	gpu.mig.gi[0].ci[0].used = 1;
	gpu.mig.gi[0].ci[0].id = 2;
	assert_int_equal(sim_mig_files_sync(root, &gpu, 240, &files, NULL), 0);
	assert_true(exists(root, "proc/driver/nvidia/capabilities/gpu3/mig/gi9/access"));
	assert_true(exists(root, "proc/driver/nvidia/capabilities/gpu3/mig/gi9/ci2/access"));
	assert_int_equal(sim_mig_files_sync(root, &gpu, 240, &files, NULL), 0); /* nothing to do */
	gpu.mig.gi[0].ci[0].id = 0;
	assert_int_equal(sim_mig_files_sync(root, &gpu, 240, &files, NULL), 0);
	assert_false(exists(root, "proc/driver/nvidia/capabilities/gpu3/mig/gi9/ci2"));
	assert_true(exists(root, "proc/driver/nvidia/capabilities/gpu3/mig/gi9/ci0/access"));
	gpu.mig.gi[0].used = 0;
	assert_int_equal(sim_mig_files_sync(root, &gpu, 240, &files, NULL), 0);
	assert_false(exists(root, "proc/driver/nvidia/capabilities/gpu3/mig/gi9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_pci_addresses),
		cmocka_unit_test(parses_lists_of_cpus),
		cmocka_unit_test(knows_driver_branches),
		cmocka_unit_test(counts_and_places_gpus),
		cmocka_unit_test(refuses_what_is_wrong),
		cmocka_unit_test(mig_files_follow_the_state),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
