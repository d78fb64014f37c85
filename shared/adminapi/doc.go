// Package adminapi is the HTTP API that operators use on the admin port of a service: views and their builds, parked events,
// dead letters, deadlines and process instances.
//
// A service adds its routes with [API.Bus], [API.Projections] or [API.Processes] as soon as it starts, and calls
// [Routes.Start] when it has opened its backends; until then they answer 503. GET /openapi.json describes the routes of the
// port. The types of requests and answers are exported for clients. Types of parameters that other types embed are exported
// since huma ignores unexported embedded structs.
package adminapi
