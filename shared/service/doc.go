// Package service is what every service's main.go shares: configuration from the environment, a lifecycle of
// parts that start in order and stop in reverse, HTTP servers that stop without losing requests, health, metrics and logs
// on an admin port.
package service
