#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs inside a container of a busybox and says what of the driver it has and may use.
cd /dev && echo "gpus: $(ls -d nvidia[0-9]* 2>/dev/null | sed 's/nvidia//' | sort -n | tr '\n' ' ')"
for minor in 0 1 2 3 4 5 6 7 255; do
	if mknod /dev/probe c 195 "$minor" 2>/dev/null; then
		said=$( (: </dev/probe) 2>&1) || true
		rm -f /dev/probe
	else # no CAP_MKNOD, or of a user namespace: the nodes that are there
		case $minor in 255) node=/dev/nvidiactl ;; *) node=/dev/nvidia$minor ;; esac
		said='no: Operation not permitted'
		[ ! -e $node ] || said=$( (: <$node) 2>&1) || true
	fi
	case $said in
	'' | *'No such device or address'*) said=allowed ;;
	*': '*) said=${said##*: } ;;
	esac
	echo "open $minor: $said"
done
echo "smi: $(nvidia-smi -L 2>/dev/null | grep -c '^GPU\|^  MIG')"
dlopen_all libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 2>&1 | sed 's/^/lib: /'
echo "visible: $NVIDIA_VISIBLE_DEVICES"
exit 0
