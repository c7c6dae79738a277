"""The commands: one file for each command or group; a few that belong together share one."""
