// Package service is the frame of every service: configuration from the environment, a lifecycle of parts that start in order
// and stop in reverse, HTTP servers that stop without losing requests, and an admin port with health, metrics and the log level.
package service
