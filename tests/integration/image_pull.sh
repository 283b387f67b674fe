#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt image against a real registry on loopback: pull, sharing of layers, whiteouts, and every way a pull can fail.
