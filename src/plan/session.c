/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "inventory/listing.h"
#include "plan/planner.h"

/*
 * The caller's screen, sound and input. Sockets keep the paths they have on the host, so that the variables
 * which name them are the same inside. Sources: X(7), "DISPLAY NAMES"; Xsecurity(7); wl_display_connect(3);
 * pipewire(1); pulseaudio(1); udev's database, hwdb and builtin input_id of systemd.
 */

enum { UNIX_SOCKETS = 108 };

static bool is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int left_out(struct planner *planner, const struct nvb_setting *setting, const char *why)
{
	return nvb_planner_note(
		planner, "profile %s: %s is left out: %s", setting->profile, setting->name, why);
}

/* The number of ":0", ":1.0", "unix:0"; false for a display over TCP. */
static bool local_display(const char *display, unsigned *number)
{
	const char *colon = strrchr(display, ':');
	char digits[12];
	size_t n = colon ? strcspn(colon + 1, ".") : 0;
	uint32_t value;

	if (!colon || !n || n >= sizeof(digits) || (colon > display && !nvb_after(display, "unix:")))
		return false;
	memcpy(digits, colon + 1, n);
	digits[n] = '\0';
	if (!nvb_parse_u32(digits, &value) || value > 65535)
		return false;
	*number = value;
	return true;
}

static int add_x11(struct planner *planner, const struct nvb_session *session,
	const struct nvb_setting *setting, bool *found)
{
	char path[UNIX_SOCKETS];
	unsigned number;
	int rc;

	if (!session->display)
		return 0;
	if (!local_display(session->display, &number))
		return nvb_planner_note(planner, "profile %s: the display '%s' is no socket of this host's",
			setting->profile, session->display);
	snprintf(path, sizeof(path), "/tmp/.X11-unix/X%u", number);
	if (!is_socket(path))
		return nvb_planner_note(planner, "profile %s: DISPLAY is %s, but %s is not there",
			setting->profile, session->display, path);
	*found = true;
	rc = nvb_planner_bind(planner, setting, path, path, NVB_FILE_SOCKET, "socket of the X server");
	if (rc == 0)
		rc = nvb_planner_variable(
			planner, setting, "DISPLAY", session->display, "which X server programs use");
	if (rc < 0 || !session->xauthority)
		return rc;
	rc = nvb_planner_bind(planner, setting, session->xauthority, "/run/nvbind/Xauthority", NVB_FILE_DATA,
		"the right to use the X server");
	return rc < 0 ? rc
		      : nvb_planner_variable(planner, setting, "XAUTHORITY", "/run/nvbind/Xauthority",
				"where programs find that right");
}

/* A name below XDG_RUNTIME_DIR, or an absolute path; false when there is no such socket. */
static bool runtime_socket(const struct nvb_session *session, const char *name, char path[static PATH_MAX])
{
	if (*name == '/')
		snprintf(path, PATH_MAX, "%s", name);
	else if (!session->runtime_directory ||
		 (size_t)snprintf(path, PATH_MAX, "%s/%s", session->runtime_directory, name) >= PATH_MAX)
		return false;
	return is_socket(path);
}

static int add_runtime_directory(
	struct planner *planner, const struct nvb_session *session, const struct nvb_setting *setting)
{
	return session->runtime_directory
		       ? nvb_planner_variable(planner, setting, "XDG_RUNTIME_DIR", session->runtime_directory,
				 "where programs look for the session's sockets")
		       : 0;
}

static int add_wayland(struct planner *planner, const struct nvb_session *session,
	const struct nvb_setting *setting, bool *found)
{
	char path[PATH_MAX];
	int rc;

	if (!session->wayland)
		return 0;
	if (!runtime_socket(session, session->wayland, path))
		return nvb_planner_note(planner,
			"profile %s: WAYLAND_DISPLAY is %s, but there is no such socket", setting->profile,
			session->wayland);
	*found = true;
	rc = nvb_planner_bind(
		planner, setting, path, path, NVB_FILE_SOCKET, "socket of the Wayland compositor");
	if (rc == 0)
		rc = nvb_planner_variable(planner, setting, "WAYLAND_DISPLAY", session->wayland,
			"which compositor programs use");
	return rc < 0 ? rc : add_runtime_directory(planner, session, setting);
}

static int add_display(
	struct planner *planner, const struct nvb_session *session, const struct nvb_setting *setting)
{
	bool found = false;
	int rc = add_x11(planner, session, setting, &found);

	if (rc == 0)
		rc = add_wayland(planner, session, setting, &found);
	if (rc == 0 && !found)
		rc = left_out(planner, setting,
			"the environment names no screen of this host (DISPLAY, WAYLAND_DISPLAY)");
	return rc;
}

static int add_audio(
	struct planner *planner, const struct nvb_session *session, const struct nvb_setting *setting)
{
	static const struct {
		const char *name, *reason;
	} sockets[] = {{"pipewire-0", "socket of PipeWire"}, {"pulse/native", "socket of PulseAudio"}};
	char path[PATH_MAX], server[PATH_MAX + 8];
	size_t found = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(sockets); i++) {
		if (!runtime_socket(session, sockets[i].name, path))
			continue;
		found++;
		rc = nvb_planner_bind(planner, setting, path, path, NVB_FILE_SOCKET, sockets[i].reason);
		snprintf(server, sizeof(server), "unix:%s", path);
		if (rc == 0 && nvb_ends_with(path, "/native"))
			rc = nvb_planner_variable(
				planner, setting, "PULSE_SERVER", server, "which server libpulse uses");
	}
	if (rc == 0 && found)
		rc = add_runtime_directory(planner, session, setting);
	if (rc == 0 && !found)
		rc = left_out(planner, setting,
			"neither pipewire-0 nor pulse/native is in the caller's XDG_RUNTIME_DIR");
	return rc;
}

/* What udev found out about a device of /dev/input. */
static bool is_controller(const struct nvb_root *root, const struct stat *st)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/run/udev/data/c%u:%u", major(st->st_rdev), minor(st->st_rdev));
	return nvb_root_read(root, path, 1 << 16, &text, NULL, NULL) == 0 &&
	       strstr(text, "E:ID_INPUT_JOYSTICK=1") != NULL;
}

static int add_nodes(struct planner *planner, const struct nvb_setting *setting, const char *directory,
	const char *prefix, bool all, size_t *count)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	const struct nvb_root *dev = &planner->inventory->roots.dev;
	int rc = 0;

	if (nvb_listing_read(dev, directory, &listing) < 0)
		return 0;
	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		char path[320];
		struct stat st;

		if (!nvb_after(listing.entries[i].name, prefix))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, listing.entries[i].name);
		if (nvb_root_stat(dev, path, false, &st) < 0 || !S_ISCHR(st.st_mode) ||
			(!all && !is_controller(&planner->inventory->roots.driver, &st)))
			continue;
		rc = nvb_planner_setting_device(
			planner, setting, path, all ? "an input device" : "a game controller");
		*count += rc == 0;
	}
	return rc;
}

enum { INPUT_CONTROLLERS = 1, INPUT_ALL = 2 };

static int add_input(struct planner *planner, const struct nvb_setting *setting)
{
	bool all = setting->amount == INPUT_ALL;
	_cleanup_free_ char *udev = nvb_root_host_path(&planner->inventory->roots.driver, "/run/udev");
	size_t count = 0;
	struct stat st;
	int rc = add_nodes(planner, setting, "/dev/input", "", all, &count);

	if (!udev)
		return nvb_fail_oom(planner->err);
	if (rc == 0 && all)
		rc = add_nodes(planner, setting, "/dev", "hidraw", true, &count);
	if (rc == 0 && all)
		rc = nvb_planner_setting_device(
			planner, setting, "/dev/uinput", "programs make input devices of their own");
	if (rc == 0 && count && stat(udev, &st) == 0 && S_ISDIR(st.st_mode))
		rc = nvb_planner_bind(planner, setting, udev, "/run/udev", NVB_FILE_DATA,
			"what udev knows of input devices: programs tell controllers by it");
	if (rc == 0 && !count)
		rc = left_out(planner, setting,
			all ? "there is no input device" : "udev knows of no game controller");
	return rc;
}

int nvb_planner_session(
	struct planner *planner, const struct nvb_session *session, const struct nvb_setting *setting)
{
	if (!setting->amount)
		return 0;
	/* WSLg has one session, whose sockets lie at the same places for everybody. */
	if (planner->inventory->platform == NVB_PLATFORM_WSL2)
		return nvb_planner_wslg(planner, setting);
	if (!session->known)
		return left_out(planner, setting, "it is one user's session, and a spec is everybody's");
	if (nvb_streq(setting->name, "display"))
		return add_display(planner, session, setting);
	if (nvb_streq(setting->name, "audio"))
		return add_audio(planner, session, setting);
	return add_input(planner, setting);
}
