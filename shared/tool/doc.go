// Package tool has the commands of operators: they send commands, show the log, the projections and the processes, check and
// back up the log, and prepare a deployment.
package tool
