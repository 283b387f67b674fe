/* SPDX-License-Identifier: Apache-2.0 */
/* What the prestart hook finds out about a container, and the device program it writes. */
#include "cmocka_all.h"

#include <string.h>

#include "base/mountinfo.h"
#include "base/str.h"
#include "prestart/parts.h"

#define V1                                                                            \
	"25 1 0:22 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro\n"                     \
	"30 25 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n"     \
	"31 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" \
	"32 25 0:29 / /sys/fs/cgroup/dev\\040ices rw shared:11 master:2 - cgroup cgroup rw,devices\n"
#define V2 "30 25 0:27 / /sys/fs/cgroup rw,nosuid shared:10 - cgroup2 cgroup2 rw\n"

static int find(const char *mountinfo, const char *theirs, const char *ours, struct nvb_device_cgroup *cgroup,
	nvb_error **err)
{
	_cleanup_free_ char *text = strdup(mountinfo);

	return nvb_device_cgroup_read(text, theirs, ours, cgroup, err);
}

static void expect(const char *mountinfo, const char *theirs, const char *ours, bool v2, const char *path)
{
	struct nvb_device_cgroup cgroup;

	assert_int_equal(find(mountinfo, theirs, ours, &cgroup, NULL), 0);
	assert_int_equal(cgroup.v2, v2);
	if (path)
		assert_string_equal(cgroup.path, path);
	else
		assert_null(cgroup.path);
	free(cgroup.path);
}

static void the_cgroup_that_decides_is_found(void **state _unused_)
{
	const char *both = "5:devices:/docker/a\n3:cpu,cpuacct:/x\n0::/y\n";

	expect(V1, both, "5:devices:/\n0::/\n", false, "/sys/fs/cgroup/dev ices/docker/a");
	expect(V2, both, "5:devices:/\n0::/\n", true, "/sys/fs/cgroup/y");
	expect(V2, "0::/system.slice/docker-a.scope\n", "0::/system.slice\n", true,
		"/sys/fs/cgroup/system.slice/docker-a.scope");
	expect("1 0 0:1 /pod /cg rw - cgroup2 c rw\n", "0::/pod/a\n", "0::/\n", true, "/cg/a");
}

static void a_shared_cgroup_is_not_touched(void **state _unused_)
{
	expect(V2, "0::/same\n", "0::/same\n", true, NULL);
	expect(V1, "5:devices:/\n0::/a\n", "5:devices:/other\n0::/b\n", false, NULL);
}

static void what_cannot_be_found_is_refused(void **state _unused_)
{
	static const char *const bad[][2] = {
		{"", "0::/a\n"},
		{"garbage\n1 2 3\n", "0::/a\n"},
		{V2, ""},
		{V2, "5:devices:/a\n"},
		{V1, "0::/a\n"},
		{"1 0 0:1 /pod /cg rw - cgroup2 c rw\n", "0::/podium/a\n"},
		{"1 0 0:1 /pod /cg rw - cgroup2 c rw\n", "0::/other\n"},
		{V2, "0::/../../host\n"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		struct nvb_device_cgroup cgroup = {.path = (char *)"untouched"};
		_cleanup_error_ nvb_error *err = NULL;

		assert_true(find(bad[i][0], bad[i][1], "0::/\n", &cgroup, &err) < 0);
		assert_non_null(err);
	}
}

/* Runs the prefix with one question: 1 is yes, 0 falls through to the program behind. */
static uint32_t ask(const struct bpf_insn *code, size_t count, uint32_t access, uint32_t type, uint32_t major,
	uint32_t minor)
{
	const uint32_t context[3] = {access << 16 | type, major, minor};
	uint32_t r[11] = {0};

	for (size_t pc = 0; pc < count; pc++) {
		const struct bpf_insn *in = &code[pc];

		assert_true(in->dst_reg != BPF_REG_1 && in->dst_reg < BPF_REG_6);
		switch (in->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(in->src_reg, BPF_REG_1);
			r[in->dst_reg] = context[in->off / 4];
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			r[in->dst_reg] = r[in->src_reg];
			break;
		case BPF_ALU | BPF_MOV | BPF_K:
			r[in->dst_reg] = (uint32_t)in->imm;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			r[in->dst_reg] &= (uint32_t)in->imm;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			r[in->dst_reg] >>= in->imm;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			if (r[in->dst_reg] != (uint32_t)in->imm)
				pc += (size_t)in->off;
			break;
		case BPF_JMP | BPF_EXIT:
			return r[0];
		default:
			fail_msg("instruction %zu: %#x", pc, in->code);
		}
		assert_true(pc < count);
	}
	return 0;
}

static void the_program_says_yes_to_the_rules_alone(void **state _unused_)
{
	const struct nvb_device_rule rules[] = {
		{'c', 195, 2, "rw"}, {'c', 511, 0x12345, "r"}, {'b', 7, 0, "rwm"}};
	enum { R = BPF_DEVCG_ACC_READ, W = BPF_DEVCG_ACC_WRITE, M = BPF_DEVCG_ACC_MKNOD };
	enum { C = BPF_DEVCG_DEV_CHAR, B = BPF_DEVCG_DEV_BLOCK };
	_cleanup_free_ struct bpf_insn *code = NULL;
	size_t count;

	assert_int_equal(nvb_program_prefix(rules, NVB_ELEMENTS(rules), &code, &count, NULL), 0);
	assert_int_equal(ask(code, count, R | W, C, 195, 2), 1);
	assert_int_equal(ask(code, count, R, C, 195, 2), 1);
	assert_int_equal(ask(code, count, 0, C, 195, 2), 1);
	assert_int_equal(ask(code, count, M, C, 195, 2), 0);
	assert_int_equal(ask(code, count, R | M, C, 195, 2), 0);
	assert_int_equal(ask(code, count, R, B, 195, 2), 0);
	assert_int_equal(ask(code, count, R, C, 195, 3), 0);
	assert_int_equal(ask(code, count, R, C, 196, 2), 0);
	assert_int_equal(ask(code, count, R, C, 511, 0x12345), 1);
	assert_int_equal(ask(code, count, W, C, 511, 0x12345), 0);
	assert_int_equal(ask(code, count, R | W | M, B, 7, 0), 1);
}

static void mountinfo_is_read_as_it_is_written(void **state _unused_)
{
	char text[] =
		"36 35 98:0 /a\\040b /m\\134n rw,noatime master:1 x:y - ext3 /dev/root rw,errors=continue\n"
		"\n"
		"broken\n"
		"1 2 0:3 / /end ro master:3 shared:4 - proc proc rw";
	struct nvb_mountinfo mount;
	char *at = text;

	assert_true(nvb_mountinfo_next(&at, &mount));
	assert_string_equal(mount.id, "36");
	assert_false(mount.shared);
	assert_string_equal(mount.device, "98:0");
	assert_string_equal(mount.root, "/a b");
	assert_string_equal(mount.point, "/m\\n");
	assert_string_equal(mount.type, "ext3");
	assert_string_equal(mount.options, "rw,errors=continue");
	assert_true(nvb_mountinfo_next(&at, &mount));
	assert_string_equal(mount.point, "/end");
	assert_string_equal(mount.type, "proc");
	assert_true(mount.shared);
	assert_false(nvb_mountinfo_next(&at, &mount));
	assert_true(nvb_mountinfo_has_option("rw,devices", "devices"));
	assert_true(nvb_mountinfo_has_option("devices", "devices"));
	assert_false(nvb_mountinfo_has_option("rw,devices2,xdevices", "devices"));
	assert_false(nvb_mountinfo_has_option("", "devices"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cgroup_that_decides_is_found),
		cmocka_unit_test(a_shared_cgroup_is_not_touched),
		cmocka_unit_test(what_cannot_be_found_is_refused),
		cmocka_unit_test(the_program_says_yes_to_the_rules_alone),
		cmocka_unit_test(mountinfo_is_read_as_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
