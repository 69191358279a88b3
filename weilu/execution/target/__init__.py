"""What a run does on the target. Standard library only: these files are packed into one program,
carried there by Ansible, and run by the target's own Python; nothing here imports the rest of Weilu."""
