/* SPDX-License-Identifier: Apache-2.0 */
#include "base/choice.h"
#include "base/str.h"
#include "bolt-image.h"
#include "skopeo.h"

/*
 * bolt login, bolt logout: skopeo's, with its files, so that whoever has logged in with podman, skopeo or
 * docker has logged in here, and the other way round.
 */

static const char *authfile, *cert_dir, *username, *password;
static bool password_stdin, get_login, all;
static int tls_verify = -1;

static const struct nvb_choice booleans[] = {{"true", 1}, {"false", 0}, {NULL}};

static const struct nvb_option login_options[] = {
	{"username", 'u', NVB_OPTION_STRING("NAME", &username), "name to log in with (asked for without it)"},
	{"password", 'p', NVB_OPTION_STRING("PASSWORD", &password),
		"password (asked for without it; others can see it in the list of processes)"},
	{"password-stdin", 0, NVB_OPTION_FLAG(&password_stdin), "read the password from standard input"},
	{"get-login", 0, NVB_OPTION_FLAG(&get_login), "only say who is logged in"},
	{"authfile", 0, NVB_OPTION_STRING("FILE", &authfile),
		"keep credentials in this file (REGISTRY_AUTH_FILE, else that of podman and skopeo)"},
	{"cert-dir", 0, NVB_OPTION_STRING("DIR", &cert_dir), "certificates for the registry"},
	{"tls-verify", 0, NVB_OPTION_CHOICE("BOOL", booleans, &tls_verify),
		"false talks to a registry without a valid certificate, or over plain HTTP"},
	{NULL},
};
const struct nvb_option_group login_groups[] = {{"Options", login_options}, {NULL}};

static const struct nvb_option logout_options[] = {
	{"authfile", 0, NVB_OPTION_STRING("FILE", &authfile), "the file that has the credentials"},
	{"all", 'a', NVB_OPTION_FLAG(&all), "forget the credentials for every registry"},
	{NULL},
};
const struct nvb_option_group logout_groups[] = {{"Options", logout_options}, {NULL}};

static bool add_value(char ***command, const char *option, const char *value)
{
	return !value || nvb_strv_addf(command, "--%s=%s", option, value);
}

static bool add_flag(char ***command, const char *option, bool given)
{
	return !given || nvb_strv_addf(command, "--%s", option);
}

int image_login(int argc, char **argv, nvb_error **err)
{
	_cleanup_strv_ char **command = NULL;
	bool ok;

	(void)argc;
	ok = nvb_strv_add(&command, "skopeo") && nvb_strv_add(&command, "login") &&
	     add_value(&command, "username", username) && add_value(&command, "password", password) &&
	     add_flag(&command, "password-stdin", password_stdin) &&
	     add_flag(&command, "get-login", get_login) && add_value(&command, "authfile", authfile) &&
	     add_value(&command, "cert-dir", cert_dir) &&
	     add_value(&command, "tls-verify",
		     tls_verify < 0   ? NULL
		     : tls_verify > 0 ? "true"
				      : "false") &&
	     nvb_strv_add(&command, "--") && nvb_strv_add(&command, argv[0]);
	return ok ? skopeo_talk(command, err) : nvb_fail_oom(err);
}

int image_logout(int argc, char **argv, nvb_error **err)
{
	_cleanup_strv_ char **command = NULL;
	bool ok;

	if (all ? argc > 0 : argc == 0)
		return nvb_usage(err, all ? "--all and a registry exclude each other"
					  : "logout from where: name a registry, or give --all");
	ok = nvb_strv_add(&command, "skopeo") && nvb_strv_add(&command, "logout") &&
	     add_flag(&command, "all", all) && add_value(&command, "authfile", authfile) &&
	     (all || (nvb_strv_add(&command, "--") && nvb_strv_add(&command, argv[0])));
	return ok ? skopeo_talk(command, err) : nvb_fail_oom(err);
}
