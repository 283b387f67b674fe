/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cmocka_all.h"
#include "exporter/exporter.h"
#include "exporter/family.h"
#include "exporter/workload.h"
#include "sampler/sample.h"

/* Samples as metrics: the text itself, and what must hold of every text. */

static struct nvb_value is(double value)
{
	return (struct nvb_value){.value = value, .state = NVB_VALUE_KNOWN};
}

static nvb_sample *make(size_t gpus)
{
	nvb_sample *sample = nvb_sample_new(gpus);

	assert_non_null(sample);
	sample->interval = 1000000000;
	sample->time = UINT64_C(1700000000250000000);
	sample->sequence = 7;
	sample->driver = "570.133.20";
	for (size_t g = 0; g < gpus; g++) {
		struct nvb_sample_gpu *gpu = &sample->gpus[g].gpu;

		gpu->index = (uint32_t)g;
		gpu->uuid = g ? "GPU-1" : "GPU-0";
		gpu->name = "NVIDIA H200";
		gpu->pci_address = g ? "0000:43:00.0" : "0000:1b:00.0";
		gpu->minor = (uint32_t)g;
		gpu->state = NVB_SAMPLE_FINE;
	}
	return sample;
}

static char *render(const nvb_sample *sample, enum nvb_dialect dialect)
{
	struct nvb_exporter_self self = {.scrapes = 3, .resident_bytes = 4096};
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	assert_int_equal(nvb_exporter_render(sample, &self, dialect, &out, NULL), 0);
	return nvb_sb_finish(&out);
}

static char *render_dcgm(const nvb_sample *sample)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	assert_int_equal(nvb_exporter_render_dcgm(sample, "node1", &out, NULL), 0);
	return nvb_sb_finish(&out);
}

static void has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("not there: %s\nin:\n%s", what, text);
}

static void has_not(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("there: %s\nin:\n%s", what, text);
}

#define GPU0 "gpu=\"0\",uuid=\"GPU-0\",pci=\"0000:1b:00.0\",name=\"NVIDIA H200\""

static void base_units(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(1);
	_cleanup_free_ char *text = NULL;

	(void)state;
	sample->gpus[0].values[NVB_METRIC_UTILIZATION] = is(0.37);
	sample->gpus[0].values[NVB_METRIC_MEMORY_USED] = is(151397597184.0);
	sample->gpus[0].values[NVB_METRIC_ENERGY] = is(123456789.123);
	sample->gpus[0].values[NVB_METRIC_SM_CLOCK] = is(1980e6);
	text = render(sample, NVB_DIALECT_OPENMETRICS);
	has(text, "# TYPE nvbind_gpu_utilization_ratio gauge\n# UNIT nvbind_gpu_utilization_ratio ratio\n"
		  "nvbind_gpu_utilization_ratio{" GPU0 "} 0.37\n");
	has(text, "nvbind_gpu_memory_used_bytes{" GPU0 "} 151397597184\n");
	has(text, "# TYPE nvbind_gpu_energy_joules counter\n# UNIT nvbind_gpu_energy_joules joules\n"
		  "nvbind_gpu_energy_joules_total{" GPU0 "} 123456789.123\n");
	has(text, "nvbind_gpu_sm_clock_hertz{" GPU0 "} 1980000000\n");
	has(text, "# TYPE nvbind_gpu info\n");
	has(text, "nvbind_gpu_info{" GPU0 ",driver_version=\"570.133.20\"} 1\n");
	has(text, "nvbind_gpu_up{" GPU0 "} 1\n");
	has(text, "nvbind_gpu_state{" GPU0 ",state=\"fine\"} 1\n");
	has(text, "nvbind_gpu_state{" GPU0 ",state=\"lost\"} 0\n");
	has(text, "nvbind_sampler_sample_timestamp_seconds 1700000000.25\n");
	has(text, "nvbind_exporter_scrapes_total 3\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void older_format(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(1);
	_cleanup_free_ char *text = NULL;

	(void)state;
	sample->gpus[0].values[NVB_METRIC_ENERGY] = is(5);
	text = render(sample, NVB_DIALECT_PROMETHEUS);
	has(text, "# TYPE nvbind_gpu_energy_joules_total counter\nnvbind_gpu_energy_joules_total{" GPU0
		  "} 5\n");
	has(text, "# TYPE nvbind_gpu_info gauge\n");
	has_not(text, "# UNIT");
	has_not(text, "# EOF");
}

/* Not told, not yet, refused, not a number, too old: no line, and no family without lines. */
static void unknown_is_absent(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(2);
	struct nvb_value *values = sample->gpus[0].values;
	_cleanup_free_ char *text = NULL;

	(void)state;
	values[NVB_METRIC_POWER] = (struct nvb_value){.value = 1, .state = NVB_VALUE_UNSUPPORTED};
	values[NVB_METRIC_TEMPERATURE] = (struct nvb_value){.value = 1, .state = NVB_VALUE_PENDING};
	values[NVB_METRIC_FAN_SPEED] = (struct nvb_value){.value = 1, .state = NVB_VALUE_FAILED};
	values[NVB_METRIC_SM_CLOCK] = is(NAN);
	values[NVB_METRIC_UTILIZATION] = is(0.5);
	values[NVB_METRIC_UTILIZATION].age_ns = UINT64_C(7000000001);
	values[NVB_METRIC_MEMORY_UTILIZATION] = is(0.5);
	values[NVB_METRIC_MEMORY_UTILIZATION].age_ns = UINT64_C(7000000000);
	text = render(sample, NVB_DIALECT_OPENMETRICS);
	has_not(text, "nvbind_gpu_power_watts");
	has_not(text, "nvbind_gpu_temperature_celsius");
	has_not(text, "nvbind_gpu_fan_speed_ratio");
	has_not(text, "nvbind_gpu_sm_clock_hertz");
	has_not(text, "nvbind_gpu_utilization_ratio");
	has(text, "nvbind_gpu_memory_utilization_ratio{" GPU0 "} 0.5\n");
	has_not(text, "nvbind_sampler_child_memory_bytes");
}

/* Written shortly, and read back the same. */
static void numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0, "0"}, {1, "1"}, {0.5, "0.5"}, {0.07, "0.07"}, {0.007, "0.007"}, {99.999, "99.999"},
		{1000.25, "1000.25"}, {0.0001, "0.0001"}, {-3, "-3"}, {-0.25, "-0.25"},
		{1e15, "1000000000000000"}, {1e300, "1e+300"}, {123456789.125, "123456789.125"},
		{0.3333, "0.3333"}, {100, "100"}, {0.1, "0.1"}, {1.01, "1.01"},
		{18446744073709551616.0, "1.84467440737096e+19"}};
	static const struct nvb_family family = {"x", NULL, "h", NVB_FAMILY_GAUGE};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		struct nvb_exposition e = {0};
		const char *line;

		nvb_exposition_family(&e, &family);
		nvb_exposition_sample(&e, NULL, cases[i].value);
		line = strrchr(e.out.s, ' ') + 1;
		if (strncmp(line, cases[i].text, strlen(cases[i].text)) != 0 ||
			line[strlen(cases[i].text)] != '\n')
			fail_msg("%s, not %s", line, cases[i].text);
		nvb_sb_release(&e.out);
	}
}

static void lost_gpu(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(2);
	struct nvb_sample_process process = {.pid = 1, .mig = NVB_NO_MIG, .memory = is(1)};
	_cleanup_free_ char *text = NULL;

	(void)state;
	for (size_t g = 0; g < 2; g++)
		sample->gpus[g].values[NVB_METRIC_POWER] = is(100);
	sample->gpus[1].gpu.state = NVB_SAMPLE_LOST;
	sample->gpus[1].gpu.process_count = 1;
	sample->gpus[1].processes = &process;
	text = render(sample, NVB_DIALECT_OPENMETRICS);
	has(text, "nvbind_gpu_power_watts{" GPU0 "} 100\n");
	has_not(text, "nvbind_gpu_power_watts{gpu=\"1\"");
	has(text, "nvbind_gpu_up{gpu=\"1\",uuid=\"GPU-1\",pci=\"0000:43:00.0\",name=\"NVIDIA H200\"} 0\n");
	has(text, "name=\"NVIDIA H200\",state=\"lost\"} 1\n");
	has_not(text, "nvbind_workload");
}

static void foreign_text(void **state)
{
	_cleanup_strbuf_ struct nvb_strbuf labels = {0};

	(void)state;
	nvb_labels_add(&labels, "a", "q\"b\\s\nn");
	nvb_labels_add(&labels, "none", NULL);
	nvb_labels_add(&labels, "b", "caf\xc3\xa9 \xff\xc3(\xed\xa0\x80 \xf0\x9f\x98\x80 \xe2\x82");
	nvb_labels_add(&labels, "c", "");
	assert_string_equal(labels.s,
		"a=\"q\\\"b\\\\s\\nn\","
		"b=\"caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
		"\xf0\x9f\x98\x80 "
		"\xef\xbf\xbd\xef\xbf\xbd\",c=\"\"");
}

static void workloads(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(1);
	struct nvb_sample_process list[] = {
		{.pid = 1,
			.owner = NVB_OWNER_CAPSULE,
			.owner_id = "c1",
			.memory = is(10),
			.utilization = is(0.25)},
		{.pid = 2, .owner = NVB_OWNER_HOST, .memory = is(1)},
		{.pid = 3,
			.owner = NVB_OWNER_CAPSULE,
			.owner_id = "c1",
			.owner_name = "train \"1\"",
			.memory = is(20),
			.utilization = {.state = NVB_VALUE_PENDING}},
		{.pid = 4, .owner = NVB_OWNER_POD, .owner_id = "d9", .pod = "uid-1"},
		{.pid = 5, .owner = NVB_OWNER_SLURM, .owner_id = "123.0", .memory = is(7)},
		{.pid = 6, .owner = NVB_OWNER_CAPSULE, .owner_id = "c2", .memory = is(5), .mig = 1},
	};
	struct nvb_sample_mig_part migs[2] = {{.mig = {.index = 0, .uuid = "MIG-a", .profile = "1g.18gb"}},
		{.mig = {.index = 1, .uuid = "MIG-b", .profile = "2g.35gb"}}};
	_cleanup_free_ char *text = NULL;

	(void)state;
	for (size_t i = 0; i + 1 < NVB_ELEMENTS(list); i++)
		list[i].mig = NVB_NO_MIG;
	sample->gpus[0].processes = list;
	sample->gpus[0].gpu.process_count = NVB_ELEMENTS(list);
	sample->gpus[0].migs = migs;
	sample->gpus[0].gpu.mig_count = 2;
	text = render(sample, NVB_DIALECT_OPENMETRICS);
	has(text, "nvbind_workload_processes{" GPU0
		  ",owner=\"capsule\",capsule=\"train \\\"1\\\"\",container=\"c1\"} 2\n");
	has(text, "nvbind_workload_memory_bytes{" GPU0
		  ",owner=\"capsule\",capsule=\"train \\\"1\\\"\",container=\"c1\"} 30\n");
	has(text, "container=\"c1\"} 0.25\n");
	has(text, "nvbind_workload_memory_bytes{" GPU0 ",owner=\"host\"} 1\n");
	has(text, "nvbind_workload_processes{" GPU0 ",owner=\"pod\",container=\"d9\",pod=\"uid-1\"} 1\n");
	has_not(text, "nvbind_workload_memory_bytes{" GPU0 ",owner=\"pod\"");
	has(text, "nvbind_workload_memory_bytes{" GPU0 ",owner=\"slurm\",job=\"123.0\"} 7\n");
	has(text, "nvbind_workload_memory_bytes{gpu=\"0\",uuid=\"MIG-b\",pci=\"0000:1b:00.0\",name=\"NVIDIA "
		  "H200\","
		  "mig=\"1\",profile=\"2g.35gb\",owner=\"capsule\",capsule=\"c2\",container=\"c2\"} 5\n");
}

static void mig_devices(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(1);
	struct nvb_sample_mig_part mig = {
		.mig = {.index = 0, .gi = 9, .uuid = "MIG-a", .profile = "1g.18gb"}};
	_cleanup_free_ char *text = NULL, *dcgm = NULL;

	(void)state;
	mig.values[NVB_METRIC_MEMORY_USED - NVB_MIG_FIRST] = is(1 << 20);
	sample->gpus[0].values[NVB_METRIC_MEMORY_USED] = is(3 << 20);
	sample->gpus[0].migs = &mig;
	sample->gpus[0].gpu.mig_count = 1;
	text = render(sample, NVB_DIALECT_OPENMETRICS);
	/* A family of their own: sum() over GPUs must not count them twice. */
	has(text, "nvbind_gpu_memory_used_bytes{" GPU0 "} 3145728\n");
	has(text, "nvbind_mig_memory_used_bytes{gpu=\"0\",uuid=\"MIG-a\",pci=\"0000:1b:00.0\",name=\"NVIDIA "
		  "H200\","
		  "mig=\"0\",profile=\"1g.18gb\"} 1048576\n");
	has(text, "profile=\"1g.18gb\",gpu_instance=\"9\",compute_instance=\"0\"} 1\n");
	dcgm = render_dcgm(sample);
	has(dcgm, "modelName=\"NVIDIA H200\",GPU_I_PROFILE=\"1g.18gb\",GPU_I_ID=\"9\",Hostname=\"node1\"");
	has_not(dcgm, "} 3\n");
}

static void names_of_dcgm(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(1);
	struct nvb_value *values = sample->gpus[0].values;
	_cleanup_free_ char *text = NULL;

	(void)state;
	values[NVB_METRIC_UTILIZATION] = is(0.29);
	values[NVB_METRIC_MEMORY_USED] = is(1024.0 * (1 << 20));
	values[NVB_METRIC_ENERGY] = is(12.345);
	values[NVB_METRIC_POWER] = is(71.5);
	values[NVB_METRIC_SM_CLOCK] = is(1980e6);
	values[NVB_METRIC_XID_ERRORS] = is(0);
	text = render_dcgm(sample);
#define DCGM0                                                                                              \
	"{gpu=\"0\",UUID=\"GPU-0\",pci_bus_id=\"00000000:1B:00.0\",device=\"nvidia0\",modelName=\"NVIDIA " \
	"H200\","                                                                                          \
	"Hostname=\"node1\",DCGM_FI_DRIVER_VERSION=\"570.133.20\"} "
	has(text, "# TYPE DCGM_FI_DEV_GPU_UTIL gauge\nDCGM_FI_DEV_GPU_UTIL" DCGM0 "29\n");
	has(text, "DCGM_FI_DEV_FB_USED" DCGM0 "1024\n");
	has(text, "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION "
		  "counter\nDCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION" DCGM0 "12345\n");
	has(text, "DCGM_FI_DEV_POWER_USAGE" DCGM0 "71.5\n");
	has(text, "DCGM_FI_DEV_SM_CLOCK" DCGM0 "1980\n");
	has(text, "DCGM_FI_DEV_XID_ERRORS" DCGM0 "0\n");
	has_not(text, "DCGM_FI_DEV_GPU_TEMP");
}

static void xid_of_dcgm(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(1);
	_cleanup_free_ char *text = NULL, *without = render_dcgm(sample);

	(void)state;
	has_not(without, "XID"); /* nobody counts them */
	sample->gpus[0].values[NVB_METRIC_XID_ERRORS] = is(2);
	sample->gpus[0].values[NVB_METRIC_LAST_XID] = is(79);
	text = render_dcgm(sample);
	has(text, DCGM0 "79\n");
}

static void throttling(void **state)
{
	_cleanup_sample_ nvb_sample *sample = make(1);
	_cleanup_free_ char *text = NULL, *expected = NULL;

	(void)state;
	sample->gpus[0].values[NVB_METRIC_THROTTLE_REASONS] = is(4);
	text = render(sample, NVB_DIALECT_OPENMETRICS);
	assert_non_null(nvb_throttle_reason_name(2));
	assert_true(asprintf(&expected, "nvbind_gpu_throttle_reason{" GPU0 ",reason=\"%s\"} 1\n",
			    nvb_throttle_reason_name(2)) > 0);
	has(text, expected);
}

/* What OpenMetrics demands of names: units at the end, none of the reserved endings. */
static void families_are_well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; i < nvb_metric_family_count; i++) {
		const struct nvb_metric_family *f = &nvb_metric_families[i];
		const struct nvb_metric_info *info = nvb_metric_info(f->metric);

		assert_non_null(info);
		assert_int_equal(info->counter, f->type == NVB_FAMILY_COUNTER);
		if (f->unit) {
			assert_true(nvb_ends_with(f->gpu, f->unit));
			assert_true(!f->mig || nvb_ends_with(f->mig, f->unit));
		}
		if (info->unit != NVB_UNIT_NONE)
			assert_string_equal(f->unit, nvb_unit_name(info->unit));
		assert_int_equal(f->mig != NULL, info->of_mig);
		assert_false(nvb_ends_with(f->gpu, "_total") || nvb_ends_with(f->gpu, "_info") ||
			     nvb_ends_with(f->gpu, "_created"));
		assert_null(strpbrk(info->help, "\\\n\""));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(f->gpu, nvb_metric_families[k].gpu);
	}
}

/* docs/exporter.md has every name, as its samples have it. */
static void names_are_documented(void **state)
{
	_cleanup_free_ char *path = NULL, *docs = NULL;
	const char *source = getenv("NVB_TEST_SOURCE");
	size_t size;

	(void)state;
	if (!source)
		skip();
	assert_true(asprintf(&path, "%s/docs/exporter.md", source) > 0);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, 1 << 20, &docs, &size, NULL), 0);
	for (size_t i = 0; i < nvb_metric_family_count; i++) {
		const struct nvb_metric_family *f = &nvb_metric_families[i];
		char name[128];

		snprintf(name, sizeof(name), "`%s%s`", f->gpu, f->type == NVB_FAMILY_COUNTER ? "_total" : "");
		has(docs, name);
		snprintf(name, sizeof(name), "`%s`", f->mig ? f->mig : "nvbind_mig_info");
		has(docs, name);
	}
}

static void dialects(void **state)
{
	static const struct {
		const char *accept;
		enum nvb_dialect dialect;
	} cases[] = {
		{NULL, NVB_DIALECT_PROMETHEUS},
		{"", NVB_DIALECT_PROMETHEUS},
		{"*/*", NVB_DIALECT_PROMETHEUS},
		{"text/html,application/xhtml+xml,*/*;q=0.8", NVB_DIALECT_PROMETHEUS},
		{"application/openmetrics-text", NVB_DIALECT_OPENMETRICS},
		{"application/openmetrics-text;version=1.0.0,application/"
		 "openmetrics-text;version=0.0.1;q=0.75,"
		 "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
			NVB_DIALECT_OPENMETRICS},
		{"application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5",
			NVB_DIALECT_PROMETHEUS},
		{"application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", NVB_DIALECT_OPENMETRICS},
		{"APPLICATION/OpenMetrics-Text;VERSION=1.0.0;Q=0.9, text/plain;q=0.3",
			NVB_DIALECT_OPENMETRICS},
		{"text/plain;q=1,application/openmetrics-text;q=0.999", NVB_DIALECT_PROMETHEUS},
		{"application/openmetrics-text;q=0", NVB_DIALECT_PROMETHEUS},
		{"application/openmetrics-text;q=0.000", NVB_DIALECT_PROMETHEUS},
		{"application/openmetrics-text;q=2", NVB_DIALECT_PROMETHEUS},
		{"application/openmetrics-text;q", NVB_DIALECT_OPENMETRICS},
		{";,;=,=;q=,", NVB_DIALECT_PROMETHEUS},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++)
		if (nvb_dialect_for(cases[i].accept) != cases[i].dialect)
			fail_msg("%s", cases[i].accept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_units),
		cmocka_unit_test(older_format),
		cmocka_unit_test(unknown_is_absent),
		cmocka_unit_test(numbers),
		cmocka_unit_test(lost_gpu),
		cmocka_unit_test(foreign_text),
		cmocka_unit_test(workloads),
		cmocka_unit_test(mig_devices),
		cmocka_unit_test(names_of_dcgm),
		cmocka_unit_test(xid_of_dcgm),
		cmocka_unit_test(throttling),
		cmocka_unit_test(families_are_well_formed),
		cmocka_unit_test(names_are_documented),
		cmocka_unit_test(dialects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
