package es

import (
	"orchestrix/shared/processes"
	"time"
)

// Send sends a command, of a type that a decider takes, to the aggregate with this id. It is delivered at least once
// and decided once. The commands that an instance sends to one aggregate are decided in the order in which it sent them.
func Send(to string, command any) Effect {
	return Effect{Kind: processes.SendEffect, To: to, Command: command}
}

// SendNamed sends a command to another module's aggregate, by the names that requests use. body becomes its JSON.
func SendNamed(category, to, name string, body any) Effect {
	return Effect{Kind: processes.SendEffect, To: to, Command: body, Category: category, Name: name}
}

// Schedule sets the deadline of this name, a token of at most 40 bytes, to a moment. It replaces a pending one.
func Schedule(name string, at time.Time) Effect {
	return Effect{Kind: processes.ScheduleEffect, Name: name, At: at.UTC()}
}

// After sets the deadline of this name to a time after the moment at which this reaction is recorded.
func After(name string, d time.Duration) Effect {
	return Effect{Kind: processes.ScheduleEffect, Name: name, After: d}
}

// Cancel removes the deadline of this name, where there is one. It does not pass any more.
func Cancel(name string) Effect { return Effect{Kind: processes.CancelEffect, Name: name} }

// AtStep says for people at which step the instance is: the view "processes" shows it.
func AtStep(name string) Effect { return Effect{Kind: processes.StepEffect, Name: name} }

// Compensating says that the instance undoes from now on what it has done, and why: its status is "compensating" until
// it ends.
func Compensating(reason string) Effect {
	return Effect{Kind: processes.CompensateEffect, Reason: reason}
}

// Complete ends the instance: it has done what it was for. Its deadlines are cancelled.
func Complete() Effect { return Effect{Kind: processes.CompleteEffect} }

// Fail ends the instance: it could not do what it was for. Its deadlines are cancelled.
func Fail(reason string) Effect { return Effect{Kind: processes.FailEffect, Reason: reason} }
