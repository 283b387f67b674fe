#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh FILE: a text file as a string of C, for the build.
echo '#include "benchmark/config_json.h"'
echo 'const char nvb_benchmark_config[] ='
sed 's/[\\"]/\\&/g; s/^/"/; s/$/"/' "$1"
# Its last line may have no end.
echo
echo ';'
