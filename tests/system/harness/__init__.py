"""What system tests stand on: real processes, broken links, failing disks."""
