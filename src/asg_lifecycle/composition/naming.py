"""What every function of the application calls itself."""

SERVICE = "asg-lifecycle"
METRICS_NAMESPACE = "AsgLifecycle"
