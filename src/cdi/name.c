/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cdi/validate.h"

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_alphanumeric(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

static const char *check_inside(const char *name, size_t size, const char *allowed)
{
	for (size_t i = 0; i < size; i++)
		if (!is_alphanumeric(name[i]) && (!name[i] || !strchr(allowed, name[i])))
			return "has a character that is not allowed";
	if (!is_alphanumeric(name[size - 1]))
		return "must end with a letter or a digit";
	return NULL;
}

static const char *check_label(const char *name, size_t size)
{
	if (!size)
		return "is empty";
	if (!is_letter(*name))
		return "must begin with a letter";
	return check_inside(name, size, "_-.");
}

const char *nvb_cdi_check_vendor(const char *name, size_t size)
{
	return check_label(name, size);
}

const char *nvb_cdi_check_class(const char *name, size_t size)
{
	return check_label(name, size);
}

const char *nvb_cdi_check_device(const char *name, size_t size)
{
	if (!size)
		return "is empty";
	if (!is_alphanumeric(*name))
		return "must begin with a letter or a digit";
	return check_inside(name, size, "_-.:");
}

int nvb_cdi_name_parse(const char *text, struct nvb_cdi_name *name, nvb_error **err)
{
	const char *slash = strchr(text, '/'), *equals = strchr(text, '=');
	const char *what = "vendor", *wrong;
	struct nvb_cdi_name n;
	int rc;

	if (!slash || !equals || slash > equals) {
		rc = nvb_fail(err, NVB_ERR_INVALID, "'%s' is no CDI device name", text);
		return nvb_hint(err, rc, "CDI names look like nvidia.com/gpu=0");
	}
	n = (struct nvb_cdi_name){
		.vendor = text,
		.vendor_size = (size_t)(slash - text),
		.class = slash + 1,
		.class_size = (size_t)(equals - slash - 1),
		.device = equals + 1,
	};
	wrong = nvb_cdi_check_vendor(n.vendor, n.vendor_size);
	if (!wrong && (what = "class"))
		wrong = nvb_cdi_check_class(n.class, n.class_size);
	if (!wrong && (what = "device"))
		wrong = nvb_cdi_check_device(n.device, strlen(n.device));
	if (wrong)
		return nvb_fail(
			err, NVB_ERR_INVALID, "'%s' is no CDI device name: the %s %s", text, what, wrong);
	*name = n;
	return 0;
}
