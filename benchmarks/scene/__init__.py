"""What benchmarks are measured on: repositories, hosts and processes."""
