"""What people and programs see of a running system: snapshots, the status file, tables, results."""
