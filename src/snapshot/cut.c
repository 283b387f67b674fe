/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/cut.h"

#include "snapshot/format.h"

enum { CUT_ONE_IN = 4 }; /* pages behind the smallest chunk */

static uint64_t word_at(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static bool is_zero(const uint8_t *p, size_t size)
{
	/* Few pages that are not zero begin with so many zeros. */
	if (size >= 16 && (word_at(p) | word_at(p + 8)))
		return false;
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

/* Four lanes, since a multiplication takes its time; nobody has to be unable to guess it. */
static uint64_t fingerprint(const uint8_t *page)
{
	static const uint64_t prime = 0x9e3779b97f4a7c15;
	uint64_t lane[4] = {1, 2, 3, 4}, sum;

	for (size_t i = 0; i < NVB_PAGE; i += 32)
		for (size_t j = 0; j < 4; j++)
			lane[j] = (lane[j] ^ word_at(page + i + 8 * j)) * prime;
	sum = lane[0] ^ (lane[1] << 17 | lane[1] >> 47) ^ (lane[2] << 31 | lane[2] >> 33) ^
	      (lane[3] << 47 | lane[3] >> 17);
	sum = (sum ^ sum >> 32) * prime;
	return sum >> 40;
}

static size_t page_at(size_t size, size_t offset)
{
	return size - offset < NVB_PAGE ? size - offset : NVB_PAGE;
}

static size_t zero_run(const uint8_t *data, size_t size, size_t offset)
{
	size_t end = offset;

	while (end < size && is_zero(data + end, page_at(size, end)))
		end += page_at(size, end);
	return end - offset;
}

/* Zeros that are left out: many pages, or all there is behind. */
static size_t zeros_left_out(const uint8_t *data, size_t size, size_t offset)
{
	size_t n;

	if (data[offset])
		return 0;
	n = zero_run(data, size, offset);
	return n >= (size_t)NVB_CUT_ZERO_MIN * NVB_PAGE || offset + n == size ? n : 0;
}

bool nvb_cut_next(const uint8_t *data, size_t size, size_t offset, struct nvb_cut *cut)
{
	size_t end = offset, n;

	if (offset >= size)
		return false;
	n = zeros_left_out(data, size, offset);
	if (n) {
		*cut = (struct nvb_cut){offset, n, true};
		return true;
	}
	while (end < size && end - offset < NVB_CHUNK_MAX) {
		const uint8_t *page = data + end;

		n = page_at(size, end);
		if (end > offset && zeros_left_out(data, size, end))
			break;
		end += n;
		if (end - offset >= (size_t)NVB_CUT_MIN * NVB_PAGE && n == NVB_PAGE &&
			fingerprint(page) % CUT_ONE_IN == 0)
			break;
	}
	*cut = (struct nvb_cut){offset, end - offset, false};
	return true;
}
