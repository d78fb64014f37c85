// Package postgres implements ports in Postgres: [Views] with their checkpoints, [Snapshots], and an event [Log] for
// deployments without NATS. [DB] is the connection; it migrates the tables and sets the rights of the services.
//
//	db, err := postgres.Connect(url, postgres.Options{})
//	err = db.Migrate(ctx)
//	views := postgres.NewViews(db)
//
// The tables of the migrations are in the schema "orchestrix", those of documents in "orchestrix_views". Each version of a view
// has its own table, "view_<name>_v<version>", with the columns tenant, key, partition, sequence and data (JSON): read it with any tool, but write it only through a
// projection.
//
// Concurrent appends to a partition share a transaction, and concurrent reads share a statement: see batcher.
package postgres
