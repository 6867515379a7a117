"""Coroutines: tasks that take turns within one thread, because each of them says when it waits."""
