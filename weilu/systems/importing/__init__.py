"""Lists of hosts from elsewhere: an Ansible inventory or a workbook, read as data, shown, then taken over as shown."""
