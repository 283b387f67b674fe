/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cdi/registry.h"
#include "doctor/checks.h"

/* CDI specs, as `nvbind cdi status` judges them. check->number is the state that is looked for. */

NVB_LOOK(specs)
{
	size_t count;
	const struct nvb_doctor_spec *specs = nvb_doctor_specs(d, &count);
	const struct nvb_doctor_spec *first = NULL;
	struct nvb_doctor_list list = {0};
	const char *command = NULL;

	if (d->specs_error) {
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL, "%s", nvb_error_message(d->specs_error));
		return;
	}
	if (!count) {
		nvb_doctor_absent(f);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if ((int)specs[i].state == check->number) {
			first = first ? first : &specs[i];
			nvb_doctor_list_add(&list, "%s", specs[i].path);
		}
	if (!first)
		return;
	switch (first->state) {
	case NVB_DOCTOR_SPEC_STALE:
		command =
			first->refreshable ? "nvbind cdi refresh" : "nvbind cdi generate --output /etc/cdi/";
		break;
	case NVB_DOCTOR_SPEC_HIDDEN:
	case NVB_DOCTOR_SPEC_CONFLICT:
		command = nvb_doctor_text(d, "rm %s", first->path);
		break;
	default:
		command = nvb_doctor_text(d, "nvbind cdi validate %s", first->path);
	}
	nvb_doctor_saw(d, f, "%s", list.text);
	nvb_doctor_say(d, f, first->state == NVB_DOCTOR_SPEC_HIDDEN ? NVB_DOCTOR_WARNING : NVB_DOCTOR_FAILURE,
		command, "CDI spec%s %s: %s", nvb_doctor_s(list.count), list.text,
		first->reason ? first->reason : "?");
	f->safe = first->state == NVB_DOCTOR_SPEC_STALE && first->refreshable;
}

/* A directory that root made for itself alone hides all devices from engines without root. */
NVB_LOOK(specs_directory)
{
	const char *const *directories =
		d->options.cdi_directories ? d->options.cdi_directories : nvb_cdi_default_directories;
	struct nvb_doctor_list list = {0};
	const char *first = NULL;
	bool any = false;
	struct stat st;

	(void)check;
	for (; *directories; directories++) {
		if (stat(*directories, &st) < 0)
			continue;
		any = true;
		if ((st.st_mode & 0005) == 0005)
			continue;
		nvb_doctor_list_add(&list, "%s (%04o)", *directories, st.st_mode & 07777u);
		first = first ? first : *directories;
	}
	if (!any)
		nvb_doctor_absent(f);
	else if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, nvb_doctor_text(d, "chmod 755 %s", first),
			"users without root cannot read CDI specs in %s: their containers know no "
			"nvidia.com/gpu",
			list.text);
}
