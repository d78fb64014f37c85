// Package services wires the parts of the platform together: a real log, real stores, and what runs on them. The
// services' own main packages call it, and so does 'orchestrix dev', which runs them all in one process.
package services
