/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "doctor/checks.h"

/* What containers without root need. */

/* Switches that close user namespaces; each is on at this value. */
static const struct {
	const char *path, *closed, *command;
} switches[] = {
	{"/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
};

NVB_LOOK(user_namespaces)
{
	char user[64];

	(void)check;
	for (size_t i = 0; i < NVB_ELEMENTS(switches); i++) {
		_cleanup_free_ char *value =
			nvb_doctor_read(&d->inventory->roots.proc, switches[i].path, NULL);

		if (!nvb_streq0(value, switches[i].closed))
			continue;
		nvb_doctor_saw(d, f, "%s (%s)", switches[i].path, value);
		nvb_doctor_say(d, f,
			nvb_doctor_user(d, user, sizeof(user)) ? NVB_DOCTOR_WARNING : NVB_DOCTOR_NOTE,
			switches[i].command,
			"this kernel lets users without root make no user namespaces (%s is %s): rootless "
			"containers "
			"cannot start",
			switches[i].path, value);
		return;
	}
}

/* Whether a file of subuid(5) has ids for the user, by name or number. */
static bool has_ids(struct nvb_doctor *d, const char *path, const char *user)
{
	_cleanup_free_ char *text = nvb_doctor_read(&d->host, path, NULL);
	_cleanup_strv_ char **lines = text ? nvb_strv_split(text, "\n") : NULL;
	char number[16];

	snprintf(number, sizeof(number), "%u",
		(unsigned)(geteuid() == 0 && getenv("SUDO_UID") ? strtoul(getenv("SUDO_UID"), NULL, 10)
								: geteuid()));
	nvb_strv_foreach (line, lines) {
		size_t n = strcspn(*line, ":");

		if ((*line)[n] == ':' && ((strlen(user) == n && strncmp(*line, user, n) == 0) ||
						 (strlen(number) == n && strncmp(*line, number, n) == 0)))
			return true;
	}
	return false;
}

NVB_LOOK(user_ids)
{
	char name[64];
	const char *user = nvb_doctor_user(d, name, sizeof(name));
	bool uids, gids;

	(void)check;
	if (!user) {
		nvb_doctor_absent(f);
		return;
	}
	uids = has_ids(d, "/etc/subuid", user);
	gids = has_ids(d, "/etc/subgid", user);
	if (!uids || !gids)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_text(d,
				"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", user),
			"the user %s has no subordinate ids in %s: rootless containers see one user alone, "
			"and most "
			"images "
			"need more",
			user,
			uids   ? "/etc/subgid"
			: gids ? "/etc/subuid"
			       : "/etc/subuid and /etc/subgid");
}

NVB_LOOK(user_tools)
{
	static const char *const tools[] = {"/usr/bin/newuidmap", "/usr/bin/newgidmap"};
	const char *missing = NULL;
	char name[64];

	(void)check;
	if (!nvb_doctor_user(d, name, sizeof(name))) {
		nvb_doctor_absent(f);
		return;
	}
	for (size_t i = 0; i < NVB_ELEMENTS(tools); i++)
		if (!nvb_doctor_exists(&d->host, tools[i]))
			missing = tools[i];
	if (missing)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING,
			nvb_doctor_install(d,
				&(struct nvb_doctor_package){"uidmap", "shadow-utils", "shadow", "shadow"}),
			"%s is not installed: subordinate ids cannot be used without it", missing);
}

/* Source: container-selinux, the boolean container_use_devices. */
NVB_LOOK(selinux)
{
	const struct nvb_root *sys = &d->inventory->roots.sys;
	_cleanup_free_ char *enforcing = nvb_doctor_read(sys, "/sys/fs/selinux/enforce", NULL);
	_cleanup_free_ char *allowed =
		nvb_doctor_read(sys, "/sys/fs/selinux/booleans/container_use_devices", NULL);

	(void)check;
	if (!enforcing || !allowed)
		nvb_doctor_absent(f);
	else if (*enforcing == '1' && *allowed == '0')
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, "setsebool -P container_use_devices on",
			"SELinux is enforcing and container_use_devices is off: containers are refused the "
			"GPU's "
			"nodes with \"Permission denied\"");
}
