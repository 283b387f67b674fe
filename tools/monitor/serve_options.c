/* SPDX-License-Identifier: Apache-2.0 */
#include "serve_options.h"

#include "base/str.h"

struct serve_settings serve_settings;

static const struct nvb_choice compat_choices[] = {
	{"dcgm", SERVE_COMPAT_DCGM},
	{NULL, 0},
};

const struct nvb_option serve_options[] = {
	{"listen", 0, NVB_OPTION_STRING("ADDRESS:PORT", &serve_settings.listen),
		"serve metrics for Prometheus there, at /metrics"},
	{"web", 0, NVB_OPTION_FLAG(&serve_settings.web),
		"serve a page with live graphs (at " SERVE_DEFAULT_ADDRESS " unless --listen says where)"},
	{"compat", 0, NVB_OPTION_CHOICE("NAMES", compat_choices, &serve_settings.compat),
		"name metrics as another exporter does"},
	{"tls-cert", 0, NVB_OPTION_STRING("FILE", &serve_settings.tls_cert),
		"serve over TLS: certificates, PEM"},
	{"tls-key", 0, NVB_OPTION_STRING("FILE", &serve_settings.tls_key),
		"the key of the first of them, PEM"},
	{"token-file", 0, NVB_OPTION_STRING("FILE", &serve_settings.token_file),
		"answer those alone who send the token in this file (Authorization: Bearer)"},
	{"allow-host", 0, NVB_OPTION_LIST("NAME", &serve_settings.names),
		"browsers may call this server so, besides localhost and addresses (repeatable)"},
	{NULL},
};

bool serve_wanted(void)
{
	return serve_settings.listen || serve_settings.web;
}

int serve_check(nvb_error **err)
{
	const struct serve_settings *s = &serve_settings;
	const char *alone = s->compat	    ? "--compat"
			    : s->tls_cert   ? "--tls-cert"
			    : s->tls_key    ? "--tls-key"
			    : s->token_file ? "--token-file"
			    : s->names	    ? "--allow-host"
					    : NULL;

	if (!serve_wanted() && alone)
		return nvb_usage(err, "%s goes with --listen or --web: there is no server else", alone);
	if (!s->tls_cert != !s->tls_key)
		return nvb_usage(err, "--tls-cert and --tls-key go together");
	return 0;
}

bool serve_arguments(char ***words)
{
	const struct serve_settings *s = &serve_settings;
	const struct {
		const char *option, *value;
	} texts[] = {
		{"--listen", s->listen},
		{"--compat", s->compat ? nvb_choice_name(compat_choices, s->compat) : NULL},
		{"--tls-cert", s->tls_cert},
		{"--tls-key", s->tls_key},
		{"--token-file", s->token_file},
	};
	bool ok = !s->web || nvb_strv_add(words, "--web");

	for (size_t i = 0; ok && i < NVB_ELEMENTS(texts); i++)
		ok = !texts[i].value || nvb_strv_addf(words, "%s=%s", texts[i].option, texts[i].value);
	nvb_strv_foreach (name, s->names)
		ok = ok && nvb_strv_addf(words, "--allow-host=%s", *name);
	return ok;
}
