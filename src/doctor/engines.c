/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "doctor/checks.h"
#include "engine/check.h"
#include "engine/record.h"
#include "inventory/listing.h"

/* Container engines and what they run. */

/* The first version of each that reads CDI specs. Source: the engines' release notes. */
static const struct {
	enum nvb_doctor_program program;
	const char *name, *version;
	struct nvb_doctor_package package;
} readers[] = {
	{NVB_DOCTOR_DOCKER, "docker", "25.0", {"docker-ce", "docker-ce", "docker", "docker"}},
	{NVB_DOCTOR_PODMAN, "podman", "4.1", {"podman", "podman", "podman", "podman"}},
	{NVB_DOCTOR_CONTAINERD, "containerd", "1.7",
		{"containerd.io", "containerd.io", "containerd", "containerd"}},
	{NVB_DOCTOR_CRIO, "CRI-O", "1.23", {"cri-o", "cri-o", "cri-o", "cri-o"}},
};

NVB_LOOK(engine_cdi)
{
	struct nvb_doctor_list list = {0};
	const char *command = NULL;
	size_t here = 0;

	(void)check;
	for (size_t i = 0; i < NVB_ELEMENTS(readers); i++) {
		const char *version = nvb_doctor_version(&d->versions, readers[i].program);

		here += version != NULL;
		if (!version || !*version || nvb_doctor_compare_versions(version, readers[i].version) >= 0)
			continue;
		nvb_doctor_list_add(
			&list, "%s %s (from %s on)", readers[i].name, version, readers[i].version);
		/* docker's elders take the runtime; the others must be replaced. */
		if (!command)
			command = readers[i].program == NVB_DOCTOR_DOCKER
					  ? "nvbind runtime configure --runtime docker"
					  : nvb_doctor_install(d, &readers[i].package);
	}
	if (!here)
		nvb_doctor_absent(f);
	else if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, command,
			"too old to read CDI specs: %s; --device nvidia.com/gpu=... does nothing there",
			list.text);
}

/* The file in which an engine was told of nvbind-runtime; malloc'd, NULL: it was not. */
static char *configured_file(const struct engine *engine)
{
	_cleanup_free_ char *directory = NULL;
	_cleanup_strv_ char **files = NULL;

	if (engine_state_directory(&directory, NULL) < 0 ||
		engine_record_files(directory, engine->name, &files, NULL) < 0 || !files || !*files)
		return NULL;
	return strdup(*files);
}

/* The first problem of an engine that was told of nvbind-runtime; false: there is none. */
static bool find_problem(struct nvb_doctor *d, const struct engine *engine, const char *file,
	const char **text, const char **hint)
{
	_cleanup_engine_report_ struct engine_report report = {0};
	const struct engine_check look = {engine, file, "nvbind", &report};

	if (engine_check(&look, NULL) < 0)
		d->no_memory = true;
	for (size_t i = 0; i < report.count; i++)
		if (report.findings[i].status == ENGINE_PROBLEM) {
			*text = nvb_doctor_text(d, "%s", report.findings[i].text);
			*hint = nvb_doctor_text(
				d, "%s", report.findings[i].hint ? report.findings[i].hint : "");
			return true;
		}
	return false;
}

NVB_LOOK(engine_runtime)
{
	struct nvb_doctor_list list = {0};
	const char *command = NULL, *text, *hint;
	size_t here = 0;

	(void)check;
	for (size_t i = 0; i < engine_count; i++) {
		_cleanup_free_ char *file = configured_file(&engines[i]);

		if (!file)
			continue;
		here++;
		if (!find_problem(d, &engines[i], file, &text, &hint))
			continue;
		nvb_doctor_list_add(&list, "%s", text);
		/* What is said to be done is a command, or tells why it must be configured again. */
		if (!command)
			command = nvb_after(hint, "systemctl ") || nvb_after(hint, "nvbind ")
					  ? hint
					  : nvb_doctor_text(d, "nvbind runtime configure --runtime %s",
						    engines[i].name);
	}
	if (!here)
		nvb_doctor_absent(f);
	else if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, command, "%s ('nvbind runtime check' says more)",
			list.text);
}

/*
 * NVIDIA's hook by a file of libpod's hooks directories. It is called before a rootless container's nodes can
 * be made, and crun from 1.23 on creates containers in an order that it does not follow.
 */
static const char *const hook_directories[] = {
	"/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d", NULL};

static const char *find_hook(struct nvb_doctor *d)
{
	for (const char *const *directory = hook_directories; *directory; directory++) {
		_cleanup_listing_ struct nvb_listing listing = {0};

		if (nvb_listing_read(&d->host, *directory, &listing) < 0)
			continue;
		for (size_t i = 0; i < listing.count; i++)
			if (strstr(listing.entries[i].name, "nvidia") &&
				nvb_ends_with(listing.entries[i].name, ".json"))
				return nvb_doctor_text(d, "%s/%s", *directory, listing.entries[i].name);
	}
	return NULL;
}

NVB_LOOK(engine_hook)
{
	const char *hook = find_hook(d), *crun = nvb_doctor_version(&d->versions, NVB_DOCTOR_CRUN);
	bool new = crun &&*crun &&nvb_doctor_compare_versions(crun, "1.23") >= 0;
	char user[64];
	bool rootless = nvb_doctor_user(d, user, sizeof(user)) != NULL;

	(void)check;
	if (!hook)
		nvb_doctor_absent(f);
	else if (new || rootless)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d, "rm %s && nvbind cdi generate --output /etc/cdi/", hook),
			"%s makes podman call NVIDIA's old hook, which does not work %s%s: a CDI spec takes "
			"its "
			"place",
			hook, new ? "with crun " : "without root", new ? crun : "");
}

NVB_LOOK(runtime_missing)
{
	static const char *const usual[] = {"crun", "runc", NULL};
	char *const *names = d->options.runtimes ? d->options.runtimes : (char *const *)usual;
	_cleanup_strbuf_ struct nvb_strbuf tried = {0};

	(void)check;
	for (; *names; names++) {
		_cleanup_free_ char *path = **names == '/' ? strdup(*names) : nvb_doctor_find_program(*names);

		if (path && access(path, X_OK) == 0)
			return;
		nvb_sb_addf(&tried, "%s%s", tried.len ? ", " : "", *names);
	}
	nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
		nvb_doctor_install(d, &(struct nvb_doctor_package){"crun", "crun", "crun", "crun"}),
		"no OCI runtime is installed (looked for: %s): no capsule can be started",
		tried.s ? tried.s : "");
}

/* From about 6.9 on the kernel has vDSO pages that CRIU before 4.0 does not know ("Unexpected rt vDSO area
 * bounds"). */
NVB_LOOK(criu)
{
	const char *criu = nvb_doctor_version(&d->versions, NVB_DOCTOR_CRIU);
	_cleanup_free_ char *kernel =
		nvb_doctor_read(&d->inventory->roots.proc, "/proc/sys/kernel/osrelease", NULL);

	(void)check;
	if (!criu || !kernel || !*criu) {
		nvb_doctor_absent(f);
		return;
	}
	nvb_doctor_saw(d, f, "criu --version (%s), the kernel (%s)", criu, kernel);
	if (nvb_doctor_compare_versions(criu, "4.0") < 0 && nvb_doctor_compare_versions(kernel, "6.9") >= 0)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_install(
				d, &(struct nvb_doctor_package){"criu/trixie", "criu", "criu", "criu"}),
			"CRIU %s does not work on kernel %s: snapshots of capsules need 4.0 or newer", criu,
			kernel);
}
