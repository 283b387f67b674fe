/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mig.h"

#include <string.h>

#include "inventory/nvml_abi.h"
#include "sim/protocol.h"

/*
 * A profile's shape is the same on all cards with seven compute and eight memory slices; sizes and engines
 * are the card's. `starts` and `size` count memory slices.
 */
struct shape {
	uint32_t profile, id, slices, size, instances, starts;
	const char *suffix;
};

static const struct shape shapes_7[] = {
	{NVML_PROFILE_1_SLICE, 19, 1, 1, 7, 0x7f, ""},
	{NVML_PROFILE_1_SLICE_REV1, 20, 1, 1, 1, 0x7f, "+me"},
	{NVML_PROFILE_1_SLICE_REV2, 15, 1, 2, 4, 0x55, ""},
	{NVML_PROFILE_2_SLICE, 14, 2, 2, 3, 0x15, ""},
	{NVML_PROFILE_3_SLICE, 9, 3, 4, 2, 0x11, ""},
	{NVML_PROFILE_4_SLICE, 5, 4, 4, 1, 0x01, ""},
	{NVML_PROFILE_7_SLICE, 0, 7, 8, 1, 0x01, ""},
};

static const struct shape shapes_4[] = {
	{NVML_PROFILE_1_SLICE, 14, 1, 1, 4, 0x0f, ""},
	{NVML_PROFILE_1_SLICE_REV1, 21, 1, 1, 1, 0x0f, "+me"},
	{NVML_PROFILE_2_SLICE, 5, 2, 2, 2, 0x05, ""},
	{NVML_PROFILE_2_SLICE_REV1, 6, 2, 2, 1, 0x05, "+me"},
	{NVML_PROFILE_4_SLICE, 0, 4, 4, 1, 0x01, ""},
};

/* Sizes by memory slices taken (1, 2, 4, all) and SMs by profile, in the order of the shapes. */
struct family {
	const struct shape *shapes;
	uint32_t count; /* of shapes */
	uint32_t slices, mem_slices;
	uint32_t gb[4], mb[4];	    /* in the name; what an instance really has */
	uint32_t sm_slice, sm_rev2; /* of one slice; of the one-slice profile with double memory */
	uint32_t sm_half, sm_all;   /* of three slices; of all */
	uint32_t decoders;	    /* per slice; A100: none for one slice */
	uint32_t all_decoders, all_copy, all_jpegs;
};

static const struct family families[SIM_MIG_FAMILY_COUNT] = {
	[SIM_MIG_A30_24] = {shapes_4, 5, 4, 4, {6, 12, 24, 24}, {5952, 11968, 24064, 24064}, 14, 0, 0, 56, 0,
		4, 4, 1},
	[SIM_MIG_A100_40] = {shapes_7, 7, 7, 8, {5, 10, 20, 40}, {4864, 9856, 19968, 40192}, 14, 14, 42, 98,
		0, 5, 7, 1},
	[SIM_MIG_A100_80] = {shapes_7, 7, 7, 8, {10, 20, 40, 80}, {9728, 19968, 40192, 80896}, 14, 14, 42, 98,
		0, 5, 7, 1},
	[SIM_MIG_H100_80] = {shapes_7, 7, 7, 8, {10, 20, 40, 80}, {9984, 20096, 40448, 81152}, 16, 26, 60,
		132, 1, 7, 8, 7},
	[SIM_MIG_H100_96] = {shapes_7, 7, 7, 8, {12, 24, 48, 96}, {11264, 23040, 46848, 95232}, 16, 26, 60,
		132, 1, 7, 8, 7},
	[SIM_MIG_H200_141] = {shapes_7, 7, 7, 8, {18, 35, 71, 141}, {16384, 33280, 71424, 143360}, 16, 26, 60,
		132, 1, 7, 8, 7},
	[SIM_MIG_B200_180] = {shapes_7, 7, 7, 8, {23, 45, 90, 180}, {21760, 44288, 90112, 182272}, 18, 30, 70,
		148, 1, 7, 16, 7},
	[SIM_MIG_GB200_186] = {shapes_7, 7, 7, 8, {23, 47, 93, 186}, {22528, 46080, 93440, 188416}, 18, 30,
		74, 152, 1, 7, 16, 7},
};

/* "<slices>g.<gb>gb<suffix>" without stdio: this is linked into libraries that should stay small. */
static char *put_number(char *p, uint32_t n)
{
	char digits[10];
	int count = 0;

	do
		digits[count++] = (char)('0' + n % 10);
	while (n /= 10);
	while (count)
		*p++ = digits[--count];
	return p;
}

static char *put_string(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	return p;
}

static uint32_t log2_slices(uint32_t size)
{
	return size >= 8 ? 3 : size >= 4 ? 2 : size >= 2 ? 1 : 0;
}

static uint32_t shape_sms(const struct family *family, const struct shape *shape)
{
	if (shape->slices == family->slices)
		return family->sm_all;
	if (shape->profile == NVML_PROFILE_1_SLICE_REV2)
		return family->sm_rev2;
	if (shape->slices == 3)
		return family->sm_half;
	return shape->slices * family->sm_slice;
}

static uint32_t shape_decoders(const struct family *family, const struct shape *shape)
{
	if (shape->slices == family->slices)
		return family->all_decoders;
	if (family->decoders)
		return shape->slices * family->decoders;
	/* Ampere: none for a plain single slice, else one for each two memory slices. */
	return shape->size / 2 ? shape->size / 2 : *shape->suffix ? 1 : 0;
}

static void fill_gi_profile(
	const struct family *family, const struct shape *shape, struct sim_gi_profile *out)
{
	bool all = shape->slices == family->slices;
	bool media = all || *shape->suffix;
	uint32_t size_class = log2_slices(shape->size);
	uint32_t jpegs = family->decoders ? shape_decoders(family, shape) : 0;

	memset(out, 0, sizeof(*out));
	out->profile = shape->profile;
	out->id = shape->id;
	out->slices = shape->slices;
	out->size = shape->size;
	out->instances = shape->instances;
	out->starts = shape->starts;
	out->memory_mb = family->mb[size_class];
	out->sm_count = shape_sms(family, shape);
	out->copy_engines = all ? family->all_copy : shape->slices;
	out->decoders = shape_decoders(family, shape);
	out->jpegs = all ? family->all_jpegs : media && !jpegs ? 1 : jpegs;
	out->ofas = media ? 1 : 0;
	char *p = put_number(out->name, shape->slices);
	p = put_string(p, "g.");
	p = put_number(p, family->gb[size_class]);
	p = put_string(p, "gb");
	*put_string(p, shape->suffix) = '\0';
}

static const struct family *family_of(const struct sim_gpu *gpu)
{
	return gpu->mig.family < SIM_MIG_FAMILY_COUNT && families[gpu->mig.family].count
		       ? &families[gpu->mig.family]
		       : NULL;
}

static bool find_shape(
	const struct sim_gpu *gpu, uint32_t profile, uint32_t id, bool by_id, struct sim_gi_profile *out)
{
	const struct family *family = family_of(gpu);

	for (uint32_t i = 0; family && i < family->count; i++) {
		const struct shape *shape = &family->shapes[i];
		if (by_id ? shape->id == id : shape->profile == profile) {
			fill_gi_profile(family, shape, out);
			return true;
		}
	}
	return false;
}

bool sim_gi_profile(const struct sim_gpu *gpu, uint32_t profile, struct sim_gi_profile *out)
{
	return find_shape(gpu, profile, 0, false, out);
}

bool sim_gi_profile_by_id(const struct sim_gpu *gpu, uint32_t id, struct sim_gi_profile *out)
{
	return find_shape(gpu, 0, id, true, out);
}

/* Compute instance profiles: slices by NVML number; their ids are the numbers themselves. */
static const uint32_t ci_slices[NVML_CI_PROFILE_COUNT] = {
	[NVML_PROFILE_1_SLICE] = 1,
	[NVML_PROFILE_2_SLICE] = 2,
	[NVML_PROFILE_3_SLICE] = 3,
	[NVML_PROFILE_4_SLICE] = 4,
	[NVML_PROFILE_7_SLICE] = 7,
};

bool sim_ci_profile(const struct sim_gpu *gpu, const struct sim_gpu_instance *gi, uint32_t profile,
	struct sim_ci_profile *out)
{
	struct sim_gi_profile parent;
	uint32_t slices = profile < NVML_CI_PROFILE_COUNT ? ci_slices[profile] : 0;

	if (!slices || slices > gi->slices || !sim_gi_profile(gpu, gi->profile, &parent))
		return false;
	/* The guide lists no three-slice instance within four slices. */
	if (slices == 3 && gi->slices == 4)
		return false;
	memset(out, 0, sizeof(*out));
	out->profile = out->id = profile;
	out->slices = slices;
	out->instances = gi->slices / slices;
	out->sm_count = slices == gi->slices ? parent.sm_count : parent.sm_count / gi->slices * slices;
	char *p = out->name;
	if (slices != gi->slices)
		p = put_string(put_number(p, slices), "c.");
	*put_string(p, parent.name) = '\0';
	return true;
}

bool sim_ci_profile_by_id(
	const struct sim_gpu *gpu, const struct sim_gpu_instance *gi, uint32_t id, struct sim_ci_profile *out)
{
	return sim_ci_profile(gpu, gi, id, out);
}

uint32_t sim_mig_max(const struct sim_gpu *gpu)
{
	const struct family *family = family_of(gpu);

	return family ? family->slices : 0;
}

/* Memory slices in use, bit per slice, and compute slices left. */
static uint32_t slices_taken(const struct sim_gpu *gpu, uint32_t *compute)
{
	uint32_t taken = 0;

	*compute = 0;
	for (int i = 0; i < SIM_GI_MAX; i++) {
		const struct sim_gpu_instance *gi = &gpu->mig.gi[i];
		if (!gi->used)
			continue;
		taken |= ((1u << gi->size) - 1) << gi->start;
		*compute += gi->slices;
	}
	return taken;
}

static bool gi_fits(const struct sim_gpu *gpu, const struct sim_gi_profile *profile, uint32_t start,
	uint32_t taken, uint32_t compute)
{
	uint32_t mask = ((1u << profile->size) - 1) << start;
	uint32_t same = 0;

	for (int i = 0; i < SIM_GI_MAX; i++)
		same += gpu->mig.gi[i].used && gpu->mig.gi[i].profile == profile->profile;
	return start < 32 && profile->starts >> start & 1 && !(taken & mask) && same < profile->instances &&
	       compute + profile->slices <= families[gpu->mig.family].slices;
}

uint32_t sim_gi_capacity(const struct sim_gpu *gpu, const struct sim_gi_profile *profile)
{
	struct sim_gpu trial = *gpu;
	uint32_t count = 0;

	while (sim_create_gi(&trial, profile, SIM_ANYWHERE))
		count++;
	return count;
}

struct sim_gpu_instance *sim_find_gi(struct sim_gpu *gpu, uint32_t id)
{
	for (int i = 0; i < SIM_GI_MAX; i++)
		if (gpu->mig.gi[i].used && gpu->mig.gi[i].id == id)
			return &gpu->mig.gi[i];
	return NULL;
}

struct sim_compute_instance *sim_find_ci(struct sim_gpu_instance *gi, uint32_t id)
{
	for (int i = 0; i < SIM_CI_MAX; i++)
		if (gi->ci[i].used && gi->ci[i].id == id)
			return &gi->ci[i];
	return NULL;
}

/*
 * The number follows from the place: the memory slices are leaves of a binary tree whose nodes are numbered
 * from the root down and, within a level, upper half first: 0 all, 1 and 2 the halves, 3 to 6 the quarters, 7
 * to 14 the eighths. That gives the numbers of the guide's examples (3g: 1 and 2, 2g: 3 to 5, 1g: 7 to 14).
 */
static uint32_t gi_id(const struct family *family, uint32_t start, uint32_t size)
{
	uint32_t level = family->mem_slices / size; /* nodes on that level */
	uint32_t position = start / size;
	uint32_t half = level / 2;

	return level - 1 + (level == 1 ? 0 : position >= half ? position - half : position + half);
}

struct sim_gpu_instance *sim_create_gi(
	struct sim_gpu *gpu, const struct sim_gi_profile *profile, uint32_t start)
{
	uint32_t compute, taken = slices_taken(gpu, &compute);
	struct sim_gpu_instance *slot = NULL;

	if (!family_of(gpu))
		return NULL;
	if (start == SIM_ANYWHERE)
		for (start = 0; start < 8 && !gi_fits(gpu, profile, start, taken, compute);)
			start++;
	for (int i = SIM_GI_MAX; i-- > 0;)
		if (!gpu->mig.gi[i].used)
			slot = &gpu->mig.gi[i];
	if (!slot || start >= 8 || !gi_fits(gpu, profile, start, taken, compute))
		return NULL;
	memset(slot, 0, sizeof(*slot));
	slot->used = 1;
	slot->id = gi_id(family_of(gpu), start, profile->size);
	slot->profile = profile->profile;
	slot->start = start;
	slot->size = profile->size;
	slot->slices = profile->slices;
	return slot;
}

/* splitmix64: spreads a few bits over all. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* As in life, the same instance in the same place on the same card gets the same UUID again. */
static void mig_uuid(const struct sim_gpu *gpu, const struct sim_gpu_instance *gi,
	const struct sim_compute_instance *ci, char out[48])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t hash = (uint64_t)gi->id << 40 ^ (uint64_t)gi->profile << 32 ^ (uint64_t)ci->id << 16 ^
			(uint64_t)ci->start << 8 ^ ci->slices;
	uint8_t bytes[16];
	char *p = out;

	for (const char *s = gpu->uuid; *s; s++)
		hash = mix(hash ^ (uint8_t)*s);
	uint64_t low = mix(hash);
	memcpy(bytes, &hash, 8);
	memcpy(bytes + 8, &low, 8);
	bytes[6] = (uint8_t)(0x50 | (bytes[6] & 0x0f)); /* RFC 9562: version 5, variant 1 */
	bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
	p = put_string(p, "MIG-");
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[bytes[i] >> 4];
		*p++ = digits[bytes[i] & 15];
	}
	*p = '\0';
}

static bool ci_fits(const struct sim_gpu_instance *gi, uint32_t slices, uint32_t start)
{
	if (start + slices > gi->slices)
		return false;
	for (int i = 0; i < SIM_CI_MAX; i++) {
		const struct sim_compute_instance *ci = &gi->ci[i];
		if (ci->used && start < ci->start + ci->size && ci->start < start + slices)
			return false;
	}
	return true;
}

uint32_t sim_ci_capacity(const struct sim_gpu_instance *gi, const struct sim_ci_profile *profile)
{
	uint32_t count = 0;

	for (uint32_t start = 0; start + profile->slices <= gi->slices;) {
		bool fits = ci_fits(gi, profile->slices, start);
		count += fits;
		start += fits ? profile->slices : 1;
	}
	return count;
}

struct sim_compute_instance *sim_create_ci(const struct sim_gpu *gpu, struct sim_gpu_instance *gi,
	const struct sim_ci_profile *profile, uint32_t start)
{
	struct sim_compute_instance *slot = NULL;
	uint32_t id = 0;

	if (start == SIM_ANYWHERE)
		for (start = 0; start < gi->slices && !ci_fits(gi, profile->slices, start);)
			start++;
	if (start >= gi->slices || !ci_fits(gi, profile->slices, start))
		return NULL;
	while (sim_find_ci(gi, id))
		id++;
	for (int i = 0; i < SIM_CI_MAX && !slot; i++)
		if (!gi->ci[i].used)
			slot = &gi->ci[i];
	if (!slot)
		return NULL;
	memset(slot, 0, sizeof(*slot));
	slot->used = 1;
	slot->id = id;
	slot->profile = profile->profile;
	slot->start = start;
	slot->size = slot->slices = profile->slices;
	mig_uuid(gpu, gi, slot, slot->uuid);
	return slot;
}

uint32_t sim_mig_devices(const struct sim_gpu *gpu, struct sim_mig_device devices[SIM_GI_MAX * SIM_CI_MAX])
{
	uint32_t count = 0;

	if (!gpu->mig.mode)
		return 0;
	for (int g = 0; g < SIM_GI_MAX; g++)
		for (int c = 0; c < SIM_CI_MAX; c++)
			if (gpu->mig.gi[g].used && gpu->mig.gi[g].ci[c].used)
				devices[count++] =
					(struct sim_mig_device){&gpu->mig.gi[g], &gpu->mig.gi[g].ci[c]};
	/* Few and nearly sorted: insertion sort by (GPU instance, compute instance). */
	for (uint32_t i = 1; i < count; i++)
		for (uint32_t j = i; j > 0; j--) {
			struct sim_mig_device *a = &devices[j - 1], *b = &devices[j], swap = *a;
			if (a->gi->id < b->gi->id || (a->gi->id == b->gi->id && a->ci->id <= b->ci->id))
				break;
			*a = *b;
			*b = swap;
		}
	return count;
}
