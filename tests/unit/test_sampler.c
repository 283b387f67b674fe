/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "cmocka_all.h"
#include "inventory/nvml_abi.h"
#include "sampler/child.h"
#include "sampler/gpus.h"
#include "sampler/owner.h"

/* What samples are made of: counters, owners, messages that come in, GPUs that come, go and fail. */

#define MS    1000000u
#define ID    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define OTHER "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"

static void rates_are_differences(void **state)
{
	struct nvb_counter c = {0};

	(void)state;
	nvb_counter_read(&c, 1000, 1000 * MS);
	assert_false(c.has_rate);
	nvb_counter_read(&c, 3000, 1500 * MS);
	assert_true(c.has_rate && c.rate == 4000);
	/* No new reading: the last rate stands. */
	nvb_counter_read(&c, 3000, 1500 * MS);
	assert_true(c.has_rate && c.rate == 4000);
	/* The driver was reset: there is no rate, and no negative one. */
	nvb_counter_read(&c, 10, 1600 * MS);
	assert_false(c.has_rate);
	nvb_counter_read(&c, 10, 1700 * MS);
	assert_true(c.has_rate && c.rate == 0);
}

static const struct {
	const char *text;
	enum nvb_owner owner;
	const char *id, *pod;
} owners[] = {
	{"0::/\n", NVB_OWNER_HOST, "", ""},
	{"", NVB_OWNER_HOST, "", ""},
	{"0::/user.slice/user-1000.slice/session-2.scope\n", NVB_OWNER_HOST, "", ""},
	{"4:devices:/bolt/0123456789abcdef0123456789abcdef\n0::/\n", NVB_OWNER_CAPSULE,
		"0123456789abcdef0123456789abcdef", ""},
	{"0::/bolt/0123456789abcdef0123456789abcdef/inside/deeper\n", NVB_OWNER_CAPSULE,
		"0123456789abcdef0123456789abcdef", ""},
	{"0::/system.slice/docker-" ID ".scope\n", NVB_OWNER_DOCKER, ID, ""},
	{"3:cpu:/docker/" ID "\n", NVB_OWNER_DOCKER, ID, ""},
	{"0::/user.slice/libpod-" ID ".scope/container\n", NVB_OWNER_PODMAN, ID, ""},
	{"0::/machine.slice/libpod-conmon-" ID ".scope\n", NVB_OWNER_HOST, "", ""},
	{"0::/system.slice/crio-" ID ".scope\n", NVB_OWNER_CRIO, ID, ""},
	{"0::/system.slice/nerdctl-" ID ".scope\n", NVB_OWNER_CONTAINERD, ID, ""},
	{"0::/default/" ID "\n", NVB_OWNER_CONTAINER, ID, ""},
	{"0::/kubepods.slice/kubepods-burstable.slice/"
	 "kubepods-burstable-pod12345678_1234_1234_1234_123456789abc.slice/cri-containerd-" ID ".scope\n",
		NVB_OWNER_POD, ID, "12345678-1234-1234-1234-123456789abc"},
	{"7:devices:/kubepods/besteffort/pod12345678-1234-1234-1234-123456789abc/" ID "\n", NVB_OWNER_POD, ID,
		"12345678-1234-1234-1234-123456789abc"},
	{"5:devices:/slurm/uid_1000/job_123/step_0/task_0\n", NVB_OWNER_SLURM, "123.0", ""},
	{"0::/system.slice/slurmstepd.scope/job_77/step_batch/user/task_special\n", NVB_OWNER_SLURM,
		"77.batch", ""},
	{"0::/system.slice/slurmstepd.scope/system\n", NVB_OWNER_HOST, "", ""},
	{"5:devices:/slurm_node1/uid_1000/job_123/step_0\n", NVB_OWNER_SLURM, "123.0", ""},
	{"0::/system.slice/node1_slurmstepd.scope/job_77/step_0/user/task_0\n", NVB_OWNER_SLURM, "77.0", ""},
	{"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container\n",
		NVB_OWNER_PODMAN, ID, ""},
	{"0::/system.slice/web.service/libpod-payload-" ID "\n", NVB_OWNER_PODMAN, ID, ""},
	{"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	 "kubelet-kubepods-besteffort-pod12345678_1234_1234_1234_123456789abc.slice/crio-" ID ".scope\n",
		NVB_OWNER_POD, ID, "12345678-1234-1234-1234-123456789abc"},
	{"0::/../docker-" ID ".scope\n", NVB_OWNER_DOCKER, ID, ""},
	{"0::/../../bolt/0123456789abcdef0123456789abcdef\n", NVB_OWNER_CAPSULE,
		"0123456789abcdef0123456789abcdef", ""},
	/* Below the group of a container, a job or a system the names are theirs to choose. */
	{"0::/slurm/uid_1/job_5/step_1/libpod-" ID ".scope\n", NVB_OWNER_SLURM, "5.1", ""},
	{"0::/slurm/uid_1/job_5/libpod-" ID ".scope\n", NVB_OWNER_SLURM, "5", ""},
	{"0::/docker/" ID "/bolt/0123456789abcdef0123456789abcdef\n", NVB_OWNER_DOCKER, ID, ""},
	{"0::/docker/" ID "/docker/" OTHER "\n", NVB_OWNER_DOCKER, ID, ""},
	{"0::/system.slice/docker-" ID ".scope/system.slice/docker-" OTHER ".scope\n", NVB_OWNER_DOCKER, ID,
		""},
	{"0::/docker/" ID "/kubepods/burstable/pod12345678-1234-1234-1234-123456789abc/" OTHER "\n",
		NVB_OWNER_DOCKER, ID, ""},
	{"0::/kubepods/pod12345678-1234-1234-1234-123456789abc/" ID
	 "/kubepods/pod99999999-1234-1234-1234-123456789abc/" OTHER "\n",
		NVB_OWNER_POD, ID, "12345678-1234-1234-1234-123456789abc"},
	{"0::/bolt/0123456789abcdef0123456789abcdef/bolt/fedcba9876543210fedcba9876543210\n",
		NVB_OWNER_CAPSULE, "0123456789abcdef0123456789abcdef", ""},
	{"0::/bolt/0123456789abcdef0123456789abcdef/docker/" ID "\n", NVB_OWNER_CAPSULE,
		"0123456789abcdef0123456789abcdef", ""},
	{"0::/docker/" ID "/slurm/uid_0/job_5/step_1\n", NVB_OWNER_DOCKER, ID, ""},
	{"0::/lxc.payload.web/docker/" ID "\n", NVB_OWNER_HOST, "", ""},
	{"0::/lxc/web/bolt/0123456789abcdef0123456789abcdef\n", NVB_OWNER_HOST, "", ""},
	{"0::/machine.slice/machine-web.scope/payload/system.slice/docker-" ID ".scope\n", NVB_OWNER_HOST, "",
		""},
	{"0::/machine.slice/systemd-nspawn@web.service/payload/docker/" ID "\n", NVB_OWNER_HOST, "", ""},
	/* Neither bolt nor kubelet nor slurmd is there. */
	{"0::/mine/bolt/0123456789abcdef0123456789abcdef\n", NVB_OWNER_HOST, "", ""},
	{"0::/user.slice/user-1000.slice/user@1000.service/bolt/0123456789abcdef0123456789abcdef\n",
		NVB_OWNER_HOST, "", ""},
	{"0::/user.slice/user-1000.slice/user@1000.service/slurm/uid_0/job_5/step_1\n", NVB_OWNER_HOST, "",
		""},
	{"0::/user.slice/user-1000.slice/user@1000.service/slurmstepd.scope/job_5/step_1\n", NVB_OWNER_HOST,
		"", ""},
	{"0::/user.slice/user-1000.slice/user@1000.service/kubepods/"
	 "pod12345678-1234-1234-1234-123456789abc/" ID "\n",
		NVB_OWNER_CONTAINER, ID, ""},
	{"0::/system.slice/web.service/kubepods.slice/"
	 "kubepods-pod12345678_1234_1234_1234_123456789abc.slice/cri-containerd-" ID ".scope\n",
		NVB_OWNER_CONTAINERD, ID, ""},
	{"0::/mine/pod12345678-1234-1234-1234-123456789abc/" ID "\n", NVB_OWNER_CONTAINER, ID, ""},
	{"0::/mine/slurm/uid_0/job_5/step_1\n", NVB_OWNER_HOST, "", ""},
	/* Names that only look like it. */
	{"0::/bolt/xyz\n", NVB_OWNER_HOST, "", ""},
	{"0::/job_5/step_1\n", NVB_OWNER_HOST, "", ""},
	{"0::/docker-" ID "ff.scope\n", NVB_OWNER_HOST, "", ""},
	{"no colons at all", NVB_OWNER_HOST, "", ""},
};

static void control_groups_tell_whose(void **state)
{
	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(owners); i++) {
		struct nvb_owner_words words;

		nvb_owner_read(owners[i].text, NULL, &words);
		if (words.owner != owners[i].owner)
			fail_msg("%s: %s", owners[i].text, nvb_owner_name(words.owner));
		assert_string_equal(words.id, owners[i].id);
		assert_string_equal(words.pod, owners[i].pod);
	}
}

/* In a container that sees the host's paths its own group is the top. */
static void the_top_is_what_is_mounted(void **state)
{
	char mounts[] =
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
		"36 31 0:33 /docker/" ID " /sys/fs/cgroup/devices rw master:4 - cgroup cgroup rw,devices\n"
		"37 31 0:34 /docker/" ID " /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		"38 31 0:35 /../.. /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
		"39 31 0:36 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
		"40 31 0:36 /docker/" OTHER " /mnt rw - cgroup2 cgroup2 rw\n";
	_cleanup_strv_ char **roots = NULL;
	struct nvb_owner_words words;

	(void)state;
	assert_true(nvb_owner_roots(mounts, &roots));
	assert_int_equal(nvb_strv_length(roots), 1);
	assert_string_equal(roots[0], "/docker/" ID);
	nvb_owner_read("5:devices:/docker/" ID "/bolt/0123456789abcdef0123456789abcdef\n", roots, &words);
	assert_int_equal(words.owner, NVB_OWNER_CAPSULE);
	assert_string_equal(words.id, "0123456789abcdef0123456789abcdef");
	nvb_owner_read("5:devices:/docker/" ID "/docker/" OTHER "\n", roots, &words);
	assert_int_equal(words.owner, NVB_OWNER_DOCKER);
	assert_string_equal(words.id, OTHER);
	nvb_owner_read("5:devices:/docker/" ID "\n", roots, &words);
	assert_int_equal(words.owner, NVB_OWNER_HOST);
	nvb_owner_read("5:devices:/docker/" ID "ff/bolt/0123456789abcdef0123456789abcdef\n", roots, &words);
	assert_int_equal(words.owner, NVB_OWNER_HOST);
}

/* A machine of two GPUs, without any. */

static struct nvb_gpu inventory_gpus[2] = {{.index = 0, .minor = 0, .uuid = "GPU-a", .pci = "0000:01:00.0"},
	{.index = 1, .minor = 1, .uuid = "GPU-b", .pci = "0000:02:00.0"}};
static const struct nvb_inventory inventory = {.gpus = inventory_gpus, .gpu_count = 2};

struct machine {
	struct nvb_sampled_gpus gpus;
	struct nvb_known_processes known;
	uint64_t now;
};

static void say(struct machine *m, enum nvb_sampler_type type, uint32_t gpu, uint64_t tick, const void *body)
{
	const struct nvb_said_head head = {.type = type, .gpu = gpu, .tick = tick};

	assert_int_equal(nvb_sampled_gpus_take(&m->gpus, &head, body, m->now, NULL), 0);
}

static void say_facts(struct machine *m, uint32_t gpu, const char *pci)
{
	struct nvb_said_facts facts = {.minor = gpu, .has_events = 1};

	snprintf(facts.pci, sizeof(facts.pci), "%s", pci);
	snprintf(facts.uuid, sizeof(facts.uuid), "GPU-%s", pci);
	say(m, NVB_SAID_FACTS, gpu, 0, &facts);
}

static void say_power(struct machine *m, uint32_t gpu, uint64_t tick, double watts, int32_t result)
{
	const struct nvb_said_values values = {.result = result,
		.count = 1,
		.values = {{NVB_METRIC_POWER, result ? NVB_VALUE_FAILED : NVB_VALUE_KNOWN, watts, m->now}}};

	say(m, NVB_SAID_VALUES, gpu, tick, &values);
}

static void begin(struct machine *m, uint32_t gpus)
{
	const struct nvb_said_hello hello = {.gpus = gpus, .driver = "570.0"};

	*m = (struct machine){.now = 1000 * MS};
	assert_int_equal(nvb_sampled_gpus_begin(&m->gpus, &inventory, m->now, NULL), 0);
	assert_int_equal(nvb_sampled_gpus_restart(&m->gpus, &hello, NULL), 0);
}

static nvb_sample *take(struct machine *m, uint64_t tick)
{
	nvb_sample *sample = nvb_sampled_gpus_sample(&m->gpus, &m->known, tick, m->now);

	assert_non_null(sample);
	return sample;
}

static void end(struct machine *m)
{
	nvb_sampled_gpus_release(&m->gpus);
	nvb_known_processes_release(&m->known);
}

#define STATE_OF(sample, g) nvb_sample_gpu((sample), (g))->state

static void late_gpus_are_old_and_not_waited_for(void **state)
{
	struct machine m;
	nvb_sample *s;

	(void)state;
	begin(&m, 2);
	s = take(&m, 1);
	assert_int_equal(STATE_OF(s, 0), NVB_SAMPLE_WAITING);
	assert_int_equal(nvb_sample_value(s, 0, NVB_METRIC_POWER).state, NVB_VALUE_PENDING);
	nvb_sample_unref(s);
	say_facts(&m, 0, "00000000:01:00.0");
	say_facts(&m, 1, "00000000:02:00.0");
	say_power(&m, 0, 2, 100, NVML_OK);
	say_power(&m, 1, 2, 200, NVML_OK);
	assert_true(nvb_sampled_gpus_answered(&m.gpus, 2));
	nvb_sample_unref(take(&m, 2));
	m.now += 100 * MS;
	say_power(&m, 0, 3, 101, NVML_OK);
	assert_false(nvb_sampled_gpus_answered(&m.gpus, 3));
	s = take(&m, 3);
	assert_int_equal(STATE_OF(s, 0), NVB_SAMPLE_FINE);
	assert_int_equal(STATE_OF(s, 1), NVB_SAMPLE_SLOW);
	assert_true(nvb_sample_value(s, 1, NVB_METRIC_POWER).value == 200);
	assert_int_equal(nvb_sample_value(s, 1, NVB_METRIC_POWER).age_ns, 100 * MS);
	nvb_sample_unref(s);
	/* Once is enough. */
	m.now += 100 * MS;
	say_power(&m, 0, 4, 102, NVML_OK);
	assert_true(nvb_sampled_gpus_answered(&m.gpus, 4));
	s = take(&m, 4);
	assert_int_equal(nvb_sample_value(s, 1, NVB_METRIC_POWER).age_ns, 200 * MS);
	assert_int_equal(nvb_sample_gpu(s, 1)->since_ns, 100 * MS);
	nvb_sample_unref(s);
	/* It answers again, but too late for a sample that did not wait: it is waited for from now on. */
	m.gpus.asked = 5;
	m.gpus.asked_at = m.now;
	m.gpus.patience = 50 * MS;
	nvb_sample_unref(take(&m, 5));
	say_power(&m, 0, 5, 103, NVML_OK);
	say_power(&m, 1, 4, 203, NVML_OK);
	m.now += 49 * MS;
	say_power(&m, 1, 5, 204, NVML_OK);
	assert_false(nvb_sampled_gpus_answered(&m.gpus, 6));
	say_power(&m, 0, 6, 104, NVML_OK);
	assert_false(nvb_sampled_gpus_answered(&m.gpus, 6));
	say_power(&m, 1, 6, 205, NVML_OK);
	s = take(&m, 6);
	assert_int_equal(STATE_OF(s, 1), NVB_SAMPLE_FINE);
	nvb_sample_unref(s);
	/* One that takes longer than patience has, every time, is not. */
	m.gpus.asked = 7;
	m.gpus.asked_at = m.now;
	say_power(&m, 0, 7, 105, NVML_OK);
	nvb_sample_unref(take(&m, 7));
	m.now += 51 * MS;
	say_power(&m, 1, 7, 206, NVML_OK);
	say_power(&m, 0, 8, 106, NVML_OK);
	assert_true(nvb_sampled_gpus_answered(&m.gpus, 8));
	end(&m);
}

static void dead_gpus_have_no_numbers(void **state)
{
	const struct nvb_said_event event = {.xid = 79};
	struct machine m;
	nvb_sample *s;

	(void)state;
	begin(&m, 2);
	say_facts(&m, 0, "00000000:01:00.0");
	say_facts(&m, 1, "00000000:02:00.0");
	say_power(&m, 0, 1, 100, NVML_OK);
	say_power(&m, 1, 1, 200, NVML_OK);
	nvb_sample_unref(take(&m, 1));
	say(&m, NVB_SAID_EVENT, 1, 0, &event);
	/* Another value than the one that failed must not stay either. */
	m.gpus.items[1].values[NVB_METRIC_TEMPERATURE] =
		(struct nvb_said_value){NVB_METRIC_TEMPERATURE, NVB_VALUE_KNOWN, 60, m.now};
	say_power(&m, 1, 2, 0, NVML_GPU_IS_LOST);
	s = take(&m, 2);
	assert_int_equal(STATE_OF(s, 1), NVB_SAMPLE_LOST);
	assert_non_null(strstr(nvb_sample_gpu(s, 1)->reason, "Xid 79"));
	assert_int_equal(nvb_sample_value(s, 1, NVB_METRIC_POWER).state, NVB_VALUE_FAILED);
	assert_int_equal(nvb_sample_value(s, 1, NVB_METRIC_TEMPERATURE).state, NVB_VALUE_FAILED);
	assert_true(nvb_sample_value(s, 1, NVB_METRIC_LAST_XID).value == 79);
	assert_true(nvb_sample_value(s, 0, NVB_METRIC_XID_ERRORS).value == 0);
	assert_int_equal(nvb_sample_value(s, 0, NVB_METRIC_LAST_XID).state, NVB_VALUE_PENDING);
	nvb_sample_unref(s);
	end(&m);
}

static void numbers_stay_whatever_nvml_counts(void **state)
{
	const struct nvb_said_hello fewer = {.gpus = 1};
	char addresses[][NVB_PCI_ADDRESS] = {"0000:02:00.0"};
	const struct nvb_bus bus = {.pci = addresses, .count = 1, .known = true};
	struct machine m;
	nvb_sample *s;

	(void)state;
	begin(&m, 2);
	say_facts(&m, 0, "00000000:01:00.0");
	say_facts(&m, 1, "00000000:02:00.0");
	say_power(&m, 0, 1, 100, NVML_OK);
	say_power(&m, 1, 1, 200, NVML_OK);
	nvb_sample_unref(take(&m, 1));
	/* The first is gone, and the second is NVML's first. */
	nvb_sampled_gpus_compare(&m.gpus, &bus);
	assert_int_equal(nvb_sampled_gpus_restart(&m.gpus, &fewer, NULL), 0);
	say_facts(&m, 0, "00000000:02:00.0");
	say_power(&m, 0, 2, 210, NVML_OK);
	s = take(&m, 2);
	assert_int_equal(nvb_sample_gpu_count(s), 2);
	assert_int_equal(STATE_OF(s, 0), NVB_SAMPLE_GONE);
	assert_int_equal(STATE_OF(s, 1), NVB_SAMPLE_FINE);
	assert_int_equal(nvb_sample_gpu(s, 1)->index, 1);
	assert_true(nvb_sample_value(s, 1, NVB_METRIC_POWER).value == 210);
	nvb_sample_unref(s);
	end(&m);
}

static void a_gpu_that_comes_has_the_next_number(void **state)
{
	struct machine m;
	nvb_sample *s;

	(void)state;
	begin(&m, 3);
	say_facts(&m, 0, "00000000:01:00.0");
	say_facts(&m, 1, "00000000:02:00.0");
	say_facts(&m, 2, "00000000:03:00.0");
	say_power(&m, 2, 1, 50, NVML_OK);
	s = take(&m, 1);
	assert_int_equal(nvb_sample_gpu_count(s), 3);
	assert_int_equal(nvb_sample_gpu(s, 2)->index, 2);
	assert_string_equal(nvb_sample_gpu(s, 2)->pci_address, "0000:03:00.0");
	nvb_sample_unref(s);
	end(&m);
}

static void processes_are_told_apart(void **state)
{
	const struct nvb_said_process items[] = {
		{.pid = UINT32_MAX - 5,
			.kinds = NVB_USE_COMPUTE,
			.gi = UINT32_MAX,
			.ci = UINT32_MAX,
			.memory = UINT64_MAX,
			.sm = NVB_SAID_UNSUPPORTED,
			.memory_utilization = 101},
		{.pid = (uint32_t)getpid(),
			.gi = UINT32_MAX,
			.ci = UINT32_MAX,
			.memory = 4096,
			.sm = 50,
			.memory_utilization = NVB_SAID_PENDING,
			.time = 900 * MS},
	};
	_cleanup_free_ struct nvb_said_processes *said = calloc(1, sizeof(*said) + sizeof(items));
	const struct nvb_sample_process *p;
	struct machine m;
	nvb_sample *s;

	(void)state;
	assert_non_null(said);
	said->count = NVB_ELEMENTS(items);
	said->time = 900 * MS;
	memcpy(said->processes, items, sizeof(items));
	begin(&m, 2);
	say_facts(&m, 0, "00000000:01:00.0");
	say(&m, NVB_SAID_PROCESSES, 0, 0, said);
	say_power(&m, 0, 1, 1, NVML_OK);
	s = take(&m, 1);
	assert_int_equal(nvb_sample_gpu(s, 0)->process_count, 2);
	assert_int_equal(nvb_sample_process_age(s, 0), 100 * MS);
	assert_true(nvb_sample_process_age(s, 1) == UINT64_MAX);
	p = nvb_sample_process(s, 0, 0); /* by number: ours is smaller */
	assert_int_equal(p->pid, getpid());
	assert_true(p->memory.value == 4096 && p->utilization.value == 0.5);
	assert_int_equal(p->memory_utilization.state, NVB_VALUE_PENDING);
	assert_string_equal(p->name, "test_sampler");
	assert_true(p->started_ns > 0 && p->uid == geteuid());
	p = nvb_sample_process(s, 0, 1);
	assert_int_equal(p->memory.state, NVB_VALUE_UNSUPPORTED);
	assert_int_equal(p->utilization.state, NVB_VALUE_UNSUPPORTED);
	assert_int_equal(p->memory_utilization.state, NVB_VALUE_UNSUPPORTED);
	assert_null(p->name);
	assert_int_equal(p->owner, NVB_OWNER_UNKNOWN);
	nvb_sample_unref(s);
	end(&m);
}

static void every_metric_has_its_words(void **state)
{
	(void)state;
	for (int m = 0; m < NVB_METRIC_COUNT; m++) {
		const struct nvb_metric_info *info = nvb_metric_info((enum nvb_metric)m);

		assert_true(info && info->name && info->help);
		for (int k = 0; k < m; k++)
			assert_string_not_equal(info->name, nvb_metric_info((enum nvb_metric)k)->name);
	}
	assert_null(nvb_metric_info(NVB_METRIC_COUNT));
	assert_null(nvb_metric_info((enum nvb_metric) - 1));
	assert_string_equal(nvb_unit_name(NVB_UNIT_BYTES_PER_SECOND), "bytes_per_second");
	assert_string_equal(nvb_throttle_reason_name(2), "power cap");
	assert_null(nvb_throttle_reason_name(63));
}

static void options_are_checked(void **state)
{
	struct nvb_sampler_options options = {.size = sizeof(options), .interval_ns = 9 * MS};
	nvb_sampler *sampler = NULL;
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_sampler_open(&inventory, &options, &sampler, &err), -NVB_ERR_INVALID);
	assert_non_null(strstr(nvb_error_message(err), "10ms"));
	options = (struct nvb_sampler_options){.size = 8};
	assert_int_equal(nvb_sampler_open(&inventory, &options, &sampler, NULL), -NVB_ERR_INVALID);
	assert_null(sampler);
	nvb_sampler_close(NULL);
	nvb_sample_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_differences),
		cmocka_unit_test(control_groups_tell_whose),
		cmocka_unit_test(the_top_is_what_is_mounted),
		cmocka_unit_test(late_gpus_are_old_and_not_waited_for),
		cmocka_unit_test(dead_gpus_have_no_numbers),
		cmocka_unit_test(numbers_stay_whatever_nvml_counts),
		cmocka_unit_test(a_gpu_that_comes_has_the_next_number),
		cmocka_unit_test(processes_are_told_apart),
		cmocka_unit_test(every_metric_has_its_words),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
