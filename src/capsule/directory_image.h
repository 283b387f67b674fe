/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_DIRECTORY_IMAGE_H
#define NVB_CAPSULE_DIRECTORY_IMAGE_H

#include <stdbool.h>

#include "capsule/image.h"

/*
 * A directory of the host as an image: one layer, no configuration. It is read, never written. A reference
 * names one when it starts with "/", "./" or "../": no image's name can.
 */
bool nvb_image_is_directory(const char *reference);

int nvb_image_open_directory(const char *path, struct nvb_image *image, nvb_error **err);

#endif
