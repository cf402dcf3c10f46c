"""What this process tells Prometheus, Sentry and OpenTelemetry of itself."""
