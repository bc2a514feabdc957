"""Runs a command without a network: python offline.py COMMAND ...

On Linux the command gets a network namespace of its own, where only the loopback device exists, so nothing can be
downloaded and Jupyter and Ollama still find each other. Where this is not permitted, or on another system, the command
runs with its network, and this program says so. The exit status is the command's.
"""

import ctypes
import os
import struct
import subprocess
import sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40  # linux/sockios.h, linux/if.h


def cut_the_network():
    """Moves this process into a network namespace of its own; the user stays who they are."""
    import fcntl
    import socket

    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare: " + os.strerror(ctypes.get_errno()))
    for name, text in ("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1"):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP | IFF_RUNNING))


def main():
    try:
        if not sys.platform.startswith("linux"):
            raise OSError("only Linux can cut it off for one program")
        cut_the_network()
        print("= the network is cut off: only this machine's loopback is left", flush=True)
    except OSError as why:
        print(f"! The network could not be cut off ({why}); downloads are only switched off.", flush=True)
    sys.exit(subprocess.call(sys.argv[1:]))


main()
