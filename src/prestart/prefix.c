/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "prestart/parts.h"

/*
 * A device program is asked with a struct bpf_cgroup_dev_ctx in r1: access << 16 | type, major, minor; it
 * says 1 in r0 for yes. Source: linux/bpf.h. Ours leaves r1 as it was, so whatever program follows starts as
 * if it stood alone.
 */
enum {
	HEAD = 6,
	PER_RULE = 8,
};

static struct bpf_insn load_word(unsigned to, size_t offset)
{
	return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
		.dst_reg = to & 15u,
		.src_reg = BPF_REG_1,
		.off = (short)offset};
}

static struct bpf_insn compute(unsigned operation, unsigned to, uint32_t value)
{
	return (struct bpf_insn){
		.code = (unsigned char)(BPF_ALU | operation | BPF_K), .dst_reg = to & 15u, .imm = (int)value};
}

static struct bpf_insn copy(unsigned to, unsigned from)
{
	return (struct bpf_insn){
		.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = to & 15u, .src_reg = from & 15u};
}

/* Skips so many instructions unless the lower half is that value. */
static struct bpf_insn unless(unsigned reg, uint32_t value, int skip)
{
	return (struct bpf_insn){.code = BPF_JMP32 | BPF_JNE | BPF_K,
		.dst_reg = reg & 15u,
		.off = (short)skip,
		.imm = (int)value};
}

static uint32_t access_bits(const char *access)
{
	uint32_t bits = 0;

	for (; *access; access++)
		bits |= *access == 'r'	 ? BPF_DEVCG_ACC_READ
			: *access == 'w' ? BPF_DEVCG_ACC_WRITE
					 : BPF_DEVCG_ACC_MKNOD;
	return bits;
}

/* r2 type, r3 access, r4 major, r5 minor; r0 is scratch. Of the access asked nothing may be left over. */
static void add_rule(struct bpf_insn *code, const struct nvb_device_rule *rule)
{
	const struct bpf_insn block[PER_RULE] = {
		unless(BPF_REG_2, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 7),
		unless(BPF_REG_4, rule->major, 6),
		unless(BPF_REG_5, rule->minor, 5),
		copy(BPF_REG_0, BPF_REG_3),
		compute(BPF_AND, BPF_REG_0, ~access_bits(rule->access)),
		unless(BPF_REG_0, 0, 2),
		compute(BPF_MOV, BPF_REG_0, 1),
		{.code = BPF_JMP | BPF_EXIT},
	};

	memcpy(code, block, sizeof(block));
}

int nvb_program_prefix(const struct nvb_device_rule *rules, size_t count, struct bpf_insn **out,
	size_t *out_count, nvb_error **err)
{
	struct bpf_insn *code = calloc(HEAD + PER_RULE * count, sizeof(*code)), *at = code;

	if (!code)
		return nvb_fail_oom(err);
	*at++ = load_word(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	*at++ = copy(BPF_REG_3, BPF_REG_2);
	*at++ = compute(BPF_AND, BPF_REG_2, 0xffff);
	*at++ = compute(BPF_RSH, BPF_REG_3, 16);
	*at++ = load_word(BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	*at++ = load_word(BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = 0; i < count; i++, at += PER_RULE)
		add_rule(at, &rules[i]);
	*out = code;
	*out_count = (size_t)(at - code);
	return 0;
}
