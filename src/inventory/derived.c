/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/derived.h"

#include <string.h>

#include "base/str.h"

/* Source: the release notes of each branch, and the line "CUDA Version" of its nvidia-smi. */
static const struct {
	uint32_t branch;
	struct nvb_two_numbers cuda;
} branches[] = {
	{384, {9, 0}},
	{387, {9, 1}},
	{396, {9, 2}},
	{410, {10, 0}},
	{418, {10, 1}},
	{440, {10, 2}},
	{450, {11, 0}},
	{455, {11, 1}},
	{460, {11, 2}},
	{465, {11, 3}},
	{470, {11, 4}},
	{495, {11, 5}},
	{510, {11, 6}},
	{515, {11, 7}},
	{520, {11, 8}},
	{525, {12, 0}},
	{530, {12, 1}},
	{535, {12, 2}},
	{545, {12, 3}},
	{550, {12, 4}},
	{555, {12, 5}},
	{560, {12, 6}},
	{565, {12, 7}},
	{570, {12, 8}},
	{575, {12, 9}},
	{580, {13, 0}},
	{590, {13, 1}},
};

bool nvb_cuda_of_driver(const char *driver_version, struct nvb_two_numbers *cuda, bool *at_least)
{
	size_t i = NVB_ELEMENTS(branches), digits = strcspn(driver_version, ".");
	char first[11] = "";
	uint32_t branch;

	if (digits < sizeof(first))
		memcpy(first, driver_version, digits);
	if (!nvb_parse_u32(first, &branch))
		return false;
	while (i && branches[i - 1].branch > branch)
		i--;
	if (i == 0)
		return false;
	*cuda = branches[i - 1].cuda;
	/* The last one is not followed by the branch that would end its range. */
	*at_least = i == NVB_ELEMENTS(branches) && branch >= branches[i - 1].branch + 5;
	return true;
}

/* Source: the chip of each id in https://pci-ids.ucw.cz, the compute capability of each chip in the CUDA
 * programming guide. Ids of a chip lie together. */
static const struct {
	uint32_t first, last;
	struct nvb_two_numbers compute;
} chips[] = {
	{0x0fc0, 0x0fff, {3, 0}},  /* GK107 */
	{0x1000, 0x102c, {3, 5}},  /* GK110 */
	{0x102d, 0x102d, {3, 7}},  /* GK210: K80 */
	{0x102e, 0x103f, {3, 5}},  /* GK110 */
	{0x1180, 0x11ff, {3, 0}},  /* GK104, GK106 */
	{0x1280, 0x12bf, {3, 5}},  /* GK208 */
	{0x1340, 0x13bf, {5, 0}},  /* GM107, GM108 */
	{0x13c0, 0x143f, {5, 2}},  /* GM204, GM206 */
	{0x15f0, 0x15ff, {6, 0}},  /* GP100 */
	{0x1617, 0x1667, {5, 2}},  /* GM204 */
	{0x1725, 0x172f, {6, 0}},  /* GP100 */
	{0x174d, 0x179c, {5, 0}},  /* GM107, GM108 */
	{0x17c2, 0x17ff, {5, 2}},  /* GM200 */
	{0x1b00, 0x1d7f, {6, 1}},  /* GP102 to GP108 */
	{0x1d80, 0x1dff, {7, 0}},  /* GV100 */
	{0x1e00, 0x1fff, {7, 5}},  /* TU102 to TU117 */
	{0x2080, 0x20ff, {8, 0}},  /* GA100 */
	{0x2180, 0x21ff, {7, 5}},  /* TU116 */
	{0x2200, 0x223f, {8, 6}},  /* GA102 */
	{0x2300, 0x234f, {9, 0}},  /* GH100 */
	{0x2400, 0x25ff, {8, 6}},  /* GA103 to GA107 */
	{0x2680, 0x28ff, {8, 9}},  /* AD102 to AD107 */
	{0x2900, 0x29ff, {10, 0}}, /* GB100: B200, GB200 */
	{0x2b80, 0x2dff, {12, 0}}, /* GB202 to GB207 */
	{0x2f00, 0x2f7f, {12, 0}}, /* GB205 */
};

bool nvb_compute_of_device(uint32_t device_id, struct nvb_two_numbers *compute)
{
	for (size_t i = 0; i < NVB_ELEMENTS(chips); i++)
		if (device_id >= chips[i].first && device_id <= chips[i].last) {
			*compute = chips[i].compute;
			return true;
		}
	return false;
}

/* Source: enum nvmlBrandType_t of nvml.h, whose names the requirements spell in lower case. The first row
 * whose words are in the name counts. */
static const struct {
	const char *words;
	const char *brands[6];
} names[] = {
	{"Tesla ", {"tesla"}},
	{"Quadro RTX", {"quadrortx", "quadro"}},
	{"Quadro ", {"quadro"}},
	{"NVS ", {"nvs"}},
	{"GRID ", {"grid", "vapps", "vpc", "vcs", "vws"}},
	{"GeForce RTX", {"geforcertx", "geforce"}},
	{"GeForce ", {"geforce"}},
	{"TITAN RTX", {"titanrtx", "titan"}},
	{"TITAN ", {"titan"}},
	{"NVIDIA RTX ", {"nvidiartx"}},
	/* Data centre GPUs since Ampere; drivers before 460 called them Tesla. */
	{"NVIDIA A1", {"nvidia", "tesla"}},
	{"NVIDIA A2", {"nvidia", "tesla"}},
	{"NVIDIA A3", {"nvidia", "tesla"}},
	{"NVIDIA A4", {"nvidia", "tesla"}},
	{"NVIDIA B1", {"nvidia"}},
	{"NVIDIA B2", {"nvidia"}},
	{"NVIDIA B3", {"nvidia"}},
	{"NVIDIA GB", {"nvidia"}},
	{"NVIDIA GH", {"nvidia"}},
	{"NVIDIA H1", {"nvidia"}},
	{"NVIDIA H2", {"nvidia"}},
	{"NVIDIA H8", {"nvidia"}},
	{"NVIDIA L2", {"nvidia"}},
	{"NVIDIA L4", {"nvidia"}},
};

/* "NVIDIA A40-48Q": what a virtual machine sees of a part of a GPU, whose brand its licence decides. */
static bool is_virtual(const char *name)
{
	const char *dash = strrchr(name, '-');
	size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;

	return digits && dash[1 + digits] && strchr("ABCQ", dash[1 + digits]) && !dash[2 + digits];
}

const char *const *nvb_brands_of_name(const char *name)
{
	for (size_t i = 0; !is_virtual(name) && i < NVB_ELEMENTS(names); i++)
		if (strstr(name, names[i].words))
			return names[i].brands;
	return NULL;
}
