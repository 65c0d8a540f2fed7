"""What is told of the service to the tools that watch it: figures and traces."""
