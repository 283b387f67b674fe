/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_USERNS_H
#define NVB_BASE_USERNS_H

#include <stdbool.h>

/* True unless this process is in the first user namespace: root of any other cannot make device nodes. True
 * as well where /proc does not tell. */
bool nvb_in_user_namespace(void);

#endif
