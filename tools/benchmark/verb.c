/* SPDX-License-Identifier: Apache-2.0 */
#include "verb.h"

#include <config.h> /* the build's */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"
#include "benchmark/chart.h"
#include "benchmark/gpu.h"
#include "benchmark/host.h"
#include "benchmark/input.h"
#include "benchmark/library.h"
#include "benchmark/report.h"
#include "benchmark/starts.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sibling.h"

enum { RUNS = 50, WARM_UP = 3 };

static struct {
	bool gpu, plain, docker;
	char **compare;
	uint32_t runs, warm_up;
	const char *seed, *runtime, *output, *chart, *replay;
	int format;
} opt = {.runs = RUNS, .warm_up = WARM_UP};

static const struct nvb_option what_options[] = {
	{"gpu", 0, NVB_OPTION_FLAG(&opt.gpu), "give the containers all GPUs, and measure what runs on them"},
	{"plain", 0, NVB_OPTION_FLAG(&opt.plain),
		"with --gpu: start each without GPUs too, which tells what giving them costs"},
	{"compare-docker", 0, NVB_OPTION_FLAG(&opt.docker), "start docker's containers as well"},
	{"compare", 0, NVB_OPTION_LIST("PEER", &opt.compare),
		"start those of docker, podman, nvidia-runtime (NVIDIA's runtime by itself) or bare (the OCI "
		"runtime by "
		"itself) as well (repeatable)"},
	{"runtime", 0, NVB_OPTION_STRING("NAME", &opt.runtime),
		"the OCI runtime of bolt, podman and bare: crun, runc"},
	{"runs", 0, NVB_OPTION_U32("N", &opt.runs), "how many starts of each (50)"},
	{"warm-up", 0, NVB_OPTION_U32("N", &opt.warm_up), "how many before them that are not counted (3)"},
	{"seed", 0, NVB_OPTION_STRING("N", &opt.seed),
		"where the drawing of orders and samples begins (else by chance)"},
	{NULL},
};

static const struct nvb_option report_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format),
		"table: the report; json: the raw numbers"},
	{"output", 'o', NVB_OPTION_STRING("FILE", &opt.output), "write the raw numbers there too, as JSON"},
	{"chart", 0, NVB_OPTION_STRING("FILE", &opt.chart),
		"write a picture there too, by the name's end .svg or .html"},
	{"replay", 0, NVB_OPTION_STRING("FILE", &opt.replay),
		"measure nothing, report the raw numbers of a file"},
	{NULL},
};

const struct nvb_option_group benchmark_groups[] = {
	{"What is measured", what_options}, {"Report", report_options}, {NULL, NULL}};

/* --- the command line --- */

static const struct nvb_subject_kind *find_kind(const char *name)
{
	for (const struct nvb_subject_kind *kind = nvb_subject_kinds; kind->name; kind++)
		if (nvb_streq(kind->name, name))
			return kind;
	return NULL;
}

/* bolt first: it is what the others are compared with. */
static int choose(const struct nvb_subject_kind **kinds, size_t *count, nvb_error **err)
{
	kinds[(*count)++] = find_kind("bolt");
	if (opt.docker)
		kinds[(*count)++] = find_kind("docker");
	nvb_strv_foreach (name, opt.compare) {
		const struct nvb_subject_kind *kind = find_kind(*name);
		bool there = false;

		if (!kind || nvb_streq(*name, "bolt"))
			return nvb_usage(err,
				"--compare: no such peer '%s'; one of docker, podman, nvidia-runtime, bare",
				*name);
		for (size_t i = 0; i < *count; i++)
			there |= kinds[i] == kind;
		if (!there)
			kinds[(*count)++] = kind;
	}
	return 0;
}

/* What takes minutes to measure shall not have nowhere to go. */
static int check_place(const char *path, nvb_error **err)
{
	_cleanup_free_ char *directory = NULL;
	char *slash;

	if (!path || access(path, W_OK) == 0)
		return 0;
	if (errno != ENOENT)
		return nvb_fail_errno(err, errno, "writing %s", path);
	directory = strdup(path);
	if (!directory)
		return nvb_fail_oom(err);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = '\0';
	if (access(slash ? directory : ".", W_OK) < 0)
		return nvb_fail_errno(err, errno, "writing %s", path);
	return 0;
}

static int check_options(nvb_error **err)
{
	if (opt.chart && !nvb_ends_with(opt.chart, ".svg") && !nvb_ends_with(opt.chart, ".html"))
		return nvb_usage(err, "--chart %s: the name must end in .svg or .html", opt.chart);
	if (opt.replay && (opt.gpu || opt.docker || opt.compare || opt.runtime || opt.seed))
		return nvb_usage(err, "--replay measures nothing: --gpu, --compare, --runtime and --seed say "
				      "what to measure");
	if (opt.plain && !opt.gpu)
		return nvb_usage(err, "--plain goes with --gpu: without it every start is one without GPUs");
	if (opt.runs < 2 || opt.runs > NVB_RECORD_RUNS || opt.warm_up > NVB_RECORD_RUNS)
		return nvb_usage(err, "--runs is 2 to %d, --warm-up no more", NVB_RECORD_RUNS);
	return 0;
}

static int choose_seed(uint64_t *seed, nvb_error **err)
{
	uint32_t drawn;

	if (opt.seed)
		return nvb_parse_u64(opt.seed, seed) ? 0
						     : nvb_usage(err, "--seed '%s' is no number", opt.seed);
	/* Short, since people copy it. */
	if (getrandom(&drawn, sizeof(drawn), 0) != (ssize_t)sizeof(drawn))
		return nvb_fail_errno(err, errno, "a random seed");
	*seed = drawn;
	return 0;
}

/* --- reporting --- */

static int write_chart(const struct nvb_record *record, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int rc = nvb_ends_with(opt.chart, ".svg") ? nvb_chart_svg(record, &text, err)
						  : nvb_chart_html(record, &text, err);

	return rc < 0 ? rc : nvb_file_output(opt.chart, text, strlen(text), 0644, err);
}

static int report(const struct nvb_record *record, nvb_error **err)
{
	_cleanup_free_ char *raw = NULL, *text = NULL;
	const char *printed;
	int rc = nvb_record_write(record, &raw, err);

	/* The file first: should anything fail behind it, what was measured is there. */
	if (rc == 0 && opt.output)
		rc = nvb_file_output(opt.output, raw, strlen(raw), 0644, err);
	if (rc == 0 && opt.chart)
		rc = write_chart(record, err);
	if (rc == 0 && opt.format == NVB_FORMAT_TABLE)
		rc = nvb_report_text(record, &text, err);
	if (rc < 0)
		return rc;
	printed = text ? text : raw;
	return nvb_stdout_write(printed, strlen(printed), err);
}

static int replay(nvb_error **err)
{
	_cleanup_record_ struct nvb_record record = {.program = NULL};
	_cleanup_free_ char *text = NULL;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, opt.replay, NVB_RECORD_MAX, &text, &size, err);

	if (rc < 0)
		return rc;
	rc = nvb_record_read(text, size, &record, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s", opt.replay) : report(&record, err);
}

/* --- measuring --- */

static void show_progress(void *data, const char *what, uint32_t done, uint32_t all)
{
	bool *shown = data;

	nvb_progress_clear_line();
	*shown = true;
	if (all)
		fprintf(stderr, "\r\033[K%s: %u of %u", what, done, all);
	else
		fprintf(stderr, "\r\033[Kpreparing %s", what);
	fflush(stderr);
}

/* Signals are read, so that what was begun is taken away before we go. */
static int take_signals(int *fd, nvb_error **err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? nvb_fail_errno(err, errno, "signals") : 0;
}

static int find_gpus(nvb_inventory **inventory, nvb_error **err)
{
	struct nvb_inventory_options options;
	nvb_inventory *loaded = NULL;
	int rc;

	nvb_common_inventory_options(&options);
	rc = nvb_inventory_load(&options, &loaded, err);
	if (rc < 0)
		return rc;
	if (!nvb_inventory_gpu_count(loaded)) {
		nvb_inventory_free(loaded);
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no GPU here to measure with"),
			"'nvbind info' shows what was found; without --gpu starts are measured without GPUs");
	}
	*inventory = loaded;
	return 0;
}

static int describe(struct nvb_record *record, struct nvb_benchmark *benchmark, nvb_error **err)
{
	char date[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	record->date = nvb_arena_strdup(&record->arena, date);
	record->program = nvb_arena_strdup(&record->arena, "nvbind benchmark " NVB_VERSION);
	record->seed = benchmark->seed;
	record->runs = benchmark->runs;
	record->warm_up = benchmark->warm_up;
	record->gpu = benchmark->gpu;
	return record->date && record->program ? 0 : nvb_fail_oom(err);
}

static int measure_all(struct nvb_benchmark *benchmark, const struct nvb_subject_kind *const *kinds,
	size_t count, nvb_error **err)
{
	nvb_inventory *inventory = NULL;
	int rc = benchmark->gpu ? find_gpus(&inventory, err) : 0;

	if (rc == 0)
		rc = describe(benchmark->record, benchmark, err);
	if (rc == 0)
		rc = nvb_host_describe(benchmark, inventory, err);
	if (rc == 0)
		rc = nvb_benchmark_open(benchmark, err);
	if (rc == 0)
		rc = nvb_benchmark_starts(benchmark, kinds, count, err);
	if (rc == 0 && inventory)
		rc = nvb_benchmark_library(benchmark, inventory, err);
	if (rc == 0 && inventory)
		rc = nvb_benchmark_gpu(benchmark, inventory, err);
	if (rc == 0)
		rc = nvb_benchmark_input(benchmark, err);
	if (rc == 0)
		rc = nvb_host_load(benchmark->record, "load after", err);
	nvb_benchmark_close(benchmark);
	nvb_inventory_free(inventory);
	return rc;
}

static int interrupted(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? 128 + (int)info.ssi_signo : 1;
}

static int measure(nvb_error **err)
{
	_cleanup_free_ char *bolt = nvb_sibling_program("bolt", NVB_BINDIR),
			    *hook = nvb_sibling_program("nvbind-hook", NVB_BINDIR);
	_cleanup_free_ char *first = nvb_sibling_program("nvbind-benchmark-first", NVB_LIBEXECDIR);
	_cleanup_free_ char *gpu = nvb_sibling_program("nvbind-benchmark-gpu", NVB_LIBEXECDIR);
	const struct nvb_subject_kind *kinds[NVB_RECORD_SUBJECTS];
	_cleanup_record_ struct nvb_record record = {.program = NULL};
	_cleanup_strv_ char **common = NULL;
	_cleanup_close_ int signals = -1;
	bool shown = false;
	struct nvb_benchmark benchmark = {.bolt = bolt,
		.hook = hook,
		.first = first,
		.gpu_program = gpu,
		.runtime = opt.runtime,
		.gpu = opt.gpu,
		.plain = opt.plain,
		.runs = opt.runs,
		.warm_up = opt.warm_up,
		.log = nvb_logging(),
		.record = &record};
	size_t count = 0;
	int rc;

	if (!bolt || !hook || !first || !gpu || !nvb_common_arguments(&common))
		return nvb_fail_oom(err);
	benchmark.common = (const char *const *)common;
	rc = choose(kinds, &count, err);
	if (rc == 0)
		rc = choose_seed(&benchmark.seed, err);
	if (rc == 0)
		rc = take_signals(&signals, err);
	if (rc < 0)
		return rc;
	benchmark.cancel_fd = signals;
	if (isatty(STDERR_FILENO)) {
		benchmark.progress = show_progress;
		benchmark.progress_data = &shown;
	}
	rc = measure_all(&benchmark, kinds, count, err);
	if (shown)
		fputs("\r\033[K", stderr);
	if (rc == -NVB_ERR_CANCELLED) {
		fprintf(stderr, "benchmark: interrupted; nothing is left behind, and nothing was measured\n");
		return interrupted(signals);
	}
	return rc < 0 ? rc : report(&record, err);
}

int verb_benchmark(int argc, char **argv, nvb_error **err)
{
	int rc = check_options(err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = check_place(opt.output, err);
	if (rc == 0)
		rc = check_place(opt.chart, err);
	if (rc < 0)
		return rc;
	rc = opt.replay ? replay(err) : measure(err);
	nvb_strv_free(opt.compare);
	return rc;
}
