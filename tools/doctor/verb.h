/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_DOCTOR_VERB_H
#define TOOLS_DOCTOR_VERB_H

#include "cli/options.h"
#include "doctor/doctor.h"

/* `nvbind doctor` and `bolt doctor`: one verb in two programs. */
extern const struct nvb_option_group doctor_groups[];
extern const char doctor_description[], doctor_examples[];
int verb_doctor(int argc, char **argv, nvb_error **err);

#define VERB_DOCTOR                                                                                      \
	{                                                                                                \
		.name = "doctor", .summary = "find out why GPUs do not work, and mend it",               \
		.description = doctor_description, .examples = doctor_examples, .groups = doctor_groups, \
		.run = verb_doctor, .failure = 2,                                                        \
	}

/* Looks at the CDI specs: specs.c. */
int doctor_specs(void (*each)(const struct nvb_doctor_spec *spec, void *data), void *data, nvb_error **err);

/* What was found, for people and as JSON: print.c. */
struct nvb_strbuf;
void doctor_print(struct nvb_strbuf *out, const struct nvb_doctor *doctor, bool all);
void doctor_print_json(struct nvb_strbuf *out, const struct nvb_doctor *doctor);
void doctor_print_table(struct nvb_strbuf *out, const struct nvb_doctor_options *options);
void doctor_print_table_json(struct nvb_strbuf *out);
/* 0 fine, 1 warnings, 2 failures. */
int doctor_status(const struct nvb_doctor *doctor);

/* Runs what is safe, after asking unless `yes`; *mended counts what was done. fix.c. */
int doctor_mend(const struct nvb_doctor *doctor, bool yes, size_t *mended, nvb_error **err);

#endif
