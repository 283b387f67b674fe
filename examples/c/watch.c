/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GPUs do and who uses them, ten times a second.
 *
 *	cc watch.c $(pkg-config --cflags --libs nvbind) -o watch
 *	./watch SAMPLES [ROOT]		ROOT: a simulated machine instead of this one
 */
#include <stdio.h>
#include <stdlib.h>

#include <nvbind/sampler.h>

static int fail(nvb_error *error)
{
	fprintf(stderr, "watch: %s\n", nvb_error_message(error));
	nvb_error_free(error);
	return 1;
}

/* A value that the driver does not tell is not zero. */
static const char *known(struct nvb_value value, double unit, const char *name, char *text, size_t size)
{
	if (value.state == NVB_VALUE_KNOWN)
		snprintf(text, size, "%.0f%s", value.value / unit, name);
	else
		snprintf(text, size, "n/a");
	return text;
}

static void print_gpu(const nvb_sample *sample, size_t g)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, g);
	char utilization[32], memory[32], temperature[32];

	printf("GPU %u: %s, %s util, %s used, %s\n", gpu->index,
		gpu->reason ? gpu->reason : nvb_sample_state_name(gpu->state),
		known(nvb_sample_value(sample, g, NVB_METRIC_UTILIZATION), 0.01, "%", utilization, 32),
		known(nvb_sample_value(sample, g, NVB_METRIC_MEMORY_USED), 1 << 20, "MiB", memory, 32),
		known(nvb_sample_value(sample, g, NVB_METRIC_TEMPERATURE), 1, "C", temperature, 32));
	for (size_t i = 0; i < gpu->process_count; i++) {
		const struct nvb_sample_process *p = nvb_sample_process(sample, g, i);

		printf("  process %u (%s) of %s %s\n", p->pid, p->name ? p->name : "?",
			nvb_owner_name(p->owner), p->owner_id ? p->owner_id : "");
	}
}

int main(int argc, char **argv)
{
	struct nvb_inventory_options host = {.size = sizeof(host), .root = argc > 2 ? argv[2] : NULL};
	struct nvb_sampler_options options = {.size = sizeof(options), .interval_ns = 100000000};
	nvb_inventory *inventory;
	nvb_sampler *sampler;
	nvb_error *error = NULL;

	if (nvb_inventory_load(&host, &inventory, &error) < 0 ||
		nvb_sampler_open(inventory, &options, &sampler, &error) < 0)
		return fail(error);
	for (int left = argc > 1 ? atoi(argv[1]) : 10; left > 0; left--) {
		nvb_sample *sample;

		if (nvb_sampler_next(sampler, -1, &sample, &error) < 0)
			return fail(error);
		if (nvb_sample_notice(sample))
			printf("%s\n", nvb_sample_notice(sample));
		for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++)
			print_gpu(sample, g);
		nvb_sample_unref(sample);
	}
	nvb_sampler_close(sampler);
	nvb_inventory_free(inventory);
	return 0;
}
