// Package platform wires the four services of a domain: each method of [Services] opens the backends, builds the parts of one
// service, and runs them until its context ends. [Open] is the [Opener] of a deployment, and [InMemory] that of tests and of
// 'orchestrix dev --memory'. [Migrate] creates the streams and tables, and [Users] lists the accounts with their rights.
package platform
