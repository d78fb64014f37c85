package es

import (
	"time"

	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// Send sends a command to the aggregate with this id; its type identifies the decider. The command is delivered at least once
// and decided once. The commands of an instance to one aggregate are decided in the order of sending.
func Send(to string, command any) Effect {
	return Effect{Kind: processes.SendEffect, To: to, Command: command}
}

// SendNamed sends a command to an aggregate of another module, by the names that requests use. body is encoded as its JSON.
func SendNamed(category, to, name string, body any) Effect {
	return Effect{Kind: processes.SendEffect, To: to, Command: body, Category: category, Name: name}
}

// Schedule sets the deadline of this name, a token of at most 43 bytes. It replaces a pending deadline of the name.
func Schedule(name string, at time.Time) Effect {
	return Effect{Kind: processes.ScheduleEffect, Name: name, At: at.UTC()}
}

// After is [Schedule] for a duration, counted from the moment at which the reaction is recorded.
func After(name string, d time.Duration) Effect {
	return Effect{Kind: processes.ScheduleEffect, Name: name, After: d}
}

// Cancel removes the pending deadline of this name, if any.
func Cancel(name string) Effect { return Effect{Kind: processes.CancelEffect, Name: name} }

// AtStep sets the step of the instance, which the view "processes" shows to operators.
func AtStep(name string) Effect { return Effect{Kind: processes.StepEffect, Name: name} }

// Compensating sets the status of the instance to "compensating" until it ends, with the reason why it undoes its steps.
func Compensating(reason string) Effect {
	return Effect{Kind: processes.CompensateEffect, Reason: reason}
}

// Complete ends the instance as completed. Its deadlines are cancelled.
func Complete() Effect { return Effect{Kind: processes.CompleteEffect} }

// Fail ends the instance as failed, with a reason. Its deadlines are cancelled.
func Fail(reason string) Effect { return Effect{Kind: processes.FailEffect, Reason: reason} }
