"""What the kernel tells of the machine, of processes, memory, cores and quotas."""
