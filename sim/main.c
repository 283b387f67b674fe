/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cli/logging.h"
#include "cli/options.h"
#include "cli/output.h"
#include "sim/control.h"
#include "sim/daemon.h"
#include "sim/daemon_process.h"
#include "sim/machine.h"

#define PROGRAM "nvbind-sim"

static struct {
	const char *scenario, *layout;
	uint32_t gpus;
	bool gpus_given;
	uint32_t seed;
	bool seed_given;
	int format;
} opt;

static const struct nvb_option create_options[] = {
	{"scenario", 's', NVB_OPTION_STRING("NAME", &opt.scenario),
		"what to simulate: a name that 'scenarios' lists, or a file"},
	{"gpus", 'n', NVB_KIND_U32, "N", {.u32 = &opt.gpus}, NULL, NULL, &opt.gpus_given,
		"how many GPUs, up to 64"},
	{"layout", 'l', NVB_OPTION_STRING("LAYOUT", &opt.layout),
		"where libraries lie: debian, debian-alternatives, fedora, arch, nixos"},
	{"seed", 0, NVB_KIND_U32, "N", {.u32 = &opt.seed}, NULL, NULL, &opt.seed_given,
		"makes UUIDs and serial numbers the same each time"},
	{NULL},
};

static const struct nvb_option format_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "table or json"},
	{NULL},
};

static void release_info(struct sim_machine_info *info)
{
	sim_machine_info_release(info);
}

static int pick_seed(uint64_t *seed, nvb_error **err)
{
	*seed = opt.seed;
	if (opt.seed_given)
		return 0;
	if (getrandom(seed, sizeof(*seed), 0) != sizeof(*seed))
		return nvb_fail_errno(err, errno, "no randomness for a seed");
	return 0;
}

static void hold_signals(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(how, &signals, NULL);
}

static int verb_create(int argc, char **argv, nvb_error **err)
{
	_cleanup_scenario_ struct sim_scenario scenario = SIM_SCENARIO_INIT;
	_cleanup_(release_info) struct sim_machine_info info = {0};
	struct sim_scenario_choice choice = {.layout = opt.layout, .gpus = opt.gpus};
	int rc;

	(void)argc;
	if (!opt.scenario)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "--scenario is missing"),
			"'" PROGRAM " scenarios' lists them");
	if (opt.gpus_given && (!opt.gpus || opt.gpus > SIM_GPU_MAX))
		return nvb_fail(err, NVB_ERR_INVALID, "--gpus: between 1 and %d", SIM_GPU_MAX);
	rc = pick_seed(&choice.seed, err);
	if (rc == 0)
		rc = sim_scenario_load(opt.scenario, &choice, &scenario, err);
	if (rc < 0)
		return rc;
	/* Half a machine would be left behind; it takes a moment only. */
	hold_signals(SIG_BLOCK);
	rc = sim_machine_create(argv[0], &scenario, nvb_logging(), &info, err);
	hold_signals(SIG_UNBLOCK);
	if (rc < 0)
		return rc;
	fprintf(stderr, "%s: %s, %u GPU%s; use it with NVBIND_ROOT=%s\n", info.root, info.scenario,
		scenario.machine.gpu_count, scenario.machine.gpu_count == 1 ? "" : "s", info.root);
	return 0;
}

static int add_scenario(const char *name, struct nvb_table *table, struct nvb_strbuf *json, nvb_error **err)
{
	_cleanup_scenario_ struct sim_scenario s = SIM_SCENARIO_INIT;
	int rc = sim_scenario_load(name, &(struct sim_scenario_choice){0}, &s, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "scenario %s", name);
	nvb_table_cell(table, name);
	nvb_table_cellf(table, "%u", s.machine.gpu_count);
	nvb_table_cell(table, s.driver);
	nvb_table_cell(table, s.layout->name);
	nvb_table_cell(table, s.summary);
	nvb_sb_add(json, json->len ? "," : "[");
	nvb_sb_add(json, "\n  {\"name\": ");
	nvb_sb_add_json(json, name);
	nvb_sb_addf(json, ", \"gpus\": %u, \"driver\": ", s.machine.gpu_count);
	if (s.driver)
		nvb_sb_add_json(json, s.driver);
	else
		nvb_sb_add(json, "null");
	nvb_sb_add(json, ", \"layout\": ");
	nvb_sb_add_json(json, s.layout->name);
	nvb_sb_add(json, ", \"summary\": ");
	nvb_sb_add_json(json, s.summary ? s.summary : "");
	nvb_sb_addc(json, '}');
	return 0;
}

static int print_result(const struct nvb_table *table, struct nvb_strbuf *json, nvb_error **err)
{
	int rc = 0;

	if (opt.format == NVB_FORMAT_JSON) {
		nvb_sb_add(json, json->len ? "\n]\n" : "[]\n");
		if (json->failed)
			return nvb_fail_oom(err);
		fputs(json->s, stdout);
	} else {
		rc = nvb_table_print(table, stdout, err);
	}
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static int verb_scenarios(int argc, char **argv, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"SCENARIO"}, {"GPUS", true}, {"DRIVER"}, {"LAYOUT"}, {"WHAT IT IS"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	_cleanup_strbuf_ struct nvb_strbuf json = {0};
	_cleanup_strv_ char **names = NULL;
	int rc = sim_scenario_names(&names, err);

	(void)argc;
	(void)argv;
	nvb_strv_foreach (name, names) {
		if (rc == 0)
			rc = add_scenario(*name, &table, &json, err);
	}
	return rc < 0 ? rc : print_result(&table, &json, err);
}

struct listing {
	struct nvb_table *table;
	struct nvb_strbuf *json;
};

/* A daemon whose directory cannot be read (another user's) is not shown, a state that cannot is unknown. */
static int add_machine(pid_t pid, const char *root, void *data)
{
	const struct listing *listing = data;
	_cleanup_(release_info) struct sim_machine_info info = {0};
	_cleanup_(sim_state_unmap) struct sim_map map = SIM_MAP_INIT;
	struct sim_machine machine = {0};
	bool known;

	if (sim_machine_inspect(root, &info, NULL) < 0 || info.pid != pid)
		return 0;
	known = sim_machine_state(root, &map, NULL) == 0;
	if (known)
		sim_read_machine(map.state, &machine);
	nvb_table_cell(listing->table, root);
	nvb_table_cell(listing->table, info.scenario);
	if (known)
		nvb_table_cellf(listing->table, "%u", machine.gpu_count);
	else
		nvb_table_cell(listing->table, "-");
	nvb_table_cellf(listing->table, "%d", (int)pid);
	nvb_sb_add(listing->json, listing->json->len ? ",\n  {\"root\": " : "[\n  {\"root\": ");
	nvb_sb_add_json(listing->json, root);
	nvb_sb_add(listing->json, ", \"scenario\": ");
	nvb_sb_add_json(listing->json, info.scenario);
	if (known)
		nvb_sb_addf(listing->json, ", \"gpus\": %u", machine.gpu_count);
	else
		nvb_sb_add(listing->json, ", \"gpus\": null");
	nvb_sb_addf(listing->json, ", \"pid\": %d}", (int)pid);
	return 0;
}

static int verb_list(int argc, char **argv, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"ROOT"}, {"SCENARIO"}, {"GPUS", true}, {"PID", true}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	_cleanup_strbuf_ struct nvb_strbuf json = {0};
	struct listing listing = {&table, &json};

	(void)argc;
	(void)argv;
	sim_daemon_each(add_machine, &listing);
	return print_result(&table, &json, err);
}

static int verb_set(int argc, char **argv, nvb_error **err)
{
	_cleanup_(sim_state_unmap) struct sim_map map = SIM_MAP_INIT;
	int rc = sim_machine_state(argv[0], &map, err);

	return rc < 0 ? rc : sim_control_set(&map, argv + 1, (size_t)argc - 1, err);
}

static int verb_fail(int argc, char **argv, nvb_error **err)
{
	_cleanup_(sim_state_unmap) struct sim_map map = SIM_MAP_INIT;
	_cleanup_close_ int root = -1;
	int rc = sim_machine_state(argv[0], &map, err);

	if (rc < 0)
		return rc;
	root = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return nvb_fail_errno(err, errno, "%s", argv[0]);
	return sim_control_fail(root, &map, argv + 1, (size_t)argc - 1, err);
}

static int verb_destroy(int argc, char **argv, nvb_error **err)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < argc; i++) {
		bool left = false;

		rc = sim_machine_destroy(argv[i], &left, err);
		if (rc == 0 && left)
			nvb_report_warning(
				PROGRAM, "%s stays: it holds files that nvbind-sim did not make", argv[i]);
	}
	return rc;
}

static const struct nvb_verb verbs[] = {
	{.name = "create",
		.summary = "make a machine and start its daemon",
		.synopsis = "--scenario NAME DIR",
		.description = "Writes a driver root with libraries, programs, /proc, /sys and /dev into "
			       "DIR, which must be "
			       "empty or not exist yet; a machine that stands there unused is replaced. "
			       "Device nodes need root.",
		.examples = "  nvbind-sim create --scenario h200x8 /tmp/h\n"
			    "  NVBIND_ROOT=/tmp/h nvbind info\n",
		.groups = NVB_GROUPS({"Options", create_options}),
		.run = verb_create,
		.min_args = 1,
		.max_args = 1},
	{.name = "scenarios",
		.summary = "list what can be simulated",
		.groups = NVB_GROUPS({"Options", format_options}),
		.run = verb_scenarios},
	{.name = "list",
		.summary = "list machines that run",
		.groups = NVB_GROUPS({"Options", format_options}),
		.run = verb_list},
	{.name = "set",
		.summary = "change what a machine's cards measure",
		.synopsis = "DIR ASSIGNMENT...",
		.description = "Programs that run see the change at once.",
		.examples =
			"  nvbind-sim set /tmp/h gpu0.temperature=80 'gpu*.utilization=95'\n"
			"  nvbind-sim set /tmp/h vary=off\n\n"
			"Settings of a GPU: temperature, memory_temperature (C), fan, utilization,\n"
			"memory_utilization, encoder, decoder, jpeg, ofa (%), power (W), power_state,\n"
			"memory_used (MiB), graphics_clock, sm_clock, memory_clock, video_clock (MHz),\n"
			"throttle_reasons, pcie_tx, pcie_rx (KB/s), pcie_gen, pcie_width, ecc_corrected,\n"
			"ecc_uncorrected, row_remap_pending, row_remap_failed, mig_waits (1: MIG is switched\n"
			"by a reset alone).\n"
			"Of the machine: vary, latency, fabric (on or off).\n",
		.run = verb_set,
		.min_args = 2,
		.max_args = NVB_ARGS_ANY},
	{.name = "fail",
		.summary = "break a GPU, or mend it",
		.synopsis = "DIR gpu N lost|off-bus|reset|power|irq|ecc|hang|no-permission|xid NUMBER|mig COUNT TRAP|none",
		.description = "mig COUNT TRAP: what becomes of the COUNTth change of the card's MIG from now on. "
			       "kill-before and kill-after kill the program that asked for it; in-use, "
			       "no-resources, no-permission and unknown are NVML's answer.",
		.examples = "  nvbind-sim fail /tmp/h gpu 3 xid 79\n  nvbind-sim fail /tmp/h gpu 3 none\n"
			    "  nvbind-sim fail /tmp/h gpu 0 mig 2 kill-after\n",
		.run = verb_fail,
		.min_args = 4,
		.max_args = 6},
	{.name = "destroy",
		.summary = "stop a machine and remove it",
		.synopsis = "DIR...",
		.run = verb_destroy,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY},
	{NULL},
};

static int prepare(const struct nvb_program *program, nvb_error **err)
{
	(void)err;
	nvb_logging_start(program->name, NVB_LOG_WARNING, NVB_LOG_TEXT);
	/* Permissions of a machine's files are part of what it simulates. */
	umask(022);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct nvb_program program = {.name = PROGRAM,
		.summary = "a simulated NVIDIA driver, for trying and testing without one",
		.verbs = verbs,
		.prepare = prepare};

	/* Its own way of running itself: not a verb of the user's. */
	if (argc == 3 && strcmp(argv[1], SIM_DAEMON_VERB) == 0)
		return sim_daemon_serve(argv[2]);
	return nvb_program_main(&program, argc, argv);
}
