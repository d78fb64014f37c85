// Package service is the frame of every service: [Main] reads the configuration from the environment, starts the admin port
// with health, metrics and the log level, and runs the service until a signal. [Run] is the lifecycle of parts that start in
// order and stop in reverse, and [HTTPServer] a part that stops without losing requests.
package service
