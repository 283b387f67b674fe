/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/control.h"

#include <stddef.h>
#include <string.h>

#include "base/choice.h"
#include "base/str.h"
#include "sim/off_bus.h"

enum unit { PLAIN, PERCENT, MIB, WATT, FANS, COUNT, RATE };

/* What of a GPU can be set, with the largest value that makes sense. */
static const struct setting {
	const char *name;
	enum unit unit;
	size_t offset, size;
	uint32_t max;
} settings[] = {
#define SETTING(name, unit, member, max)                                                                 \
	{                                                                                                \
		name, unit, offsetof(struct sim_gpu, member), sizeof(((struct sim_gpu *)0)->member), max \
	}
	SETTING("temperature", PLAIN, thermal.gpu, 150),
	SETTING("memory_temperature", PLAIN, thermal.memory, 150),
	SETTING("fan", FANS, thermal.fan, 100),
	SETTING("power", WATT, power.draw, 4000),
	SETTING("power_state", PLAIN, power.state, 15),
	SETTING("utilization", PERCENT, utilisation.gpu, 100),
	SETTING("memory_utilization", PERCENT, utilisation.memory, 100),
	SETTING("encoder", PERCENT, utilisation.encoder, 100),
	SETTING("decoder", PERCENT, utilisation.decoder, 100),
	SETTING("jpeg", PERCENT, utilisation.jpeg, 100),
	SETTING("ofa", PERCENT, utilisation.ofa, 100),
	SETTING("memory_used", MIB, memory.used, 0),
	SETTING("graphics_clock", PLAIN, clocks.now[SIM_CLOCK_GRAPHICS], 10000),
	SETTING("sm_clock", PLAIN, clocks.now[SIM_CLOCK_SM], 10000),
	SETTING("memory_clock", PLAIN, clocks.now[SIM_CLOCK_MEM], 50000),
	SETTING("video_clock", PLAIN, clocks.now[SIM_CLOCK_VIDEO], 10000),
	SETTING("throttle_reasons", PLAIN, clocks.throttle_reasons, 0x1ff),
	SETTING("pcie_tx", RATE, pcie.tx_kbps, 1000000000),
	SETTING("pcie_rx", RATE, pcie.rx_kbps, 1000000000),
	SETTING("nvlink_tx", RATE, traffic.tx_kbps, 1000000000),
	SETTING("nvlink_rx", RATE, traffic.rx_kbps, 1000000000),
	SETTING("call_delay_us", PLAIN, call_delay_us, 60000000),
	SETTING("pcie_gen", PLAIN, pcie.gen, 6),
	SETTING("pcie_width", PLAIN, pcie.width, 32),
	SETTING("ecc_corrected", COUNT, ecc.corrected, 1000000000),
	SETTING("ecc_uncorrected", COUNT, ecc.uncorrected, 1000000000),
	SETTING("row_remap_pending", PLAIN, ecc.remap_pending, 1),
	SETTING("row_remap_failed", PLAIN, ecc.remap_failed, 1),
	SETTING("mig_waits", PLAIN, mig.waits, 1),
#undef SETTING
};

static const struct nvb_choice switches[] = {{"on", 1}, {"off", 0}, {NULL}};

/* Of the machine; a switch that is on sets the flag, but for the fabric, whose flag says that it is down. */
static const struct {
	const char *name;
	uint32_t flag;
	bool inverted;
} machine_settings[] = {
	{"vary", SIM_MACHINE_VARY, false},
	{"latency", SIM_MACHINE_LATENCY, false},
	{"fabric", SIM_MACHINE_FABRIC_DOWN, true},
};

/* An assignment taken apart. */
struct assignment {
	const char *text;
	uint32_t first, last; /* GPUs */
	const struct setting *setting;
	int machine; /* index in machine_settings, or -1 */
	uint32_t value;
};

static int parse_gpus(const char *word, uint32_t count, struct assignment *to, nvb_error **err)
{
	const char *number = nvb_after(word, "gpu");

	if (number && nvb_streq(number, "*") && count) {
		to->first = 0;
		to->last = count - 1;
		return 0;
	}
	if (!number || !nvb_parse_u32(number, &to->first))
		return nvb_fail(err, NVB_ERR_INVALID, "'%s': begins with gpuN. or gpu*.", to->text);
	if (to->first >= count)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "'%s': the machine has %u GPUs, numbered from 0",
			to->text, count);
	to->last = to->first;
	return 0;
}

static int no_such_setting(const struct assignment *to, const char *name, nvb_error **err)
{
	const char *names[NVB_ELEMENTS(settings)];
	const char *nearest;
	int rc = nvb_fail(err, NVB_ERR_INVALID, "'%s': there is no setting '%s'", to->text, name);

	for (size_t i = 0; i < NVB_ELEMENTS(settings); i++)
		names[i] = settings[i].name;
	nearest = nvb_nearest(name, names, NVB_ELEMENTS(names));
	return nearest ? nvb_hint(err, rc, "did you mean %s?", nearest)
		       : nvb_hint(err, rc, "'nvbind-sim set --help' lists them");
}

static int parse_gpu_setting(
	char *name, const char *value, uint32_t gpus, struct assignment *to, nvb_error **err)
{
	char *dot = strchr(name, '.');
	int rc;

	if (!dot)
		return no_such_setting(to, name, err);
	*dot = '\0';
	rc = parse_gpus(name, gpus, to, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < NVB_ELEMENTS(settings); i++)
		if (nvb_streq(settings[i].name, dot + 1))
			to->setting = &settings[i];
	if (!to->setting)
		return no_such_setting(to, dot + 1, err);
	if (!nvb_parse_u32(value, &to->value) || (to->setting->max && to->value > to->setting->max))
		return nvb_fail(err, NVB_ERR_INVALID, "'%s': needs a number from 0 to %u", to->text,
			to->setting->max ? to->setting->max : UINT32_MAX);
	return 0;
}

static int parse_assignment(char *copy, uint32_t gpus, struct assignment *to, nvb_error **err)
{
	char *equals = strchr(copy, '=');
	int value;

	to->machine = -1;
	if (!equals)
		return nvb_fail(
			err, NVB_ERR_INVALID, "'%s': an assignment looks like gpu0.temperature=80", to->text);
	*equals = '\0';
	for (size_t i = 0; i < NVB_ELEMENTS(machine_settings); i++) {
		int rc;

		if (!nvb_streq(machine_settings[i].name, copy))
			continue;
		rc = nvb_choice_parse(switches, equals + 1, copy, &value, err);
		if (rc < 0)
			return rc;
		to->machine = (int)i;
		to->value = (uint32_t)value;
		return 0;
	}
	return parse_gpu_setting(copy, equals + 1, gpus, to, err);
}

static int check_memory(const struct sim_map *map, const struct assignment *a, nvb_error **err)
{
	for (uint32_t i = a->first; i <= a->last; i++) {
		struct sim_gpu gpu;

		sim_read_gpu(map->state, i, &gpu);
		if (((uint64_t)a->value << 20) > gpu.memory.total - gpu.memory.reserved)
			return nvb_fail(err, NVB_ERR_INVALID, "'%s': GPU %u has %llu MiB", a->text, i,
				(unsigned long long)((gpu.memory.total - gpu.memory.reserved) >> 20));
	}
	return 0;
}

static void set_in_gpu(struct sim_gpu *gpu, const struct assignment *a)
{
	void *to = (char *)gpu + a->setting->offset;

	switch (a->setting->unit) {
	case RATE:
		sim_count_traffic(gpu, sim_now());
		*(uint32_t *)to = a->value;
		break;
	case PLAIN:
	case PERCENT:
		if (a->setting->size == sizeof(sim_u64))
			*(sim_u64 *)to = a->value;
		else
			*(uint32_t *)to = a->value;
		break;
	case MIB:
		*(sim_u64 *)to = (uint64_t)a->value << 20;
		break;
	case WATT:
		sim_set_draw(&gpu->power, a->value * 1000, sim_now());
		break;
	case FANS:
		for (uint32_t i = 0; i < gpu->thermal.fan_count && i < SIM_FAN_MAX; i++)
			gpu->thermal.fan[i] = a->value;
		break;
	case COUNT:
		/* Since reboot and over the card's life: what is new adds to both. */
		((sim_u64 *)to)[1] += a->value - ((sim_u64 *)to)[0];
		((sim_u64 *)to)[0] = a->value;
		break;
	}
}

static void apply(struct sim_map *map, const struct assignment *a)
{
	if (a->machine >= 0) {
		struct sim_machine *machine = sim_draft_machine(map);
		uint32_t flag = machine_settings[a->machine].flag;

		if (!!a->value != machine_settings[a->machine].inverted)
			machine->flags |= flag;
		else
			machine->flags &= ~flag;
		sim_publish_machine(map);
		return;
	}
	for (uint32_t i = a->first; i <= a->last; i++) {
		set_in_gpu(sim_draft_gpu(map, i), a);
		sim_publish_gpu(map, i);
	}
}

static int parse_all(
	struct sim_map *map, char *const *texts, size_t count, struct assignment *parsed, nvb_error **err)
{
	struct sim_machine machine;
	int rc = 0;

	sim_read_machine(map->state, &machine);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		_cleanup_free_ char *copy = strdup(texts[i]);

		if (!copy)
			return nvb_fail_oom(err);
		parsed[i].text = texts[i];
		rc = parse_assignment(copy, machine.gpu_count, &parsed[i], err);
		if (rc == 0 && parsed[i].setting && parsed[i].setting->unit == MIB)
			rc = check_memory(map, &parsed[i], err);
	}
	return rc;
}

int sim_control_set(struct sim_map *map, char *const *assignments, size_t count, nvb_error **err)
{
	_cleanup_free_ struct assignment *parsed = calloc(count ? count : 1, sizeof(*parsed));
	int rc;

	if (!parsed)
		return nvb_fail_oom(err);
	rc = parse_all(map, assignments, count, parsed, err);
	if (rc < 0)
		return rc;
	rc = sim_lock(map);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "the machine's state");
	for (size_t i = 0; i < count; i++)
		apply(map, &parsed[i]);
	sim_unlock(map);
	return 0;
}

/* What can break, and the Xid the driver reports with it ("Xid Errors" in NVIDIA's GPU deployment docs); 0:
 * none. */
static const struct failure {
	const char *name;
	uint32_t fault, xid;
} failures[] = {
	{"none", 0, 0},
	{"lost", SIM_FAULT_LOST, 79},
	{"off-bus", SIM_FAULT_OFF_BUS, 0},
	{"reset", SIM_FAULT_RESET, 119},
	{"power", SIM_FAULT_POWER, 54},
	{"irq", SIM_FAULT_IRQ, 0},
	{"ecc", SIM_FAULT_ECC, 48},
	{"hang", SIM_FAULT_HANG, 0},
	{"no-permission", SIM_FAULT_NO_PERMISSION, 0},
};

/* nvmlEventType* bits. */
enum { EVENT_DOUBLE_BIT_ECC = 2, EVENT_XID = 8 };

static int find_failure(const char *word, const struct failure **out, nvb_error **err)
{
	const char *names[NVB_ELEMENTS(failures)];
	const char *nearest;
	int rc;

	for (size_t i = 0; i < NVB_ELEMENTS(failures); i++) {
		names[i] = failures[i].name;
		if (nvb_streq(word, names[i])) {
			*out = &failures[i];
			return 0;
		}
	}
	nearest = nvb_nearest(word, names, NVB_ELEMENTS(names));
	rc = nvb_fail(err, NVB_ERR_INVALID, "there is no fault '%s'", word);
	return nearest ? nvb_hint(err, rc, "did you mean %s?", nearest)
		       : nvb_hint(err, rc, "lost, off-bus, reset, power, irq, ecc, hang, no-permission, xid N or none");
}

static void post(struct sim_map *map, uint32_t gpu, uint64_t type, uint64_t data)
{
	sim_post_event(map, &(struct sim_event){.type = type,
				    .data = data,
				    .gpu = gpu,
				    .gi = SIM_NO_INSTANCE,
				    .ci = SIM_NO_INSTANCE});
}

static void break_gpu(struct sim_map *map, uint32_t index, const struct failure *failure, uint32_t xid)
{
	struct sim_gpu *gpu = sim_draft_gpu(map, index);

	if (!failure->fault && !xid)
		gpu->faults = gpu->mig.trap_in = 0;
	gpu->faults |= failure->fault;
	if (failure->fault == SIM_FAULT_ECC) {
		gpu->ecc.uncorrected[0]++;
		gpu->ecc.uncorrected[1]++;
	}
	sim_publish_gpu(map, index);
	if (failure->fault == SIM_FAULT_ECC)
		post(map, index, EVENT_DOUBLE_BIT_ECC, 0);
	if (xid)
		post(map, index, EVENT_XID, xid);
}

/* What can be set as a trap for changes of MIG. */
static const struct nvb_choice traps[] = {
	{"kill-before", SIM_TRAP_KILL_BEFORE},
	{"kill-after", SIM_TRAP_KILL_AFTER},
	{"in-use", SIM_TRAP_ANSWER + 19},	/* NVML_ERROR_IN_USE */
	{"no-resources", SIM_TRAP_ANSWER + 23}, /* NVML_ERROR_INSUFFICIENT_RESOURCES */
	{"no-permission", SIM_TRAP_ANSWER + 4}, /* NVML_ERROR_NO_PERMISSION */
	{"unknown", SIM_TRAP_ANSWER + 999},	/* NVML_ERROR_UNKNOWN */
	{NULL, 0},
};

/* gpu N mig COUNT TRAP: the COUNTth change of the card's MIG from now on. */
static int set_trap(struct sim_map *map, uint32_t index, char *const *words, size_t count, nvb_error **err)
{
	struct sim_gpu *gpu;
	uint32_t when;
	int trap, rc;

	if (count != 5 || !nvb_parse_u32(words[3], &when) || !when)
		return nvb_fail(err, NVB_ERR_INVALID, "a trap looks like 'gpu 3 mig 2 kill-after'");
	rc = nvb_choice_parse(traps, words[4], "trap", &trap, err);
	if (rc < 0)
		return rc;
	rc = sim_lock(map);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "the machine's state");
	gpu = sim_draft_gpu(map, index);
	gpu->mig.trap_in = when;
	gpu->mig.trap = (uint32_t)trap;
	sim_publish_gpu(map, index);
	sim_unlock(map);
	return 0;
}

/* The card's files go with it, and come back when it is mended. */
static int follow_bus(int root, const struct sim_map *map, uint32_t index, const struct failure *failure,
	uint32_t xid, nvb_error **err)
{
	bool mended = !failure->fault && !xid;
	struct sim_gpu gpu;

	if (!mended && failure->fault != SIM_FAULT_OFF_BUS)
		return 0;
	sim_read_gpu(map->state, index, &gpu);
	return sim_off_bus(root, &gpu, !mended, err);
}

int sim_control_fail(int root, struct sim_map *map, char *const *words, size_t count, nvb_error **err)
{
	const struct failure *failure = &failures[0];
	struct sim_machine machine;
	uint32_t index, xid = 0;
	int rc;

	sim_read_machine(map->state, &machine);
	if (count < 3 || !nvb_streq(words[0], "gpu") || !nvb_parse_u32(words[1], &index))
		return nvb_fail(err, NVB_ERR_INVALID, "a fault looks like 'gpu 3 lost' or 'gpu 3 xid 79'");
	if (index >= machine.gpu_count)
		return nvb_fail(err, NVB_ERR_NOT_FOUND,
			"there is no GPU %u: the machine has %u, numbered from 0", index, machine.gpu_count);
	if (nvb_streq(words[2], "mig"))
		return set_trap(map, index, words, count, err);
	if (nvb_streq(words[2], "xid")) {
		if (count != 4 || !nvb_parse_u32(words[3], &xid) || !xid || xid > 1000)
			return nvb_fail(err, NVB_ERR_INVALID, "an Xid is a number from 1 to 1000");
		/* The one that means that the card has fallen off the bus. */
		if (xid == 79)
			failure = &failures[1];
	} else {
		if (count != 3)
			return nvb_fail(err, NVB_ERR_INVALID, "'%s' is one word too many", words[3]);
		rc = find_failure(words[2], &failure, err);
		if (rc < 0)
			return rc;
		xid = failure->xid;
	}
	rc = follow_bus(root, map, index, failure, xid, err);
	if (rc < 0)
		return rc;
	rc = sim_lock(map);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "the machine's state");
	break_gpu(map, index, failure, xid);
	sim_unlock(map);
	return 0;
}
