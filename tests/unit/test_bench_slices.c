/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark of contexts reads from the times at which two kernels ran. */
#include "cmocka_all.h"

#include "benchmark/cuda_kernels.h"

enum { ROOM = 16 };
static double slices[ROOM], gaps[ROOM];
static size_t slice_count, gap_count;

static bool read_turns(
	const struct bench_stretch *a, size_t a_count, const struct bench_stretch *b, size_t b_count)
{
	return bench_slices(a, a_count, b, b_count, slices, &slice_count, gaps, &gap_count, ROOM);
}

static void turns(void **state)
{
	/* 2 ms each, 100 us between them; the first and the last are not between two of the other's. */
	const struct bench_stretch a[] = {{0, 2000}, {4200, 6200}, {8400, 10400}},
				   b[] = {{2100, 4100}, {6300, 8300}, {10500, 12500}};

	(void)state;
	assert_true(read_turns(a, 3, b, 3));
	assert_int_equal(slice_count, 4);
	assert_int_equal(gap_count, 5);
	for (size_t i = 0; i < slice_count; i++)
		assert_true(slices[i] > 1999 && slices[i] < 2001);
	for (size_t i = 0; i < gap_count; i++)
		assert_true(gaps[i] > 99 && gaps[i] < 101);
}

static void no_turns(void **state)
{
	const struct bench_stretch whole[] = {{0, 9000}}, after[] = {{9100, 18000}}, beside[] = {{10, 8000}};
	const struct bench_stretch many[] = {{0, 10}, {20, 30}, {40, 50}, {60, 70}, {80, 90}, {100, 110}};

	(void)state;
	/* One after the other, both at a time, and one with pauses that nobody filled. */
	assert_false(read_turns(whole, 1, after, 1));
	assert_false(read_turns(whole, 1, beside, 1));
	assert_false(read_turns(many, 6, NULL, 0));
	assert_false(read_turns(NULL, 0, NULL, 0));
	assert_int_equal(slice_count + gap_count, 0);
}

static void no_room(void **state)
{
	struct bench_stretch a[40], b[40];

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		a[i] = (struct bench_stretch){i * 100, i * 100 + 40};
		b[i] = (struct bench_stretch){i * 100 + 50, i * 100 + 90};
	}
	assert_true(read_turns(a, 40, b, 40));
	assert_int_equal(slice_count, ROOM);
	assert_int_equal(gap_count, ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns),
		cmocka_unit_test(no_turns),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
