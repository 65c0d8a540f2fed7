"""The door: who asks, by what proof, and what they may. Below every view, so that all use one."""
