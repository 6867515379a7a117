"""The processes of this machine, as the kernel tells of them in /proc; nothing here can change one."""
