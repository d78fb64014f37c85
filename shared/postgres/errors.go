package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	undefinedTable     = "42P01"
	undefinedSchema    = "3F000"
	serialization      = "40001"
	deadlock           = "40P01"
	uniqueViolation    = "23505"
	duplicateTable     = "42P07"
	duplicateObject    = "42710"
	insufficientRights = "42501"
)

// ErrRights is the cause of an error where Postgres refuses a statement to the role that the program logs in with.
var ErrRights = errors.New("the user of DATABASE_URL lacks a right")

// translate wraps an error of the driver in the error that the ports define for it. An error that the data did not cause
// becomes [port.ErrUnavailable]: a retry may succeed.
func translate(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errNotOurs) || errors.Is(err, errNotOwner) {
		return fmt.Errorf("%s: %w", what, err)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) { // the connection, or the context
		return fmt.Errorf("%w: %s: %w", port.ErrUnavailable, what, err)
	}
	switch pg.Code {
	case undefinedTable, undefinedSchema:
		return fmt.Errorf("%w: %s: a table is missing; the services create it when they start: %w", port.ErrUnavailable, what, err)
	case insufficientRights:
		return fmt.Errorf("%w: %s: %w: 'migrate --roles' grants those of the services: %w", port.ErrUnavailable, what, ErrRights, err)
	}
	switch pg.Code[:2] {
	case "22", "23", "54": // data, constraint, limit: a retry fails in the same way
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%w: %s: %w", port.ErrUnavailable, what, err)
}

func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, code := range codes {
		if pg.Code == code {
			return true
		}
	}
	return false
}

// isRejected reports whether Postgres rejects the values of a statement (class 22, data exception).
func isRejected(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22")
}
