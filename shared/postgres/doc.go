// Package postgres keeps the read side in Postgres: views with their checkpoints, and snapshots.
//
//	db, err := postgres.Connect(url, postgres.Options{})
//	err = db.Migrate(ctx)
//	views := postgres.NewViews(db)
//
// Everything lies in the schema "orchestrix". Each version of a view has a table of its own,
// "view_<name>_v<version>", with the columns tenant, key, partition, sequence and data (JSON): read them with any
// tool, but write them only through a projection.
package postgres
