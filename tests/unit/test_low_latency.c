/* SPDX-License-Identifier: Apache-2.0 */
/* Low latency: what was done is in force and is put back, what was not has its reason. */
#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "nvbind/latency.h"

static nvb_manager *manager_of(const char *root)
{
	const struct nvb_inventory_options host = {.size = sizeof(host), .root = root, .no_cache = true};
	const struct nvb_bolt_config config = {.size = sizeof(config), .inventory = &host};
	nvb_manager *manager = NULL;

	assert_int_equal(nvb_manager_new(&config, &manager, NULL), 0);
	return manager;
}

/* The step of that name, or NULL as its name. */
static struct nvb_low_latency_step find(const nvb_low_latency *latency, const char *name)
{
	struct nvb_low_latency_step step = {.size = sizeof(step)};

	for (size_t i = 0; i < nvb_low_latency_count(latency); i++) {
		assert_int_equal(nvb_low_latency_step(latency, i, &step, NULL), 0);
		assert_true(*step.text);
		if (strcmp(step.name, name) == 0)
			return step;
	}
	return (struct nvb_low_latency_step){0};
}

static bool may_be_real_time(void)
{
	const struct sched_param wanted = {.sched_priority = 1}, none = {0};
	bool may = sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &wanted) == 0;

	assert_true(!may || sched_setscheduler(0, SCHED_OTHER, &none) == 0);
	return may;
}

static void the_thread(void **state)
{
	const struct nvb_low_latency_options options = {
		.size = sizeof(options), .priority = 7, .keep_knobs = true, .keep_input = true};
	int policy = sched_getscheduler(0), slack = prctl(PR_GET_TIMERSLACK),
	    nice = getpriority(PRIO_PROCESS, 0);
	bool real_time = may_be_real_time();
	nvb_manager *manager = manager_of(scratch.path);
	nvb_low_latency *latency = NULL;
	struct nvb_low_latency_step step;
	struct sched_param param;

	(void)state;
	scratch_mkdir("dev");
	scratch_mkdir("proc");
	scratch_mkdir("sys");
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), 0);
	step = find(latency, "scheduling");
	assert_true(step.done == (real_time || getpriority(PRIO_PROCESS, 0) < nice));
	if (real_time) {
		assert_int_equal(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, SCHED_RR);
		assert_int_equal(sched_getparam(0, &param), 0);
		assert_int_equal(param.sched_priority, 7);
		assert_string_equal(step.text, "SCHED_RR, priority 7");
	}
	step = find(latency, "timers");
	assert_true(step.done && prctl(PR_GET_TIMERSLACK) <= 1);
	/* The scratch directory has no such device. */
	step = find(latency, "cpu-wakeup");
	assert_true(!step.done && strstr(step.text, "/dev/cpu_dma_latency: No such file"));
	assert_null(find(latency, "input").name);
	assert_null(find(latency, "knob").name);
	nvb_low_latency_release(latency);
	assert_int_equal(sched_getscheduler(0), policy);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), nice);
	assert_int_equal(prctl(PR_GET_TIMERSLACK), slack);
	nvb_manager_free(manager);
}

static void *release_elsewhere(void *latency)
{
	nvb_low_latency_release(latency);
	return NULL;
}

/* From another thread, too; and what somebody set meanwhile stays. */
static void put_back_by_another_thread(void **state)
{
	const struct nvb_low_latency_options options = {
		.size = sizeof(options), .keep_knobs = true, .keep_input = true};
	const struct sched_param none = {0};
	nvb_manager *manager = manager_of(scratch.path);
	nvb_low_latency *latency = NULL;
	int policy = sched_getscheduler(0);
	pthread_t other;

	(void)state;
	scratch_mkdir("dev");
	scratch_mkdir("proc");
	scratch_mkdir("sys");
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), 0);
	assert_int_equal(pthread_create(&other, NULL, release_elsewhere, latency), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(sched_getscheduler(0), policy);

	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), 0);
	assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &none), 0);
	nvb_low_latency_release(latency);
	assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
	assert_int_equal(sched_setscheduler(0, policy, &none), 0);
	nvb_low_latency_release(NULL);
	nvb_manager_free(manager);
}

static void input_devices(void **state)
{
	const struct nvb_low_latency_options options = {
		.size = sizeof(options), .keep_knobs = true, .keep_scheduling = true};
	nvb_manager *manager = manager_of(scratch.path);
	nvb_low_latency *latency = NULL;
	struct nvb_low_latency_step step;

	(void)state;
	/* A mouse that sleeps, a keyboard that does not, a power button, one that is not for us. */
	host_text("/sys/devices/usb1/1-1/speed", "480\n");
	host_text("/sys/devices/usb1/1-1/power/control", "auto\n");
	host_text("/sys/devices/usb1/1-1/1-1:1.0/input/input1/power/control", "on\n");
	host_text("/sys/devices/usb1/1-2/speed", "12\n");
	host_text("/sys/devices/usb1/1-2/power/control", "on\n");
	host_text("/sys/devices/usb1/1-2/1-2:1.0/input/input2/name", "keyboard\n");
	host_text("/sys/devices/button/input/input3/name", "button\n");
	host_link("/sys/class/input/event1/device", "../../../devices/usb1/1-1/1-1:1.0/input/input1");
	host_link("/sys/class/input/event2/device", "../../../devices/usb1/1-2/1-2:1.0/input/input2");
	host_link("/sys/class/input/event3/device", "../../../devices/button/input/input3");
	host_text("/dev/input/event1", "");
	host_text("/dev/input/event2", "");
	host_text("/dev/input/event3", "");
	host_link("/dev/input/event4", "nowhere");
	host_text("/dev/input/mice", "");
	host_text("/dev/input/event", "");
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), 0);
	assert_int_equal(nvb_low_latency_count(latency), 4);
	step = find(latency, "input event1");
	assert_true(!step.done && strstr(step.text, "may sleep between events"));
	step = find(latency, "input event2");
	assert_true(step.done && strstr(step.text, "never sleeps"));
	step = find(latency, "input event3");
	assert_true(step.done && strstr(step.text, "cannot sleep"));
	step = find(latency, "input event4");
	assert_true(!step.done && strstr(step.text, "No such file"));
	nvb_low_latency_release(latency);
	nvb_manager_free(manager);
}

static void no_input(void **state)
{
	const struct nvb_low_latency_options options = {
		.size = sizeof(options), .keep_knobs = true, .keep_scheduling = true};
	nvb_manager *manager = manager_of(scratch.path);
	nvb_low_latency *latency = NULL;

	(void)state;
	scratch_mkdir("dev/input");
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), 0);
	assert_string_equal(find(latency, "input").text, "there are no input devices");
	nvb_low_latency_release(latency);
	nvb_manager_free(manager);
}

static void bad_options(void **state)
{
	struct nvb_low_latency_options options = {.size = 1};
	struct nvb_low_latency_step step = {.size = 1};
	nvb_manager *manager = manager_of(scratch.path);
	nvb_low_latency *latency = NULL;

	(void)state;
	scratch_mkdir("dev/input");
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), -NVB_ERR_INVALID);
	options = (struct nvb_low_latency_options){.size = sizeof(options), .priority = 100};
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), -NVB_ERR_INVALID);
	options = (struct nvb_low_latency_options){.size = sizeof(options), .mode = "quick"};
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), -NVB_ERR_INVALID);
	assert_null(latency);
	/* No GPU: told, unless one was named. */
	options = (struct nvb_low_latency_options){.size = sizeof(options), .gpus = "0"};
	assert_true(nvb_manager_low_latency(manager, &options, &latency, NULL) < 0);
	options = (struct nvb_low_latency_options){
		.size = sizeof(options), .keep_scheduling = true, .keep_input = true};
	assert_int_equal(nvb_manager_low_latency(manager, &options, &latency, NULL), 0);
	assert_false(find(latency, "knob").done);
	assert_int_equal(nvb_low_latency_step(latency, 0, &step, NULL), -NVB_ERR_INVALID);
	step.size = sizeof(step);
	assert_int_equal(nvb_low_latency_step(latency, 1, &step, NULL), -NVB_ERR_NOT_FOUND);
	nvb_low_latency_release(latency);
	nvb_manager_free(manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(the_thread),
		scratch_test(put_back_by_another_thread),
		scratch_test(input_devices),
		scratch_test(no_input),
		scratch_test(bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
