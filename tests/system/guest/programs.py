#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints the names of the tracing programs that are loaded in the kernel.

They are asked of the kernel itself, with bpf(2): what holds them, a process or
a file in bpffs, does not matter. In a guest nobody else traces.
"""
import ctypes
import os
import platform
import struct

BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 11, 13, 15
BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
TRACING = {5: "tracepoint", 26: "tracing", 31: "syscall", 2: "kprobe"}  # enum bpf_prog_type
LIBC = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = LIBC.syscall(BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def main():
    number = 0
    while True:
        try:
            number = struct.unpack_from("=II", bpf(BPF_PROG_GET_NEXT_ID, struct.pack("=I", number))[1])[1]
        except FileNotFoundError:
            return
        try:
            descriptor = bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("=I", number))[0]
        except FileNotFoundError:  # it went meanwhile
            continue
        info = ctypes.create_string_buffer(256)
        bpf(BPF_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", descriptor, 256, ctypes.addressof(info)))
        os.close(descriptor)
        kind = struct.unpack_from("=I", info.raw)[0]
        if kind in TRACING:
            # type, id, tag[8], two lengths, two addresses, load_time, uid, nr_map_ids, map_ids, name[16]
            print(number, TRACING[kind], info.raw[64:80].split(b"\0")[0].decode())


if __name__ == "__main__":
    main()
