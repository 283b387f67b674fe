/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "sampler/child.h"

/* What NVML is asked for each metric. Source: NVML API reference; field numbers in inventory/nvml_abi.h. */

#define MHZ   1e6
#define KIB   1024.0
#define MILLI 1e-3

void nvb_counter_read(struct nvb_counter *c, uint64_t bytes, uint64_t time)
{
	/* The driver counts in steps: without a new one, the last rate stands. */
	if (c->time && time <= c->time)
		return;
	c->has_rate = c->time && bytes >= c->bytes;
	if (c->has_rate)
		c->rate = (double)(bytes - c->bytes) * 1e9 / (double)(time - c->time);
	c->bytes = bytes;
	c->time = time;
}

void nvb_said_add_state(struct nvb_sampler_worker *w, enum nvb_metric metric, enum nvb_value_state state)
{
	if (w->said.count < NVB_METRIC_COUNT)
		w->said.values[w->said.count++] = (struct nvb_said_value){.metric = metric, .state = state};
}

static enum nvb_value_state state_of(nvml_return result)
{
	switch (result) {
	case NVML_OK:
		return NVB_VALUE_KNOWN;
	case NVML_NOT_SUPPORTED:
	case NVML_FUNCTION_NOT_FOUND:
	case NVML_DEPRECATED:
	case NVML_INVALID_ARGUMENT: /* of a field or sensor that an older library does not know */
	case NVML_ARGUMENT_VERSION_MISMATCH:
		return NVB_VALUE_UNSUPPORTED;
	case NVML_NOT_FOUND:
	case NVML_NO_DATA:
	case NVML_NOT_READY:
		return NVB_VALUE_PENDING;
	default:
		return NVB_VALUE_FAILED;
	}
}

void nvb_said_add(
	struct nvb_sampler_worker *w, enum nvb_metric metric, nvml_return result, double value, uint64_t time)
{
	enum nvb_value_state state = state_of(result);

	nvb_said_add_state(w, metric, state);
	if (state == NVB_VALUE_KNOWN && w->said.count) {
		w->said.values[w->said.count - 1].value = value;
		w->said.values[w->said.count - 1].time = time;
	}
}

/* Fields, all in one call. */

enum { ALL_LINKS = -1 };
enum { F_MEMORY_TEMPERATURE, F_ENERGY, F_POWER, F_PCIE_TX, F_PCIE_RX, F_LINK_TX, F_LINK_RX, F_COUNT };
static const struct {
	uint32_t field, scope;
} fast_fields[F_COUNT] = {
	[F_MEMORY_TEMPERATURE] = {NVML_FIELD_MEMORY_TEMPERATURE, 0},
	[F_ENERGY] = {NVML_FIELD_TOTAL_ENERGY, 0},
	[F_POWER] = {NVML_FIELD_POWER_INSTANT, 0},
	[F_PCIE_TX] = {NVML_FIELD_PCIE_TX_BYTES, 0},
	[F_PCIE_RX] = {NVML_FIELD_PCIE_RX_BYTES, 0},
	[F_LINK_TX] = {NVML_FIELD_NVLINK_TX_DATA, (uint32_t)ALL_LINKS},
	[F_LINK_RX] = {NVML_FIELD_NVLINK_RX_DATA, (uint32_t)ALL_LINKS},
};

static uint64_t number_of(const nvml_field_value *f)
{
	switch (f->type) {
	case NVML_VALUE_UINT:
		return f->value.ui;
	case NVML_VALUE_INT:
		return f->value.si < 0 ? 0 : (uint64_t)f->value.si;
	case NVML_VALUE_SLLONG:
		return f->value.sll < 0 ? 0 : (uint64_t)f->value.sll;
	case NVML_VALUE_DOUBLE:
		return f->value.d < 0 ? 0 : (uint64_t)f->value.d;
	default:
		return f->value.ull;
	}
}

static uint64_t time_of(const nvml_field_value *f, uint64_t now)
{
	uint64_t time = f->time > 0 ? nvb_monotonic_of((uint64_t)f->time) : 0;

	return time ? time : now;
}

static void add_counter(struct nvb_sampler_worker *w, enum nvb_metric total, enum nvb_metric rate,
	struct nvb_counter *counter, const nvml_field_value *f, uint64_t unit, uint64_t now)
{
	nvb_said_add(w, total, f->result, (double)(number_of(f) * unit), time_of(f, now));
	if (f->result != NVML_OK) {
		nvb_said_add(w, rate, f->result, 0, 0);
		return;
	}
	nvb_counter_read(counter, number_of(f) * unit, time_of(f, now));
	if (counter->has_rate)
		nvb_said_add(w, rate, NVML_OK, counter->rate, counter->time);
	else
		nvb_said_add_state(w, rate, NVB_VALUE_PENDING);
}

static void add_fields(struct nvb_sampler_worker *w)
{
	nvml_field_value f[F_COUNT] = {0};
	nvml_return rc;
	uint64_t now;

	for (int i = 0; i < F_COUNT; i++) {
		f[i].field = fast_fields[i].field;
		f[i].scope = fast_fields[i].scope;
	}
	rc = NVB_CALL(w, nvmlDeviceGetFieldValues, w->device, F_COUNT, f);
	now = nvb_monotonic();
	for (int i = 0; rc != NVML_OK && i < F_COUNT; i++)
		f[i].result = rc;
	nvb_said_add(w, NVB_METRIC_MEMORY_TEMPERATURE, f[F_MEMORY_TEMPERATURE].result,
		(double)number_of(&f[F_MEMORY_TEMPERATURE]), now);
	nvb_said_add(w, NVB_METRIC_ENERGY, f[F_ENERGY].result, (double)number_of(&f[F_ENERGY]) * MILLI, now);
	if (f[F_POWER].result == NVML_OK) {
		nvb_said_add(w, NVB_METRIC_POWER, NVML_OK, (double)number_of(&f[F_POWER]) * MILLI, now);
	} else {
		uint32_t milliwatts = 0;

		rc = NVB_CALL(w, nvmlDeviceGetPowerUsage, w->device, &milliwatts);
		nvb_said_add(w, NVB_METRIC_POWER, rc, milliwatts * MILLI, now);
	}
	add_counter(w, NVB_METRIC_PCIE_TX_BYTES, NVB_METRIC_PCIE_TX_RATE, &w->pcie_tx, &f[F_PCIE_TX], 1, now);
	add_counter(w, NVB_METRIC_PCIE_RX_BYTES, NVB_METRIC_PCIE_RX_RATE, &w->pcie_rx, &f[F_PCIE_RX], 1, now);
	add_counter(w, NVB_METRIC_NVLINK_TX_BYTES, NVB_METRIC_NVLINK_TX_RATE, &w->link_tx, &f[F_LINK_TX],
		(uint64_t)KIB, now);
	add_counter(w, NVB_METRIC_NVLINK_RX_BYTES, NVB_METRIC_NVLINK_RX_RATE, &w->link_rx, &f[F_LINK_RX],
		(uint64_t)KIB, now);
}

/* Version 1 counts what the driver reserves as used. */
static void add_memory(struct nvb_sampler_worker *w)
{
	nvml_memory_v2 m = {.version = nvml_version(nvml_memory_v2, 2)};
	nvml_return rc = NVB_CALL(w, nvmlDeviceGetMemoryInfo_v2, w->device, &m), reserved = rc;
	uint64_t now = nvb_monotonic();

	if (rc == NVML_FUNCTION_NOT_FOUND || rc == NVML_ARGUMENT_VERSION_MISMATCH ||
		rc == NVML_INVALID_ARGUMENT) {
		nvml_memory old = {0};

		rc = NVB_CALL(w, nvmlDeviceGetMemoryInfo, w->device, &old);
		m.total = old.total;
		m.used = old.used;
		m.free = old.free;
		reserved = rc == NVML_OK ? NVML_NOT_SUPPORTED : rc;
	}
	nvb_said_add(w, NVB_METRIC_MEMORY_TOTAL, rc, (double)m.total, now);
	nvb_said_add(w, NVB_METRIC_MEMORY_USED, rc, (double)m.used, now);
	nvb_said_add(w, NVB_METRIC_MEMORY_FREE, rc, (double)m.free, now);
	nvb_said_add(w, NVB_METRIC_MEMORY_RESERVED, reserved, (double)m.reserved, now);
}

static void add_clock(struct nvb_sampler_worker *w, enum nvb_metric metric, uint32_t domain)
{
	uint32_t mhz = 0;
	nvml_return rc = NVB_CALL(w, nvmlDeviceGetClockInfo, w->device, domain, &mhz);

	nvb_said_add(w, metric, rc, mhz * MHZ, nvb_monotonic());
}

void nvb_ask_fast(struct nvb_sampler_worker *w)
{
	uint32_t celsius = 0;
	uint64_t reasons = 0;
	nvml_return rc;

	add_fields(w);
	add_memory(w);
	add_clock(w, NVB_METRIC_GRAPHICS_CLOCK, NVML_CLOCK_GRAPHICS);
	add_clock(w, NVB_METRIC_SM_CLOCK, NVML_CLOCK_SM);
	add_clock(w, NVB_METRIC_MEMORY_CLOCK, NVML_CLOCK_MEM);
	rc = NVB_CALL(w, nvmlDeviceGetTemperature, w->device, 0, &celsius);
	nvb_said_add(w, NVB_METRIC_TEMPERATURE, rc, celsius, nvb_monotonic());
	rc = NVB_CALL(w, nvmlDeviceGetCurrentClocksEventReasons, w->device, &reasons);
	if (rc == NVML_FUNCTION_NOT_FOUND)
		rc = NVB_CALL(w, nvmlDeviceGetCurrentClocksThrottleReasons, w->device, &reasons);
	nvb_said_add(w, NVB_METRIC_THROTTLE_REASONS, rc, (double)reasons, nvb_monotonic());
}

/* Utilisation, by the time stamps of the driver's own samples. */

static const struct {
	enum nvb_metric metric;
	uint32_t samples;
} sampled[NVB_SAMPLED_KINDS] = {
	{NVB_METRIC_UTILIZATION, NVML_SAMPLES_GPU_UTILIZATION},
	{NVB_METRIC_MEMORY_UTILIZATION, NVML_SAMPLES_MEMORY_UTILIZATION},
	{NVB_METRIC_ENCODER_UTILIZATION, NVML_SAMPLES_ENCODER},
	{NVB_METRIC_DECODER_UTILIZATION, NVML_SAMPLES_DECODER},
};

/* At first the newest alone; later the average of those that are new. Old libraries give 0 time stamps and
 * garbage behind the ring's end. */
static nvml_return read_samples(struct nvb_sampler_worker *w, int kind)
{
	uint32_t type = 0, count = NVB_SAMPLES_MOST, used = 0;
	uint64_t newest = w->seen[kind];
	double sum = 0, last = 0;
	nvml_return rc = NVB_CALL(w, nvmlDeviceGetSamples, w->device, sampled[kind].samples, w->seen[kind],
		&type, &count, w->samples);

	if (rc != NVML_OK)
		return rc;
	for (uint32_t i = 0; i < count && i < NVB_SAMPLES_MOST; i++) {
		const nvml_sample *s = &w->samples[i];

		if (s->time <= w->seen[kind] || s->value.ui > 100)
			continue;
		sum += s->value.ui;
		used++;
		if (s->time > newest) {
			newest = s->time;
			last = s->value.ui;
		}
	}
	if (!used)
		return NVML_NOT_FOUND;
	w->sampled[kind] = w->seen[kind] ? sum / used : last;
	w->seen[kind] = newest;
	return NVML_OK;
}

/* Without samples (an old card, a virtual one) there is only what it was of late. */
static void add_rates(struct nvb_sampler_worker *w)
{
	nvml_utilization rates = {0};
	nvml_return rc = NVB_CALL(w, nvmlDeviceGetUtilizationRates, w->device, &rates);
	uint64_t now = nvb_monotonic();

	nvb_said_add(w, NVB_METRIC_UTILIZATION, rc, rates.gpu / 100.0, now);
	nvb_said_add(w, NVB_METRIC_MEMORY_UTILIZATION, rc, rates.memory / 100.0, now);
}

void nvb_ask_utilization(struct nvb_sampler_worker *w)
{
	for (int kind = 0; kind < NVB_SAMPLED_KINDS; kind++) {
		nvml_return rc = read_samples(w, kind);

		if (kind == 0 && (rc == NVML_NOT_SUPPORTED || rc == NVML_FUNCTION_NOT_FOUND)) {
			add_rates(w);
			kind = 1;
			continue;
		}
		/* Nothing new: what was said last stands, with its age. */
		if (rc == NVML_NOT_FOUND && w->seen[kind])
			rc = NVML_OK;
		nvb_said_add(
			w, sampled[kind].metric, rc, w->sampled[kind] / 100, nvb_monotonic_of(w->seen[kind]));
	}
}

/* What changes seldom. */

static void add_u32(struct nvb_sampler_worker *w, enum nvb_metric metric,
	nvml_return (*call)(nvml_device, uint32_t *), double unit)
{
	uint32_t value = 0;
	nvml_return rc = call ? nvb_judge(w, call(w->device, &value)) : NVML_FUNCTION_NOT_FOUND;

	nvb_said_add(w, metric, rc, value * unit, nvb_monotonic());
}

static void add_links(struct nvb_sampler_worker *w)
{
	uint32_t active = 0;
	bool any = false;
	nvml_return rc = NVML_OK;

	for (uint32_t link = 0; rc == NVML_OK && link < NVB_NVLINKS_MOST; link++) {
		uint32_t state = 0;

		rc = NVB_CALL(w, nvmlDeviceGetNvLinkState, w->device, link, &state);
		any |= rc == NVML_OK;
		active += rc == NVML_OK && state == 1;
	}
	/* The first that is not there ends the row. */
	nvb_said_add(w, NVB_METRIC_NVLINK_ACTIVE, any ? NVML_OK : rc, active, nvb_monotonic());
}

static void add_errors(struct nvb_sampler_worker *w)
{
	enum { CORRECTED, UNCORRECTED };
	enum { SINCE_LOAD };
	nvml_field_value f[] = {{.field = NVML_FIELD_REMAPPED_PENDING},
		{.field = NVML_FIELD_REMAPPED_FAILURE}, {.field = NVML_FIELD_PCIE_REPLAY}};
	nvml_return rc = NVB_CALL(w, nvmlDeviceGetFieldValues, w->device, (int)NVB_ELEMENTS(f), f);
	uint64_t count = 0, now = nvb_monotonic();

	for (size_t i = 0; rc != NVML_OK && i < NVB_ELEMENTS(f); i++)
		f[i].result = rc;
	nvb_said_add(w, NVB_METRIC_ROW_REMAP_PENDING, f[0].result, number_of(&f[0]) != 0, now);
	nvb_said_add(w, NVB_METRIC_ROW_REMAP_FAILED, f[1].result, number_of(&f[1]) != 0, now);
	nvb_said_add(w, NVB_METRIC_PCIE_REPLAYS, f[2].result, (double)number_of(&f[2]), now);
	rc = NVB_CALL(w, nvmlDeviceGetTotalEccErrors, w->device, CORRECTED, SINCE_LOAD, &count);
	nvb_said_add(w, NVB_METRIC_ECC_CORRECTED, rc, (double)count, now);
	rc = NVB_CALL(w, nvmlDeviceGetTotalEccErrors, w->device, UNCORRECTED, SINCE_LOAD, &count);
	nvb_said_add(w, NVB_METRIC_ECC_UNCORRECTED, rc, (double)count, now);
}

void nvb_ask_slow(struct nvb_sampler_worker *w)
{
	const struct nvb_sampler_calls *nvml = &w->child->nvml;

	add_u32(w, NVB_METRIC_POWER_LIMIT, nvml->nvmlDeviceGetEnforcedPowerLimit, MILLI);
	add_u32(w, NVB_METRIC_FAN_SPEED, nvml->nvmlDeviceGetFanSpeed, 0.01);
	add_u32(w, NVB_METRIC_PERFORMANCE_STATE, nvml->nvmlDeviceGetPerformanceState, 1);
	add_u32(w, NVB_METRIC_PCIE_GENERATION, nvml->nvmlDeviceGetCurrPcieLinkGeneration, 1);
	add_u32(w, NVB_METRIC_PCIE_WIDTH, nvml->nvmlDeviceGetCurrPcieLinkWidth, 1);
	add_clock(w, NVB_METRIC_VIDEO_CLOCK, NVML_CLOCK_VIDEO);
	add_links(w);
	add_errors(w);
}
