"""The DPU: a front-end with a durable queue, back-ends that start runners, and the runner."""
