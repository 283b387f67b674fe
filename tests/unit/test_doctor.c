/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/str.h"
#include "doctor/ask.h"
#include "doctor/doctor.h"
#include "doctor/health.h"
#include "doctor/kmsg.h"

static void versions_compare_as_far_as_both_go(void **state)
{
	(void)state;
	assert_true(nvb_doctor_compare_versions("20.10.24", "25.0") < 0);
	assert_true(nvb_doctor_compare_versions("4.10", "4.9") > 0);
	assert_int_equal(nvb_doctor_compare_versions("4.1", "4.1.3"), 0);
	assert_int_equal(nvb_doctor_compare_versions("6.18.44-fc", "6.18"), 0);
	assert_int_equal(nvb_doctor_compare_versions("", "1.0"), 0);
	assert_true(nvb_doctor_compare_versions("570.133.20", "570.124.06") > 0);
}

static struct nvb_kmsg *parse(const char *text)
{
	struct nvb_kmsg *kmsg = calloc(1, sizeof(*kmsg));

	assert_non_null(kmsg);
	nvb_kmsg_parse(kmsg, text, strlen(text));
	return kmsg;
}

static void xids_are_counted_by_kind_and_card(void **state)
{
	struct nvb_kmsg *kmsg =
		parse("3,1,700,-;NVRM: Xid (PCI:0000:3b:00): 31, pid=7, name=a\n"
		      " SUBSYSTEM=pci\n"
		      "3,2,900,-;NVRM: Xid (PCI:0000:3b:00): 31, pid=8, name=b\n"
		      "NVRM: Xid (PCI:0000:5e:00): 31, pid=9\n"
		      "3,3,950,-;NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.\n");

	(void)state;
	assert_int_equal(kmsg->xid_count, 3);
	assert_int_equal(kmsg->xids[0].xid, 31);
	assert_string_equal(kmsg->xids[0].device, "0000:3b:00");
	assert_int_equal(kmsg->xids[0].count, 2);
	assert_int_equal(kmsg->xids[0].usec, 900);
	assert_string_equal(kmsg->xids[0].text, "pid=8, name=b");
	assert_string_equal(kmsg->xids[1].device, "0000:5e:00");
	assert_int_equal(kmsg->xids[1].usec, 0);
	assert_string_equal(kmsg->xids[2].text, "GPU has fallen off the bus.");
	free(kmsg);
}

/* Users may write to the log, too: nothing of theirs reaches a terminal, and there is an end to it. */
static void what_anybody_wrote_into_the_log_is_harmless(void **state)
{
	struct nvb_strbuf text = {0};
	struct nvb_kmsg *kmsg = parse("NVRM: Xid (PCI:0000:3b:00): 13, \x1b[2Jhello\x07\n"
				      "NVRM: Xid (PCI:): 13\nNVRM: Xid (PCI:0000:3b:00): -4\nNVRM: Xid\n"
				      "NVRM: Xid (PCI:0000:3b:00): 99999999999999999999\n");

	(void)state;
	assert_true(kmsg->xid_count >= 1);
	assert_string_equal(kmsg->xids[0].text, "?[2Jhello?");
	free(kmsg);
	for (int i = 1; i < 2 * NVB_KMSG_XIDS; i++)
		nvb_sb_addf(&text, "NVRM: Xid (PCI:0000:3b:00): %d\n", i);
	kmsg = parse(text.s);
	assert_int_equal(kmsg->xid_count, NVB_KMSG_XIDS);
	free(kmsg);
	nvb_sb_release(&text);
	/* Whoever has control groups names them as he likes, and dies in one. */
	kmsg = parse("6,9,7,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/user.slice/NVRM: Xid "
		     "(PCI:0000:3b:00): 79, GPU has fallen off the bus.,task=a,pid=7,uid=1000\n");
	assert_int_equal(kmsg->xid_count, 0);
	free(kmsg);
}

static void modules_and_firmware_are_noticed(void **state)
{
	struct nvb_kmsg *kmsg =
		parse("4,7,5,-;nvidia: Loading of module with unavailable key is rejected: Key was "
		      "rejected by service\n"
		      "4,8,6,-;nvidia 0000:3b:00.0: Direct firmware load for "
		      "nvidia/570.133.20/gsp_ga10x.bin failed with error -2\n");

	(void)state;
	assert_true(kmsg->key_rejected);
	assert_true(kmsg->firmware_missing);
	assert_string_equal(kmsg->firmware, "nvidia 0000:3b:00.0: Direct firmware load for "
					    "nvidia/570.133.20/gsp_ga10x.bin failed with error -2");
	free(kmsg);
	kmsg = parse("4,7,5,-;iwlwifi: Key was rejected by service\n");
	assert_false(kmsg->key_rejected);
	free(kmsg);
}

/* The child ran foreign code: nothing of its answer is believed. */
static void a_damaged_answer_is_refused(void **state)
{
	struct {
		struct nvb_health_head head;
		struct nvb_health_gpu gpus[2];
	} answer = {.head = {.magic = NVB_HEALTH_MAGIC, .loaded = 1, .gpu_count = 2}};
	struct nvb_health health = {0};

	(void)state;
	memset(answer.gpus[0].pci, 'A', sizeof(answer.gpus[0].pci));
	strcpy(answer.gpus[1].pci, "00000000:3B:00.0");
	assert_int_equal(nvb_health_parse(&health, &answer, sizeof(answer), NULL), 0);
	assert_int_equal(health.gpu_count, 2);
	assert_int_equal(strlen(health.gpus[0].pci), sizeof(health.gpus[0].pci) - 1);
	assert_string_equal(health.gpus[1].pci, "0000:3b:00.0");
	assert_int_equal(nvb_health_parse(&health, &answer, sizeof(answer) - 1, NULL), -NVB_ERR_CORRUPT);
	answer.head.gpu_count = UINT32_MAX;
	assert_int_equal(nvb_health_parse(&health, &answer, sizeof(answer), NULL), -NVB_ERR_CORRUPT);
	answer.head.magic = 0;
	assert_int_equal(nvb_health_parse(&health, &answer, sizeof(answer), NULL), -NVB_ERR_CORRUPT);
	nvb_health_release(&health);
}

static bool is_row(const char *id)
{
	for (size_t i = 0; i < nvb_doctor_check_count; i++) {
		const char *rest = nvb_after(nvb_doctor_checks[i].id, id);

		if (rest && (!*rest || nvb_ends_with(id, ".")))
			return true;
	}
	return false;
}

/* What hides a row is one that is made before it. */
static void the_table_is_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < nvb_doctor_check_count; i++) {
		const struct nvb_doctor_check *check = &nvb_doctor_checks[i];
		char **after = check->after ? nvb_strv_split(check->after, " ") : NULL;

		assert_true(check->id && check->title && check->looks_at && check->cause && check->mends &&
			    check->look);
		nvb_strv_foreach (id, after) {
			bool before = nvb_ends_with(*id, ".");

			assert_true(is_row(*id));
			for (size_t j = 0; j < i; j++)
				before |= nvb_streq(nvb_doctor_checks[j].id, *id);
			if (!before)
				fail_msg("%s waits for %s, which is looked at later", check->id, *id);
		}
		nvb_strv_free(after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_compare_as_far_as_both_go),
		cmocka_unit_test(xids_are_counted_by_kind_and_card),
		cmocka_unit_test(what_anybody_wrote_into_the_log_is_harmless),
		cmocka_unit_test(modules_and_firmware_are_noticed),
		cmocka_unit_test(a_damaged_answer_is_refused),
		cmocka_unit_test(the_table_is_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
