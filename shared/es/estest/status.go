package estest

import "github.com/orchestrix-go/orchestrix/shared/processes"

// The statuses of a process instance, for [ProcessScenario.ThenStatus].
const (
	StatusRunning      = processes.StatusRunning
	StatusCompensating = processes.StatusCompensating // it undoes its steps
	StatusParked       = processes.StatusParked       // its reaction failed; its triggers queue until an operator retries or cancels it
	StatusCompleted    = processes.StatusCompleted
	StatusFailed       = processes.StatusFailed
	StatusCancelled    = processes.StatusCancelled
)
