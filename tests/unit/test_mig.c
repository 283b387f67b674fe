/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "mig/file.h"
#include "mig/place.h"
#include "mig/state.h"
#include "sim/mig.h"

/* A card as NVML would tell it, made from the simulator's tables. */
static struct sim_gpu card;
static struct nvb_mig_gpu gpu;

static void load_card(uint32_t family)
{
	memset(&card, 0, sizeof(card));
	memset(&gpu, 0, sizeof(gpu));
	card.mig.family = family;
	card.mig.mode = 1;
	gpu.capable = gpu.enabled = gpu.pending = true;
	strcpy(gpu.name, "Test");
	for (uint32_t number = 0; number < 16; number++) {
		struct sim_gi_profile from;
		struct nvb_mig_profile *to = &gpu.profiles[gpu.profile_count];

		if (!sim_gi_profile(&card, number, &from))
			continue;
		gpu.profile_count++;
		strcpy(to->name, from.name);
		to->id = from.id;
		to->slices = from.slices;
		to->instances = from.instances;
		to->memory = (uint64_t)from.memory_mb << 20;
		for (uint32_t start = 0; start < 8; start++)
			if (from.starts >> start & 1)
				to->placements[to->placement_count++] =
					(struct nvb_mig_span){start, from.size};
	}
}

/* The plain truth: whether any order and places work on the simulated card. */
static bool fits(const struct sim_gpu *now, const uint32_t *ids, uint32_t count)
{
	struct sim_gi_profile profile;

	if (!count)
		return true;
	assert_true(sim_gi_profile_by_id(now, ids[0], &profile));
	for (uint32_t start = 0; start < 8; start++) {
		struct sim_gpu next = *now;

		if (sim_create_gi(&next, &profile, start) && fits(&next, ids + 1, count - 1))
			return true;
	}
	return false;
}

static void check_one(const uint32_t *kinds, uint32_t count)
{
	struct nvb_mig_pieces pieces = {.count = count};
	struct nvb_mig_layout layout = {.enabled = true};
	struct sim_gpu now = card;
	uint32_t ids[NVB_MIG_INSTANCES];

	for (uint32_t i = 0; i < count; i++) {
		const struct nvb_mig_profile *profile = &gpu.profiles[kinds[i]];

		ids[i] = profile->id;
		pieces.list[i] = (struct nvb_mig_piece){
			.profile = profile, .computes = {profile->slices}, .compute_count = 1};
	}
	if (!nvb_mig_place(&gpu, &layout, &pieces)) {
		assert_false(fits(&card, ids, count));
		assert_int_equal(layout.count, 0);
		return;
	}
	assert_int_equal(layout.count, count);
	for (uint32_t i = 0; i < count; i++) {
		struct sim_gi_profile profile;

		assert_true(sim_gi_profile_by_id(&card, layout.instances[i].profile_id, &profile));
		assert_non_null(sim_create_gi(&now, &profile, layout.instances[i].place.start));
		assert_true(!i || layout.instances[i - 1].place.start < layout.instances[i].place.start);
	}
}

static void check_all(uint32_t *kinds, uint32_t count, uint32_t from)
{
	enum { DEEPEST = 5 };

	check_one(kinds, count);
	for (uint32_t k = from; count < DEEPEST && k < gpu.profile_count; k++) {
		kinds[count] = k;
		check_all(kinds, count + 1, k);
	}
}

static void the_search_is_exact(void **state)
{
	static const uint32_t families[] = {
		SIM_MIG_A30_24, SIM_MIG_A100_80, SIM_MIG_H100_80, SIM_MIG_H200_141, SIM_MIG_B200_180};
	uint32_t kinds[NVB_MIG_INSTANCES];

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(families); i++) {
		load_card(families[i]);
		assert_true(gpu.profile_count >= 5);
		check_all(kinds, 0, 0);
	}
}

static const struct nvb_mig_profile *by_name(const char *name)
{
	const struct nvb_mig_profile *profile = NULL;
	uint32_t slices;

	assert_int_equal(nvb_mig_parse_profile(&gpu, name, &profile, &slices, NULL), 0);
	return profile;
}

static void room_is_what_the_card_has(void **state)
{
	struct nvb_mig_layout layout = {.enabled = true};
	struct nvb_mig_pieces pieces = {.count = 0};
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	(void)state;
	load_card(SIM_MIG_A100_80);
	assert_int_equal(nvb_mig_capacity(&gpu, &layout, by_name("1g.10gb")), 7);
	assert_int_equal(nvb_mig_capacity(&gpu, &layout, by_name("1g.20gb")), 4);
	assert_int_equal(nvb_mig_capacity(&gpu, &layout, by_name("1g.10gb+me")), 1);
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "4g.40gb", NULL), 0);
	assert_true(nvb_mig_place(&gpu, &layout, &pieces));
	assert_int_equal(nvb_mig_capacity(&gpu, &layout, by_name("3g.40gb")), 1);
	assert_int_equal(nvb_mig_capacity(&gpu, &layout, by_name("1g.10gb")), 3);
	nvb_mig_describe_room(&gpu, &layout, &text);
	assert_string_equal(text.s, "1g.10gb (3 more), 2g.20gb (1 more), 3g.40gb (1 more), 1g.10gb+me (1 "
				    "more), 1g.20gb (2 more)");
}

static void names(void **state)
{
	static const struct {
		const char *name;
		int code;
		uint32_t slices;
	} cases[] = {
		{"1g.10gb", 0, 1},
		{"1g.10gb+me", 0, 1},
		{"3g.40gb", 0, 3},
		{"2c.3g.40gb", 0, 2},
		{"3c.3g.40gb", 0, 3},
		{"4c.3g.40gb", -NVB_ERR_INVALID, 0},
		{"0c.3g.40gb", -NVB_ERR_INVALID, 0},
		{"", -NVB_ERR_INVALID, 0},
		{"g.10gb", -NVB_ERR_INVALID, 0},
		{"1g.10", -NVB_ERR_INVALID, 0},
		{"1g.10gb ", -NVB_ERR_INVALID, 0},
		{"1g.10gb+", -NVB_ERR_INVALID, 0},
		{"99999999999g.10gb", -NVB_ERR_INVALID, 0},
		{"1g.5gb", -NVB_ERR_UNSUPPORTED, 0},
		{"1g.10gb+gfx", -NVB_ERR_UNSUPPORTED, 0},
	};

	(void)state;
	load_card(SIM_MIG_A100_80);
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		const struct nvb_mig_profile *profile = NULL;
		uint32_t slices = 0;

		assert_int_equal(
			nvb_mig_parse_profile(&gpu, cases[i].name, &profile, &slices, &err), cases[i].code);
		assert_int_equal(slices, cases[i].slices);
		assert_true((profile == NULL) == (cases[i].code < 0));
		if (profile) {
			char name[NVB_MIG_NAME];

			nvb_mig_device_name(profile, slices, name);
			assert_string_equal(
				name, nvb_streq(cases[i].name, "3c.3g.40gb") ? "3g.40gb" : cases[i].name);
		}
	}
	gpu.capable = false;
	assert_int_equal(nvb_mig_parse_profile(&gpu, "1g.10gb", &(const struct nvb_mig_profile *){NULL},
				 &(uint32_t){0}, NULL),
		-NVB_ERR_UNSUPPORTED);
}

static void what_fits_stays_where_it_is(void **state)
{
	struct nvb_mig_pieces pieces = {.count = 0};
	struct nvb_mig_layout layout;

	(void)state;
	load_card(SIM_MIG_A100_80);
	gpu.instances[0] = (struct nvb_mig_instance){.id = 9,
		.profile_id = by_name("1g.10gb")->id,
		.place = {6, 1},
		.computes = {{.place = {0, 1}, .uuid = "MIG-1"}},
		.compute_count = 1};
	gpu.instances[1] =
		(struct nvb_mig_instance){.id = 11, .profile_id = by_name("1g.10gb")->id, .place = {0, 1}};
	gpu.instance_count = 2;
	/* Of two alike the one that is used stays. */
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "1g.10gb", NULL), 0);
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "4g.40gb", NULL), 0);
	assert_true(nvb_mig_arrange(&gpu, &pieces, (const uint32_t[]){1000, 1}, &layout));
	assert_int_equal(layout.count, 2);
	assert_int_equal(layout.instances[0].profile_id, by_name("4g.40gb")->id);
	assert_int_equal(layout.instances[1].place.start, 6);
	assert_string_equal(layout.instances[1].computes[0].uuid, "MIG-1");
	/* What cannot be is said, and nothing is given out. */
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "4g.40gb", NULL), 0);
	memset(&layout, 0x5a, sizeof(layout));
	assert_false(nvb_mig_arrange(&gpu, &pieces, NULL, &layout));
	assert_int_equal(layout.count, 0x5a5a5a5a);
}

static void parts_of_an_instance_share_it(void **state)
{
	struct nvb_mig_pieces pieces = {.count = 0};

	(void)state;
	load_card(SIM_MIG_A100_80);
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "2c.3g.40gb", NULL), 0);
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "2c.3g.40gb", NULL), 0);
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "1c.3g.40gb", NULL), 0);
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "1c.3g.40gb", NULL), 0);
	assert_int_equal(nvb_mig_pieces_add(&gpu, &pieces, "3g.40gb", NULL), 0);
	assert_int_equal(pieces.count, 3);
	assert_int_equal(pieces.list[0].compute_count, 2);
	assert_int_equal(pieces.list[1].compute_count, 2);
	assert_int_equal(pieces.list[2].compute_count, 1);
}

static void a_record_is_read_as_it_was_written(void **state)
{
	_cleanup_mig_before_ struct nvb_mig_before before = {.pid = 12, .started = 34}, again = {0};
	static const char *const bad[] = {"", "nvbind-mig 2\nend\n", "nvbind-mig 1\n",
		"nvbind-mig 1\ninstance 1 0+1\nend\n",
		"nvbind-mig 1\ngpu 0000:07:00.0 off\ninstance 1 0+1\nend\n",
		"nvbind-mig 1\ngpu 0000:07:00.0 on\ninstance 1 31+2\nend\n",
		"nvbind-mig 1\ngpu ../.. on\nend\n", "nvbind-mig 1\nend\nend\n",
		"nvbind-mig 1\ngpu 0000:07:00.0 on\ninstance 1 0+1 0+0\nend\n"};
	_cleanup_free_ char *text = NULL, *second = NULL;

	(void)state;
	before.list = calloc(2, sizeof(*before.list));
	assert_non_null(before.list);
	before.count = 2;
	strcpy(before.list[0].pci, "0000:07:00.0");
	strcpy(before.list[1].pci, "0000:0f:00.0");
	before.list[0].layout = (struct nvb_mig_layout){.enabled = true, .count = 1};
	before.list[0].layout.instances[0] = (struct nvb_mig_instance){.profile_id = 9,
		.place = {4, 4},
		.compute_count = 2,
		.computes = {{.place = {0, 1}}, {.place = {1, 2}}}};
	text = nvb_mig_before_format(&before);
	assert_non_null(text);
	assert_int_equal(nvb_mig_before_parse(text, &again, NULL), 0);
	second = nvb_mig_before_format(&again);
	assert_string_equal(text, second);
	assert_int_equal(again.list[0].layout.instances[0].computes[1].place.size, 2);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_mig_before_ struct nvb_mig_before none = {0};

		assert_int_equal(nvb_mig_before_parse(bad[i], &none, NULL), -NVB_ERR_CORRUPT);
		assert_null(none.list);
	}
}

static void both_syntaxes_say_the_same(void **state)
{
	static const char
		yaml[] = "version: v1\nmig-configs:\n  a:\n  - devices: [0, 2]\n    device-filter: "
			 "0x233510DE\n    mig-enabled: true\n    mig-devices: {2c.3g.40gb: 1, "
			 "\"1c.3g.40gb\": 2}\n  - devices: all\n    mig-enabled: no\n",
		toml[] = "version = \"v1\"\n[[mig-configs.a]]\ndevices = [0, 2]\ndevice-filter = "
			 "\"0x233510DE\"\nmig-enabled = true\nmig-devices = {\"1c.3g.40gb\" = 2, "
			 "\"2c.3g.40gb\" = 1}\n[[mig-configs.a]]\ndevices = \"all\"\nmig-enabled = false\n";

	(void)state;
	for (int i = 0; i < 2; i++) {
		_cleanup_mig_file_ struct nvb_mig_file file = {.arena = {0}};
		const struct nvb_mig_config *config;
		const struct nvb_mig_rule *rule;

		assert_int_equal(nvb_mig_file_parse(&file, i ? toml : yaml, strlen(i ? toml : yaml),
					 i ? "a.toml" : "a.yaml", NULL),
			0);
		assert_int_equal(nvb_mig_file_choose(&file, NULL, &config, NULL), 0);
		assert_string_equal(config->name, "a");
		assert_int_equal(config->rule_count, 2);
		rule = &config->rules[0];
		assert_true(rule->enabled && !rule->all);
		assert_int_equal(rule->device_count, 2);
		assert_int_equal(rule->devices[1], 2);
		assert_int_equal(rule->filters[0], 0x233510de);
		assert_string_equal(rule->wanted[0].name, "2c.3g.40gb");
		assert_int_equal(rule->wanted[1].count, 2);
		assert_true(config->rules[1].all && !config->rules[1].enabled);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_is_exact),
		cmocka_unit_test(room_is_what_the_card_has),
		cmocka_unit_test(names),
		cmocka_unit_test(what_fits_stays_where_it_is),
		cmocka_unit_test(parts_of_an_instance_share_it),
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(both_syntaxes_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
