/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_REPORT_H
#define NVB_CDI_REPORT_H

#include "base/error.h"
#include "base/mem.h"
#include "cdi/node.h"

/*
 * What is wrong with a spec: every problem with the place where it stands and the rule it breaks. The rules
 * are one table (report.c) that says where each is written down.
 */
enum nvb_cdi_rule {
	NVB_CDI_RULE_TYPE,
	NVB_CDI_RULE_REQUIRED,
	NVB_CDI_RULE_UNKNOWN,
	NVB_CDI_RULE_RANGE,
	NVB_CDI_RULE_VERSION,
	NVB_CDI_RULE_VERSION_FIELD,
	NVB_CDI_RULE_VERSION_PREFIX,
	NVB_CDI_RULE_KIND,
	NVB_CDI_RULE_KIND_LABEL,
	NVB_CDI_RULE_ANNOTATION,
	NVB_CDI_RULE_NO_DEVICES,
	NVB_CDI_RULE_DEVICE_NAME,
	NVB_CDI_RULE_DEVICE_DUPLICATE,
	NVB_CDI_RULE_DEVICE_EMPTY,
	NVB_CDI_RULE_ENV,
	NVB_CDI_RULE_NODE_PATH,
	NVB_CDI_RULE_NODE_TYPE,
	NVB_CDI_RULE_NODE_PERMISSIONS,
	NVB_CDI_RULE_NODE_NUMBER,
	NVB_CDI_RULE_NODE_MODE,
	NVB_CDI_RULE_NET_NAME,
	NVB_CDI_RULE_NET_DUPLICATE,
	NVB_CDI_RULE_HOOK_NAME,
	NVB_CDI_RULE_HOOK_PATH,
	NVB_CDI_RULE_HOOK_TIMEOUT,
	NVB_CDI_RULE_MOUNT_PATH,
	NVB_CDI_RULE_RDT_CLOS,
	NVB_CDI_RULES,
};

struct nvb_cdi_rule_info {
	const char *id;	    /* "device.duplicate" */
	const char *source; /* where the rule stands */
	bool warning;	    /* the specification forbids it, but every reader takes it */
};

const struct nvb_cdi_rule_info *nvb_cdi_rule_info(enum nvb_cdi_rule rule);

struct nvb_cdi_problem {
	enum nvb_cdi_rule rule;
	const char *file;
	unsigned line;	     /* 0: the document was made in memory */
	const char *path;    /* "devices[3].name"; "" is the whole document */
	const char *message; /* one line, no full stop */
	const char *hint;    /* what to do, or NULL */
};

/* Zero-initialise; problems live in the report. A report that is full drops further problems but counts
 * them. */
struct nvb_cdi_report {
	struct nvb_arena arena;
	struct nvb_cdi_problem *problems;
	size_t count, capacity;
	size_t errors, warnings;
	bool no_memory;
};
enum { NVB_CDI_REPORT_MAX = 200 };

/* True when further problems are only counted: what is costly to say need not be worked out any more. */
static inline bool nvb_cdi_report_full(const struct nvb_cdi_report *report)
{
	return report->count >= NVB_CDI_REPORT_MAX;
}

void nvb_cdi_report_release(struct nvb_cdi_report *report);
#define _cleanup_cdi_report_ _cleanup_(nvb_cdi_report_release)

/* Adds a problem at a node; the path gets `field` behind it when it is not NULL (for what is not there). */
void nvb_cdi_report_add(struct nvb_cdi_report *report, const char *file, const struct nvb_cdi_node *at,
	const char *field, enum nvb_cdi_rule rule, const char *fmt, ...)
	__attribute__((format(printf, 6, 7), cold));
/* Gives the last problem that was added a hint. */
void nvb_cdi_report_hint(struct nvb_cdi_report *report, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold));

/* "<file>:<line>: <path>: <message>"; malloc'd, NULL without memory. */
char *nvb_cdi_problem_text(const struct nvb_cdi_problem *problem);

/* The first problem that is an error as NVB_ERR_CORRUPT, with the number of the others; 0 when there is
 * none. */
int nvb_cdi_report_fail(const struct nvb_cdi_report *report, nvb_error **err);

#endif
